"""Events as they go over the wire, written by hand."""

import gzip
import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"

COMPRESS = {"identity": bytes, "gzip": gzip.compress, "zstd": zstd.compress}

Event = dict[str, Any]

_numbers = count(1)


def event(kind: str, subject: str, time: str | float = 0.0, **data: Any) -> Event:
    """One event; `time` as it is written, or in seconds from now."""
    attributes = {
        "specversion": "1.0",
        "id": f"event-{next(_numbers):06}",
        "source": "urn:example:bot",
        "type": kind,
        "subject": subject,
        "time": time if isinstance(time, str) else moment(time),
    }
    return attributes | ({"data": data} if data else {})


def moment(seconds: float) -> str:
    """The time so many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def finished(subject: str | None = None, time: str | float = 0.0, **data: Any) -> Event:
    """The one event that makes a finished session."""
    return event("flow.completed", subject or new_session(), time, **data)


def new_session() -> str:
    """A session id that was never used."""
    return uuid4().hex[:24]


def body_of(events: Iterable[Event]) -> bytes:
    """A batch as it is sent."""
    return json.dumps(list(events)).encode()


def lines_of(events: Iterable[Event]) -> bytes:
    """The same, one a line."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in events)


def a_booking(session: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The events of one session in their order, and its record."""
    steps = [
        event("session.started", session, "2022-01-06T10:00:00Z", channel="rtm", userId="u-0"),
        event("intent.identified", session, "2022-01-06T10:00:10Z", intent="Book a Flight"),
        event("session.deflected", session, "2022-01-06T10:00:15Z", to="whatsapp", ANI="1"),
        event("intent.identified", session, "2022-01-06T10:00:20Z", intent="Pay", channel="sms"),
        event("intent.identified", session, "2022-01-06T10:00:30Z", intent="Book a Flight"),
        event("flow.completed", session, "2022-01-06T10:00:50Z", userId="u-1", ANI="2"),
    ]
    record = {
        "intent": ["Book a Flight", "Pay"],
        "ANI": "1",
        "DNI": None,
        "channel": "rtm",
        "startTime": "2022-01-06T10:00:00.000+00:00",
        "endTime": "2022-01-06T10:00:50.000+00:00",
        "status": "completed",
        "timeHandled": "50s",
        "deflectedTo": "whatsapp",
        "userId": "u-1",
        "sessionId": session,
    }
    return steps, record
