"""A sliding minute: what was counted in it, and how much more there is room for."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct

WINDOW_MS = 60_000
_SLOT_MS = 500

Entry: TypeAlias = tuple[int, int]
"""A time in ms, and how much was counted then."""


class Taken(Struct, frozen=True):
    """How much was counted; before `until` (ms) there is no more `room` than is left now."""

    count: int
    room: int
    until: int


class Window:
    """Made of its entries, oldest first.

    What comes within one slot of half a second is one entry, and leaves with the last of it: never
    too early, and few entries tell a whole minute.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries = deque(entries)
        self._count = sum(count for _, count in self._entries)

    @property
    def entries(self) -> Sequence[Entry]:
        """What the window can be made of again."""
        return list(self._entries)

    def take(self, now: int, limit: int, count: int, spare: int = 0) -> Taken:
        """Count so many, or none of them if that would be more than `limit` a minute.

        If they are counted, so is as much of `spare` as there is room for besides.
        """
        self._forget(now)
        room = max(0, limit - self._count)
        taken = min(room, count + spare) if count <= room else 0
        if taken:
            self._add(now, taken)
        oldest = self._entries[0][0] if self._entries else now
        return Taken(taken, room - taken, oldest + WINDOW_MS)

    def _forget(self, now: int) -> None:
        while self._entries and self._entries[0][0] <= now - WINDOW_MS:
            self._count -= self._entries.popleft()[1]
        # From before the clock was set back: it would stay for long.
        while self._entries and self._entries[-1][0] > now + WINDOW_MS:
            self._count -= self._entries.pop()[1]

    def _add(self, now: int, count: int) -> None:
        self._count += count
        if self._entries:
            time, before = self._entries[-1]
            now = max(now, time)  # another's clock may be a little ahead
            if now // _SLOT_MS == time // _SLOT_MS:
                self._entries[-1] = now, before + count
                return
        self._entries.append((now, count))
