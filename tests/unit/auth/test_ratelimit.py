"""A sliding window of a minute, at given times."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentlive.auth.ratelimit import LocalLimiter

START = 1_000_000
MINUTE = 60_000


SLOT = 500


class Limiter(LocalLimiter):
    """One that is told the time with every call."""

    def __init__(self):
        super().__init__(lambda: self.now)

    def take(self, account_id, limit, now, count=1):
        self.now = now
        return super().at_hand(account_id, limit, count)


def take_many(limiter, count, *, now=START, limit=60, account="acc"):
    return [limiter.take(account, limit, now) for _ in range(count)]


def test_sixty_calls_are_allowed_and_no_more():
    quotas = take_many(Limiter(), 63)
    assert [quota.allowed for quota in quotas] == [True] * 60 + [False] * 3
    assert [quota.remaining for quota in quotas] == [*range(59, -1, -1), 0, 0, 0]
    assert {quota.limit for quota in quotas} == {60}


@pytest.mark.parametrize("start", [START, START + 1, START + 99, 0, 10**15])
def test_reset_says_when_the_oldest_call_is_forgotten(start):
    limiter = Limiter()
    reset = take_many(limiter, 60, now=start)[-1].reset
    assert reset == 60
    assert not limiter.take("acc", 60, start + MINUTE - 1).allowed
    assert limiter.take("acc", 60, start + reset * 1000) == limiter.take("b", 60, start)


def test_reset_counts_down():
    limiter = Limiter()
    take_many(limiter, 60, now=START)
    assert [limiter.take("acc", 60, START + ms).reset for ms in (100, 30_100, 59_999)] == [
        60,
        30,
        1,
    ]


def test_refused_calls_are_not_counted():
    limiter = Limiter()
    take_many(limiter, 60)
    for now in range(START, START + MINUTE, 500):
        assert not limiter.take("acc", 60, now).allowed
    assert limiter.take("acc", 60, START + MINUTE + SLOT).remaining == 59


def test_the_window_slides_with_every_call_that_leaves_it():
    limiter = Limiter()
    for second in range(60):
        assert limiter.take("acc", 60, START + second * 1000).allowed
    for second in range(60):
        now = START + MINUTE + second * 1000 + 100
        assert [quota.allowed for quota in take_many(limiter, 2, now=now)] == [True, False]


def test_a_burst_at_the_turn_of_a_minute_is_no_way_around_it():
    limiter = Limiter()
    take_many(limiter, 1, now=START)
    take_many(limiter, 59, now=START + 59_000)
    allowed = [quota.allowed for quota in take_many(limiter, 60, now=START + 60_100)]
    assert allowed == [True] + [False] * 59


def test_accounts_are_independent():
    limiter = Limiter()
    take_many(limiter, 60, account="a")
    assert not limiter.take("a", 60, START).allowed
    assert limiter.take("b", 60, START).remaining == 59


def test_a_changed_limit_counts_at_once():
    limiter = Limiter()
    take_many(limiter, 60)
    assert limiter.take("acc", 61, START).allowed
    lowered = limiter.take("acc", 10, START)
    assert (lowered.allowed, lowered.remaining) == (False, 0)


@settings(derandomize=True, database=None, deadline=None)
@given(st.lists(st.integers(0, 20_000), max_size=60), st.integers(1, 10))
def test_no_minute_ever_holds_more_than_the_limit(pauses, limit):
    limiter, now, allowed = Limiter(), START, []
    for pause in pauses:
        now += pause
        quota = limiter.take("acc", limit, now)
        recent = [time for time in allowed if now - time < MINUTE]
        surely_recent = [time for time in allowed if now - time < MINUTE + SLOT]
        assert quota.allowed or len(surely_recent) >= limit
        if quota.allowed:
            assert len(recent) < limit
            allowed.append(now)


def test_memory_does_not_grow_with_the_calls():
    limiter = Limiter()

    def held_after(minutes):
        end = START + minutes * MINUTE
        for now in range(end - MINUTE, end, 10):
            limiter.take("acc", 1_000_000, now)
        return len(pickle.dumps(limiter._windows))

    assert [held_after(minutes) for minutes in (2, 3, 4)] == [held_after(5)] * 3


def test_many_at_once_are_counted_whole_or_not_at_all():
    limiter = Limiter()
    assert limiter.take("acc", 10, START, 7).remaining == 3
    refused = limiter.take("acc", 10, START, 4)
    assert (refused.allowed, refused.remaining) == (False, 3)
    assert limiter.take("acc", 10, START, 3).allowed
    assert limiter.take("acc", 10, START + MINUTE, 10).allowed


def test_to_ask_counts_nothing():
    limiter = Limiter()
    assert limiter.take("acc", 1, START, 0).remaining == 1
    assert limiter.take("acc", 1, START, 1).allowed
    assert limiter.take("acc", 1, START, 0).remaining == 0
    assert limiter.take("acc", 1, START + MINUTE, 0).remaining == 1
