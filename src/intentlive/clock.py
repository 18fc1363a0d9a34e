"""The clocks of a process; everything below takes them as arguments."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from intentlive.core.errors import StoreError

_SECONDS_BETWEEN = 5.0
_APART_MS = 5_000

_log = structlog.get_logger("intentlive.clock")


def wall_clock() -> int:
    """Ms since 1970."""
    return time.time_ns() // 1_000_000


def monotonic_clock() -> int:
    """Ms of a clock that never goes back."""
    return time.monotonic_ns() // 1_000_000


class StoreClock:
    """The store's time, ms since 1970: all processes on a store agree on what is over.

    `ask` gives the store's time. In between, the clock that never goes back tells how it went on,
    so that a wrong clock of this machine, or one that is set anew, does not matter.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[int]],
        monotonic: Callable[[], int] = monotonic_clock,
        wall: Callable[[], int] = wall_clock,
    ) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._wall = wall
        self._offset: int | None = None
        self._is_apart = False

    def __call__(self) -> int:
        return self._wall() if self._offset is None else self._monotonic() + self._offset

    async def measure(self) -> None:
        """Ask the store; StoreUnavailable leaves what was measured before."""
        asked = self._monotonic()
        store_time = await self._ask()
        answered = self._monotonic()
        # It was that time some time in between: however long that was, no more is known.
        least, most = store_time - answered, store_time - asked
        before = (least + most) // 2 if self._offset is None else self._offset
        self._offset = min(max(before, least), most)
        self._tell(self() - self._wall())

    async def follow(self) -> None:
        """Measure every few seconds until cancelled."""
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN)
            with suppress(StoreError):  # whoever needs the store is told
                await self.measure()

    def _tell(self, ahead: int) -> None:
        is_apart = abs(ahead) > _APART_MS
        if is_apart and not self._is_apart:
            _log.warning(
                "clocks differ",
                store_ahead_seconds=round(ahead / 1000),
                mend="synchronise this machine and the store's (NTP); the store's time is used",
            )
        self._is_apart = is_apart
