"""What options of several commands have in common."""

from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter
from cyclopts.validators import Number

from intentlive.core import ids
from intentlive.core.errors import IntentLiveError

Overlap: TypeAlias = Annotated[
    int,
    Parameter(
        validator=Number(gte=0, lte=10 * 366 * 24 * 3600),
        help="Seconds that what counted until now goes on to count (up to ten years).",
    ),
]
Limit: TypeAlias = Annotated[int, Parameter(validator=Number(gte=0, lte=1_000_000_000))]


def check_id(_type: object, value: str | None) -> None:
    """Validate an id that a user brings along; ValueError."""
    if value is not None and ("/" in value or not ids.is_acceptable(value)):
        raise ValueError("an id has 1 to 128 visible characters and no slash")


def read_pem(path: Path) -> str:
    """The text of a key file; IntentLiveError if it is none."""
    try:
        return path.read_text(encoding="ascii")
    except (UnicodeDecodeError, OSError) as error:
        raise IntentLiveError(f"{path} is not a key in PEM form: {error}") from error
