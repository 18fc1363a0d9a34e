"""Several workers on one socket: starts them, replaces those that end or hang, ends them all."""

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import structlog

from intentlive.cli.orders import DRAIN_SECONDS, TRY_LATER, Order
from intentlive.cli.stores import opened
from intentlive.core.errors import IntentLiveError
from intentlive.logs import configure_logging
from intentlive.settings import BufferSettings, ServerSettings, StoreSettings
from intentlive.signals import Worker, forget_worker

_START_SECONDS = 60
_SILENT_SECONDS = 5
"""Shorter than others wait for what a worker that hangs may hold in the store."""
_END_SECONDS = DRAIN_SECONDS + 10
_TRIES = 4
_LONGEST_PAUSE = 10  # seconds
_COMMAND = (sys.executable, "-P", "-m", "intentlive.cli.worker")

_log = structlog.get_logger("intentlive.server")


async def supervise(
    at: StoreSettings,
    server: ServerSettings,
    through: BufferSettings,
    listening: socket.socket,
    address: str,
) -> None:
    """Keep as many workers as the settings say until SIGTERM or SIGINT; then let them drain.

    IntentLiveError if the store cannot be had, workers cannot start, or one did not drain.
    """
    configure_logging(server.log_format)
    async with opened(at, make=True):
        pass  # made, migrated and unlocked once, before workers would all try
    with TemporaryDirectory(prefix="intentlive-workers-") as folder:
        _log.info("starting workers", address=address, workers=server.workers)
        order = partial(Order, listening=listening.fileno(), at=at, server=server, through=through)
        await _Supervisor(server.workers, order, listening, Path(folder)).run()
    _log.info("stopped")


class _Running:
    """A worker's process, and how long it has given no sign of life."""

    def __init__(self, number: int, process: Process) -> None:
        self.number = number
        self.pid = process.pid
        self.serves = False
        self._process = process
        self._leash = cast("asyncio.StreamWriter", process.stdin)  # it was started with both
        self._beats = cast("asyncio.StreamReader", process.stdout)
        self._silent = 0
        self._patience = _START_SECONDS
        self._is_let_go = False

    async def ended(self) -> int:
        """Hear its signs of life; gives its exit code when it has ended."""
        while await self._beats.read(64):
            self.serves = True
            if not self._is_let_go:
                self._silent, self._patience = 0, _SILENT_SECONDS
        return await self._process.wait()

    def tell(self, order: Order) -> None:
        """Have it serve."""
        self._leash.write(order.line())

    def let_go(self) -> None:
        """Have it drain and end."""
        self._leash.close()
        self._silent, self._patience, self._is_let_go = 0, _END_SECONDS, True

    def pass_second(self) -> None:
        """Count a second, and kill it if it was silent for too long."""
        self._silent += 1
        if self._silent == self._patience:
            _log.error("worker hangs", worker=self.number, pid=self.pid, seconds=self._silent)
            self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


class _Supervisor:
    def __init__(
        self,
        count: int,
        order: Callable[[Worker], Order],
        listening: socket.socket,
        folder: Path,
    ) -> None:
        self._count = count
        self._order = order
        self._listening = listening
        self._folder = folder
        self._stopping = asyncio.Event()
        self._workers: set[_Running] = set()
        self._trouble: str | None = None

    async def run(self) -> None:
        """Return when all workers have ended; IntentLiveError if one did not end as it should."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told, number)
        watching = asyncio.create_task(self._watch())
        await asyncio.gather(*map(self._keep, range(1, self._count + 1)))
        watching.cancel()
        if self._trouble:
            raise IntentLiveError(self._trouble)

    async def _keep(self, number: int) -> None:
        """Have a worker of this number, one at a time, until all are to stop."""
        failures = 0
        while not self._stopping.is_set():
            try:
                worker = await self._start(Worker(number, self._folder))
            except OSError as error:
                self._give_up(f"worker {number} cannot be started: {error}")
                return
            code = await worker.ended()
            self._workers.remove(worker)
            forget_worker(Worker(number, self._folder))
            failures = 0 if worker.serves else failures + 1
            self._judge(worker, code, failures)
            pause = max(1, min(failures, _LONGEST_PAUSE))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), timeout=pause)

    async def _start(self, worker: Worker) -> _Running:
        order = self._order(worker)
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            stdin=PIPE,
            stdout=PIPE,
            pass_fds=[order.listening],
            process_group=0,  # what a terminal tells its foreground is told by this process alone
        )
        _log.info("worker started", worker=worker.number, pid=process.pid)
        running = _Running(worker.number, process)
        running.tell(order)
        self._workers.add(running)
        if self._stopping.is_set():  # since a moment ago
            running.let_go()
        return running

    def _judge(self, worker: _Running, code: int, failures: int) -> None:
        """Say how a worker ended, and what follows."""
        how = f"worker {worker.number} ended with {_named(code)}"
        if self._stopping.is_set():
            is_well = code == 0 or (code == -signal.SIGTERM and not worker.serves)
            self._trouble = self._trouble or (None if is_well else how)
            return
        _log.warning("worker ended", worker=worker.number, pid=worker.pid, how=_named(code))
        # A store that is away comes back; those who serve from a buffer meanwhile must go on.
        is_to_wait = code == TRY_LATER and any(each.serves for each in self._workers)
        if failures >= _TRIES and not is_to_wait:
            self._give_up(f"{how}, {failures} times in a row, before it could serve")

    async def _watch(self) -> None:
        """Let seconds pass; none do while this process stands still, for which nobody is blamed."""
        while True:
            await asyncio.sleep(1)
            for worker in self._workers:
                worker.pass_second()

    def _told(self, number: signal.Signals) -> None:
        if self._stopping.is_set():
            for worker in self._workers:
                worker.signal(number)  # a second Ctrl-C waits for nobody
        else:
            self._stop()

    def _give_up(self, why: str) -> None:
        self._trouble = self._trouble or why
        if not self._stopping.is_set():
            self._stop()

    def _stop(self) -> None:
        self._stopping.set()
        self._listening.close()  # nobody shall wait in a queue that is not served any more
        for worker in self._workers:
            worker.let_go()


def _named(code: int) -> str:
    """An exit code as people say it."""
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
