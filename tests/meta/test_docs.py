"""The reference names everything that can be set, called, sent and measured."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

import intentlive
from intentlive.api.openapi import describe
from intentlive.api.operations import operations
from intentlive.cli import command
from intentlive.core.events import EVENT_TYPES
from intentlive.settings import BufferSettings, ServerSettings, StoreSettings
from intentlive.signals import Signals

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("settings.md", "commands.md", "events.md", "http.md", "metrics.md")
REFERENCE = "\n".join(
    path.read_text("utf-8") for path in sorted((ROOT / "docs" / "reference").glob("*.md"))
)
COMMANDS = (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8")
ON_EVERY_COMMAND = COMMANDS.partition("\n## ")[0]
KINDS = (StoreSettings, ServerSettings, BufferSettings)
SETTINGS = [field.name for kind in KINDS for field in fields(kind)]
OF_FASTAPI = {"/docs/oauth2-redirect"}  # a helper of the page /docs, of no use by itself


def is_named(term, text=REFERENCE):
    """Whether a text names a term as a whole, not as a part of a longer one."""
    return re.search(rf"(?<![\w-]){re.escape(term)}(?![\w-])", text) is not None


def commands(app=command, prefix="intentlive"):
    """Every command with its options: (`intentlive bot create`, [`--account`, …])."""
    for name in app:
        if name.startswith("-"):
            continue
        inner = app[name]
        if inner.default_command is not None:
            shown = [each for each in inner.assemble_argument_collection() if each.show]
            names = [name for each in shown for name in each.names]
            yield f"{prefix} {name}", [name for name in names if name.startswith("--")]
        yield from commands(inner, f"{prefix} {name}")


def place_of(name):
    """Where the page speaks of a command: its row in a table, or else its chapter."""
    _, *chapters = re.split(r"^## ", COMMANDS, flags=re.MULTILINE)
    first_words = " ".join(name.split()[:2])
    chapter = "".join(each for each in chapters if is_named(first_words, each.splitlines()[0]))
    rows = [row for row in chapter.splitlines() if row.startswith("|") and is_named(name, row)]
    return "\n".join(rows) or chapter


def routes():
    app = operations(None, None)
    describe(app)
    return sorted({*(route.path for route in app.routes), *app.openapi()["paths"]} - OF_FASTAPI)


def metrics():
    return sorted({metric.name for metric in Signals().registry.collect()})


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_there(page):
    assert (ROOT / "docs" / "reference" / page).is_file()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_named_as_option_and_as_variable(name):
    assert is_named("--" + name.replace("_", "-"))
    assert is_named(f"INTENTLIVE_{name.upper()}")


def test_there_are_commands_to_document():
    names = {name for name, _ in commands()}
    assert {"intentlive serve", "intentlive import", "intentlive bot create"} <= names


@pytest.mark.parametrize(("name", "options"), list(commands()))
def test_a_command_is_described_with_each_of_its_options(name, options):
    assert is_named(name, COMMANDS)
    told = place_of(name) + ON_EVERY_COMMAND
    assert [option for option in options if not is_named(option, told)] == []


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_an_event_type_is_named(event_type):
    assert is_named(event_type)


@pytest.mark.parametrize("metric", metrics())
def test_a_metric_is_named(metric):
    assert metric.startswith("intentlive_")
    assert is_named(metric) or is_named(f"{metric}_total")


@pytest.mark.parametrize("route", routes())
def test_a_route_is_named(route):
    assert route in REFERENCE or route.replace("{BotID}", "…") in REFERENCE


def test_the_change_log_speaks_of_this_version():
    version = intentlive.__version__
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^#+ .*\b{re.escape(version)}\b", changes, re.MULTILINE)
