"""What is to happen in a world, as data drawn from a seed; what is taken out leaves the rest.

Times are in seconds from the beginning. Who is meant by a number is who bears it, modulo how many
there are.
"""

from functools import partial
from random import Random
from typing import Any, TypeAlias

from msgspec import Struct

from worlds.histories import Histories

SPAN = 2.5
"""How long clients, readers and administrators begin something new."""

_CALM = 0.2
_LARGE = 0.15
_BUFFERED = 0.35


class Send(Struct, frozen=True, tag=True):
    """A client sends events (CloudEvents as JSON) to a worker until they are acknowledged."""

    at: float
    worker: int
    bot: int
    events: tuple[bytes, ...]


class Ask(Struct, frozen=True, tag=True):
    """A reader asks a worker for a bot's latest sessions."""

    at: float
    worker: int
    bot: int


class SetRules(Struct, frozen=True, tag=True):
    """An administrator changes what a bot's sessions are read by, from then on."""

    at: float
    bot: int
    idle_seconds: int
    skip_silent: bool


class Erase(Struct, frozen=True, tag=True):
    """An administrator erases a person from a bot."""

    at: float
    bot: int
    user_id: str


class Crash(Struct, frozen=True, tag=True):
    """A process dies at one of its steps: just before it, or as it was done but not answered."""

    process: str
    step: int
    is_done: bool
    down: float


class Fault(Struct, frozen=True, tag=True):
    """For a while some of what a process asks of others goes wrong.

    `away`: nothing happens. `lost`: it happens, but the answer does not come. `slow`: it takes
    long.
    """

    at: float
    until: float
    process: str
    kind: str


class Pause(Struct, frozen=True, tag=True):
    """A process stands still."""

    at: float
    seconds: float
    process: str


Step: TypeAlias = Send | Ask | SetRules | Erase | Crash | Fault | Pause


class Skew(Struct, frozen=True):
    """How a machine's clocks differ from the store's: by so many seconds; the rate of one."""

    wall: float
    monotonic: float
    rate: float


class Plan(Struct, frozen=True):
    """A world: its bots (idle timeout in seconds), its processes, and what happens to them.

    `is_comparing`: how its store merges. Without appliers, workers store what they take themselves.
    """

    seed: int
    is_comparing: bool
    bots: tuple[int, ...]
    workers: tuple[Skew, ...]
    appliers: tuple[Skew, ...]
    steps: tuple[Step, ...]


def drawn(seed: int) -> Plan:
    """The plan of a seed."""
    chance = Random(seed)
    is_comparing = chance.random() < 0.5
    bots = tuple(chance.randint(1, 3) for _ in range(chance.choice((1, 1, 2))))
    workers = tuple(_skew(chance) for _ in range(chance.choice((1, 2, 2, 3))))
    is_buffered = chance.random() < _BUFFERED
    appliers = tuple(_skew(chance) for _ in range(chance.choice((1, 2)) if is_buffered else 0))
    names = [f"worker {number}" for number in range(len(workers))]
    names += 3 * [f"applier {number}" for number in range(len(appliers))]
    steps = _Steps(chance, len(bots), names)
    return Plan(seed, is_comparing, bots, workers, appliers, tuple(steps.drawn()))


def _skew(chance: Random) -> Skew:
    return Skew(
        wall=chance.uniform(-600, 600),
        monotonic=chance.uniform(0, 100_000),
        rate=1 + chance.uniform(-2e-4, 2e-4),
    )


class _Steps:
    """What happens in a world, of which much happens at almost the same time."""

    def __init__(self, chance: Random, bots: int, names: list[str]) -> None:
        self._chance = chance
        self._bots = bots
        self._names = names
        self._crowded = [chance.uniform(0.1, SPAN) for _ in range(chance.randint(1, 4))]

    def drawn(self) -> list[Step]:
        chance = self._chance
        sends = self._sends()
        steps: list[Step] = [*sends, *self._asks()]
        beside = partial(chance.choice, sends)
        steps += [self._set_rules(beside()) for _ in range(chance.choice((0, 0, 1, 2, 3)))]
        steps += [self._erase(beside()) for _ in range(chance.choice((0, 0, 1)))]
        if chance.random() >= _CALM:
            steps += [self._crash() for _ in range(chance.choice((0, 1, 2, 3)))]
            steps += [self._fault() for _ in range(chance.choice((0, 1, 2)))]
            steps += [self._pause() for _ in range(chance.choice((0, 0, 1, 2)))]
        return steps

    def _sends(self) -> list[Send]:
        chance, bots = self._chance, self._bots
        is_large = chance.random() < _LARGE
        histories = [
            Histories(chance, 40 if is_large else chance.randint(1, 8)) for _ in range(bots)
        ]
        sends: list[Send] = []
        for _ in range(chance.randint(8, 12) if is_large else chance.randint(2, 12)):
            bot, at = chance.randrange(bots), self._moment()
            events = histories[bot].told(at, chance.randint(6, 16) if is_large else 4)
            for _ in range(chance.choice((1, 1, 1, 2))):
                sends.append(Send(at, chance.randrange(6), bot, events))
                at = self._moment()
        return sends

    def _asks(self) -> list[Ask]:
        """Readers who ask again and again, some often, some now and then."""
        chance = self._chance
        asks: list[Ask] = []
        for _ in range(chance.randint(1, 3)):
            at, worker, bot = self._moment(), chance.randrange(6), chance.randrange(self._bots)
            pause = chance.choice((0.002, 0.02, 0.08, 0.3))
            for _ in range(chance.randint(3, 12)):
                asks.append(Ask(round(at, 4), worker, bot))
                at += pause * chance.uniform(0.2, 1.8)
        return asks

    def _set_rules(self, beside: Send) -> SetRules:
        idle_seconds, skip_silent = self._chance.randint(1, 4), self._chance.random() < 0.3
        return SetRules(self._near(beside), beside.bot, idle_seconds, skip_silent)

    def _erase(self, beside: Send) -> Erase:
        return Erase(self._near(beside), beside.bot, Histories.user(self._chance))

    def _crash(self) -> Crash:
        chance = self._chance
        down = round(chance.uniform(0.02, 0.8), 3)
        return Crash(chance.choice(self._names), chance.randint(1, 8), chance.random() < 0.5, down)

    def _fault(self) -> Fault:
        chance, at = self._chance, self._moment()
        until = round(at + chance.uniform(0.02, 0.8), 4)
        kind = chance.choice(("away", "lost", "lost", "slow"))
        return Fault(at, until, chance.choice(self._names), kind)

    def _pause(self) -> Pause:
        seconds = round(self._chance.uniform(0.02, 1.5), 3)
        return Pause(self._moment(), seconds, self._chance.choice(self._names))

    def _near(self, send: Send) -> float:
        """A moment at which something is being stored."""
        return round(send.at + self._chance.uniform(-0.002, 0.004), 4)

    def _moment(self) -> float:
        chance = self._chance
        if chance.random() < 0.3:
            return round(chance.uniform(0, SPAN), 4)
        return round(chance.choice(self._crowded) + chance.uniform(0, 0.01), 4)


def line(step: Any) -> str:
    """A step in print, without what is long."""
    if isinstance(step, Send):
        return (
            f"Send(at={step.at}, worker={step.worker}, bot={step.bot}, {len(step.events)} events)"
        )
    return str(step)
