"""Instants and durations, and the one way each of them is read and printed."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?"
    r"(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DIGITS = "0123456789"
_MINUTE_MS = 60_000
_DAY_MS = 24 * 3600 * 1000
_LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z, the last instant that can be printed


class Instant(int):
    """Milliseconds since 1970-01-01T00:00:00Z, a type of its own so that decoders know it."""

    __slots__ = ()


def parse_instant(text: object) -> Instant:
    """Read an RFC 3339 time with offset, floored to the millisecond.

    Raises TypeError for what is no text, ValueError for any other text and for times before 1970
    or after 9999.
    """
    if not isinstance(text, str):
        raise TypeError("expected a text such as 2022-01-06T14:07:08.185+00:00")
    beyond = text[19:]
    # Digits below the millisecond, of which each text has others, would fill the memory.
    if len(beyond) > 6 and beyond[4] in _DIGITS:
        beyond = beyond[:4] + beyond[4:].lstrip(_DIGITS)
    # Events that come together lie close together: the parts of a time, each read with all care
    # and remembered, are put together at half the price of reading it.
    try:
        ms = _hour(text[:13]) + _in_hour(text[13:19]) + _beyond_second(beyond)
    except ValueError:
        ms = -1
    if 0 <= ms <= _LAST_MS:
        return Instant(ms)
    return Instant(_read(text))


@lru_cache(4096)
def _hour(text: str) -> int:
    """`2022-01-06T14`, in ms since 1970."""
    return _read(f"{text}:00:00Z")


@lru_cache(4096)
def _in_hour(text: str) -> int:
    """`:07:08`, in ms since the hour began."""
    return _read(f"1970-01-01T00{text}Z")


@lru_cache(4096)
def _beyond_second(text: str) -> int:
    """`.185+05:30`, in ms to add to a time of whole seconds."""
    return _read(f"1970-01-02T00:00:00{text}") - _DAY_MS


def _read(text: str) -> int:
    if _RFC3339.fullmatch(text) is None:
        raise ValueError(
            "expected a time with offset such as 2022-01-06T14:07:08.185+00:00 (RFC 3339)"
        )
    # Digits beyond the microsecond are cut off by fromisoformat, those beyond the ms here.
    instant = (datetime.fromisoformat(text.upper()) - _EPOCH) // _MILLISECOND
    if not 0 <= instant <= _LAST_MS:
        raise ValueError("expected a time from 1970 to 9999")
    return instant


def format_instant(ms: int) -> str:
    """Print an instant as `2022-01-06T14:07:08.185+00:00`: UTC, milliseconds, never `Z`."""
    minute, below = divmod(ms, _MINUTE_MS)
    return f"{_minute(minute)}{below // 1000:02}.{below % 1000:03}+00:00"


@lru_cache(4096)
def _minute(number: int) -> str:
    """`2022-01-06T14:07:`; what is printed together lies close together."""
    return (_EPOCH + timedelta(minutes=number)).isoformat(timespec="minutes")[:16] + ":"


def format_handled(ms: int) -> str:
    """Print a handled time as `50s`, `13m: 8s` or `1h: 2m: 5s`: whole seconds, rounded down."""
    seconds = ms // 1000
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours}h: {minutes}m: {seconds % 60}s"
    if minutes:
        return f"{minutes}m: {seconds % 60}s"
    return f"{seconds}s"
