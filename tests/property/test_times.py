"""Times are put together from parts that were read before: never otherwise than read as a whole."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentlive.core.times import Instant, parse_instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MS = 253_402_300_799_999
RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]"
    r"((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])((?:[01][0-9]|2[0-3])):([0-5][0-9]))"
)

examples = settings(derandomize=True, database=None, deadline=None, max_examples=1_000)


def read_as_a_whole(text: str) -> int | None:
    """The ms since 1970 of a text; None if it is not to be taken."""
    found = RFC3339.fullmatch(text)
    if found is None:
        return None
    date, clock, fraction, sign, hours, minutes = found.groups()
    try:
        local = datetime.strptime(f"{date} {clock} +0000", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    ms = (local - EPOCH) // timedelta(milliseconds=1) + int((fraction or "")[:3].ljust(3, "0"))
    ms -= (-1 if sign == "-" else 1) * (offset // timedelta(milliseconds=1))
    return ms if 0 <= ms <= LAST_MS else None


def two_digits(last: int) -> st.SearchStrategy[str]:
    return st.integers(0, last).map("{:02}".format)


DATES = ["1969-12-31", "1970-01-01", "1970-01-02", "2024-02-29", "2023-02-29", "9999-12-31"]
dates = st.sampled_from(DATES) | st.dates().map(str)
clocks = st.tuples(two_digits(24), two_digits(60), two_digits(60)).map(":".join)
fractions = st.just("") | st.from_regex(r"\A\.[0-9]{1,12}\Z")
offsets = st.sampled_from(["Z", "z", "+00:00", "-00:00", "+05:30", "-23:59", "+23:59", "+24:00"])
times = st.tuples(dates, st.sampled_from("TTTt "), clocks, fractions, offsets).map("".join)


@st.composite
def damaged(draw) -> str:
    """A time in which one place is cut out, written twice, or something else."""
    text = draw(times)
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 3)))
    put = draw(st.sampled_from(["", "0", "9", "-", "+", ":", ".", "Z", "T", " ", "\n", "٣", "000"]))
    return text[:start] + put + text[end:]


def parsed(text: str) -> int | None:
    try:
        instant = parse_instant(text)
    except ValueError:
        return None
    assert type(instant) is Instant
    return int(instant)


@examples
@given(times | damaged() | st.text(max_size=40))
def test_a_time_is_read_alike_in_parts_and_as_a_whole(text):
    expected = read_as_a_whole(text)
    assert [parsed(text), parsed(text)] == [expected, expected]


@pytest.mark.parametrize("digits", [1, 2, 3, 4, 6, 9, 12])
@pytest.mark.parametrize("offset", ["Z", "+00:00", "-03:30"])
def test_every_number_of_digits_is_floored(digits, offset):
    for fraction in ("9" * digits, "0" * digits, "1234567890123"[:digits]):
        text = f"2022-01-06T14:07:08.{fraction}{offset}"
        assert parsed(text) == read_as_a_whole(text)
