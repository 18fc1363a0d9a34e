"""The SQL of each backend: named queries, and numbered migrations whose sum is the schema."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_WORKS_WITH = re.compile(r"-- works with: (\d+)\n")


@cache
def queries(backend: str) -> dict[str, str]:
    """The statements of `queries.sql` by name."""
    text = (files(__name__) / backend / "queries.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    return {
        name: statement.strip().rstrip(";")
        for name, statement in zip(parts[::2], parts[1::2], strict=True)
    }


def migrations(backend: str) -> list[str]:
    """The scripts `0001_….sql`, `0002_….sql`, … in their order."""
    scripts = [path for path in (files(__name__) / backend).iterdir() if path.name[:4].isdigit()]
    return [path.read_text(encoding="utf-8") for path in sorted(scripts, key=lambda p: p.name)]


def works_with(scripts: Sequence[str]) -> int:
    """The number of the oldest schema whose code can go on with what these migrations make.

    Each says so in its first line; one that does not works with its own code alone.
    """
    said = [_WORKS_WITH.match(script) for script in scripts]
    return max(int(each[1]) if each else number for number, each in enumerate(said, start=1))
