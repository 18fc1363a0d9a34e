"""One event or body at a time: what is taken, and what is said of what is not."""

import pytest

from intentlive.core.errors import TooManyEvents, UnreadableBody
from intentlive.core.events import EVENT_TYPES, SessionDeflected
from intentlive.ingest.cloudevents import (
    BATCH,
    MAX_EVENTS,
    MEDIA_TYPES,
    NDJSON,
    SINGLE,
    parse_events,
)

from .wire import (
    GOOD,
    NOON_MS,
    body_of,
    flaws,
    identified,
    parse,
    parse_raw,
    recorded,
    without,
)

TEXT_TIME = "expected a text such as 2022-01-06T14:07:08.185+00:00"
WITH_OFFSET = "expected a time with offset such as 2022-01-06T14:07:08.185+00:00 (RFC 3339)"
VISIBLE = "expected a session id of 1 to 128 visible characters"
HANDLED = "expected a handled time such as 50s, 13m: 8s or 1h: 2m: 5s"
UNSTORABLE = "the character NUL cannot be stored"

BAD_EVENTS = [
    *((without(GOOD, key), "attributes", f"missing required field {key}") for key in GOOD),
    (GOOD | {"specversion": "0.3"}, "specversion", 'specversion: expected "1.0"'),
    (GOOD | {"specversion": 1.0}, "specversion", 'specversion: expected "1.0"'),
    (GOOD | {"id": ""}, "id", "id: Expected str of length >= 1"),
    (GOOD | {"id": "x" * 257}, "id", "id: Expected str of length <= 256"),
    (GOOD | {"id": 5}, "id", "id: Expected str, got int"),
    (GOOD | {"source": None}, "source", "source: Expected str, got null"),
    (GOOD | {"source": "x" * 257}, "source", "source: Expected str of length <= 256"),
    (GOOD | {"type": 5}, "type", "type: Expected str, got int"),
    *(
        (GOOD | {"subject": subject}, "subject", f"subject: {VISIBLE}")
        for subject in ("", "a b", "a\tb", "a\n", "x" * 129, "\x7f", "é\x85", "é\xa0", None, 5)
    ),
    (GOOD | {"time": 1_641_470_400}, "time", f"time: {TEXT_TIME}"),
    (GOOD | {"time": "2022-01-06T12:00:00"}, "time", f"time: {WITH_OFFSET}"),
    (GOOD | {"time": "1969-12-31T23:59:59Z"}, "time", "time: expected a time from 1970 to 9999"),
    (GOOD | {"time": "2022-01-06T24:00:00Z"}, "time", f"time: {WITH_OFFSET}"),
    (GOOD | {"data": []}, "data", "data: Expected object | null, got array"),
    (GOOD | {"data": {"ANI": 15}}, "data", "data.ANI: Expected str | null, got int"),
    (GOOD | {"data": {"developer": 1}}, "data", "data.developer: Expected bool | null, got int"),
    (GOOD | {"data": {"DNI": "x" * 257}}, "data", "data.DNI: Expected str of length <= 256"),
    (
        GOOD | {"type": "intent.identified"},
        "attributes",
        "data: missing, and intent.identified says something only with it",
    ),
    (GOOD | {"type": "session.deflected", "data": {}}, "data", "data: missing required field to"),
    (identified(intent=""), "data", "data.intent: Expected str of length >= 1"),
    (identified(intent=None), "data", "data.intent: Expected str, got null"),
    (identified(confidence=1.01), "data", "data.confidence: Expected float <= 1.0"),
    (identified(confidence=-0.01), "data", "data.confidence: Expected float >= 0.0"),
    (identified(confidence="0.5"), "data", "data.confidence: Expected float | null, got str"),
    (recorded(status="Completed"), "data", "data.record.status: expected completed or Dropoff"),
    (recorded(timeHandled="13:08"), "data", f"data.record.timeHandled: {HANDLED}"),
    (recorded(endTime="noon"), "data", f"data.record.endTime: {WITH_OFFSET}"),
    (
        recorded(intent=["x"] * 101),
        "data",
        "data.record.intent: Expected array of length <= 100",
    ),
    (recorded(intent=["Pay", ""]), "data", "data.record.intent[1]: Expected str of length >= 1"),
    (GOOD | {"id": "a\0"}, "text", f"id: {UNSTORABLE}"),
    (GOOD | {"data": {"userId": "\0"}}, "text", f"data.userId: {UNSTORABLE}"),
    (recorded(intent=["a\0b"]), "text", f"data.record.intent: {UNSTORABLE}"),
    *((item, "shape", "an event must be a JSON object") for item in (5, None, "x", [GOOD], True)),
]


@pytest.mark.parametrize("subject", ["!", "~" * 128, "é" * 128, "\U0001f600", "/#?%"])
def test_a_session_id_may_have_any_visible_characters(subject):
    parsed = parse(GOOD, GOOD | {"subject": subject})
    assert [each.subject for each in parsed.events] == ["s-1", subject]


@pytest.mark.parametrize(("event", "reason", "message"), BAD_EVENTS)
def test_a_bad_event_is_told_what_is_wrong_and_where(event, reason, message):
    parsed = parse(GOOD, event, GOOD | {"id": "3"})
    assert [each.id for each in parsed.events] == ["1", "3"]
    assert parsed.reasons == {reason: 1}
    ((index, _, told, code),) = flaws(GOOD, event, GOOD)
    assert (index, told, code) == (1, message, 412)


def test_an_unknown_type_is_told_the_known_ones_and_not_echoed_at_length():
    parsed = parse(GOOD | {"type": "intent.guessed" + "!" * 10_000})
    (message,) = (flaw.msg for flaw in parsed.rejected[0].errors)
    assert message.startswith("type: unknown event type 'intent.guessed!!!")
    assert all(known in message for known in EVENT_TYPES)
    assert len(message) < 500
    assert parsed.reasons == {"unknown type": 1}


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (without(GOOD, "time") | {"id": "mine"}, "mine"),
        (without(GOOD, "id"), None),
        (GOOD | {"id": 5}, None),
        (GOOD | {"id": "x" * 257}, None),
        ([GOOD], None),
    ],
)
def test_a_rejection_names_the_id_if_it_can_be_read(event, shown):
    assert [id_ for _, id_, _, _ in flaws(event)] == [shown]


def test_a_lone_surrogate_is_refused_and_never_echoed():
    body = body_of(SINGLE, [GOOD]).replace(b'"id":"1"', rb'"id":"\ud800"')
    (rejection,) = parse_raw(SINGLE, body).rejected
    assert rejection.id is None
    assert rejection.errors[0].msg == "id: a lone surrogate is not a character"


@pytest.mark.parametrize("text", ["é", "☎ 😀", "\\u0000 written out", "﷽" * 256, "\u2028"])
def test_every_storable_text_is_kept_as_it_is(text):
    (event,) = parse(GOOD | {"data": {"userId": text}}).events
    assert event.data.userId == text


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_each_media_type_carries_events(media_type):
    sent = GOOD | {"type": "session.deflected", "data": {"to": "sms", "unknown": [1]}, "x": {}}
    (event,) = parse(sent, media_type=media_type).events
    assert isinstance(event, SessionDeflected)
    assert (event.subject, event.time, event.data.to) == ("s-1", NOON_MS, "sms")


def test_times_are_floored_to_the_millisecond():
    (event,) = parse(GOOD | {"time": "2022-01-06T13:00:00.0019999+01:00"}).events
    assert event.time == NOON_MS + 1


@pytest.mark.parametrize("separator", [b"\n", b"\r\n", b"\n\n", b"\n \t\n"])
def test_lines_may_be_empty_and_end_in_either_way(separator):
    line = body_of(SINGLE, [GOOD])
    bad = body_of(SINGLE, [without(GOOD, "id")])
    assert len(parse_raw(NDJSON, separator + line + separator + line + separator).events) == 2
    mixed = parse_raw(NDJSON, line + separator + bad + separator)
    assert ([each.index for each in mixed.rejected], len(mixed.events)) == ([1], 1)


@pytest.mark.parametrize("body", [b"", b"\n\r\n  \n"])
def test_no_lines_are_no_events(body):
    parsed = parse_raw(NDJSON, body)
    assert (list(parsed.events), parsed.rejected) == ([], [])


ONE = body_of(SINGLE, [GOOD])


@pytest.mark.parametrize(
    ("media_type", "body", "message"),
    [
        (SINGLE, b"", "the body is not JSON"),
        (SINGLE, ONE[:-1], "the body is not JSON"),
        (SINGLE, ONE + ONE, "the body is not JSON: Extra data"),
        (SINGLE, ONE[:-1] + b',"x":NaN}', "NaN is not a JSON number"),
        (SINGLE, ONE[:-1] + b',"x":-Infinity}', "-Infinity is not a JSON number"),
        (SINGLE, b"\xef\xbb\xbf" + ONE, "the body is not JSON: Expecting value at character 1"),
        (SINGLE, b"\xff" + ONE, "the body is not UTF-8 from byte 0 on"),
        (SINGLE, b"[" * 100_000, "the body is nested too deeply"),
        (BATCH, ONE, "must be an array of events"),
        (BATCH, b'"x"', "must be an array of events"),
        (BATCH, b"[" + ONE + b",", "the body is not JSON"),
        (BATCH, b"[" + ONE + b"]]", "the body is not JSON: the array is broken"),
        (NDJSON, ONE + b"\n\n" + ONE[:-1], "line 3 is not JSON"),
        (NDJSON, ONE + b"\n" + b"[" * 100_000, "line 2 is nested too deeply"),
        (NDJSON, b"{}\n" + ONE + ONE, "line 2 is not JSON: Extra data"),
    ],
)
def test_a_body_that_is_not_what_its_type_says_is_unreadable(media_type, body, message):
    with pytest.raises(UnreadableBody) as unreadable:
        parse_raw(media_type, body)
    assert message in str(unreadable.value)


@pytest.mark.parametrize("media_type", [BATCH, NDJSON])
@pytest.mark.parametrize("last", [GOOD, without(GOOD, "id")])
def test_ten_thousand_events_are_the_most(media_type, last):
    most = [GOOD] * (MAX_EVENTS - 1) + [last]
    parsed = parse(*most, media_type=media_type)
    assert MAX_EVENTS == len(parsed.events) + len(parsed.rejected) == 10_000
    with pytest.raises(TooManyEvents, match="more than 10,000 events"):
        parse(*most, GOOD, media_type=media_type)


def test_an_event_may_lie_five_minutes_ahead():
    at = {each: GOOD | {"time": f"2022-01-06T12:05:00.{each:03}Z"} for each in (0, 1)}
    parsed = parse(at[0], at[1])
    assert [int(each.time) for each in parsed.events] == [NOON_MS + 300_000]
    assert parsed.reasons == {"ahead": 1}
    ((index, id_, message, code),) = flaws(at[0], at[1])
    assert (index, id_, code) == (1, "1", 425)
    assert message == "time: more than 5 minutes ahead of the server's clock: send it again later"
    assert parse(at[1], now=NOON_MS + 1).rejected == []


@pytest.mark.parametrize(
    ("media", "body"),
    [
        (NDJSON, b"1\n" * 8_000_000),
        (NDJSON, b"\n" * 16_000_000),
        (BATCH, b"[" + b"1," * 8_000_000 + b"1]"),
    ],
)
def test_a_body_of_far_too_many_is_refused_before_it_is_built(media, body):
    with pytest.raises(TooManyEvents):
        parse_raw(media, body)


@pytest.mark.parametrize("media_type", [BATCH, NDJSON])
def test_what_is_older_than_is_kept_is_rejected_and_so_is_a_record_of_it(media_type):
    """Though the record comes in an event of today."""
    old = GOOD | {"id": "old", "time": "2022-01-06T11:29:59.999Z"}
    older_record = recorded(endTime="2022-01-06T11:29:59.999Z") | {"id": "old record"}
    events = [GOOD, old, older_record, recorded()]
    oldest = NOON_MS - 30 * 60 * 1000
    parsed = parse_events(media_type, body_of(media_type, events), NOON_MS, oldest)
    assert [each.id for each in parsed.events] == ["1", "1"]
    assert [(each.index, each.id) for each in parsed.rejected] == [(1, "old"), (2, "old record")]
    assert parsed.reasons == {"retention": 2}
    assert {each.errors[0].code for each in parsed.rejected} == {412}
