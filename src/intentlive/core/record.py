"""The record of a session: the eleven published keys, in their order."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from intentlive.core import reading
from intentlive.core.personal import Disguise
from intentlive.core.reading import BotRules
from intentlive.core.registers import Mark
from intentlive.core.session import State
from intentlive.core.times import format_handled, format_instant


class Record(Struct, frozen=True):
    """One session as `intentrealtimedata` shows it."""

    intent: Sequence[str]
    ANI: str | None
    DNI: str | None
    channel: str | None
    startTime: str
    endTime: str
    status: str
    timeHandled: str
    deflectedTo: str | None
    userId: str | None
    sessionId: str


def record(session_id: str, state: State, rules: BotRules, disguise: Disguise) -> Record:
    """The record of a session of which at least one event was seen and nothing was erased.

    The one way out of a session's data: personal ones are shown as `disguise` has it.
    """
    plain = _plain_record(session_id, state, rules)
    if disguise.mode == "verbatim":
        return plain
    shown = {key: disguise.of(getattr(plain, key)) for key in ("ANI", "DNI", "userId")}
    return msgspec.structs.replace(plain, **shown)


def render(records: Sequence[Record]) -> bytes:
    """The records as a JSON array in UTF-8."""
    return msgspec.json.encode(records)


def _plain_record(session_id: str, state: State, rules: BotRules) -> Record:
    if state.recorded is not None:
        return Record(**state.recorded.value.printed(), sessionId=session_id)
    started, ended = state.started, reading.end_time(state, rules)
    if started is None or ended is None:
        raise ValueError(f"nothing is known of session {session_id}")
    return Record(
        intent=[mark.value for mark in state.intents],
        ANI=_text(state.ANI),
        DNI=_text(state.DNI),
        channel=_text(state.channel),
        startTime=format_instant(started),
        endTime=format_instant(ended),
        status=reading.status(state),
        timeHandled=format_handled(reading.time_handled(state)),
        deflectedTo=_text(state.deflected),
        userId=_text(state.user_id),
        sessionId=session_id,
    )


def _text(mark: Mark[str] | None) -> str | None:
    return None if mark is None else mark.value
