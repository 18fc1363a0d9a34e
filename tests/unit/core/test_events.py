"""The wire format of events: what the decoder takes and what it refuses."""

import msgspec
import pytest

from intentlive.core import events
from intentlive.core.events import EVENT_CLASSES, EVENT_TYPES
from tests.wire import (
    DATA_NEEDED,
    FINISHED,
    FINISHED_END_MS,
    FINISHED_START_MS,
    NOON,
    NOON_MS,
    decode,
    event,
    of,
)

ATTRIBUTES = {
    "specversion": "1.0",
    "id": "1",
    "source": "urn:test",
    "type": "message.sent",
    "subject": "s1",
    "time": NOON,
}


def test_stored_states_name_the_types_by_their_place():
    assert EVENT_TYPES == (
        "session.started",
        "message.received",
        "message.sent",
        "intent.identified",
        "intent.unidentified",
        "task.completed",
        "task.failed",
        "flow.completed",
        "flow.failed",
        "session.deflected",
        "session.transferred",
        "queue.abandoned",
        "session.ended",
        "session.recorded",
    )


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_each_type_has_its_class(event_type):
    taken = of(event_type)
    assert type(taken) is EVENT_CLASSES[EVENT_TYPES.index(event_type)]
    assert (taken.id, taken.source, taken.time) == ("1", "urn:test", NOON_MS)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_contact_fields_ride_on_any_event(event_type):
    contact = {"channel": "rtm", "ANI": "a", "DNI": "d", "userId": "u", "developer": True}
    data = of(event_type, **contact).data
    assert {name: getattr(data, name) for name in contact} == contact


@pytest.mark.parametrize("event_type", [each for each in EVENT_TYPES if each not in DATA_NEEDED])
@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": {}}])
def test_data_may_be_missing(event_type, data):
    assert decode(ATTRIBUTES | {"type": event_type} | data).subject == "s1"


@pytest.mark.parametrize("event_type", DATA_NEEDED)
@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": {}}])
def test_data_may_not_be_missing_where_it_says_the_thing(event_type, data):
    with pytest.raises(msgspec.ValidationError):
        decode(ATTRIBUTES | {"type": event_type} | data)


@pytest.mark.parametrize("name", ATTRIBUTES)
@pytest.mark.parametrize("value", [None, "", 1, "absent"])
def test_every_attribute_is_required_and_a_text(name, value):
    attributes = ATTRIBUTES | {name: value}
    if value == "absent":
        del attributes[name]
    with pytest.raises(msgspec.ValidationError):
        decode(attributes)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "i" * 257),
        ("source", "s" * 257),
        ("subject", "s" * 129),
        ("specversion", "1.1"),
        ("type", "session.erased"),
        ("time", "2022-01-06T12:00:00"),
        ("time", "1969-12-31T23:59:59Z"),
    ],
)
def test_attributes_beyond_their_bounds_are_refused(name, value):
    with pytest.raises(msgspec.ValidationError):
        decode(ATTRIBUTES | {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("id", "i" * 256), ("source", "s" * 256), ("subject", "é" * 128), ("subject", "/#?%")],
)
def test_attributes_at_their_bounds_are_taken(name, value):
    assert getattr(decode(ATTRIBUTES | {name: value}), name) == value


def test_unknown_attributes_and_data_keys_are_ignored():
    plain = decode(ATTRIBUTES | {"data": {"channel": "rtm"}})
    data = {"channel": "rtm", "text": "never stored", "record": 1, "intent": 2}
    assert decode(ATTRIBUTES | {"traceparent": "00-1", "data": data}) == plain


@pytest.mark.parametrize("name", ["channel", "ANI", "DNI", "userId"])
@pytest.mark.parametrize("value", [126529865, True, [], {}, "x" * 257])
def test_a_contact_field_is_a_text(name, value):
    with pytest.raises(msgspec.ValidationError):
        event("session.started", **{name: value})


@pytest.mark.parametrize("value", ["true", 1, []])
def test_developer_is_a_boolean(value):
    with pytest.raises(msgspec.ValidationError):
        event("session.started", developer=value)


@pytest.mark.parametrize(
    ("event_type", "data"),
    [
        ("intent.identified", {"intent": ""}),
        ("intent.identified", {"intent": None}),
        ("intent.identified", {"intent": 7}),
        ("intent.identified", {"intent": "i" * 257}),
        ("intent.identified", {"intent": "i", "confidence": 1.01}),
        ("intent.identified", {"intent": "i", "confidence": -0.01}),
        ("intent.identified", {"intent": "i", "confidence": "0.9"}),
        ("session.deflected", {"to": ""}),
        ("session.deflected", {"to": None}),
        ("session.transferred", {"to": 5}),
        ("session.ended", {"reason": 5}),
        ("task.failed", {"task": 5}),
        ("flow.failed", {"reason": 5}),
        ("session.recorded", {"record": FINISHED | {"status": "dropoff"}}),
        ("session.recorded", {"record": FINISHED | {"timeHandled": "50"}}),
        ("session.recorded", {"record": FINISHED | {"timeHandled": "1h"}}),
        ("session.recorded", {"record": FINISHED | {"intent": [""]}}),
        ("session.recorded", {"record": FINISHED | {"startTime": None}}),
        ("session.recorded", {"record": FINISHED | {"endTime": "2022-01-06 14:44"}}),
        ("session.recorded", {"record": FINISHED | {"ANI": 126529865}}),
    ],
)
def test_data_of_the_wrong_kind_is_refused(event_type, data):
    with pytest.raises(msgspec.ValidationError):
        event(event_type, **data)


@pytest.mark.parametrize("confidence", [None, 0, 0.5, 1])
def test_confidence_goes_from_0_to_1(confidence):
    data = event("intent.identified", intent="i" * 256, confidence=confidence).data
    assert isinstance(data, events.Intent)
    assert data.confidence == confidence


def test_a_finished_record_is_read_with_its_times():
    data = event("session.recorded", record=FINISHED | {"sessionId": "ignored"}).data
    assert isinstance(data, events.Recording)
    assert data.record.startTime == FINISHED_START_MS
    assert data.record.endTime == FINISHED_END_MS
    assert data.record.intent == ["Book a Flight"]
