"""What options of several commands have in common."""

import re

_ACCEPTABLE_ID = re.compile(r"[^\s/\x00-\x1f\x7f-\x9f]{1,128}")


def check_id(_type: object, value: str | None) -> None:
    """Validate an id that a user brings along; ValueError."""
    if value is not None and not _ACCEPTABLE_ID.fullmatch(value):
        raise ValueError("an id has 1 to 128 visible characters and no slash")
