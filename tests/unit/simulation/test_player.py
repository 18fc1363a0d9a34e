"""Traffic is handed over when its time has come, in order and none of it lost."""

from itertools import count

import msgspec
import pytest

from intentlive.core.session import fold
from intentlive.core.times import format_instant, parse_instant
from intentlive.ingest.cloudevents import BATCH, parse_events
from intentlive.simulation import player
from intentlive.simulation.player import play

NOON_MS = 1_641_470_400_000  # 2022-01-06T12:00:00Z


class Clock:
    """Moves by itself, by some ms each time it is read."""

    def __init__(self, now=NOON_MS, step=250):
        self.now = now
        self.step = step

    def __call__(self):
        self.now += self.step
        return self.now


class Taker:
    """Notes what it is handed, and when."""

    def __init__(self, clock):
        self.clock = clock
        self.handed = []

    async def __call__(self, states):
        self.handed.append((self.clock.now, states))

    def sessions(self):
        return [session for _, states in self.handed for session in states]


def event(number, seconds):
    return {
        "specversion": "1.0",
        "id": str(number),
        "source": "urn:test",
        "type": "message.received",
        "subject": f"s-{number}",
        "time": format_instant(NOON_MS + round(seconds * 1000)),
    }


def read(*events):
    """The states of events as if they had come over the wire at once."""
    now = max(parse_instant(each["time"]) for each in events)
    body = b"[" + b",".join(msgspec.json.encode(each) for each in events) + b"]"
    return fold(parse_events(BATCH, body, now).events)


async def play_until_sent(events, clock):
    """Play, with one event at the end that shows that all others had to be handed over."""
    taker = Taker(clock)
    last = parse_instant(events[-1]["time"]) - NOON_MS
    await play(iter([*events, event("end", last / 1000 + 3_600)]), taker, clock)
    return taker


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    """The clock moves when it is read; nothing has to wait for it."""
    monkeypatch.setattr(player, "_PAUSE_SECONDS", 0)


async def test_the_past_is_handed_over_at_once():
    past = [event(number, -60 + number) for number in range(5)]
    taker = await play_until_sent(past, Clock())
    ((handed_at, states),) = taker.handed
    assert list(states) == [f"s-{number}" for number in range(5)]
    assert states == read(*past)
    assert handed_at - NOON_MS <= 3_000


async def test_the_future_is_handed_over_when_its_time_has_come_and_not_before():
    events = [event(number, seconds) for number, seconds in enumerate((1, 5, 5.5, 20))]
    taker = await play_until_sent(events, Clock())
    assert taker.sessions() == ["s-0", "s-1", "s-2", "s-3"]
    for handed_at, states in taker.handed:
        for state in states.values():
            assert 0 <= handed_at - state.started <= 3_000


async def test_events_of_one_session_are_joined():
    events = [event(number, number / 10) | {"subject": "one"} for number in range(4)]
    taker = await play_until_sent(events, Clock(step=60_000))
    assert [states for _, states in taker.handed] == [read(*events)]


async def test_a_long_past_comes_in_portions_and_whole():
    clock = Clock(step=0)
    taker = Taker(clock)
    await play((event(number, -10_000 + number) for number in range(5_000)), taker, clock)
    assert [len(states) for _, states in taker.handed] == [2_000, 2_000]
    assert taker.sessions() == [f"s-{number}" for number in range(4_000)]


async def test_an_error_of_the_taker_ends_the_play():
    class Full(Exception):
        pass

    async def refuse(_states):
        raise Full

    endless = (event(number, number) for number in count())
    with pytest.raises(Full):
        await play(endless, refuse, Clock())
