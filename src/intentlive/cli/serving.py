"""Running the server in the foreground: listen, serve, drain, close."""

import asyncio
import errno
import gc
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp

from intentlive.api.connections import connections_through, watch
from intentlive.api.door import Door
from intentlive.app import Running, serving
from intentlive.cli.buffer import opened_buffer
from intentlive.cli.stores import opened
from intentlive.core.errors import IntentLiveError
from intentlive.logs import configure_logging
from intentlive.settings import BufferSettings, ServerSettings, StoreSettings
from intentlive.signals import Worker
from intentlive.stores import shown

DRAIN_SECONDS = 30
"""How long what is in flight may take to its end when the server is told to stop."""

_KEEP_ALIVE_SECONDS = 75  # longer than the proxies before it keep an idle connection
_BACKLOG = 2048
_SWITCH_SECONDS = 0.0005

_log = structlog.get_logger("intentlive.server")

Beside = Callable[[Running, Callable[[], None]], Coroutine[None, None, None]]
"""What is done while a server runs; the second argument stops it."""


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


def tls_context(server: ServerSettings) -> ssl.SSLContext | None:
    """What the settings say of TLS; IntentLiveError if it cannot be done."""
    certificate, key = server.tls_certificate, server.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "--tls-certificate" if certificate is None else "--tls-key"
        raise IntentLiveError(f"TLS needs a certificate and its key: give {missing}, too")
    for path in (certificate, key):
        try:
            path.open("rb").close()
        except OSError as error:
            raise IntentLiveError(f"cannot read {path} for TLS: {error.strerror}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(certificate)
    except ssl.SSLError as error:
        raise IntentLiveError(f"{certificate} holds no certificate in PEM format") from error
    try:
        context.load_cert_chain(certificate, key, partial(_passphrase, key))
    except ssl.SSLError as error:
        message = f"{key} holds no private key in PEM that TLS can use: {error.reason or error}"
        if error.reason == "KEY_VALUES_MISMATCH":
            message = f"the key {key} does not belong to the certificate {certificate}"
        raise IntentLiveError(message) from error
    return context


def _passphrase(key: Path) -> str:
    mend = f"openssl pkey -in {key} -out FILE makes one that is not"
    raise IntentLiveError(f"the key {key} is encrypted, and nobody is there to unlock it: {mend}")


def address_of(listening: socket.socket, tls: ssl.SSLContext | None) -> str:
    """Where the server can be called."""
    host, port = listening.getsockname()[:2]
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{host}:{port}"


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
    gc.collect()
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
