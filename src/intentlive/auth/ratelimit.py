"""Limits an account: a sliding window of one minute, of requests or of events."""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from intentlive.core.window import Window


class Quota(Struct, frozen=True):
    """The answer to one call; `reset` in seconds until the oldest that was counted is forgotten."""

    allowed: bool
    limit: int
    remaining: int
    reset: int


class Limiter(Protocol):
    """Counts for every account that has a limit: what a call brings whole, or none of it."""

    def at_hand(self, account_id: str, limit: int, count: int = 1) -> Quota | None:
        """Count so many if they are allowed; None where that is not known without waiting."""

    def refusal(self, account_id: str, limit: int, count: int = 1) -> Quota | None:
        """The answer to so many, if it is known to be no; nothing is counted."""

    async def take(self, account_id: str, limit: int, count: int = 1) -> Quota:
        """Count so many if they are allowed."""


class LocalLimiter:
    """Counts what this process lets through; `clock` in ms."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._windows: dict[str, Window] = {}

    def at_hand(self, account_id: str, limit: int, count: int = 1) -> Quota:
        now = self._clock()
        taken = self._window(account_id).take(now, limit, count)
        reset = seconds_until(taken.until, now)
        return Quota(taken.count == count, limit, taken.room, reset)

    def refusal(self, account_id: str, limit: int, count: int = 1) -> Quota | None:
        found = self.at_hand(account_id, limit, 0)
        return None if count <= found.remaining else replace(found, allowed=False)

    async def take(self, account_id: str, limit: int, count: int = 1) -> Quota:
        return self.at_hand(account_id, limit, count)

    def _window(self, account_id: str) -> Window:
        window = self._windows.get(account_id)
        if window is None:
            window = self._windows[account_id] = Window()
        return window


def seconds_until(time: int, now: int) -> int:
    """Whole seconds after which a time (ms) has surely come."""
    return max(0, -((now - time) // 1000))
