"""Limits an account: a sliding window of one minute, of requests or of events."""

from collections import deque
from collections.abc import Callable

from msgspec import Struct

WINDOW_MS = 60_000


class Quota(Struct, frozen=True):
    """The answer to one call; `reset` in seconds until the oldest that was counted is forgotten."""

    allowed: bool
    limit: int
    remaining: int
    reset: int


class _Window:
    """What was counted in the last minute, that of one millisecond as one entry."""

    def __init__(self) -> None:
        self.entries: deque[list[int]] = deque()
        self.count = 0

    def forget_until(self, time: int) -> None:
        while self.entries and self.entries[0][0] <= time:
            self.count -= self.entries.popleft()[1]

    def add(self, time: int, count: int) -> None:
        if self.entries and self.entries[-1][0] == time:
            self.entries[-1][1] += count
        else:
            self.entries.append([time, count])
        self.count += count


class RateLimiter:
    """Counts for every account that has a limit; `monotonic` in ms."""

    def __init__(self, monotonic: Callable[[], int]) -> None:
        self._monotonic = monotonic
        self._windows: dict[str, _Window] = {}

    def take(self, account_id: str, limit: int, count: int = 1) -> Quota:
        """Count so many, or none of them if they would be more than `limit` a minute."""
        now = self._monotonic()
        window = self._windows.get(account_id)
        if window is None:
            window = self._windows[account_id] = _Window()
        window.forget_until(now - WINDOW_MS)
        allowed = window.count + count <= limit
        if allowed and count:
            window.add(now, count)
        oldest = window.entries[0][0] if window.entries else now
        reset = -((now - oldest - WINDOW_MS) // 1000)
        return Quota(allowed, limit, max(0, limit - window.count), reset)
