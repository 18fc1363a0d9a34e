"""Limiters of several processes on one store, at a time that the test sets."""

import asyncio
import random
from collections import Counter

import pytest

from intentlive.auth.portions import SharedLimiter
from intentlive.core.errors import StoreUnavailable
from intentlive.ports import Account
from tests.stores import open_store

START = 1_641_470_400_000
MINUTE, SLOT = 60_000, 500
PORTIONS = 200


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


class Counted:
    """A store's counters, and how often they were asked; away, if so set, until it comes back."""

    def __init__(self, store):
        self._store = store
        self.asked = []
        self.is_away = False
        self.held_up = None
        self.is_asked, self.answered = asyncio.Event(), asyncio.Event()

    async def take_portions(self, wants, now):
        self.asked.append([want.count for want in wants])
        self.is_asked.set()
        if self.held_up is not None:
            await self.held_up.wait()
        if self.is_away:
            raise StoreUnavailable("it is away")
        answer = await self._store.take_portions(wants, now)
        self.answered.set()
        return answer


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def counters(tmp_path):
    store = await open_store("sqlite:sessions.db", tmp_path)
    for account_id in ("acc", "other"):
        await store.add_account(Account(account_id, "", 60, 0))
    yield Counted(store)
    await store.close()


def processes(counters, clock, number=2):
    return [SharedLimiter(counters, "requests", clock) for _ in range(number)]


async def allowed(limiter, count, limit):
    """How many of so many calls one after the other are let through."""
    return sum([(await limiter.take("acc", limit)).allowed for _ in range(count)])


async def test_together_they_let_through_what_one_would(counters, clock):
    one, other = processes(counters, clock)
    quotas = [await each.take("acc", 60) for _ in range(31) for each in (one, other)]
    assert [quota.allowed for quota in quotas] == [True] * 60 + [False] * 2
    assert [quota.remaining for quota in quotas] == [*range(59, -1, -1), 0, 0]
    assert {quota.reset for quota in quotas} == {60}


async def test_what_is_held_is_spent_without_asking_and_told_as_left(counters, clock):
    (limiter,) = processes(counters, clock, 1)
    quotas = [await limiter.take("acc", 2_000) for _ in range(33)]
    assert len(counters.asked) == 3  # each time one and a portion of ten
    assert [quota.remaining for quota in quotas] == list(range(1_999, 1_966, -1))


async def test_what_the_store_said_no_to_is_not_asked_again_before_it_can_say_yes(counters, clock):
    one, other = processes(counters, clock)
    assert await allowed(one, 50, 60) == 50
    clock.now += 20_000
    assert await allowed(other, 11, 60) == 10
    asked = len(counters.asked)
    clock.now = START + MINUTE - 1
    assert await allowed(other, 100, 60) == 0
    assert other.refusal("acc", 60).reset == 1
    assert len(counters.asked) == asked
    clock.now += 1
    assert other.refusal("acc", 60) is None
    assert await allowed(other, 100, 60) == 50


async def test_those_who_ask_at_the_same_time_share_a_question_and_one_portion(counters, clock):
    (limiter,) = processes(counters, clock, 1)
    takes = [limiter.take(account, 2_000) for account in ("acc", "other") for _ in range(20)]
    quotas = await asyncio.gather(*takes)
    assert all(quota.allowed for quota in quotas)
    assert [len(wants) for wants in counters.asked] == [40]
    before = len(counters.asked)
    assert [limiter.at_hand("acc", 2_000).allowed for _ in range(10)] == [True] * 10
    assert limiter.at_hand("acc", 2_000) is None
    assert len(counters.asked) == before


async def test_who_asks_while_a_portion_is_on_its_way_brings_no_second_one(counters, clock):
    (limiter,) = processes(counters, clock, 1)
    counters.held_up = asyncio.Event()
    takes = [asyncio.create_task(limiter.take("acc", 2_000))]
    await counters.is_asked.wait()
    takes.append(asyncio.create_task(limiter.take("acc", 2_000)))
    await asyncio.sleep(0)
    counters.held_up.set()
    await asyncio.gather(*takes)
    assert counters.asked == [[1], [1]]
    at_hand = [limiter.at_hand("acc", 2_000) for _ in range(11)]
    assert [bool(quota) for quota in at_hand] == [True] * 10 + [False]


async def test_many_at_once_are_counted_whole_or_not_at_all(counters, clock):
    one, other = processes(counters, clock)
    assert (await one.take("acc", 10, 7)).remaining == 3
    refused = await other.take("acc", 10, 4)
    assert (refused.allowed, refused.remaining) == (False, 3)
    assert other.refusal("acc", 10, 4) is not None
    assert other.refusal("acc", 10, 3) is None
    assert (await other.take("acc", 10, 3)).allowed


async def test_what_is_held_is_put_in_for_many_at_once(counters, clock):
    one, other = processes(counters, clock)
    assert (await one.take("acc", 2_000)).remaining == 1_999  # and holds ten
    assert (await other.take("acc", 2_000, 1_900)).allowed
    refused = await one.take("acc", 2_000, 100)
    assert (refused.allowed, refused.remaining) == (False, 89)
    assert (await one.take("acc", 2_000, refused.remaining)).allowed
    assert not (await one.take("acc", 2_000)).allowed


async def test_a_changed_limit_counts_at_once(counters, clock):
    one, other = processes(counters, clock)
    assert await allowed(one, 5, 2_000) == 5
    assert not (await one.take("acc", 10)).allowed
    assert (await one.take("acc", 61)).limit == 61
    assert await allowed(other, 100, 30) == 30 - 11 - 1


async def test_what_was_heard_a_minute_ago_counts_no_more(counters, clock):
    one, other = processes(counters, clock)
    assert await allowed(one, 1, 2_000) == 1
    assert await allowed(other, 1_500, 2_000) == 1_500
    clock.now += MINUTE
    assert (await one.take("acc", 2_000)).remaining == 1_999


@pytest.mark.parametrize("seed", range(12))
async def test_in_any_order_the_processes_stay_within_a_portion_each(counters, clock, seed):
    rng = random.Random(seed)
    number, limit = rng.choice([2, 4, 10]), rng.choice([10, 60, 400, 4_000])
    limiters = processes(counters, clock, number)
    slack = number * (limit // PORTIONS)
    assert slack <= limit / 10
    let_through = []
    largest = max(1, limit // 50)
    for _ in range(150):
        clock.now += rng.choice([0, 1, rng.randrange(1_000), rng.randrange(10_000)])
        counts = [rng.randrange(1, largest + 1) for _ in range(rng.randrange(1, 8))]
        takes = [rng.choice(limiters).take("acc", limit, count) for count in counts]
        answers = list(zip(counts, await asyncio.gather(*takes), strict=True))
        let_through += [(clock.now, count) for count, quota in answers if quota.allowed]
        counted = sum(n for time, n in let_through if time > clock.now - MINUTE - SLOT)
        refused = [count for count, quota in answers if not quota.allowed]
        assert all(counted + count + slack > limit for count in refused)
        of_a_minute = sum(n for time, n in let_through if time > clock.now - MINUTE)
        assert of_a_minute <= limit + slack


async def test_what_is_held_is_all_that_they_can_be_wrong_by(counters, clock):
    limit, (busy, *idle) = 800, processes(counters, clock, 11)
    assert [await allowed(each, 1, limit) for each in idle] == [1] * 10
    assert await allowed(busy, limit, limit) == 0.95 * limit - 10  # withheld: four by each
    clock.now += MINUTE - 1
    late = sum([await allowed(each, 4, limit) for each in idle])
    clock.now += SLOT
    assert late + await allowed(busy, limit, limit) == 1.05 * limit


async def test_under_steady_load_ten_processes_use_nine_tenths_of_the_limit(counters, clock):
    limit, per_minute = 600, Counter()
    limiters = processes(counters, clock, 10)
    for step in range(5 * MINUTE // 50):  # twice as much as they may
        clock.now = START + step * 50
        quota = await limiters[step % 10].take("acc", limit)
        per_minute[step * 50 // MINUTE] += quota.allowed
    assert all(0.9 * limit <= taken <= 1.1 * limit for taken in per_minute.values()), per_minute


async def test_while_the_store_is_away_a_process_counts_by_itself(counters, clock):
    one, other = processes(counters, clock)
    assert await allowed(one, 60, 60) == 60
    counters.is_away = True
    clock.now += MINUTE
    assert await allowed(one, 70, 60) == 60
    assert one.refusal("acc", 60) is not None
    assert await allowed(other, 70, 60) == 60


async def test_nobody_waits_for_a_store_that_is_away_and_it_is_noticed_when_it_is_back(
    counters, clock
):
    one, other = processes(counters, clock)
    counters.is_away = True
    assert (await one.take("acc", 60)).allowed
    counters.held_up = asyncio.Event()
    assert one.at_hand("acc", 60).allowed
    assert one.at_hand("acc", 60).allowed
    await asyncio.sleep(0)
    assert counters.asked == [[1], [0]]  # one question at a time
    counters.is_away = False
    counters.held_up.set()
    await counters.answered.wait()
    assert await allowed(other, 55, 60) == 55
    assert await allowed(one, 60, 60) == 5
