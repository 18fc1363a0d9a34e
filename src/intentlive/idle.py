"""Announces sessions that ended by themselves, to whoever follows the revisions of their bots.

It decides nothing: what has finished is in every answer, announced or not. Any number of processes
may do it at once, for a bot's row says up to when it was done.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from intentlive.core.errors import StoreError
from intentlive.ports import SessionStore

_SECONDS_BETWEEN = 1.0


class Announcer:
    """Looks for such sessions again and again; `clock` gives ms since 1970.

    `on_change` is told of each bot and its new revision.
    """

    def __init__(
        self, store: SessionStore, clock: Callable[[], int], on_change: Callable[[str, int], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._on_change = on_change

    async def run(self) -> None:
        """Announce once a second until cancelled."""
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN)
            with suppress(StoreError):  # what is missed now is found the next time
                await self.announce()

    async def announce(self) -> None:
        """Announce, bot by bot, what has ended up to now."""
        now = self._clock()
        for bot_id in await self._store.unannounced(now):
            revision = await self._store.announce(bot_id, now)
            if revision is not None:
                self._on_change(bot_id, revision)
