"""Appliers: whatever becomes of them, what the buffer acknowledged gets into the store."""

import asyncio

import nats as driver
import pytest
from structlog.testing import capture_logs

from intentlive.applier import Applier
from intentlive.core.errors import StoreUnavailable, UnknownStateVersion
from intentlive.core.session import encode_state, join_batches
from tests.buffers.conftest import a_batch, emptied, opened, until
from tests.contract.conftest import add_bot
from tests.stores import open_store

NOW = 10**13


class Troubled:
    """A store whose merges fail for as long as there are errors; `after` lets them happen first."""

    def __init__(self, store):
        self.store = store
        self.errors = []
        self.after = False
        self.spoilt = None

    async def merge(self, batch):
        if self.spoilt in batch.get("st-1", {}):
            raise UnknownStateVersion("a newer release wrote it")
        if self.errors and not self.after:
            raise self.errors.pop(0)
        revisions = await self.store.merge(batch)
        if self.errors:
            raise self.errors.pop(0)
        return revisions

    async def sessions(self, bot_id="st-1"):
        found = await self.store.latest(bot_id, NOW, 1000)
        return {session: encode_state(state) for session, state in found.sessions}


@pytest.fixture
async def store(tmp_path):
    store = await open_store("sqlite:x.db", tmp_path)
    for bot_id in ("st-1", "st-2"):
        await add_bot(store, bot_id)
    yield Troubled(store)
    await store.close()


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """What is put back, or not heard of, comes again soon."""
    monkeypatch.setattr("intentlive.applier._LONGEST_PAUSE", 0.2)
    monkeypatch.setattr("intentlive.applier._ASIDE_SECONDS", 0.2)
    monkeypatch.setattr("intentlive.buffers.jetstream._ACK_SECONDS", 1.0)


@pytest.fixture
def applier(buffer, store):
    return Applier(buffer, store, lambda: 0)


async def applied(buffer, *appliers):
    """Let appliers work until the buffer is empty."""
    stopping = asyncio.Event()
    running = [asyncio.create_task(each.run(stopping)) for each in appliers]
    await emptied(buffer)
    stopping.set()
    await asyncio.gather(*running)


def stored(*batches, bot="st-1"):
    return {name: encode_state(each) for name, each in join_batches(batches)[bot].items()}


async def test_what_is_in_the_buffer_gets_into_the_store(buffer, store, applier):
    batches = [a_batch("a", "b"), a_batch("a", second=5), a_batch("c", bot="st-2")]
    for batch in batches:
        await buffer.merge(batch)
    await applier.step()
    assert await store.sessions() == stored(*batches)
    assert await store.sessions("st-2") == stored(*batches, bot="st-2")
    await emptied(buffer)


async def test_a_step_takes_no_more_than_it_can_be_done_with_in_time(buffer, store, applier):
    for number in range(20):
        await buffer.merge(a_batch(f"s-{number}"))
    await applier.step()
    await emptied(buffer, but=4)
    assert len(await store.sessions()) == 16


async def test_several_at_work(nats, buffer, store):
    batches = [a_batch(f"s-{n % 50}", second=n) for n in range(300)]
    async with opened(nats.url) as second, opened(nats.url) as third:
        appliers = [Applier(each, store, lambda: 0) for each in (buffer, second, third)]
        sending = [asyncio.create_task(buffer.merge(batch)) for batch in batches]
        await asyncio.gather(*sending)
        await applied(buffer, *appliers)
    assert await store.sessions() == stored(*batches)


@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after it"])
async def test_one_that_dies_is_followed_by_another(nats, buffer, store, after):
    batches = [a_batch("a", "b"), a_batch("a", second=5)]
    for batch in batches:
        await buffer.merge(batch)
    async with opened(nats.url) as mortal:
        taken = await mortal.pull(10)
        assert [each.read() for each in taken] == batches
        if after:
            await store.merge(join_batches(batches))
            before = await store.sessions()
    await applied(buffer, Applier(buffer, store, lambda: 0))
    assert await store.sessions() == stored(*batches)
    if after:
        assert await store.sessions() == before


@pytest.mark.parametrize("after", [False, True], ids=["nothing done", "done but not told"])
async def test_while_the_store_is_away_it_waits(buffer, store, applier, after):
    store.errors = [StoreUnavailable("no route to host") for _ in range(3)]
    store.after = after
    await buffer.merge(a_batch("a"))
    with capture_logs() as logs:
        await applied(buffer, applier)
    assert await store.sessions() == stored(a_batch("a"))
    waits = [line for line in logs if line["event"] == "waiting"]
    assert len(waits) == 3
    assert {line["error"] for line in waits} == {"no route to host"}


@pytest.mark.parametrize("what", [b"garbage", b"\x02newer"])
async def test_a_message_that_cannot_be_read_is_kept_and_holds_up_no_other(
    nats, buffer, store, applier, what
):
    client = await driver.connect(nats.url)
    await client.jetstream().publish("intentlive.states", what)
    await buffer.merge(a_batch("a"))
    with capture_logs() as logs:

        async def has_come_again():
            await applier.step()
            return len([line for line in logs if line["event"] == "unreadable"]) >= 2

        await until(has_come_again)
    assert await store.sessions() == stored(a_batch("a"))
    await emptied(buffer, but=1)
    errors = [line for line in logs if line["event"] == "unreadable"]
    assert len(errors) >= 2
    assert errors[0]["message"] == "INTENTLIVE 1"
    assert "kept" in errors[0]["mend"]
    await client.close()


async def test_what_the_store_cannot_take_is_kept_and_holds_up_no_other(buffer, store, applier):
    store.spoilt = "bad"
    for batch in (a_batch("a"), a_batch("bad"), a_batch("b")):
        await buffer.merge(batch)
    with capture_logs() as logs:
        await applier.step()
    assert await store.sessions() == stored(a_batch("a", "b"))
    (fault,) = [line for line in logs if line["event"] == "fault"]
    assert fault["message"] == "INTENTLIVE 2"
    await emptied(buffer, but=1)
    store.spoilt = None
    await applied(buffer, applier)
    assert await store.sessions() == stored(a_batch("a", "b", "bad"))


async def test_the_sessions_of_a_bot_that_is_gone_are_told_and_dropped(buffer, store, applier):
    await buffer.merge(a_batch("a", "b", bot="st-gone") | a_batch("a"))
    with capture_logs() as logs:
        await applier.step()
    (line,) = [line for line in logs if line["event"] == "no such bot"]
    assert (line["bot_id"], line["sessions_dropped"]) == ("st-gone", 2)
    assert await store.sessions() == stored(a_batch("a"))
    await emptied(buffer)


async def test_told_to_stop_it_finishes_what_it_has_begun(buffer, store, applier):
    stopping, begun = asyncio.Event(), asyncio.Event()
    merge = store.merge

    async def slow_merge(batch):
        begun.set()
        await stopping.wait()
        return await merge(batch)

    store.merge = slow_merge
    await buffer.merge(a_batch("a"))
    with capture_logs() as logs:
        running = asyncio.create_task(applier.run(stopping))
        await begun.wait()
        stopping.set()
        await running
    assert await store.sessions() == stored(a_batch("a"))
    await emptied(buffer)
    assert {"event": "applied", "messages": 1, "sessions": 1, "log_level": "info"} in logs


async def test_it_waits_for_a_buffer_that_is_away(nats, buffer, store, applier, monkeypatch):
    await buffer.merge(a_batch("a"))
    monkeypatch.setattr("intentlive.buffers.jetstream._PATIENCE", 0.3)
    stopping = asyncio.Event()

    async def waits():
        return any(line["event"] == "waiting" for line in logs)

    nats.kill()
    with capture_logs() as logs:
        running = asyncio.create_task(applier.run(stopping))
        await until(waits)
        await asyncio.to_thread(nats.start)
        await emptied(buffer)
    stopping.set()
    await running
    assert await store.sessions() == stored(a_batch("a"))
