"""A process of the server: the real intake, views and store, on the clocks of a machine of its own.

What the composition root does in a real one; here HTTP and tokens are left out.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from intentlive.applier import Applier
from intentlive.clock import StoreClock
from intentlive.core.session import State, fold
from intentlive.idle import Announcer
from intentlive.ingest.cloudevents import NDJSON, parse_events
from intentlive.intake import Intake
from intentlive.latest import LatestViews, View
from intentlive.ports import Acting, Sink
from intentlive.signals import Signals
from intentlive.stores.postgres.sessions import PostgresSessions
from intentlive.stores.sql.audit import SqlAudit
from intentlive.stores.sql.registry import SqlRegistry
from intentlive.stores.sql.unlocking import Unlocked
from intentlive.stores.sqlite.sessions import SqliteSessions
from intentlive.stores.vault import Vault
from worlds.database import Database

_UNLOCKED = Unlocked(Vault(bytes(32)), bytes(32))


class LockingStore(SqliteSessions, SqlRegistry, SqlAudit):
    """The store whose transactions begin by a lock; its time is the world's."""

    _database: Database

    def __init__(self, database: Database) -> None:
        super().__init__(database, _UNLOCKED, Acting("worlds", lambda: 0))

    async def time(self) -> int:
        return await self._database.time()


class ComparingStore(PostgresSessions, LockingStore):
    """The store that joins outside of transactions, and writes where nobody else has."""


class Parts(NamedTuple):
    """What workers are made of; the tests put broken ones in."""

    locking: Callable[[Database], LockingStore] = LockingStore
    comparing: Callable[[Database], LockingStore] = ComparingStore
    intake: Callable[..., Intake] = Intake
    views: Callable[..., LatestViews] = LatestViews
    announcer: Callable[..., Announcer] = Announcer
    applier: Callable[..., Applier] = Applier
    clock: Callable[..., StoreClock] = StoreClock


USUAL = Parts()


class Worker:
    """Takes events into a sink and answers questions from the store."""

    def __init__(
        self, name: str, store: LockingStore, sink: Sink, clock: StoreClock, parts: Parts
    ) -> None:
        self.name = name
        self._clock = clock
        signals = Signals()
        self._views = parts.views(store, clock, signals)
        self._intake = parts.intake(sink, self._views.on_change, signals)
        self._announcer = parts.announcer(store, clock, self._views.on_change)
        self._beside: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Make ready to be called."""
        await self._clock.measure()
        for work in (self._clock.follow(), self._views.follow(), self._announcer.run()):
            self._beside.append(asyncio.create_task(work))

    async def take(self, bot_id: str, body: bytes) -> Mapping[str, State]:
        """Store the events of a body; gives what they say when it is durable."""
        parsed = parse_events(NDJSON, body, self._clock())
        if parsed.rejected:
            raise ValueError(f"rejected: {parsed.rejected}")
        states = fold(parsed.events)
        await self._intake.submit(bot_id, states)
        return states

    async def latest(self, bot_id: str) -> View | None:
        """The answer of the endpoint."""
        return await self._views.latest(bot_id)
