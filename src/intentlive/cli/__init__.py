"""The command line: `intentlive`, also `python -m intentlive`."""

import sys
from collections.abc import Iterator

import cyclopts

import intentlive
from intentlive.cli.output import complain
from intentlive.core.errors import IntentLiveError

PREFIX = "INTENTLIVE_"

command = cyclopts.App(
    name="intentlive",
    help="What a bot's callers wanted and how it ended, seconds after it happened.",
    version=intentlive.__version__,
    config=cyclopts.config.Env(PREFIX, command=False),
)
# Imported when they are called: most commands need little of the whole.
for name, place in {
    "demo": "serve:demo",
    "serve": "serve:serve",
    "apply": "apply:apply",
    "buffer": "buffer:buffer",
    "account": "accounts:account",
    "bot": "bots:bot",
    "app": "apps:app",
    "token": "tokens:token",
    "key": "keys:key",
    "latest": "data:latest",
    "import": "data:import_",
    "simulate": "data:simulate",
    "erase": "audit:erase",
    "audit": "audit:audit",
    "store": "store:store",
    "doctor": "doctor:doctor",
}.items():
    command.command(f"intentlive.cli.{place}", name=name)


def environment_names() -> set[str]:
    """The environment variables that some command has an option for."""
    return {
        PREFIX + argument.name.lstrip("-").replace("-", "_").upper()
        for each in _commands(command)
        for argument in each.assemble_argument_collection()
        if argument.show
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
        if sys.argv[1:2] in ([], ["--help"], ["-h"]):
            list(_commands(command))  # imports them all, for the list shows what each is for
        command()
    except IntentLiveError as error:
        complain(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
