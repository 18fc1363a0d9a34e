"""Running the server in the foreground: listen, serve, drain, close."""

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

from intentlive.app import serving
from intentlive.cli.stores import opened
from intentlive.core.errors import IntentLiveError
from intentlive.intake import Intake
from intentlive.logs import configure_logging
from intentlive.settings import ServerSettings, StoreSettings

_DRAIN_SECONDS = 30
_KEEP_ALIVE_SECONDS = 75  # longer than the proxies before it keep an idle connection
_BACKLOG = 2048

_log = structlog.get_logger("intentlive.server")

Beside = Callable[[Intake], Coroutine[None, None, None]]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; IntentLiveError if the address cannot be had."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, proto)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        mend = "; choose another --port" if error.errno == errno.EADDRINUSE else ""
        message = f"cannot listen on {host} port {port}: {error.strerror or error}{mend}"
        raise IntentLiveError(message) from error
    return listening


async def run_server(
    at: StoreSettings,
    server: ServerSettings,
    listening: socket.socket,
    *,
    beside: Beside | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is in flight and close the store.

    `beside` is run as long as the server serves, on its intake.
    """
    configure_logging(server.log_format)
    host, port = listening.getsockname()[:2]
    async with (
        opened(at, make=True) as store,
        serving(store, require_account_id=server.require_account_id) as running,
    ):
        _spare_the_collector()
        _log.info(
            "serving", address=f"http://{host}:{port}", store=at.store, data_dir=str(at.data_dir)
        )
        async with asyncio.TaskGroup() as group:
            task = group.create_task(beside(running.intake)) if beside else None
            with _signals_end_here():
                await uvicorn.Server(server_config(running.front)).serve(sockets=[listening])
            if task is not None:
                task.cancel()
    _log.info("stopped")


def server_config(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )


def _spare_the_collector() -> None:
    """Let the garbage collector pass over what lives as long as the process, and run less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


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
