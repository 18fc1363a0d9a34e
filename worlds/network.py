"""Machines on which processes run, die and start again, and calls to whoever runs there."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Generic, TypeVar

from intentlive.core.errors import StoreUnavailable
from worlds.link import Trouble, settle
from worlds.loop import NOBODY, Loop, Process

Server = TypeVar("Server")
Result = TypeVar("Result")

PATIENCE = 1.0
_RETRY_SECONDS = 0.05


class Unreachable(Exception):
    """No answer; whether anything was done is not known."""


class Machine(Generic[Server]):
    """Where a process runs; `begin` makes what runs in it."""

    def __init__(
        self,
        name: str,
        loop: Loop,
        trouble: Trouble,
        chance: Random,
        begin: Callable[[Process], Awaitable[Server]],
    ) -> None:
        self.name = name
        self.running: Server | None = None
        self._loop = loop
        self._trouble = trouble
        self._chance = chance
        self._begin = begin
        self._process = Process(name)
        self._waiting: dict[asyncio.Future[object], None] = {}

    def start(self) -> None:
        """Start a process that remembers nothing of the one before."""
        self._process = Process(self.name)
        self._loop.start(self._process, self._run())

    def kill(self, down: float) -> None:
        """End the process; another starts after `down` seconds."""
        self._loop.kill(self._process)
        self.running = None
        for answer in self._waiting:
            self._loop.later(NOBODY, self._delay(), settle, answer, None, Unreachable())
        self._loop.later(NOBODY, down, self.start)

    def pause(self, seconds: float) -> None:
        """Let the process stand still."""
        self._loop.pause(self._process, seconds)

    async def call(self, ask: Callable[[Server], Awaitable[Result]]) -> Result:
        """What the process answers; Unreachable."""
        await asyncio.sleep(self._delay())
        if self.running is None:
            raise Unreachable
        answer: asyncio.Future[Result] = self._loop.create_future()
        self._waiting[answer] = None
        self._loop.start(self._process, self._serve(ask, self.running, answer))
        try:
            async with asyncio.timeout(PATIENCE):
                return await answer
        except TimeoutError:
            raise Unreachable from None
        finally:
            del self._waiting[answer]

    async def _serve(
        self,
        ask: Callable[[Server], Awaitable[Result]],
        running: Server,
        answer: "asyncio.Future[Result]",
    ) -> None:
        result, error = None, None
        try:
            result = await ask(running)
        except Exception as raised:  # noqa: BLE001 - it goes to who asked
            error = raised
        if self._trouble.meets(self.name, self._loop.time(), self._chance) != "lost":
            self._loop.later(NOBODY, self._delay(), settle, answer, result, error)

    async def _run(self) -> None:
        while self.running is None:
            try:
                self.running = await self._begin(self._process)
            except StoreUnavailable:
                await asyncio.sleep(_RETRY_SECONDS)

    def _delay(self) -> float:
        return 0.0002 + 0.005 * self._chance.random() ** 3
