"""The state of a session: a join-semilattice.

`observe` turns one event into a state, `join` merges two states. `join` is commutative,
associative and idempotent, and `State()` is its identity, so events may come in any order and
any number of times.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from intentlive.core import events
from intentlive.core.errors import UnknownStateVersion
from intentlive.core.events import EVENT_CLASSES, EVENT_TYPES, FinishedRecord, SessionEvent
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


class State(Struct, frozen=True, array_like=True, gc=False):
    """All that is known of a session; times in ms since 1970, None where nothing was seen."""

    started: int | None = None
    last_activity: int | None = None
    last_user: int | None = None
    last_flow: int | None = None
    channel: Mark[str] | None = None
    ANI: Mark[str] | None = None
    DNI: Mark[str] | None = None
    user_id: Mark[str] | None = None
    developer: bool = False
    intents: tuple[Mark[str], ...] = ()
    outcome: Mark[None] | None = None
    deflected: Mark[str] | None = None
    transferred: Mark[str | None] | None = None
    ended: Mark[str | None] | None = None
    recorded: Mark[Recorded] | None = None
    erased: bool = False


ERASED = State(erased=True)
"""The absorbing state: whatever joins it is erased too."""


class _Traits(NamedTuple):
    """What the type of an event alone says."""

    kind: int
    is_activity: bool
    is_user: bool
    is_flow: bool
    is_outcome: bool


_USER = ("message.received", "intent.")
_FLOW = ("intent.", "task.", "flow.")
_POSITIVE = ("task.completed", "flow.completed", "session.deflected", "session.transferred")
_NEGATIVE = ("task.failed", "flow.failed", "intent.unidentified", "queue.abandoned")
_TRAITS = {
    event_class: _Traits(
        kind,
        is_activity=name not in ("session.ended", "session.recorded"),
        is_user=name.startswith(_USER),
        is_flow=name.startswith(_FLOW),
        is_outcome=name in _POSITIVE + _NEGATIVE,
    )
    for kind, (event_class, name) in enumerate(zip(EVENT_CLASSES, EVENT_TYPES, strict=True))
}
POSITIVE_KINDS = frozenset(EVENT_TYPES.index(name) for name in _POSITIVE)
FLOW_COMPLETED = EVENT_TYPES.index("flow.completed")
_NO_CONTACT = events.Contact()


def observe(event: SessionEvent) -> State:
    """What one event alone says of its session."""
    kind, is_activity, is_user, is_flow, is_outcome = _TRAITS[type(event)]
    time, id_, data = int(event.time), event.id, event.data or _NO_CONTACT
    return State(
        started=time,
        last_activity=time if is_activity else None,
        last_user=time if is_user else None,
        last_flow=time if is_flow else None,
        channel=Mark(time, id_, kind, data.channel) if data.channel else None,
        ANI=Mark(time, id_, kind, data.ANI) if data.ANI else None,
        DNI=Mark(time, id_, kind, data.DNI) if data.DNI else None,
        user_id=Mark(time, id_, kind, data.userId) if data.userId else None,
        developer=bool(data.developer),
        intents=(Mark(time, id_, kind, data.intent),) if isinstance(data, events.Intent) else (),
        outcome=Mark(time, id_, kind, None) if is_outcome else None,
        deflected=(Mark(time, id_, kind, data.to) if isinstance(data, events.Deflection) else None),
        transferred=(
            Mark(time, id_, kind, _to(data))
            if isinstance(event, events.SessionTransferred)
            else None
        ),
        ended=(
            Mark(time, id_, kind, _reason(data)) if isinstance(event, events.SessionEnded) else None
        ),
        recorded=(
            Mark(time, id_, kind, _recorded(data.record))
            if isinstance(data, events.Recording)
            else None
        ),
    )


def join(a: State, b: State) -> State:
    """The least state that knows all that `a` and `b` know."""
    if a.erased or b.erased:
        return ERASED
    return State(
        started=_least(a.started, b.started),
        last_activity=_most(a.last_activity, b.last_activity),
        last_user=_most(a.last_user, b.last_user),
        last_flow=_most(a.last_flow, b.last_flow),
        channel=_earlier(a.channel, b.channel),
        ANI=_earlier(a.ANI, b.ANI),
        DNI=_earlier(a.DNI, b.DNI),
        user_id=_later(a.user_id, b.user_id),
        developer=a.developer or b.developer,
        intents=_join_intents(a.intents, b.intents),
        outcome=_later(a.outcome, b.outcome),
        deflected=_later(a.deflected, b.deflected),
        transferred=_later(a.transferred, b.transferred),
        ended=_later(a.ended, b.ended),
        recorded=_later(a.recorded, b.recorded),
    )


def fold(session_events: Iterable[SessionEvent]) -> dict[str, State]:
    """The joined states of many events, by session id."""
    states: dict[str, State] = {}
    for event in session_events:
        join_into(states, event.subject, observe(event))
    return states


def join_into(states: dict[str, State], session_id: str, state: State) -> None:
    """Join a state into what `states` holds of its session."""
    known = states.get(session_id)
    states[session_id] = state if known is None else join(known, state)


Batch: TypeAlias = Mapping[str, Mapping[str, State]]
"""Bot id → session id → state."""


def join_batches(batches: Iterable[Batch]) -> dict[str, dict[str, State]]:
    """Several batches as one."""
    joined: dict[str, dict[str, State]] = {}
    for batch in batches:
        for bot_id, states in batch.items():
            sessions = joined.setdefault(bot_id, {})
            for session_id, state in states.items():
                join_into(sessions, session_id, state)
    return joined


_VERSION = b"\x01"
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def encode_state(state: State) -> bytes:
    """A version byte and the state as MessagePack."""
    return _VERSION + _encoder.encode(state)


def decode_state(stored: bytes) -> State:
    """The inverse of `encode_state`; UnknownStateVersion where a newer release wrote it."""
    if stored[:1] != _VERSION:
        raise UnknownStateVersion(
            f"a stored session state has version {stored[:1].hex() or 'none'}, this release reads "
            f"{_VERSION.hex()}: run the release that wrote it, or a newer one; or it is damaged: "
            "intentlive store check"
        )
    return _decoder.decode(memoryview(stored)[1:])


def _least(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


def _most(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return max(a, b)


def _earlier(a: Mark[Value] | None, b: Mark[Value] | None) -> Mark[Value] | None:
    if a is None or b is None:
        return b if a is None else a
    if a.time != b.time:
        return a if a.time < b.time else b
    return a if a.key() <= b.key() else b


def _later(a: Mark[Value] | None, b: Mark[Value] | None) -> Mark[Value] | None:
    if a is None or b is None:
        return b if a is None else a
    if a.time != b.time:
        return a if a.time > b.time else b
    return a if a.key() >= b.key() else b


def _join_intents(a: tuple[Mark[str], ...], b: tuple[Mark[str], ...]) -> tuple[Mark[str], ...]:
    if not a or not b:
        return a or b
    earliest = {mark.value: mark for mark in a}
    for mark in b:
        earliest[mark.value] = _earlier(earliest.get(mark.value), mark) or mark
    return tuple(sorted(earliest.values(), key=Mark.key)[:MAX_INTENTS])


def _to(data: events.Contact) -> str | None:
    return (data.to or None) if isinstance(data, events.Transfer) else None


def _reason(data: events.Contact) -> str | None:
    return (data.reason or None) if isinstance(data, events.Reason) else None


def _recorded(record: FinishedRecord) -> Recorded:
    return Recorded(
        intent=tuple(record.intent),
        ANI=record.ANI or None,
        DNI=record.DNI or None,
        channel=record.channel or None,
        start_time=int(record.startTime),
        end_time=int(record.endTime),
        status=record.status,
        time_handled=record.timeHandled,
        deflected_to=record.deflectedTo or None,
        user_id=record.userId or None,
    )
