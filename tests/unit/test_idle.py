"""Ends of sessions are announced to the views, whatever the store says meanwhile."""

import asyncio
from contextlib import suppress

import pytest

from intentlive.core.errors import StoreUnavailable
from intentlive.core.session import fold
from intentlive.idle import Announcer
from tests.contract.conftest import add_bot
from tests.stores import open_store, revision
from tests.wire import NOON_MS, event

END = NOON_MS + 15 * 60 * 1000


class World:
    """A store with two bots, a session of each, an announcer, and a clock to turn."""

    def __init__(self, store):
        self.store = store
        self.now = NOON_MS
        self.told = []
        self.announcer = self.another()

    def another(self):
        return Announcer(self.store, lambda: self.now, lambda *change: self.told.append(change))


@pytest.fixture
async def world(tmp_path):
    store = await open_store("sqlite:x.db", tmp_path)
    for bot_id, seconds in (("st-1", 0), ("st-2", 1)):
        await add_bot(store, bot_id)
        await store.merge({bot_id: fold([event("message.received", seconds)])})
    yield World(store)
    await store.close()


async def test_each_end_is_told_when_it_comes(world):
    before = await world.store.revisions(["st-1", "st-2"])
    told = []
    for now, ended in ((END - 1, []), (END, ["st-1"]), (END + 1_000, ["st-2"]), (END + 9_000, [])):
        world.now = now
        await world.announcer.announce()
        told += [(bot_id, before[bot_id] + 1) for bot_id in ended]
        assert world.told == told
    assert dict(told) == await world.store.revisions(["st-1", "st-2"])


async def test_of_many_announcers_one_tells(world):
    world.now = END
    await asyncio.gather(*(world.another().announce() for _ in range(10)))
    assert world.told == [("st-1", await revision(world.store))]


async def test_a_store_that_is_away_is_asked_again(world, monkeypatch):
    monkeypatch.setattr("intentlive.idle._SECONDS_BETWEEN", 0)
    announce, failures = world.store.announce, [StoreUnavailable("away"), StoreUnavailable("away")]

    async def sometimes(*wanted):
        if failures:
            raise failures.pop()
        return await announce(*wanted)

    world.store.announce = sometimes
    told = asyncio.get_running_loop().create_future()
    announcer = Announcer(world.store, lambda: END, lambda *change: told.set_result(change))
    running = asyncio.ensure_future(announcer.run())
    assert await told == ("st-1", await revision(world.store))
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
