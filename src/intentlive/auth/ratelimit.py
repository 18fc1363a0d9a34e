"""The rate limit: a sliding window of one minute per account."""

from collections import deque

from msgspec import Struct

WINDOW_MS = 60_000


class Quota(Struct, frozen=True):
    """The answer to one call; `reset` in seconds until the oldest counted call is forgotten."""

    allowed: bool
    limit: int
    remaining: int
    reset: int


class _Window:
    """The calls of the last minute, those of one millisecond as one entry."""

    def __init__(self) -> None:
        self.entries: deque[list[int]] = deque()
        self.count = 0

    def forget_until(self, time: int) -> None:
        while self.entries and self.entries[0][0] <= time:
            self.count -= self.entries.popleft()[1]

    def add(self, time: int) -> None:
        if self.entries and self.entries[-1][0] == time:
            self.entries[-1][1] += 1
        else:
            self.entries.append([time, 1])
        self.count += 1


class RateLimiter:
    """Counts the calls of every account that has a limit."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}

    def take(self, account_id: str, limit: int, now: int) -> Quota:
        """Count a call at `now` (ms of a clock that never goes back) unless it is over `limit`."""
        window = self._windows.get(account_id)
        if window is None:
            window = self._windows[account_id] = _Window()
        window.forget_until(now - WINDOW_MS)
        allowed = window.count < limit
        if allowed:
            window.add(now)
        oldest = window.entries[0][0] if window.entries else now
        reset = -((now - oldest - WINDOW_MS) // 1000)
        return Quota(allowed, limit, max(0, limit - window.count), reset)
