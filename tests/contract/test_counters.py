"""What every store does with what is counted of accounts."""

import asyncio

import pytest

from intentlive.core.window import Taken
from intentlive.counting import Want
from tests.contract.conftest import an_account

NOW = 1_641_470_400_000
MINUTE = 60_000


@pytest.fixture
async def store(store):
    for account_id in ("a1", "a2"):
        await store.add_account(an_account(account_id))
    return store


def want(count, spare=0, *, account_id="a1", kind="requests", limit=10):
    return Want(account_id, kind, limit, count, spare)


async def take(store, *wants, now=NOW):
    return list(await store.take_portions(wants, now))


async def counts(store, *wants, now=NOW):
    return [taken.count for taken in await take(store, *wants, now=now)]


async def test_whole_or_not_at_all_and_of_what_is_spare_as_much_as_there_is(store):
    assert await take(store, want(3, 2)) == [Taken(5, 5, NOW + MINUTE)]
    assert await take(store, want(6, 2)) == [Taken(0, 5, NOW + MINUTE)]
    assert await take(store, want(4, 8)) == [Taken(5, 0, NOW + MINUTE)]
    assert await take(store, want(1)) == [Taken(0, 0, NOW + MINUTE)]


async def test_several_are_counted_one_after_the_other_and_answered_in_their_order(store):
    wants = [want(4), want(7, account_id="a2"), want(5), want(2), want(1, 9), want(0, 9)]
    assert await counts(store, *wants) == [4, 7, 5, 0, 1, 0]
    assert await counts(store) == []


async def test_accounts_and_kinds_are_counted_apart(store):
    assert await counts(store, want(10), want(10, account_id="a2")) == [10, 10]
    assert await counts(store, want(10, kind="events"), want(1)) == [10, 0]
    assert await counts(store, want(1, kind="events")) == [0]


async def test_what_was_counted_is_over_after_a_minute(store):
    assert await counts(store, want(6)) == [6]
    assert await counts(store, want(4), now=NOW + 30_000) == [4]
    assert await take(store, want(1), now=NOW + MINUTE - 1) == [Taken(0, 0, NOW + MINUTE)]
    until = NOW + 30_000 + MINUTE
    assert await take(store, want(5), now=NOW + MINUTE) == [Taken(5, 1, until)]


async def test_a_limit_is_what_the_caller_says(store):
    assert await counts(store, want(10), want(1), want(1, limit=11)) == [10, 0, 1]
    assert await counts(store, want(1, limit=5)) == [0]


async def test_what_one_process_counts_another_sees_at_once(two_stores):
    one, other = two_stores
    await one.add_account(an_account())
    assert await counts(one, want(4)) == [4]
    assert await counts(other, want(6), want(1)) == [6, 0]
    assert await counts(one, want(1)) == [0]


@pytest.mark.parametrize("limit", [7, 100])
async def test_of_many_at_the_same_time_as_many_are_counted_as_may_be(two_stores, limit):
    await two_stores[0].add_account(an_account())
    takers = two_stores * 4
    asked = [counts(each, want(1, limit=limit), want(2, limit=limit)) for each in takers * 5]
    taken = sum(sum(each) for each in await asyncio.gather(*asked))
    assert taken == min(limit, 40 * 3)
    assert await counts(two_stores[1], want(1, limit=limit)) == [0 if taken == limit else 1]


async def test_many_accounts_at_the_same_time_do_not_get_into_each_others_way(two_stores):
    ids = [f"a{number}" for number in range(10)]
    for account_id in ids:
        await two_stores[0].add_account(an_account(account_id))
    there = [want(1, account_id=account_id) for account_id in ids]
    asked = [counts(each, *order) for each in two_stores * 5 for order in (there, there[::-1])]
    assert sum(sum(each) for each in await asyncio.gather(*asked)) == 10 * 10


async def test_what_was_counted_goes_with_its_account(store):
    assert await counts(store, want(10), want(10, kind="events")) == [10, 10]
    await store.delete_account("a1")
    await store.add_account(an_account("a1"))
    assert await counts(store, want(10), want(10, kind="events")) == [10, 10]


async def test_counting_does_not_change_the_registry(store):
    before = await store.registry_revision()
    await take(store, want(1))
    assert await store.registry_revision() == before


async def test_of_an_account_that_is_gone_nothing_is_counted_and_others_go_on(store):
    assert await counts(store, want(3, account_id="gone"), want(4), want(0, 5)) == [0, 4, 5]
    await store.delete_account("a1")
    assert await counts(store, want(1), want(2, account_id="a2")) == [0, 2]
