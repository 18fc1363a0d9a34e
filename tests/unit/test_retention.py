"""What is kept no longer is deleted, bot by bot, while everything else goes on."""

import asyncio
from contextlib import suppress

import pytest
import structlog

from intentlive.core.errors import StoreUnavailable
from intentlive.core.session import fold
from intentlive.ports import DAY_MS, Bot
from intentlive.retention import Retention
from intentlive.signals import Signals
from tests.contract.conftest import add_bot, an_account
from tests.contract.test_sessions import ended, latest_ids
from tests.stores import open_store, use_token
from tests.wire import NOON_MS

DAY = 24 * 3600


class World:
    def __init__(self, store):
        self.store = store
        self.now = NOON_MS + 10 * DAY_MS
        self.signals = Signals()
        self.retention = Retention(store, lambda: self.now, self.signals)

    async def ids(self, bot_id):
        return await latest_ids(self.store, bot_id, self.now)


@pytest.fixture
async def world(tmp_path):
    store = await open_store("sqlite:x.db", tmp_path)
    await store.add_account(an_account())
    rules = (await add_bot(store, "st-all")).rules
    for days in (3, 7):
        await store.add_bot(Bot(f"st-{days}", "a1", "", rules, 1, retention_days=days))
    told = fold([ended(f"day-{day}", day * DAY) for day in range(10)])
    await store.merge(dict.fromkeys(("st-all", "st-3", "st-7"), told))
    yield World(store)
    await store.close()


async def test_each_bot_keeps_its_days_and_one_without_keeps_all(world):
    await world.retention.sweep()
    assert await world.ids("st-3") == ["day-9", "day-8", "day-7"]
    assert len(await world.ids("st-7")) == 7
    assert len(await world.ids("st-all")) == 10
    purged = world.signals.registry.get_sample_value("intentlive_sessions_purged_total")
    assert purged == 10


async def test_it_goes_on_as_time_does(world):
    for days in (10, 11, 12, 13):
        world.now = NOON_MS + days * DAY_MS
        await world.retention.sweep()
    assert await world.ids("st-3") == []


async def test_more_than_one_step_is_taken(world):
    many = fold([ended(f"s-{number}", 0) for number in range(1_100)])
    await world.store.merge({"st-3": many})
    steps = []
    purge = world.store.purge

    async def counted(*arguments):
        steps.append(await purge(*arguments))
        return steps[-1]

    world.store.purge = counted
    await world.retention.sweep()
    assert max(steps) <= 500
    assert sum(steps) == 1_100 + 7 + 3


async def test_events_come_in_between_its_steps(world):
    """The steps are transactions of their own: nobody waits for all of them."""
    purge, order = world.store.purge, []

    async def noted(*arguments):
        order.append("step")
        return await purge(*arguments)

    async def send():
        await world.store.merge({"st-all": fold([ended("new", 9.5 * DAY)])})
        order.append("stored")

    world.store.purge = noted
    await world.store.merge({"st-3": fold([ended(f"s-{n}", 0) for n in range(2_000)])})
    sweeping = asyncio.ensure_future(world.retention.sweep())
    await send()
    await sweeping
    assert order.index("stored") < len(order) - 1


async def test_used_tokens_are_forgotten_when_they_are_over(world):
    await use_token(world.store, "cs-1", b"over", world.now - 1)
    await use_token(world.store, "cs-1", b"counts", world.now + 1)
    await world.retention.sweep()
    assert not await world.store.is_used("cs-1", b"over")
    assert await world.store.is_used("cs-1", b"counts")


async def test_a_store_that_is_away_is_tried_again(world, monkeypatch):
    monkeypatch.setattr("intentlive.retention._SECONDS_BETWEEN", 0)
    swept = asyncio.Event()
    bots, fail = world.store.bots, [True]

    async def sometimes():
        if fail.pop() if fail else False:
            raise StoreUnavailable("away")
        swept.set()
        return await bots()

    world.store.bots = sometimes
    running = asyncio.ensure_future(world.retention.run())
    await swept.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_session_that_cannot_be_read_stops_no_other_bot(world):
    """As one does that a newer release wrote beside this one."""

    def work(connection):
        connection.execute("UPDATE sessions SET state = x'02' WHERE bot_id = 'st-3'")

    await world.store._database.write(work)
    with structlog.testing.capture_logs() as lines:
        await world.retention.sweep()
    assert [(line["event"], line.get("bot_id")) for line in lines] == [
        ("fault", "st-3"),
        ("retention", "st-7"),
    ]
    assert len(await world.ids("st-7")) == 7
