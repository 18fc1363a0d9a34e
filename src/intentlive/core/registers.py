"""What a register of a state holds: a value, with the key of the event that brought it.

Of two marks the earlier or the later one by its whole key stays: a total order, so that no tie
can split two replicas.
"""

from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from intentlive.core.events import EVENT_TYPES
from intentlive.core.times import format_instant

MAX_INTENTS = 100
"""A session keeps its 100 earliest intents."""


class Recorded(Struct, frozen=True, array_like=True, gc=False):
    """The record of a `session.recorded` event; times in ms since 1970."""

    intent: tuple[str, ...]
    ANI: str | None
    DNI: str | None
    channel: str | None
    start_time: int
    end_time: int
    status: str
    time_handled: str
    deflected_to: str | None
    user_id: str | None

    def printed(self) -> dict[str, Any]:
        """The keys of the `record` on the wire, with times as they are printed."""
        return {
            "intent": self.intent,
            "ANI": self.ANI,
            "DNI": self.DNI,
            "channel": self.channel,
            "startTime": format_instant(self.start_time),
            "endTime": format_instant(self.end_time),
            "status": self.status,
            "timeHandled": self.time_handled,
            "deflectedTo": self.deflected_to,
            "userId": self.user_id,
        }


Value = TypeVar("Value")


class Mark(Struct, Generic[Value], frozen=True, array_like=True, gc=False):
    """What a register holds: a value, and the key of the event that brought it.

    `kind` is the event type's place in `EVENT_TYPES`; `time` in ms since 1970.
    """

    time: int
    id: str
    kind: int
    value: Value

    def key(self) -> tuple[int, str, str, bytes]:
        """The total order of events, in which no two different marks are equal."""
        value = self.value
        on_the_wire = value.printed() if isinstance(value, Recorded) else value
        canonical = msgspec.json.encode(on_the_wire, order="sorted")
        return self.time, self.id, EVENT_TYPES[self.kind], canonical


def earlier(a: Mark[Value] | None, b: Mark[Value]) -> Mark[Value]:
    """The earlier one of two marks, by their keys."""
    if a is None or a.time > b.time:
        return b
    if a.time < b.time:
        return a
    return a if a.key() <= b.key() else b


def later(a: Mark[Value] | None, b: Mark[Value]) -> Mark[Value]:
    """The later one of two marks, by their keys."""
    if a is None or a.time < b.time:
        return b
    if a.time > b.time:
        return a
    return a if a.key() >= b.key() else b


def union(a: tuple[Mark[str], ...], b: tuple[Mark[str], ...]) -> tuple[Mark[str], ...]:
    """The earliest mark of each value, in the order of their keys; the first 100 of them."""
    if not a:
        return b
    earliest = {mark.value: mark for mark in a}
    for mark in b:
        earliest[mark.value] = earlier(earliest.get(mark.value), mark)
    marks = earliest.values()
    if len({mark.time for mark in marks}) == len(marks):
        return tuple(sorted(marks, key=lambda mark: mark.time)[:MAX_INTENTS])  # no tie, no text
    return tuple(sorted(marks, key=Mark.key)[:MAX_INTENTS])
