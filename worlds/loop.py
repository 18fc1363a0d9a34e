"""An event loop on a fake clock, in which several processes take turns as chance has it.

Within a process it keeps asyncio's promises (callbacks run in the order in which they were asked
for); between processes anything may come first. Nothing here takes time but waiting: when nobody
has anything to do, the clock jumps to the next timer.
"""

import asyncio
import contextvars
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from random import Random
from typing import Any, TypeVar

Result = TypeVar("Result")

_MAX_TURNS = 400_000


class Endless(Exception):
    """Much more happened than a world is meant for, or nothing can happen any more."""


class Process:
    """What runs together and dies together."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ready: deque[asyncio.Handle] = deque()
        self.is_alive = True
        self.is_paused = False


NOBODY = Process("world")
"""What belongs to none: the plan, and whatever is under way between two processes."""

_current: contextvars.ContextVar[Process] = contextvars.ContextVar("process", default=NOBODY)


class Loop(asyncio.AbstractEventLoop):
    """Runs callbacks one by one; `chance` chooses the process that is next."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._now = 0.0
        self._busy: list[Process] = []
        self._timers: list[tuple[float, int, Process, asyncio.TimerHandle]] = []
        self._timers_made = 0
        self._tasks: list[tuple[Process, asyncio.Task[Any]]] = []
        self._fault: BaseException | None = None
        NOBODY.ready.clear()

    def run(self, main: Coroutine[Any, Any, Result]) -> Result:
        """What a coroutine of nobody's gives; whatever goes on when it ends is dropped."""
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(main)
            for _ in range(_MAX_TURNS):
                if task.done():
                    self._raise_unheard()
                    return task.result()
                self._turn()
            raise Endless(f"no end after {_MAX_TURNS} turns, at {self._now:.3f} s")
        finally:
            self._drop_tasks()
            asyncio._set_running_loop(None)

    def start(self, process: Process, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Begin something in a process."""
        context = contextvars.copy_context()
        context.run(_current.set, process)
        return self.create_task(work, context=context)

    def kill(self, process: Process) -> None:
        """End a process where it stands: none of its code runs any more, not even `finally`."""
        process.is_alive = False
        process.ready.clear()
        if process in self._busy:
            self._busy.remove(process)

    def pause(self, process: Process, seconds: float) -> None:
        """Let a process stand still for a while, as a machine does that is short of something."""
        if process.is_alive and not process.is_paused:
            process.is_paused = True
            if process in self._busy:
                self._busy.remove(process)
            self.later(NOBODY, seconds, self._resume, process)

    def _resume(self, process: Process) -> None:
        process.is_paused = False
        if process.ready:
            self._busy.append(process)

    def later(
        self, process: Process, delay: float, callback: Callable[..., object], *args: Any
    ) -> None:
        """Call something in a process after a delay in seconds, if it lives then."""
        context = contextvars.copy_context()
        context.run(_current.set, process)
        self._add_timer(process, self._now + delay, callback, args, context)

    def fail(self, error: BaseException) -> None:
        """End the run with an error; the first counts."""
        self._fault = self._fault or error

    def _turn(self) -> None:
        busy = self._busy
        if not busy:
            self._wait()
            return
        at = self._chance.randrange(len(busy)) if len(busy) > 1 else 0
        process = busy[at]
        handle = process.ready.popleft()
        if not process.ready:
            busy[at] = busy[-1]
            busy.pop()
        if not handle.cancelled():
            handle._run()
        if self._fault is not None:
            raise self._fault

    def _wait(self) -> None:
        """Jump to the next timers."""
        timers = self._timers
        if not timers:
            raise Endless(f"nothing can happen any more, at {self._now:.3f} s")
        self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            _, _, process, handle = heapq.heappop(timers)
            if not handle.cancelled():
                self._enqueue(process, handle)

    def _raise_unheard(self) -> None:
        """Raise what a task of a living process failed with, if nobody was told."""
        for process, task in self._tasks:
            if process.is_alive and task.done() and task._log_traceback:
                task.result()

    def _drop_tasks(self) -> None:
        """Close what never ended, so that it does not haunt a later run."""
        for _, task in self._tasks:
            if not task.done():
                with suppress(RuntimeError):  # it would wait for something before it goes
                    task.get_coro().close()

    def _enqueue(self, process: Process, handle: asyncio.Handle) -> None:
        if not process.is_alive:
            return
        process.ready.append(handle)
        if len(process.ready) == 1 and not process.is_paused:
            self._busy.append(process)

    def _add_timer(
        self,
        process: Process,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._timers_made += 1
        heapq.heappush(self._timers, (when, self._timers_made, process, handle))
        return handle

    @staticmethod
    def _owner(context: contextvars.Context | None) -> Process:
        return (_current.get() if context is None else context.get(_current)) or NOBODY

    # What asyncio asks of a loop.

    def time(self) -> float:
        return self._now

    def call_soon(
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._enqueue(self._owner(context), handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        context = contextvars.copy_context() if context is None else context
        return self._add_timer(self._owner(context), when, callback, args, context)

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, Result],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
        **_: Any,
    ) -> asyncio.Task[Result]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.append((self._owner(context), task))
        return task

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is passed over when its time comes."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A callback that fails ends the run; tasks that end with a process are no fault."""
        if "handle" in context:
            self.fail(context["exception"])
