"""A transport that goes nowhere."""

import asyncio
from typing import Any

HIGH_WATER = 64 * 1024  # bytes that wait to be taken, as asyncio has it


class Transport(asyncio.Transport):
    """Keeps what is written, and is lost soon after it is closed.

    If `takes_nothing`, its peer takes no answer until it is told to `take`.
    """

    def __init__(self, protocol: Any, *, takes_nothing: bool = False) -> None:
        super().__init__({"peername": ("192.0.2.1", 4000)})
        self.protocol = protocol
        self.written = bytearray()
        self.paused = self.closed = False
        self._takes_nothing = takes_nothing
        self._lost = False

    def write(self, data: Any) -> None:
        """Keep it; what is written after the end would go nowhere."""
        if not self.closed:
            self.written += data
            if self._takes_nothing and len(self.written) > HIGH_WATER:
                self.protocol.pause_writing()

    def take(self) -> None:
        """Take all that was written, and from now on all."""
        self._takes_nothing = False
        self.protocol.resume_writing()

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def close(self) -> None:
        """End it soon."""
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.lose)

    abort = close

    def lose(self) -> None:
        """End it, once."""
        self.closed = True
        if not self._lost:
            self._lost = True
            self.protocol.connection_lost(None)

    def pause_reading(self) -> None:
        """Bring nothing for now."""
        self.paused = True

    def resume_reading(self) -> None:
        """Bring more."""
        self.paused = False
