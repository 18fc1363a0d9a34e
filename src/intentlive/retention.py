"""Deletes what is kept no longer: sessions past their bot's retention, ids of tokens that are over.

In steps so small that the intake hardly waits. Any number of processes may do it at once.
"""

import asyncio
from collections.abc import Callable

import structlog

from intentlive.core.errors import StoreUnavailable
from intentlive.ports import Store
from intentlive.signals import Signals

_SECONDS_BETWEEN = 60.0
_AT_ONCE = 500

_log = structlog.get_logger("intentlive.retention")


class Retention:
    """Looks through the store again and again; `clock` gives ms since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int], signals: Signals) -> None:
        self._store = store
        self._clock = clock
        self._signals = signals

    async def run(self) -> None:
        """Sweep once a minute until cancelled."""
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN)
            try:
                await self.sweep()
            except StoreUnavailable as error:
                _log.warning("store away", error=str(error))
            except Exception:  # noqa: BLE001 - the next sweep may succeed
                _log.exception("fault")

    async def sweep(self) -> None:
        """Delete all that is over now; a bot of which something cannot be read stops no other."""
        while await self._store.forget_used_tokens(self._clock(), _AT_ONCE):
            pass
        for bot in await self._store.bots():
            before = bot.oldest_kept(self._clock())
            if before is None:
                continue
            try:
                await self._purge(bot.bot_id, before)
            except StoreUnavailable:
                raise
            except Exception:  # noqa: BLE001 - told, and tried again
                _log.exception("fault", bot_id=bot.bot_id)

    async def _purge(self, bot_id: str, before: int) -> None:
        deleted = 0
        while some := await self._store.purge(bot_id, before, _AT_ONCE):
            deleted += some
            self._signals.sessions_purged.inc(some)
        if deleted:
            _log.info("retention", bot_id=bot_id, sessions_deleted=deleted)
