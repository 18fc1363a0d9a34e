"""Instants and durations, and the one way each of them is read and printed."""

import re
from datetime import UTC, date, datetime, timedelta

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z, the last instant that can be printed


class Instant(int):
    """Milliseconds since 1970-01-01T00:00:00Z, a type of its own so that decoders know it."""


def parse_instant(text: object) -> Instant:
    """Read an RFC 3339 time with offset, floored to the millisecond.

    Raises TypeError for what is no text, ValueError for any other text and for times before 1970
    or after 9999.
    """
    if not isinstance(text, str):
        raise TypeError("expected a text such as 2022-01-06T14:07:08.185+00:00")
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(
            "expected a time with offset such as 2022-01-06T14:07:08.185+00:00 (RFC 3339)"
        )
    year, month, day, hour, minute, second, fraction, sign, off_hour, off_minute = match.groups()
    try:
        ordinal = date(int(year), int(month), int(day)).toordinal()
    except ValueError as error:
        raise ValueError(f"no such date: {error}") from None
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        raise ValueError("no such time of day")
    seconds = int(hour) * 3600 + int(minute) * 60 + int(second)
    if sign:
        if int(off_hour) > 23 or int(off_minute) > 59:
            raise ValueError("no such offset")
        offset = int(off_hour) * 3600 + int(off_minute) * 60
        seconds += offset if sign == "-" else -offset
    millis = int(fraction[:3].ljust(3, "0")) if fraction else 0
    instant = ((ordinal - _EPOCH_DAY) * 86_400 + seconds) * 1000 + millis
    if not 0 <= instant <= _LAST_MS:
        raise ValueError("expected a time from 1970 to 9999")
    return Instant(instant)


def format_instant(ms: int) -> str:
    """Print an instant as `2022-01-06T14:07:08.185+00:00`: UTC, milliseconds, never `Z`."""
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")


def format_handled(ms: int) -> str:
    """Print a handled time as `50s`, `13m: 8s` or `1h: 2m: 5s`: whole seconds, rounded down."""
    seconds = ms // 1000
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours}h: {minutes}m: {seconds % 60}s"
    if minutes:
        return f"{minutes}m: {seconds % 60}s"
    return f"{seconds}s"
