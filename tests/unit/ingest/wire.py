"""Events and bodies as they come over the wire."""

import msgspec

from intentlive.ingest.cloudevents import BATCH, SINGLE, parse_events

NOON_MS = 1_641_470_400_000  # 2022-01-06T12:00:00Z
GOOD = {
    "specversion": "1.0",
    "id": "1",
    "source": "urn:test",
    "type": "message.received",
    "subject": "s-1",
    "time": "2022-01-06T12:00:00Z",
}
FINISHED = {
    "intent": ["Pay"],
    "startTime": "2022-01-06T11:00:00Z",
    "endTime": "2022-01-06T11:30:00Z",
    "status": "completed",
    "timeHandled": "13m: 8s",
}


def without(event, key):
    return {name: value for name, value in event.items() if name != key}


def identified(**data):
    return GOOD | {"type": "intent.identified", "data": {"intent": "Pay"} | data}


def recorded(**keys):
    return GOOD | {"type": "session.recorded", "data": {"record": FINISHED | keys}}


def body_of(media_type, events):
    """The events as a body of that type; a single one for the type that takes one."""
    encoded = [msgspec.json.encode(each) for each in events]
    if media_type == SINGLE:
        (only,) = encoded
        return only
    return b"[" + b",".join(encoded) + b"]" if media_type == BATCH else b"\n".join(encoded)


def parse(*events, media_type=BATCH, now=NOON_MS):
    return parse_events(media_type, body_of(media_type, events), now)


def parse_raw(media_type, body, now=NOON_MS):
    return parse_events(media_type, body, now)


def flaws(*events, media_type=BATCH):
    """What is said of the events of a batch: (index, id, message, code)."""
    return [
        (rejection.index, rejection.id, flaw.msg, flaw.code)
        for rejection in parse(*events, media_type=media_type).rejected
        for flaw in rejection.errors
    ]
