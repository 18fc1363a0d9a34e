"""CloudEvents as OpenTelemetry spans, in the protobuf of OTLP/HTTP."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any


def spans(events: Iterable[Mapping[str, Any]], project: str) -> bytes:
    """An ExportTraceServiceRequest with a span an event; a session is a trace."""
    resource = _message(1, _attribute(1, "openinference.project.name", project))
    return _message(1, resource + _message(2, b"".join(_message(2, _span(e)) for e in events)))


def _span(event: Mapping[str, Any]) -> bytes:
    session_id, time = event["subject"], datetime.fromisoformat(event["time"])
    nanoseconds = (int(time.timestamp() * 1000) * 1_000_000).to_bytes(8, "little")
    said = event.get("data", {})
    attributes = {"session.id": session_id, "openinference.span.kind": "CHAIN"}
    attributes |= {key: str(value) for key, value in said.items()}
    return b"".join(
        (
            _message(1, _digest(session_id, 16)),
            _message(2, _digest(session_id + event["id"], 8)),
            _message(5, event["type"].encode()),
            _fixed64(7, nanoseconds),
            _fixed64(8, nanoseconds),
            *(_attribute(9, key, value) for key, value in attributes.items()),
        )
    )


def _attribute(field: int, key: str, value: str) -> bytes:
    return _message(field, _message(1, key.encode()) + _message(2, _message(1, value.encode())))


def _digest(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=size).digest()


def _message(field: int, content: bytes) -> bytes:
    """A field of bytes, of text, or of another message."""
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _fixed64(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 1) + content


def _varint(number: int) -> bytes:
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)
