"""The intake: many requests, one transaction; answered when it is durable."""

import asyncio

import pytest

from intentlive.core.errors import NotFound, StoreUnavailable, UnknownStateVersion
from intentlive.core.session import fold
from intentlive.intake import Intake
from intentlive.signals import Signals
from tests.contract.conftest import add_bot
from tests.stores import open_store
from tests.wire import NOON_MS, event


class Gated:
    """A store whose merges wait for a signal, and may fail."""

    def __init__(self, store):
        self._store = store
        self.batches = []
        self.go = asyncio.Event()
        self.failures = []

    async def merge(self, batch):
        self.batches.append(batch)
        await self.go.wait()
        if self.failures:
            raise self.failures.pop(0)
        return await self._store.merge(batch)


@pytest.fixture
async def gated(tmp_path):
    store = await open_store("sqlite:x.db", tmp_path)
    await add_bot(store, "st-1")
    await add_bot(store, "st-2")
    gated = Gated(store)
    yield gated
    await store.close()


def ended(subject, seconds=0):
    return fold([event("session.ended", seconds, subject=subject)])


async def begun(*calls):
    """The calls as tasks that have all come as far as they can."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_requests_that_wait_share_the_next_transaction(gated):
    async with Intake(gated, lambda *_: None, Signals()) as intake:
        first = await begun(intake.submit("st-1", ended("a")))
        others = await begun(
            intake.submit("st-1", ended("b")),
            intake.submit("st-2", ended("b")),
            intake.submit("st-1", ended("b", seconds=5)),
        )
        assert len(gated.batches) == 1
        gated.go.set()
        await asyncio.gather(*first, *others)
    assert [sorted(batch) for batch in gated.batches] == [["st-1"], ["st-1", "st-2"]]
    joined = gated.batches[1]["st-1"]["b"]
    assert (joined.started, joined.ended.time) == (NOON_MS, NOON_MS + 5000)


async def test_an_answer_waits_for_the_commit(gated):
    async with Intake(gated, lambda *_: None, Signals()) as intake:
        (task,) = await begun(intake.submit("st-1", ended("a")))
        assert not task.done()
        gated.go.set()
        await task


async def test_a_failed_transaction_is_told_to_all_of_it_and_the_next_goes_on(gated):
    gated.failures = [StoreUnavailable("disk is full")]
    gated.go.set()
    async with Intake(gated, lambda *_: None, Signals()) as intake:
        tasks = await begun(intake.submit("st-1", ended("a")), intake.submit("st-2", ended("a")))
        for answer in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(answer, StoreUnavailable)
        await intake.submit("st-1", ended("a"))


async def test_an_unforeseen_failure_does_not_stop_the_intake(gated):
    gated.failures = [ZeroDivisionError()]
    gated.go.set()
    async with Intake(gated, lambda *_: None, Signals()) as intake:
        with pytest.raises(ZeroDivisionError):
            await intake.submit("st-1", ended("a"))
        await intake.submit("st-1", ended("a"))


async def test_a_bot_that_is_gone_is_told_to_its_own_requests_only(gated):
    gated.go.set()
    async with Intake(gated, lambda *_: None, Signals()) as intake:
        good, bad = await begun(
            intake.submit("st-1", ended("a")), intake.submit("st-deleted", ended("a"))
        )
        await good
        with pytest.raises(NotFound, match="st-deleted"):
            await bad


async def test_a_client_that_goes_away_loses_nothing_for_others(gated):
    async with Intake(gated, lambda *_: None, Signals()) as intake:
        gone, stays = await begun(
            intake.submit("st-1", ended("a")), intake.submit("st-1", ended("b"))
        )
        gone.cancel()
        gated.go.set()
        await stays
    assert sum("a" in batch["st-1"] for batch in gated.batches) == 1


async def test_leaving_waits_until_all_is_stored(gated):
    async with Intake(gated, lambda *_: None, Signals()) as intake:
        tasks = await begun(intake.submit("st-1", ended("a")), intake.submit("st-1", ended("b")))
        asyncio.get_running_loop().call_soon(gated.go.set)
    assert all(task.done() for task in tasks)
    await asyncio.gather(*tasks)


async def test_changes_are_announced_with_their_revision(gated):
    heard = []
    gated.go.set()
    async with Intake(gated, lambda *change: heard.append(change), Signals()) as intake:
        await intake.submit("st-1", ended("a"))
        await intake.submit("st-1", ended("b"))
    assert [bot_id for bot_id, _ in heard] == ["st-1", "st-1"]
    assert heard[0][1] < heard[1][1]


async def test_depth_and_commits_are_counted(gated):
    signals = Signals()
    async with Intake(gated, lambda *_: None, signals) as intake:
        await begun(*[intake.submit("st-1", ended(str(n))) for n in range(3)])
        await begun(*[intake.submit("st-1", ended(str(n))) for n in range(4)])
        assert signals.registry.get_sample_value("intentlive_queue_depth") == 4
        gated.go.set()
    assert signals.registry.get_sample_value("intentlive_queue_depth") == 0
    assert signals.registry.get_sample_value("intentlive_commit_seconds_count") == 2


async def test_one_request_that_cannot_be_stored_does_not_spoil_the_others(gated):
    unreadable = UnknownStateVersion("made by a newer release")
    gated.go.set()
    async with Intake(gated, lambda *_: None, Signals()) as intake:
        gated.failures = [unreadable, unreadable]
        bad, good = await asyncio.gather(
            intake.submit("st-1", ended("a")),
            intake.submit("st-2", ended("a")),
            return_exceptions=True,
        )
    assert (bad, good) == (unreadable, None)
    assert [sorted(batch) for batch in gated.batches] == [["st-1", "st-2"], ["st-1"], ["st-2"]]


async def test_a_listener_that_fails_does_not_stop_the_intake(gated):
    gated.go.set()
    async with Intake(gated, lambda *_: 1 / 0, Signals()) as intake:
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await intake.submit("st-1", ended("a"))


async def test_trouble_is_told_until_a_transaction_succeeds(gated):
    gated.failures = [StoreUnavailable("disk is full")]
    gated.go.set()
    async with Intake(gated, lambda *_: None, Signals()) as intake:
        assert intake.trouble() is None
        with pytest.raises(StoreUnavailable):
            await intake.submit("st-1", ended("a"))
        assert intake.trouble() == "disk is full"
        await intake.submit("st-1", ended("a"))
        assert intake.trouble() is None
