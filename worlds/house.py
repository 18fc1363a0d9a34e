"""What stands in a world: a store, perhaps a buffer, and machines with a process on each."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from intentlive.applier import Applier
from worlds.database import Database
from worlds.link import Link, Trouble
from worlds.loop import Loop, Process
from worlds.network import Machine
from worlds.plan import Crash, Plan, Skew
from worlds.referee import Referee
from worlds.server import LockingStore, Parts, Worker
from worlds.stream import Stream, WorldBuffer
from worlds.tables import Tables

Note = Callable[[str, str], None]


class House:
    """Everything that a plan names, on one loop; `clock` is the store's (ms)."""

    def __init__(
        self, plan: Plan, parts: Parts, clock: Callable[[], int], loop: Loop, note: Note
    ) -> None:
        self.referee = Referee(clock, loop.fail, is_comparing=plan.is_comparing)
        self.trouble = Trouble(plan)
        self.tables = Tables(self.referee.committed)
        self.stream = Stream(loop.time, chance_of(plan, "buffer"))
        self._plan = plan
        self._parts = parts
        self._clock = clock
        self._loop = loop
        self._note = note
        self.administrator = self._store(*self._link(Process("administrator")))
        self.workers = self._machines("worker", plan.workers, self._worker)
        self.appliers = self._machines("applier", plan.appliers, self._applier)
        self.machines = {each.name: each for each in (*self.workers, *self.appliers)}

    def is_at_rest(self) -> bool:
        """Whether every process runs and nothing waits to be stored."""
        are_up = all(machine.running is not None for machine in self.machines.values())
        return are_up and self.stream.is_empty()

    def _machines(
        self,
        kind: str,
        skews: tuple[Skew, ...],
        begin: Callable[[Skew, Process], Awaitable[Any]],
    ) -> list[Machine[Any]]:
        return [self._machine(f"{kind} {number}", begin, skew) for number, skew in enumerate(skews)]

    def _machine(
        self, name: str, begin: Callable[[Skew, Process], Awaitable[Any]], skew: Skew
    ) -> Machine[Any]:
        def run(process: Process) -> Awaitable[Any]:
            self._note(name, "starts")
            return begin(skew, process)

        chance = chance_of(self._plan, f"{name}'s network")
        return Machine(name, self._loop, self.trouble, chance, run)

    async def _worker(self, skew: Skew, process: Process) -> Worker:
        link, chance = self._link(process)
        store = self._store(link, chance)
        sink = WorldBuffer(self.stream, link) if self._plan.appliers else store
        clock = self._parts.clock(store.time, self._monotonic(skew), self._wall(skew))
        worker = Worker(process.name, store, sink, clock, self._parts)
        await worker.begin()
        return worker

    async def _applier(self, skew: Skew, process: Process) -> Applier:
        link, chance = self._link(process)
        buffer, store = WorldBuffer(self.stream, link), self._store(link, chance)
        applier = self._parts.applier(buffer, store, self._monotonic(skew))
        self._loop.start(process, applier.run(asyncio.Event()))
        return applier

    def _monotonic(self, skew: Skew) -> Callable[[], int]:
        return lambda: int((self._loop.time() * skew.rate + skew.monotonic) * 1000)

    def _wall(self, skew: Skew) -> Callable[[], int]:
        return lambda: self._clock() + int(skew.wall * 1000)

    def _link(self, process: Process) -> tuple[Link[Any], Random]:
        chance = chance_of(self._plan, f"{process.name} at {self._loop.time()}")
        link = Link(self._loop, process, chance, self.trouble, self._crash, self._note)
        return link, chance

    def _store(self, link: Link[Any], chance: Random) -> LockingStore:
        made = self._parts.comparing if self._plan.is_comparing else self._parts.locking
        return made(Database(self.tables, link, chance, self._clock))

    def _crash(self, process: Process, crash: Crash) -> None:
        when = "after" if crash.is_done else "before"
        self._note(process.name, f"dies {when} its step {crash.step}, for {crash.down} s")
        self.machines[process.name].kill(crash.down)


def chance_of(plan: Plan, who: str) -> Random:
    """Chance of its own for everyone, so that none disturbs that of another."""
    return Random(f"{plan.seed} {who}")
