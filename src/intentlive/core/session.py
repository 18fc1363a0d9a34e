"""The state of a session: a join-semilattice.

`observe` turns one event into a state, `join` merges two states. `join` is commutative,
associative and idempotent, and `State()` is its identity, so events may come in any order and
any number of times.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from intentlive.core.errors import UnknownStateVersion
from intentlive.core.events import (
    EVENT_CLASSES,
    EVENT_TYPES,
    Contact,
    Deflection,
    FinishedRecord,
    Intent,
    Reason,
    Recording,
    SessionEvent,
    Transfer,
)
from intentlive.core.registers import Mark, Recorded, earlier, later, union


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
    says_only_when: bool
    """Unless there is `data`, which is what most events of a conversation are like."""


_USER = ("message.received", "intent.")
_FLOW = ("intent.", "task.", "flow.")
_POSITIVE = ("task.completed", "flow.completed", "session.deflected", "session.transferred")
_NEGATIVE = ("task.failed", "flow.failed", "intent.unidentified", "queue.abandoned")
_ONLY_WHEN = ("session.started", "message.received", "message.sent")
_TRAITS = {
    event_class: _Traits(
        kind,
        is_activity=name not in ("session.ended", "session.recorded"),
        is_user=name.startswith(_USER),
        is_flow=name.startswith(_FLOW),
        is_outcome=name in _POSITIVE + _NEGATIVE,
        says_only_when=name in _ONLY_WHEN,
    )
    for kind, (event_class, name) in enumerate(zip(EVENT_CLASSES, EVENT_TYPES, strict=True))
}
POSITIVE_KINDS = frozenset(EVENT_TYPES.index(name) for name in _POSITIVE)
FLOW_COMPLETED = EVENT_TYPES.index("flow.completed")
_TRANSFERRED = EVENT_TYPES.index("session.transferred")
_ENDED = EVENT_TYPES.index("session.ended")
_NO_CONTACT = Contact()


def observe(event: SessionEvent) -> State:
    """What one event alone says of its session."""
    kind, is_activity, is_user, is_flow, is_outcome, says_only_when = _TRAITS[type(event)]
    time, id_, data = int(event.time), event.id, event.data
    if data is None:
        if says_only_when:
            return State(time, time, time if is_user else None)
        data = _NO_CONTACT
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
        intents=(Mark(time, id_, kind, data.intent),) if type(data) is Intent else (),
        outcome=Mark(time, id_, kind, None) if is_outcome else None,
        deflected=Mark(time, id_, kind, data.to) if type(data) is Deflection else None,
        transferred=Mark(time, id_, kind, _to(data)) if kind == _TRANSFERRED else None,
        ended=Mark(time, id_, kind, _reason(data)) if kind == _ENDED else None,
        recorded=(
            Mark(time, id_, kind, _recorded(data.record)) if type(data) is Recording else None
        ),
    )


def join(a: State, b: State) -> State:
    """The least state that knows all that `a` and `b` know.

    What is joined often says little: whatever `b` is silent on is taken over unseen.
    """
    if a.erased or b.erased:
        return ERASED
    return State(
        started=_least(a.started, b.started),
        last_activity=_most(a.last_activity, b.last_activity),
        last_user=a.last_user if b.last_user is None else _most(a.last_user, b.last_user),
        last_flow=a.last_flow if b.last_flow is None else _most(a.last_flow, b.last_flow),
        channel=a.channel if b.channel is None else earlier(a.channel, b.channel),
        ANI=a.ANI if b.ANI is None else earlier(a.ANI, b.ANI),
        DNI=a.DNI if b.DNI is None else earlier(a.DNI, b.DNI),
        user_id=a.user_id if b.user_id is None else later(a.user_id, b.user_id),
        developer=a.developer or b.developer,
        intents=union(a.intents, b.intents) if b.intents else a.intents,
        outcome=a.outcome if b.outcome is None else later(a.outcome, b.outcome),
        deflected=a.deflected if b.deflected is None else later(a.deflected, b.deflected),
        transferred=(
            a.transferred if b.transferred is None else later(a.transferred, b.transferred)
        ),
        ended=a.ended if b.ended is None else later(a.ended, b.ended),
        recorded=a.recorded if b.recorded is None else later(a.recorded, b.recorded),
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
    return _decoder.decode(stored[1:])


def _least(a: int | None, b: int | None) -> int | None:
    if b is None:
        return a
    if a is None or b < a:
        return b
    return a


def _most(a: int | None, b: int | None) -> int | None:
    if b is None:
        return a
    if a is None or b > a:
        return b
    return a


def _to(data: Contact) -> str | None:
    return (data.to or None) if isinstance(data, Transfer) else None


def _reason(data: Contact) -> str | None:
    return (data.reason or None) if isinstance(data, Reason) else None


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
