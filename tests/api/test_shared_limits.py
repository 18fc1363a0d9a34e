"""Two servers on one store that share the limits of their accounts."""

from contextlib import asynccontextmanager
from functools import partial

import pytest

from intentlive.app import serving
from intentlive.core.errors import StoreUnavailable
from tests.stores import open_store

from .server import BrokenStore, Server, event, running

FINISHING = event("flow.completed")


@asynccontextmanager
async def beside(server, tmp_path):
    """A second server on the store of one, as another process would be."""
    store = await open_store("sqlite:sessions.db", tmp_path)
    times = {"clock": server.clock, "monotonic": server.monotonic}
    async with serving(store, shares_limits=True, **times) as application:
        second = Server(application.front, store, server.clock, server.monotonic)
        yield second
        await second.http.aclose()
    await store.close()


@pytest.fixture
async def both(tmp_path):
    async with (
        running(tmp_path, shares_limits=True) as one,
        beside(one, tmp_path) as other,
    ):
        yield one, other


def later(both, seconds):
    both[0].clock.move(seconds=seconds)


async def test_questions_are_counted_together(both):
    answers = [await each.latest() for _ in range(35) for each in both]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429] * 10
    left = [int(answer.headers["ratelimit-remaining"]) for answer in answers]
    assert left == [*range(59, -1, -1)] + [0] * 10
    assert {answer.headers["ratelimit-limit"] for answer in answers} == {"60"}
    assert {answer.headers.get("retry-after") for answer in answers[60:]} == {"60"}


async def test_waiting_as_long_as_one_says_is_enough_for_the_other(both):
    one, other = both
    assert [(await one.latest()).status_code for _ in range(61)] == [200] * 60 + [429]
    later(both, 30)
    refused = await other.latest()
    assert refused.status_code == 429
    later(both, int(refused.headers["retry-after"]))
    assert [(await each.latest()).status_code for each in both] == [200, 200]


async def test_events_are_counted_together_and_apart_from_questions(both):
    one = both[0]
    await one.add_account("few", event_limit=10, bot="few-bot")
    await one.add_app("cs-few", account="few")
    here, there = (partial(each.send, bot="few-bot", app="cs-few") for each in both)
    assert (await here(*[FINISHING] * 7)).status_code == 200
    assert (await there(*[FINISHING] * 4)).status_code == 429
    assert (await there(*[FINISHING] * 3)).status_code == 200
    refused = await here(FINISHING)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    assert (await one.latest("few-bot", app="cs-few")).status_code == 200
    later(both, 60)
    assert (await here(FINISHING)).status_code == 200


async def test_what_could_not_be_read_by_one_counts_for_the_other(both):
    one, other = both
    await one.add_account("few", event_limit=10, bot="few-bot")
    await one.add_app("cs-few", account="few")
    assert (await other.send(*[FINISHING] * 4, bot="few-bot", app="cs-few")).status_code == 200
    unreadable = await one.send_raw(b"[" * 5_000, bot="few-bot", app="cs-few")
    assert unreadable.status_code == 412
    assert (await other.send(FINISHING, bot="few-bot", app="cs-few")).status_code == 429


async def test_a_server_of_its_own_writes_nothing_for_a_question(tmp_path):
    def cannot_count(store):
        return BrokenStore(store, AssertionError("it was asked"), "take_portions")

    async with running(tmp_path, wrap=cannot_count) as server:
        assert [(await server.latest()).status_code for _ in range(61)] == [200] * 60 + [429]


async def test_without_the_place_where_it_is_counted_a_server_counts_for_itself(tmp_path):
    def cannot_count(store):
        return BrokenStore(store, StoreUnavailable("away"), "take_portions")

    async with running(tmp_path, wrap=cannot_count, shares_limits=True) as server:
        assert [(await server.latest()).status_code for _ in range(61)] == [200] * 60 + [429]
