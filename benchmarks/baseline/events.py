# ruff: noqa: N815 - the names on the wire are published
"""Events as they come in, and what they make of a session."""

from collections.abc import Callable
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter
from tables import BotSession

TYPES = (
    r"^(session\.(started|deflected|transferred|ended)|message\.(received|sent)"
    r"|intent\.(un)?identified|(task|flow)\.(completed|failed)|queue\.abandoned)$"
)
IDLE_TIMEOUT_MS = 15 * 60 * 1000
OUTCOMES = {
    "task.completed": True,
    "flow.completed": True,
    "session.deflected": True,
    "session.transferred": True,
    "task.failed": False,
    "flow.failed": False,
    "intent.unidentified": False,
    "queue.abandoned": False,
}
CLOSING = {"flow.completed", "session.deflected", "session.transferred", "session.ended"}
REOPENING = {"message.received", "intent.identified", "intent.unidentified"}


class Data(BaseModel):
    intent: str | None = None
    to: str | None = None
    channel: str | None = None
    ANI: str | None = None
    DNI: str | None = None
    userId: str | None = None


class Event(BaseModel):
    specversion: Literal["1.0"]
    id: str = Field(min_length=1, max_length=256)
    source: str = Field(min_length=1, max_length=256)
    type: str = Field(pattern=TYPES)
    subject: str = Field(min_length=1, max_length=128)
    time: AwareDatetime
    data: Data = Field(default_factory=Data)


def _lines(body: bytes) -> list[Event]:
    return [Event.model_validate_json(line) for line in body.splitlines() if line]


PARSERS: dict[str, Callable[[bytes], list[Event]]] = {
    "application/cloudevents+json": lambda body: [Event.model_validate_json(body)],
    "application/cloudevents-batch+json": TypeAdapter(list[Event]).validate_json,
    "application/x-ndjson": _lines,
}


def begin(bot_id: str, event: Event) -> BotSession:
    """A session of which this is the first event."""
    at = _milliseconds(event)
    return BotSession(
        bot_id=bot_id,
        session_id=event.subject,
        intents=[],
        started=at,
        handled_until=at,
        last_activity=at,
        end_time=at + IDLE_TIMEOUT_MS,
        over=False,
        completed=False,
    )


def update(session: BotSession, event: Event) -> None:
    """Make of a session what it is after one more event."""
    at, data = _milliseconds(event), event.data
    session.started = min(session.started, at)
    session.last_activity = max(session.last_activity, at)
    session.channel = session.channel or data.channel
    session.ani = session.ani or data.ANI
    session.dni = session.dni or data.DNI
    session.user_id = data.userId or session.user_id
    if data.intent and data.intent not in session.intents:
        session.intents = [*session.intents, data.intent]
    if event.type == "session.deflected":
        session.deflected_to = data.to
    if event.type != "session.ended":
        session.handled_until = max(session.handled_until, at)
    session.completed = OUTCOMES.get(event.type, session.completed)
    if event.type in CLOSING:
        session.over = True
    elif event.type in REOPENING:
        session.over = False
    session.end_time = session.last_activity + (0 if session.over else IDLE_TIMEOUT_MS)


def _milliseconds(event: Event) -> int:
    return int(event.time.timestamp() * 1000)
