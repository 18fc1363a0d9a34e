"""From the buffer to the store: pull, join, commit, acknowledge.

Any number of appliers may do so, and each may die anywhere: what was not acknowledged is delivered
again, and what is joined twice changes nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import structlog

from intentlive.buffers import Buffer, Delivery
from intentlive.core.errors import StoreUnavailable, UnreadableMessage
from intentlive.core.session import Batch, join_batches
from intentlive.ports import Sink

_AT_ONCE = 16  # as many as are sure to be done with before they are given out again
_LONGEST_PAUSE = 5.0  # seconds; as long as a store that is back may go unnoticed
_ASIDE_SECONDS = 60.0
_TELL_MS = 60_000

# Nothing is ever dropped but what no bot is there for.
_UNREADABLE = "it is kept: run an applier of the release that wrote it, or of a newer one"
_FAULT = "it is kept, and tried again every minute"
_NO_BOT = "it was deleted, or this applier has another --store than the server"

_log = structlog.get_logger("intentlive.applier")


class _Read(NamedTuple):
    delivery: Delivery
    batch: Batch


class Applier:
    """Brings what a buffer holds to a store; `monotonic` gives ms of a clock that never goes back.

    It logs once a minute how much that was, and in the end.
    """

    def __init__(self, buffer: Buffer, store: Sink, monotonic: Callable[[], int]) -> None:
        self._buffer = buffer
        self._store = store
        self._monotonic = monotonic
        self._told = monotonic()
        self._messages = 0
        self._sessions = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Apply until told to stop; what was begun is finished."""
        pause = 0.0
        while not stopping.is_set():
            try:
                await self.step()
                pause = 0.0
            except StoreUnavailable as error:
                pause = min(2 * pause or 0.5, _LONGEST_PAUSE)
                _log.warning("waiting", error=str(error), seconds=pause)
            self._tell()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)
        self._tell(at_once=True)

    async def step(self) -> None:
        """Apply what the buffer gives out next, if anything.

        StoreUnavailable: nothing of it is known to be stored, and it will be delivered again.
        """
        read = []
        for delivery in await self._buffer.pull(_AT_ONCE):
            try:
                read.append(_Read(delivery, delivery.read()))
            except UnreadableMessage as error:
                _log.error("unreadable", message=delivery.name, error=str(error), mend=_UNREADABLE)
                await delivery.put_back(_ASIDE_SECONDS)
        try:
            await self._commit(read)
        except StoreUnavailable:
            for each in read:
                await each.delivery.put_back(_LONGEST_PAUSE)
            raise

    async def _commit(self, read: Sequence[_Read]) -> None:
        try:
            batch = join_batches(each.batch for each in read)
            revisions = await self._store.merge(batch) if batch else {}
        except StoreUnavailable:
            raise
        except Exception:  # noqa: BLE001 - told, and tried again
            if len(read) > 1:  # one of them is at fault: let it not hold up the others
                for each in read:
                    await self._commit([each])
            else:
                _log.exception("fault", message=read[0].delivery.name, mend=_FAULT)
                await read[0].delivery.put_back(_ASIDE_SECONDS)
            return
        for bot_id in batch.keys() - revisions.keys():
            lost = len(batch[bot_id])
            _log.warning("no such bot", bot_id=bot_id, sessions_dropped=lost, mend=_NO_BOT)
        for each in read:
            await each.delivery.done()
        self._messages += len(read)
        self._sessions += sum(len(batch[bot_id]) for bot_id in revisions)

    def _tell(self, *, at_once: bool = False) -> None:
        now = self._monotonic()
        if self._messages and (at_once or now - self._told >= _TELL_MS):
            _log.info("applied", messages=self._messages, sessions=self._sessions)
            self._messages = self._sessions = 0
            self._told = now
