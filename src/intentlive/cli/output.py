"""What commands print: one JSON object for programs, plain text for people."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from cyclopts import Parameter
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

AsJson: TypeAlias = Annotated[
    bool,
    Parameter(name="--json", negative=(), show_default=False, help="Print JSON, for programs."),
]

Item: TypeAlias = Mapping[str, Any]


def show(item: Item, *, as_json: bool) -> None:
    """Print one thing."""
    if as_json:
        print(json.dumps(item, ensure_ascii=False))
        return
    width = max(map(len, item), default=0)
    for key, value in item.items():
        print(f"{key:<{width}}  {_plain(value)}")


def show_all(items: Sequence[Item], *, as_json: bool, none: str) -> None:
    """Print a list of things; people read `none` where there are no things."""
    if as_json:
        print(json.dumps(items, ensure_ascii=False))
        return
    if not items:
        print(none)
        return
    table = Table(box=None, pad_edge=False)
    for key in items[0]:
        table.add_column(key, overflow="fold")
    for item in items:
        table.add_row(*(Text(_plain(value)) for value in item.values()))
    # A pipe has no width of its own: let no column be cut there.
    Console(width=None if sys.stdout.isatty() else 400).print(table)


def complain(message: str) -> None:
    """Print an error or a note for people on standard error."""
    print(f"intentlive: {message}", file=sys.stderr)


def progress() -> Progress:
    """A bar for people: it goes to standard error, and only to a terminal."""
    console = Console(stderr=True)
    return Progress(console=console, disable=not console.is_terminal)


def confirm(question: str, *, yes: bool) -> None:
    """Ask a person before something is lost, and end if they do not want it.

    A program has said what it wants.
    """
    if yes or not sys.stdin.isatty():
        return
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        complain("nothing was changed")
        raise SystemExit(1)


def _plain(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value)) or "-"
    # What others have named must not steer this terminal.
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in str(value))
