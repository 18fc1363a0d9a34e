"""The store's time: what all processes on a store agree on, whatever their machines say."""

import pytest
from structlog.testing import capture_logs

from intentlive.clock import StoreClock
from intentlive.core.errors import StoreUnavailable


class Machine:
    """A machine whose clocks can be set, and a store elsewhere that takes a while to answer."""

    def __init__(self):
        self.monotonic = 1_000
        self.wall = 500_000
        self.store = 700_000
        self.there, self.back = 10, 10
        self.is_away = False
        self.clock = StoreClock(self.ask, lambda: self.monotonic, lambda: self.wall)

    async def ask(self):
        if self.is_away:
            raise StoreUnavailable("away")
        self.pass_by(self.there)
        answer = self.store
        self.pass_by(self.back)
        return answer

    def pass_by(self, ms):
        self.monotonic += ms
        self.wall += ms
        self.store += ms


@pytest.fixture
def machine():
    return Machine()


async def test_it_is_the_stores_time_whatever_the_machine_says(machine):
    await machine.clock.measure()
    assert machine.clock() == machine.store
    machine.wall -= 3_600_000
    machine.pass_by(1_234)
    assert machine.clock() == machine.store


async def test_it_is_off_by_no_more_than_the_store_took_to_answer(machine):
    machine.there, machine.back = 90, 0
    await machine.clock.measure()
    assert abs(machine.clock() - machine.store) <= 45


async def test_a_store_whose_clock_is_set_is_followed(machine):
    await machine.clock.measure()
    for step in (60_000, -90_000):
        machine.store += step
        await machine.clock.measure()
        assert abs(machine.clock() - machine.store) <= 20


async def test_a_store_whose_clock_is_set_is_followed_though_it_has_become_slow(machine):
    await machine.clock.measure()
    machine.there = machine.back = 400
    machine.store -= 60_000
    await machine.clock.measure()
    assert abs(machine.clock() - machine.store) <= 800


async def test_a_slow_answer_does_not_spoil_what_is_known(machine):
    await machine.clock.measure()
    machine.there, machine.back = 3_000, 0
    await machine.clock.measure()
    assert machine.clock() == machine.store


async def test_a_slow_answer_is_better_than_none(machine):
    machine.there = machine.back = 3_000
    await machine.clock.measure()
    assert machine.clock() == machine.store


async def test_time_goes_on_while_the_store_is_away(machine):
    await machine.clock.measure()
    machine.is_away = True
    machine.pass_by(60_000)
    with pytest.raises(StoreUnavailable):
        await machine.clock.measure()
    assert machine.clock() == machine.store


async def test_clocks_that_differ_are_told_once(machine):
    with capture_logs() as lines:
        await machine.clock.measure()
        await machine.clock.measure()
    (line,) = lines
    assert (line["event"], line["store_ahead_seconds"]) == ("clocks differ", 200)
    machine.wall = machine.store
    with capture_logs() as lines:
        await machine.clock.measure()
        machine.wall += 6_000
        await machine.clock.measure()
    assert [line["store_ahead_seconds"] for line in lines] == [-6]
