"""What a supervisor and its workers agree on."""

import os

import msgspec

from intentlive.settings import BufferSettings, ServerSettings, StoreSettings
from intentlive.signals import Worker

DRAIN_SECONDS = 30
"""How long what is in flight may take to its end when a server is told to stop."""

TRY_LATER = os.EX_TEMPFAIL
"""The exit code of a worker that just now cannot have the store, or room for its counters."""


class Order(msgspec.Struct, frozen=True):
    """What a worker is to do; `listening` is a descriptor that it has inherited."""

    worker: Worker
    listening: int
    at: StoreSettings
    server: ServerSettings
    through: BufferSettings

    def line(self) -> bytes:
        """The order as it is sent."""
        return msgspec.json.encode(self, enc_hook=str) + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "Order":
        """The order that was sent."""
        return msgspec.json.decode(line, type=cls, dec_hook=lambda kind, text: kind(text))
