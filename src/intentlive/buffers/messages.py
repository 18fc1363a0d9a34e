"""Batches of joined states as messages of a buffer, and back.

A message is a version byte and MessagePack: bot id → session id → state as it is stored. So a
message may be delivered any number of times, in any order.
"""

from collections.abc import Iterator

import msgspec

from intentlive.core.errors import UnknownStateVersion, UnreadableMessage
from intentlive.core.session import Batch, State, decode_state, encode_state

MAX_BYTES = 512 * 1024
"""No message is larger; a state has 320 KiB at most, and NATS takes 1 MiB unless told otherwise."""

_VERSION = b"\x01"
_AROUND = 5  # bytes at most before an id, a state or a map
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[str, dict[str, bytes]])

NOTHING = _VERSION + _encoder.encode({})
"""A message of no state, to see whether a buffer takes one."""


def encode_batch(batch: Batch, max_bytes: int = MAX_BYTES) -> Iterator[bytes]:
    """As few messages as hold a batch; one of more than `max_bytes` holds a single state."""
    message: dict[str, dict[str, bytes]] = {}
    size = 1 + _AROUND
    for bot_id, session_id, state in _states(batch):
        stored = encode_state(state)
        more = len(session_id.encode()) + len(stored) + 2 * _AROUND
        bot = len(bot_id.encode()) + 2 * _AROUND
        if message and size + more + bot > max_bytes:
            yield _VERSION + _encoder.encode(message)
            message, size = {}, 1 + _AROUND
        if bot_id not in message:
            message[bot_id] = {}
            size += bot
        message[bot_id][session_id] = stored
        size += more
    if message:
        yield _VERSION + _encoder.encode(message)


def decode_batch(message: bytes) -> Batch:
    """The inverse of `encode_batch`, for one message; UnreadableMessage."""
    if message[:1] != _VERSION:
        raise UnreadableMessage(
            f"it has version {message[:1].hex() or 'none'}, this release reads {_VERSION.hex()}"
        )
    try:
        return {
            bot_id: {session_id: decode_state(stored) for session_id, stored in sessions.items()}
            for bot_id, sessions in _decoder.decode(memoryview(message)[1:]).items()
        }
    except (msgspec.MsgspecError, UnicodeDecodeError, UnknownStateVersion) as error:
        raise UnreadableMessage(str(error)) from error


def _states(batch: Batch) -> Iterator[tuple[str, str, State]]:
    for bot_id, sessions in batch.items():
        for session_id, state in sessions.items():
            yield bot_id, session_id, state
