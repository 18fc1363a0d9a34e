"""The command line: `intentlive`, also `python -m intentlive`."""

import sys
from collections.abc import Iterator

import cyclopts

import intentlive
from intentlive.cli.accounts import account
from intentlive.cli.apps import app as app_command
from intentlive.cli.bots import bot
from intentlive.cli.data import import_, latest, simulate
from intentlive.cli.doctor import doctor
from intentlive.cli.output import complain
from intentlive.cli.serve import demo, serve
from intentlive.cli.tokens import token
from intentlive.core.errors import IntentLiveError

PREFIX = "INTENTLIVE_"

command = cyclopts.App(
    name="intentlive",
    help="What a bot's callers wanted and how it ended, seconds after it happened.",
    version=intentlive.__version__,
    config=cyclopts.config.Env(PREFIX, command=False),
)
for function, name in (
    (demo, "demo"),
    (serve, "serve"),
    (latest, "latest"),
    (import_, "import"),
    (simulate, "simulate"),
    (doctor, "doctor"),
):
    command.command(function, name=name)
for group in (account, bot, app_command, token):
    command.command(group)


def environment_names() -> set[str]:
    """The environment variables that some command has an option for."""
    return {
        PREFIX + argument.name.lstrip("-").replace("-", "_").upper()
        for each in _commands(command)
        for argument in each.assemble_argument_collection()
    }


def _commands(app: cyclopts.App) -> Iterator[cyclopts.App]:
    if app.default_command is not None:
        yield app
    for name in app:
        if not name.startswith("-"):
            yield from _commands(app[name])


def main() -> None:
    """Run one command; errors go to standard error with exit code 1 (2 for wrong usage)."""
    try:
        command()
    except IntentLiveError as error:
        complain(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
