"""The rendered latest 25 of each bot, and when a rendering is stale.

A rendering may be thrown away at any moment. It is served as long as the bot's revision is the
one it was made from and no open session has come to its end since.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from msgspec import Struct

from intentlive.core.errors import StoreError
from intentlive.core.personal import VERBATIM, Disguise
from intentlive.core.record import record, render
from intentlive.ports import Latest, SessionStore
from intentlive.rendering import Rendering
from intentlive.sharing import Shared, Together
from intentlive.signals import Signals

LATEST = 25
"""How many sessions the published interface shows."""

RECHECK_MS = 100
"""How long a change made by another process may go unnoticed."""

_FOLLOW_SECONDS = 0.05
FOLLOWED_MS = 5_000
"""So long after it was last asked for, a bot is looked at before anybody has to wait for it."""

MAX_BYTES = 64 * 1024 * 1024
"""Of all renderings as JSON; compressed, each takes about a fifth more."""

_VIEW_BYTES = 2048  # of one that shows nothing


class View(Struct):
    """The answer of the endpoint: `shown` to all, `plain` to those who may see personal data.

    `size` in bytes; times in ms.
    """

    shown: Rendering
    plain: Rendering
    revision: int
    due: int | None
    made: int
    checked: int
    asked: int
    size: int


class LatestViews:
    """The latest sessions of each bot as JSON; `clock` gives ms since 1970."""

    def __init__(self, store: SessionStore, clock: Callable[[], int], signals: Signals) -> None:
        self._store = store
        self._clock = clock
        self._signals = signals
        self._views: dict[str, View] = {}  # those that were rendered last are last
        self._size = 0
        self._revisions: dict[str, int] = {}
        self._looks: Together[str, None] = Together(self._look)
        self._renderings: Shared[View | None] = Shared()

    def on_change(self, bot_id: str, revision: int) -> None:
        """Learn a bot's revision, so that this process's own writes are seen at once."""
        self._revisions[bot_id] = max(revision, self._revisions.get(bot_id, revision))

    def forget_all(self) -> None:
        """Drop every rendering; the revisions stay, for a rendering may be on its way."""
        self._views.clear()
        self._size = 0

    async def follow(self) -> None:
        """Learn what other processes change, for the bots that are asked for, until cancelled."""
        while True:
            await asyncio.sleep(_FOLLOW_SECONDS)
            with suppress(StoreError):  # whoever asks next finds out, and is told
                await self.look_again()

    async def look_again(self) -> None:
        """Look up, by one question, the revisions of all bots that were asked for lately."""
        since = self._clock() - FOLLOWED_MS
        followed = [bot_id for bot_id, view in self._views.items() if view.asked > since]
        if followed:
            await self._look(followed)

    async def latest(self, bot_id: str) -> View | None:
        """The answer of the endpoint; None for an unknown bot."""
        view = self.at_hand(bot_id)
        if view is None and bot_id in self._views:
            await self._looks.ask(bot_id)
            view = self.at_hand(bot_id)
        if view is not None:
            self.count_hit()
            return view
        self._signals.count_view("miss")
        # A rendering under way serves those who came before the next change, not after it.
        asked = bot_id, self._revisions.get(bot_id)
        return await self._renderings.ask(asked, partial(self._render, bot_id))

    def at_hand(self, bot_id: str) -> View | None:
        """The answer, if a rendering is known to be true still; None if that is to be found out."""
        view = self._views.get(bot_id)
        now = self._clock()
        # A view that was made or checked in the future is of a clock that was set back since.
        if view is None or view.made > now or not 0 <= now - view.checked < RECHECK_MS:
            return None
        is_due = view.due is not None and view.due <= now
        if is_due or view.revision < self._revisions.get(bot_id, view.revision):
            return None
        view.asked = now
        return view

    def count_hit(self) -> None:
        """Count that a rendering which was at hand is answered with."""
        self._signals.count_view("hit")

    async def _look(self, bot_ids: Sequence[str]) -> Sequence[None]:
        now = self._clock()
        revisions = await self._store.revisions(bot_ids)
        for bot_id in bot_ids:
            view = self._views.get(bot_id)
            if bot_id not in revisions:
                self._forget(bot_id)
            elif view is not None:
                self.on_change(bot_id, revisions[bot_id])
                view.checked = now
        return [None] * len(bot_ids)

    async def _render(self, bot_id: str) -> View | None:
        now = self._clock()
        latest = await self._store.latest(bot_id, now, LATEST)
        self._forget(bot_id)
        if latest is None:
            return None
        # One that was overtaken by a newer is not served again.
        self.on_change(bot_id, latest.revision)
        shown = plain = _rendered(latest, latest.disguise)
        size = _VIEW_BYTES + len(shown.body)
        if latest.disguise.mode != "verbatim":
            plain = _rendered(latest, VERBATIM)
            size += len(plain.body)
        revision, due = latest.revision, latest.due
        view = View(shown, plain, revision, due, made=now, checked=now, asked=now, size=size)
        self._views[bot_id] = view
        self._size += size
        while self._size > MAX_BYTES and len(self._views) > 1:
            self._forget(next(iter(self._views)))
        return view

    def _forget(self, bot_id: str) -> None:
        view = self._views.pop(bot_id, None)
        if view is not None:
            self._size -= view.size


def _rendered(latest: Latest, disguise: Disguise) -> Rendering:
    records = [record(id_, state, latest.rules, disguise) for id_, state in latest.sessions]
    return Rendering(render(records))
