"""The one parser of events: a request body in, typed events and rejections out.

A body that is valid throughout, the usual case, is decoded in one go. Otherwise its events are
read one by one, so that a bad event is told from its neighbours and from a body that is broken
as a whole.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from intentlive.core.errors import InvalidEvent, TooManyEvents, UnreadableBody
from intentlive.core.events import EVENT_TYPES, VISIBLE, AnyEvent, SessionEvent, SessionRecorded
from intentlive.core.times import parse_instant
from intentlive.ingest import bodies
from intentlive.ingest.bodies import Json, is_encodable

SINGLE: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
NDJSON: Final = "application/x-ndjson"
MEDIA_TYPES: Final = (SINGLE, BATCH, NDJSON)

MAX_EVENTS = 10_000
_MAX_LINES = 10 * MAX_EVENTS  # of which most are empty, if the body is in order
MAX_AHEAD_MS = 5 * 60 * 1000
"""An event may lie this far ahead of the server's clock."""

_VISIBLE = re.compile(VISIBLE)
_NO_SESSION_ID = "expected a session id of 1 to 128 visible characters"
_PLAINER = {
    "subject": _NO_SESSION_ID,
    "specversion": 'expected "1.0"',
    "data.record.status": "expected completed or Dropoff",
    "data.record.timeHandled": "expected a handled time such as 50s, 13m: 8s or 1h: 2m: 5s",
}


class Flaw(Struct):
    """What is wrong with an event; 425 means that sending it again later will do."""

    msg: str
    code: int


class Rejection(Struct):
    """An event that was not taken: its place in the body and its id, if that could be read."""

    index: int
    id: str | None
    errors: list[Flaw]


class Parsed(Struct):
    """The events of a body that can be taken, and those that cannot, counted by reason."""

    events: Sequence[SessionEvent]
    rejected: list[Rejection]
    reasons: Mapping[str, int]


class _Span(Struct, frozen=True, gc=False):
    """The time from which, and up to which, events are taken (ms)."""

    oldest: int
    latest: int

    def holds(self, events: Iterable[SessionEvent]) -> bool:
        """Whether events lie in it, and the ends of the records that they bring do, too."""
        oldest, latest = self.oldest, self.latest
        for event in events:
            if not oldest <= event.time <= latest:
                return False
            if type(event) is SessionRecorded and event.data.record.endTime < oldest:
                return False
        return True


def parse_events(media_type: str, body: bytes, now: int, oldest: int | None = None) -> Parsed:
    """Read a body of one of the `MEDIA_TYPES`; `now` in ms.

    Events from before `oldest` (ms) are not taken: what they belong to is not kept any more.
    UnreadableBody if it is not what its type says, TooManyEvents above `MAX_EVENTS`.
    """
    try:
        body.isascii() or body.decode()  # decoders pass over what they skip
    except UnicodeDecodeError as error:
        raise UnreadableBody(f"the body is not UTF-8 from byte {error.start} on") from None
    if media_type == NDJSON and body.count(b"\n") > _MAX_LINES:
        _check_count(_MAX_LINES)
    span = _Span(oldest or 0, now + MAX_AHEAD_MS)
    events = None if _may_spell_nul(body) else _decode_at_once(media_type, body)
    if events is None or not (_are_visible(events) and span.holds(events)):
        return _parse_one_by_one(media_type, body, span)
    _check_count(len(events))
    return Parsed(events, [], {})


def _may_spell_nul(body: bytes) -> bool:
    return b"\\" in body and b"\\u0000" in body  # one byte is found ten times as fast as six


def _decode_at_once(media_type: str, body: bytes) -> Sequence[SessionEvent] | None:
    try:
        return _DECODERS[media_type](body)
    except (msgspec.DecodeError, RecursionError):
        return None


def _are_visible(events: Sequence[SessionEvent]) -> bool:
    """Whether the ids of all sessions are of visible characters."""
    ids = "".join([event.subject for event in events])
    if ids.isascii():
        return ids.isprintable() and " " not in ids
    return _VISIBLE.match(ids) is not None


def _decode_hook(_type: type, value: object) -> object:
    return parse_instant(value)


_one: msgspec.json.Decoder[SessionEvent] = msgspec.json.Decoder(AnyEvent, dec_hook=_decode_hook)
_many: msgspec.json.Decoder[list[SessionEvent]] = msgspec.json.Decoder(
    list[AnyEvent], dec_hook=_decode_hook
)
_DECODERS: dict[str, Callable[[bytes], Sequence[SessionEvent]]] = {
    SINGLE: lambda body: [_one.decode(body)],
    BATCH: _many.decode,
    NDJSON: lambda body: [_one.decode(line) for line in body.split(b"\n") if line.strip(b" \t\r")],
}
_READERS: dict[str, Callable[[str], Iterator[Json]]] = {
    SINGLE: bodies.single,
    BATCH: bodies.array,
    NDJSON: bodies.lines,
}


def _parse_one_by_one(media_type: str, body: bytes, span: _Span) -> Parsed:
    events, rejected, reasons = [], [], Counter[str]()
    for index, item in enumerate(_READERS[media_type](body.decode())):
        _check_count(index + 1)
        try:
            events.append(_event(item, span))
        except InvalidEvent as error:
            rejected.append(Rejection(index, _readable_id(item), [Flaw(str(error), error.code)]))
            reasons[error.reason] += 1
    return Parsed(events, rejected, reasons)


def _event(item: Json, span: _Span) -> SessionEvent:
    try:
        event: SessionEvent = msgspec.convert(item, AnyEvent, dec_hook=_decode_hook)
    except msgspec.ValidationError as error:
        raise _explained(item, str(error)) from None
    except UnicodeEncodeError:  # in one of the few texts that are compared with fixed ones
        if not isinstance(item, dict):
            raise _explained(item, "") from None
        fixed = {name: str(item.get(name)) for name in ("type", "specversion")}
        flawed = (name for name, text in fixed.items() if not is_encodable(text))
        path = next(flawed, "data.record.status")
        raise InvalidEvent(f"{path}: a lone surrogate is not a character", "text") from None
    if not _are_visible([event]):
        raise InvalidEvent(f"subject: {_NO_SESSION_ID}", "subject")
    for path, text in _texts(msgspec.to_builtins(event, enc_hook=int), ""):
        if "\0" in text:
            raise InvalidEvent(f"{path}: the character NUL cannot be stored", "text")
        if not is_encodable(text):
            raise InvalidEvent(f"{path}: a lone surrogate is not a character", "text")
    if event.time > span.latest:
        message = "time: more than 5 minutes ahead of the server's clock: send it again later"
        raise InvalidEvent(message, "ahead", code=425)
    if not span.holds([event]):
        raise InvalidEvent("time: older than this bot keeps its sessions", "retention")
    return event


def _explained(item: Json, error: str) -> InvalidEvent:
    """What msgspec says of an event, in the words of this interface."""
    if not isinstance(item, dict):
        return InvalidEvent("an event must be a JSON object", "shape")
    what, _, where = error.partition(" - at `$")
    path = where.strip("`.")
    if path == "type" and isinstance(item["type"], str):
        known = ", ".join(EVENT_TYPES)
        message = f"type: unknown event type {ascii(item['type'])[:80]}; known are {known}"
        return InvalidEvent(message, "unknown type")
    what = _PLAINER.get(path, what.replace("`", "").replace("Object missing", "missing"))
    if not path and what.endswith(" data"):
        what = f"data: missing, and {item['type']} says something only with it"
    reason = path.partition(".")[0] or "attributes"
    return InvalidEvent(f"{path}: {what}" if path else what, reason)


def _texts(value: Json, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, path)


def _readable_id(item: Json) -> str | None:
    id_ = item.get("id") if isinstance(item, dict) else None
    return id_ if isinstance(id_, str) and len(id_) <= 256 and is_encodable(id_) else None


def _check_count(count: int) -> None:
    if count > MAX_EVENTS:
        raise TooManyEvents(f"more than {MAX_EVENTS:,} events in one request: send them in several")
