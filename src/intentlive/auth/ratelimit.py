"""The rate limit: a sliding window of one minute per account."""

from collections import deque

from msgspec import Struct

WINDOW_MS = 60_000
_TICK_MS = 100  # calls are counted by tenths of a second, so that a window is 600 numbers at most


class Quota(Struct, frozen=True):
    """The answer to one call; `reset` in seconds until the oldest counted call is forgotten."""

    allowed: bool
    limit: int
    remaining: int
    reset: int


class _Window:
    def __init__(self) -> None:
        self.ticks: deque[list[int]] = deque()
        self.count = 0

    def forget_before(self, tick: int) -> None:
        while self.ticks and self.ticks[0][0] < tick:
            self.count -= self.ticks.popleft()[1]

    def add(self, tick: int) -> None:
        if self.ticks and self.ticks[-1][0] == tick:
            self.ticks[-1][1] += 1
        else:
            self.ticks.append([tick, 1])
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
        tick = now // _TICK_MS
        window.forget_before(tick - WINDOW_MS // _TICK_MS)
        allowed = window.count < limit
        if allowed:
            window.add(tick)
        oldest = window.ticks[0][0] if window.ticks else tick
        leaves = (oldest + 1) * _TICK_MS + WINDOW_MS
        return Quota(allowed, limit, max(0, limit - window.count), -((now - leaves) // 1000))
