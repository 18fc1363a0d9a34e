"""Limits an account in all processes of a store together.

A process takes portions of the account's minute from the store, and spends them without asking.
What it holds unspent is all that the processes together can be wrong by, one portion each: an
idle one withholds it from the others, or spends it in a later minute than it was counted in.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from intentlive.auth.ratelimit import LocalLimiter, Quota, seconds_until
from intentlive.core.errors import StoreUnavailable
from intentlive.core.window import WINDOW_MS
from intentlive.counting import Counted, Counters, Want
from intentlive.sharing import Shared, Together

_PORTIONS = 200
"""In a limit: so ten processes hold a twentieth of it; one of less is asked for call by call."""


class _Known(Struct):
    """What a process holds of an account's minute, and what it `heard` of it when (ms).

    Up to `until` there is no more `room` than it heard.
    """

    limit: int
    heard: int
    held: int = 0
    room: int = 0
    until: int = 0

    def quota(self, is_allowed: bool, now: int) -> Quota:
        remaining = self.held + self.room
        return Quota(is_allowed, self.limit, remaining, seconds_until(self.until, now))


class SharedLimiter:
    """Counts in the store, with its `clock` (ms); while the store is away, by itself."""

    def __init__(self, counters: Counters, kind: Counted, clock: Callable[[], int]) -> None:
        self._counters = counters
        self._kind: Counted = kind
        self._clock = clock
        self._accounts: dict[str, _Known] = {}
        self._waiting: Together[Want, bool] = Together(self._ask)
        self._alone = LocalLimiter(clock)
        self._is_store_away = False
        self._returns: Shared[Sequence[bool]] = Shared()

    def at_hand(self, account_id: str, limit: int, count: int = 1) -> Quota | None:
        if self._is_store_away:
            # Asked again all the same, and nobody waits for a store that may take long to say no.
            want = Want(account_id, self._kind, limit, 0)
            self._returns.begin("store", lambda: self._ask([want]))
            return self._alone.at_hand(account_id, limit, count)
        now = self._clock()
        known = self._known(account_id, limit, now)
        if count <= known.held:
            known.held -= count
            return known.quota(True, now)
        return self.refusal(account_id, limit, count)

    def refusal(self, account_id: str, limit: int, count: int = 1) -> Quota | None:
        if self._is_store_away:
            return self._alone.refusal(account_id, limit, count)
        now = self._clock()
        known = self._known(account_id, limit, now)
        is_known = now < known.until and count > known.held + known.room
        return known.quota(False, now) if is_known else None

    async def take(self, account_id: str, limit: int, count: int = 1) -> Quota:
        at_hand = self.at_hand(account_id, limit, count)
        if at_hand is not None:
            return at_hand
        known = self._known(account_id, limit, self._clock())
        put_in, known.held = known.held, 0
        try:
            want = Want(account_id, self._kind, limit, count - put_in)
            is_allowed = await self._waiting.ask(want)
        except StoreUnavailable:
            self._is_store_away = True
            return self._alone.at_hand(account_id, limit, count)
        if not is_allowed:
            known.held = max(known.held, put_in)
        return known.quota(is_allowed, self._clock())

    def _known(self, account_id: str, limit: int, now: int) -> _Known:
        known = self._accounts.get(account_id)
        if known is None or known.limit != limit or not 0 <= now - known.heard < WINDOW_MS:
            known = self._accounts[account_id] = _Known(limit, now)
        return known

    async def _ask(self, wants: Sequence[Want]) -> Sequence[bool]:
        """Count for all who wait; the last of each account brings its next portion along."""
        now = self._clock()
        last = {want.account_id: position for position, want in enumerate(wants)}
        found = await self._counters.take_portions(
            [
                self._with_portion(want, now) if last[want.account_id] == position else want
                for position, want in enumerate(wants)
            ],
            now,
        )
        self._is_store_away = False
        for want, taken in zip(wants, found, strict=True):
            known = self._known(want.account_id, want.limit, now)
            known.heard, known.room, known.until = now, taken.room, taken.until
            known.held += max(0, taken.count - want.count)
        return [taken.count >= want.count for want, taken in zip(wants, found, strict=True)]

    def _with_portion(self, want: Want, now: int) -> Want:
        held = self._known(want.account_id, want.limit, now).held
        spare = max(0, want.limit // _PORTIONS - held)
        return replace(want, spare=spare)
