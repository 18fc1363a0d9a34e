"""Events written by hand, in the form in which they come over the wire."""

from datetime import datetime, timedelta
from functools import reduce

import msgspec

from intentlive.core.events import AnyEvent, SessionEvent
from intentlive.core.session import State, join, observe
from intentlive.core.times import parse_instant

SESSION = "6364a8616d8e6a6a0effc0de"
NOON = "2022-01-06T12:00:00.000+00:00"
NOON_MS = 1_641_470_400_000

_decoder = msgspec.json.Decoder(AnyEvent, dec_hook=lambda _type, value: parse_instant(value))


def decode(attributes: dict) -> SessionEvent:
    """Read one event as the server reads it."""
    return _decoder.decode(msgspec.json.encode(attributes))


def event(
    event_type: str,
    time: str | float = 0,
    event_id: str = "1",
    subject: str = SESSION,
    **data,
) -> SessionEvent:
    """One event; `time` as it is written, or in seconds after noon."""
    if not isinstance(time, str):
        time = at(time)
    attributes = {
        "specversion": "1.0",
        "id": event_id,
        "source": "urn:test",
        "type": event_type,
        "subject": subject,
        "time": time,
    }
    return decode(attributes | ({"data": data} if data else {}))


def at(seconds: float) -> str:
    """The time so many seconds after noon, as it is written."""
    moment = datetime.fromisoformat(NOON) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds")


def ms(seconds: float) -> int:
    """The same in ms since 1970."""
    return NOON_MS + round(seconds * 1000)


def state_of(*session_events: SessionEvent) -> State:
    return reduce(join, map(observe, session_events), State())


FINISHED = {
    "intent": ["Book a Flight"],
    "ANI": "+126529865",
    "DNI": "+126529866",
    "channel": "audiocodes",
    "startTime": "2022-01-06T14:07:08.185+00:00",
    "endTime": "2022-01-06T14:44:17.527+00:00",
    "status": "completed",
    "timeHandled": "13m: 8s",
    "deflectedTo": None,
    "userId": "u-6b184e56-ebe3-5acb-af3c-1e6bcb25c0de",
}
"""The record of a `session.recorded` event."""
FINISHED_START_MS = 1_641_478_028_185
FINISHED_END_MS = 1_641_480_257_527
DATA_NEEDED = {
    "intent.identified": {"intent": "Book a Flight"},
    "session.deflected": {"to": "rtm"},
    "session.recorded": {"record": FINISHED},
}
"""What the types of events that cannot go without data carry."""


def of(event_type: str, time: float = 0, event_id: str = "1", **data) -> SessionEvent:
    """An event of any type, with what its type needs."""
    return event(event_type, time, event_id, **(DATA_NEEDED.get(event_type, {}) | data))
