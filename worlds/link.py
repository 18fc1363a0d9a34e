"""What a process asks of the store and the buffer: every question may be slow, lost, or the last.

What was asked happens though whoever asked may be gone by then, as it is on a network.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, Generic, TypeVar

from worlds.loop import NOBODY, Loop, Process
from worlds.plan import Crash, Fault, Pause, Plan

Result = TypeVar("Result")

_FAULTY = 0.6
_SLOW_SECONDS = 1.0


class Away(Exception):
    """Nothing was done."""


class AnswerLost(Exception):
    """It is not known whether anything was done."""


class Trouble:
    """What the plan has in store for processes, by their names."""

    def __init__(self, plan: Plan) -> None:
        self._faults: dict[str, list[Fault]] = {}
        self._disturbed: dict[str, list[tuple[float, float]]] = {}
        self._crashes: dict[tuple[str, int], Crash] = {}
        self._steps: dict[str, int] = {}
        for step in plan.steps:
            if isinstance(step, Fault):
                self._faults.setdefault(step.process, []).append(step)
                until = step.until + (2 * _SLOW_SECONDS if step.kind == "slow" else 0)
                self._disturbed.setdefault(step.process, []).append((step.at, until))
            elif isinstance(step, Pause):
                until = step.at + step.seconds
                self._disturbed.setdefault(step.process, []).append((step.at, until))
            elif isinstance(step, Crash):
                self._crashes[step.process, step.step] = step

    def meets(self, process: str, now: float, chance: Random) -> str | None:
        """What kind of fault a process meets now, if any."""
        for fault in self._faults.get(process, ()):
            if fault.at <= now < fault.until and chance.random() < _FAULTY:
                return fault.kind
        return None

    def crash(self, process: str) -> Crash | None:
        """Count a step of a process; gives how it dies at it, if it does."""
        step = self._steps[process] = self._steps.get(process, 0) + 1
        return self._crashes.pop((process, step), None)

    def is_well(self, process: str, since: float, now: float) -> bool:
        """Whether nothing disturbed a process in some time."""
        return all(end < since or now < begin for begin, end in self._disturbed.get(process, ()))

    def over(self) -> float:
        """Let nobody crash any more; gives when everything else is over."""
        self._crashes.clear()
        return max((end for spans in self._disturbed.values() for _, end in spans), default=0.0)


class Link(Generic[Result]):
    """The way from a process to the others; `kill` ends the process as a crash has it."""

    def __init__(
        self,
        loop: Loop,
        process: Process,
        chance: Random,
        trouble: Trouble,
        kill: Callable[[Process, Crash], None],
        note: Callable[[str, str], None],
    ) -> None:
        self._loop = loop
        self._process = process
        self._chance = chance
        self._trouble = trouble
        self._kill = kill
        self._note = note

    async def ask(self, effect: Callable[[], Result], step: str | None = None) -> Result:
        """What `effect` gives, which is done at one instant; Away, AnswerLost.

        What changes something is a `step`, at which a process may be planned to die.
        """
        crash = self._trouble.crash(self._process.name) if step else None
        if crash is not None and not crash.is_done:
            self._kill(self._process, crash)
            await self._loop.create_future()  # nobody is there to go on
        fault = self._trouble.meets(self._process.name, self._loop.time(), self._chance)
        answer: asyncio.Future[Result] = self._loop.create_future()
        if step or fault:
            said = f"{step or 'asks'}{f', and the way is {fault}' if fault else ''}"
            self.note(said)
        self._loop.later(NOBODY, self._delay(fault), self._reach, effect, answer, fault, crash)
        return await answer

    def note(self, what: str) -> None:
        """Write a line of the history."""
        self._note(self._process.name, what)

    def _reach(
        self,
        effect: Callable[[], Result],
        answer: "asyncio.Future[Result]",
        fault: str | None,
        crash: Crash | None,
    ) -> None:
        error: Exception | None = None
        result: Any = None
        if fault == "away":
            error = Away()
        else:
            try:
                result = effect()
            except Exception as raised:  # noqa: BLE001 - it goes to who asked
                error = raised
            if fault == "lost":
                error = AnswerLost()
        if crash is not None and self._process.is_alive:
            self._kill(self._process, crash)
        self._loop.later(self._process, self._delay(fault), settle, answer, result, error)

    def _delay(self, fault: str | None) -> float:
        """Mostly far below a millisecond, sometimes many."""
        if fault == "slow":
            return self._chance.uniform(0.05, _SLOW_SECONDS)
        return 0.0002 + 0.012 * self._chance.random() ** 5


def settle(answer: "asyncio.Future[Any]", result: object, error: Exception | None) -> None:
    """Answer whoever waits still."""
    if answer.done():
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
