"""What a bot tells of a session: one class an event type (CloudEvents 1.0 attributes and `data`).

The classes are the wire format: a decoder for `AnyEvent` checks attributes, types and lengths.
Attributes and `data` keys that are not named here are ignored. Nothing in them can form a cycle,
hence gc=False: millions of them are made, and the collector need not look.
"""

from typing import Annotated, Literal, TypeAlias, get_args

from msgspec import Meta, Struct

from intentlive.core.times import Instant

VISIBLE = r"\A[^\s\x00-\x1f\x7f-\x9f]*\Z"
"""What a session's id is made of. The parser looks at all ids of a body at once: matching each of
them would cost a decoder more than all else in its event."""

Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
OptionalText: TypeAlias = Annotated[str, Meta(max_length=256)] | None  # "" means absent, like null
SessionId: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=128, extra_json_schema={"pattern": VISIBLE})
]
HandledText: TypeAlias = Annotated[
    str, Meta(pattern=r"\A(?:[0-9]{1,9}h: ?)?(?:[0-9]{1,9}m: ?)?[0-9]{1,9}s\Z")
]


class Contact(Struct, frozen=True, kw_only=True, gc=False):
    """Who called, where, by which channel; may ride on any event."""

    channel: OptionalText = None
    ANI: OptionalText = None
    DNI: OptionalText = None
    userId: OptionalText = None
    developer: bool | None = None


class Intent(Contact, frozen=True, kw_only=True, gc=False):
    intent: Text
    confidence: Annotated[float, Meta(ge=0, le=1)] | None = None


class Task(Contact, frozen=True, kw_only=True, gc=False):
    task: OptionalText = None
    reason: OptionalText = None


class Reason(Contact, frozen=True, kw_only=True, gc=False):
    reason: OptionalText = None


class Deflection(Contact, frozen=True, kw_only=True, gc=False):
    to: Text


class Transfer(Contact, frozen=True, kw_only=True, gc=False):
    to: OptionalText = None


class FinishedRecord(Struct, frozen=True, kw_only=True, gc=False):
    """The keys of a finished record that was made elsewhere; the session id is the subject."""

    intent: Annotated[list[Text], Meta(max_length=100)] = []
    ANI: OptionalText = None
    DNI: OptionalText = None
    channel: OptionalText = None
    startTime: Instant
    endTime: Instant
    status: Literal["completed", "Dropoff"]
    timeHandled: HandledText
    deflectedTo: OptionalText = None
    userId: OptionalText = None


class Recording(Contact, frozen=True, kw_only=True, gc=False):
    record: FinishedRecord


class SessionEvent(Struct, frozen=True, kw_only=True, gc=False, tag_field="type"):
    """The attributes of every event; `subject` is the session's id."""

    specversion: Literal["1.0"]
    id: Text
    source: Text
    subject: SessionId
    time: Instant
    data: Contact | None = None


class SessionStarted(SessionEvent, frozen=True, gc=False, tag="session.started"):
    """The contact arrived."""


class MessageReceived(SessionEvent, frozen=True, gc=False, tag="message.received"):
    """The user said or pressed something."""


class MessageSent(SessionEvent, frozen=True, gc=False, tag="message.sent"):
    """The bot said something."""


class IntentIdentified(SessionEvent, frozen=True, gc=False, tag="intent.identified"):
    """An intent was recognised."""

    data: Intent


class IntentUnidentified(SessionEvent, frozen=True, gc=False, tag="intent.unidentified"):
    """The utterance was understood as no intent."""


class TaskCompleted(SessionEvent, frozen=True, gc=False, tag="task.completed"):
    """One task inside the flow ended well; the flow goes on."""

    data: Task | None = None


class TaskFailed(SessionEvent, frozen=True, gc=False, tag="task.failed"):
    """One task inside the flow ended badly; the flow goes on."""

    data: Task | None = None


class FlowCompleted(SessionEvent, frozen=True, gc=False, tag="flow.completed"):
    """The whole flow ran to its end."""


class FlowFailed(SessionEvent, frozen=True, gc=False, tag="flow.failed"):
    """The whole flow stopped on an error."""

    data: Reason | None = None


class SessionDeflected(SessionEvent, frozen=True, gc=False, tag="session.deflected"):
    """The contact was moved to another channel."""

    data: Deflection


class SessionTransferred(SessionEvent, frozen=True, gc=False, tag="session.transferred"):
    """The contact was given to a human, answered or not yet."""

    data: Transfer | None = None


class QueueAbandoned(SessionEvent, frozen=True, gc=False, tag="queue.abandoned"):
    """The user left before a human answered."""


class SessionEnded(SessionEvent, frozen=True, gc=False, tag="session.ended"):
    """The contact is over."""

    data: Reason | None = None


class SessionRecorded(SessionEvent, frozen=True, gc=False, tag="session.recorded"):
    """A finished record made elsewhere, taken as it is."""

    data: Recording


# Stored states name a type by its place in this list: append, never reorder.
AnyEvent: TypeAlias = (
    SessionStarted
    | MessageReceived
    | MessageSent
    | IntentIdentified
    | IntentUnidentified
    | TaskCompleted
    | TaskFailed
    | FlowCompleted
    | FlowFailed
    | SessionDeflected
    | SessionTransferred
    | QueueAbandoned
    | SessionEnded
    | SessionRecorded
)

EVENT_CLASSES: tuple[type[SessionEvent], ...] = get_args(AnyEvent)
EVENT_TYPES: tuple[str, ...] = tuple(
    str(event_class.__struct_config__.tag) for event_class in EVENT_CLASSES
)
