"""`intentlive apply`: brings what is in the buffer to the store."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from typing import Annotated, TypeVar

import structlog
import uvloop
from cyclopts import Parameter

from intentlive.applier import Applier
from intentlive.buffers import servers_at
from intentlive.cli.buffer import opened_buffer
from intentlive.cli.stores import opened
from intentlive.clock import monotonic_clock
from intentlive.core.errors import StoreUnavailable
from intentlive.logs import configure_logging
from intentlive.settings import BufferSettings, LogFormat, StoreSettings

_PAUSE_SECONDS = 2.0

Opened = TypeVar("Opened")
_log = structlog.get_logger("intentlive.applier")


def apply(
    *,
    log_format: Annotated[LogFormat, Parameter(help="As for the server.")] = "auto",
    through: BufferSettings = BufferSettings(),
    at: StoreSettings = StoreSettings(),
) -> None:
    """Bring events from the buffer to the store until SIGTERM or Ctrl-C.

    Run as many as you like, on any machine. One that finds buffer or store away waits for them.
    """
    uvloop.run(_apply(log_format, through, at))


async def _apply(log_format: LogFormat, through: BufferSettings, at: StoreSettings) -> None:
    configure_logging(log_format)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        buffer = await _opened(stack, lambda: opened_buffer(through), stopping)
        store = await _opened(stack, lambda: opened(at), stopping)
        if store is not None and buffer is not None:
            _log.info("applying", buffer=servers_at(through.buffer or "").shown())
            await Applier(buffer, store, monotonic_clock).run(stopping)
    _log.info("stopped")


async def _opened(
    stack: AsyncExitStack,
    opening: Callable[[], AbstractAsyncContextManager[Opened]],
    stopping: asyncio.Event,
) -> Opened | None:
    """What can be opened, as soon as it can; None if told to stop before."""
    while not stopping.is_set():
        try:
            return await stack.enter_async_context(opening())
        except StoreUnavailable as error:
            _log.warning("waiting", error=str(error), seconds=_PAUSE_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _PAUSE_SECONDS)
    return None
