"""Running the server in the foreground: open the store, serve, drain, close."""

import asyncio
import gc
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

import structlog
import uvicorn
from starlette.types import ASGIApp

from intentlive.api.connections import connections_through
from intentlive.api.door import Door, watch
from intentlive.app import Running, serving
from intentlive.cli.buffer import opened_buffer
from intentlive.cli.listening import address_of
from intentlive.cli.orders import DRAIN_SECONDS
from intentlive.cli.stores import opened
from intentlive.logs import configure_logging
from intentlive.settings import BufferSettings, ServerSettings, StoreSettings
from intentlive.signals import Worker
from intentlive.stores import shown

_KEEP_ALIVE_SECONDS = 75  # longer than the proxies before it keep an idle connection
_SWITCH_SECONDS = 0.0005

_log = structlog.get_logger("intentlive.server")

Beside = Callable[[Running, Callable[[], None]], Coroutine[None, None, None]]
"""What is done while a server runs; the second argument stops it."""


async def run_server(
    at: StoreSettings,
    server: ServerSettings,
    listening: socket.socket,
    *,
    tls: ssl.SSLContext | None = None,
    beside: Beside | None = None,
    through: BufferSettings = BufferSettings(),
    worker: Worker | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is in flight and close the store.

    `beside` is run as long as the server serves. Of several workers none makes a store.
    """
    configure_logging(server.log_format, worker=worker.number if worker else None)
    async with (
        opened(at, make=worker is None) as store,
        opened_buffer(through) if through.buffer else nullcontext() as buffer,
        serving(
            store,
            buffer=buffer,
            require_account_id=server.require_account_id,
            worker=worker,
            # One process on a file of its own has nobody to share them with.
            shares_limits=worker is not None or not at.store.startswith("sqlite:"),
        ) as running,
    ):
        _spare_the_collector()
        _let_answers_go_first()
        address = address_of(listening, tls)
        _log.info("serving", address=address, store=shown(at.store), data_dir=str(at.data_dir))
        door = Door(
            running.signals,
            server.max_connections_per_address,
            gives_way=worker is not None,
        )
        serves = uvicorn.Server(server_config(running.front, door, tls))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(watch(door, serves.server_state.connections))]
            if beside is not None:
                stop = partial(setattr, serves, "should_exit", True)
                tasks.append(group.create_task(beside(running, stop)))
            with _signals_end_here():
                await serves.serve(sockets=[listening])
            for task in tasks:
                task.cancel()
    _log.info("stopped")


def server_config(
    app: ASGIApp, door: Door | None = None, tls: ssl.SSLContext | None = None
) -> uvicorn.Config:
    """How uvicorn serves the application; connections cost what they like without a door."""
    return uvicorn.Config(
        app,
        http=connections_through(door) if door else "httptools",
        ssl_context_factory=(lambda *_: tls) if tls else None,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )


def _spare_the_collector() -> None:
    """Let the garbage collector pass over what lives as long as the process, and run less often."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _let_answers_go_first() -> None:
    """Let threads that read and store events give way sooner to the one that answers."""
    sys.setswitchinterval(_SWITCH_SECONDS)


@contextmanager
def _signals_end_here() -> Iterator[None]:
    """Let the signal that stopped the server do nothing more.

    The server raises it again when it has drained, which would end the process before the store
    is closed.
    """
    before = {
        number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
