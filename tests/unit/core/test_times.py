import pytest

from intentlive.core.times import Instant, format_handled, format_instant, parse_instant

PUBLISHED = "2022-01-06T14:07:08.185+00:00"
PUBLISHED_MS = 1_641_478_028_185


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0s"),
        (999, "0s"),
        (1_000, "1s"),
        (50_000, "50s"),
        (59_999, "59s"),
        (60_000, "1m: 0s"),
        (788_000, "13m: 8s"),
        (788_999, "13m: 8s"),
        (3_599_999, "59m: 59s"),
        (3_600_000, "1h: 0m: 0s"),
        (3_725_000, "1h: 2m: 5s"),
        (90_061_000, "25h: 1m: 1s"),
    ],
)
def test_a_handled_time_is_printed_in_whole_seconds_without_leading_zero_units(ms, text):
    assert format_handled(ms) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000+00:00"),
        (PUBLISHED_MS, PUBLISHED),
        (PUBLISHED_MS - 185, "2022-01-06T14:07:08.000+00:00"),
        (PUBLISHED_MS - 184, "2022-01-06T14:07:08.001+00:00"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999+00:00"),
    ],
)
def test_an_instant_is_printed_in_utc_with_milliseconds(ms, text):
    assert format_instant(ms) == text
    assert parse_instant(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "2022-01-06T14:07:08.185+00:00",
        "2022-01-06T14:07:08.185Z",
        "2022-01-06t14:07:08.185z",
        "2022-01-06T14:07:08.185-00:00",
        "2022-01-06T19:37:08.185+05:30",
        "2022-01-06T11:37:08.185-02:30",
        "2022-01-07T14:06:08.185+23:59",
        "2022-01-05T14:08:08.185-23:59",
    ],
)
def test_one_instant_may_be_written_with_any_offset(text):
    assert parse_instant(text) == PUBLISHED_MS
    assert isinstance(parse_instant(text), Instant)


@pytest.mark.parametrize(
    ("fraction", "ms"),
    [
        ("", 0),
        (".1", 100),
        (".18", 180),
        (".1859", 185),
        (".185999999999999", 185),
        (".0009", 0),
        (".999999", 999),
    ],
)
def test_times_are_floored_to_the_millisecond(fraction, ms):
    assert parse_instant(f"2022-01-06T14:07:08{fraction}Z") == PUBLISHED_MS - 185 + ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T05:30:00+05:30", 0),
        ("1969-12-31T23:59:00-00:01", 0),
        ("1969-12-31T21:00:00.001-03:00", 1),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
    ],
)
def test_the_first_and_the_last_instants_are_taken(text, ms):
    assert parse_instant(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T05:29:59.999+05:30",
        "9999-12-31T23:59:59.999-00:01",
        "2022-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2022-13-01T00:00:00Z",
        "2022-00-01T00:00:00Z",
        "2022-01-06T24:00:00Z",
        "2022-01-06T14:60:00Z",
        "2022-01-06T14:07:61Z",
        "2022-01-06T14:07:08+24:00",
        "2022-01-06T14:07:08+00:60",
        "2022-01-06T14:07:08.185",
        "2022-01-06T14:07:08.Z",
        "2022-01-06T14:07:08,185Z",
        "2022-01-06T14:07Z",
        "2022-01-06",
        "2022-01-06 14:07:08.185 UTC",
        "2022-01-06T14:07:08.185+0000",
        "2022-01-06T14:07:08.185+00",
        "2022-01-06T14: 07: 08.185+00:00",
        " 2022-01-06T14:07:08.185Z",
        "2022-01-06T14:07:08.185Z\n",
        "٢٠٢٢-01-06T14:07:08.185Z",
        "20220106T140708Z",
        "1641478028185",
        "now",
        "",
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match=r"expected a time|must be in|out of range"):
        parse_instant(text)


@pytest.mark.parametrize("value", [1_641_478_028_185, 1.5, True, None, [], {}])
def test_a_time_is_a_text(value):
    with pytest.raises(TypeError, match="expected a text"):
        parse_instant(value)
