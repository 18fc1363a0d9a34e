"""A server without a network: a transport that goes nowhere, seconds that a test moves by hand."""

import asyncio
import re

import uvicorn
from uvicorn.server import ServerState

from intentlive.api.connections import connections_through
from intentlive.api.door import Door, sweep
from intentlive.api.http import Call, ClientDisconnected, Head
from intentlive.signals import Signals

GET = b"GET /one HTTP/1.1\r\nhost: here\r\n\r\n"
POST = b"POST /one HTTP/1.1\r\nhost: here\r\ncontent-length: %d\r\n\r\n"
CHUNKED = b"POST /one HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n"
KEEP_ALIVE = 75
ENOUGH = 16 * 1024 * 1024


class Transport:
    """A transport that goes nowhere."""

    def __init__(self, address="192.0.2.1"):
        self.peer = (address, 4000)
        self.written = b""
        self.is_paused = self.is_closed = self.is_aborted = False

    def get_extra_info(self, name):
        return self.peer if name == "peername" else None

    def write(self, data):
        assert not self.is_closed
        self.written += data

    def is_closing(self):
        return self.is_closed

    def close(self):
        self.is_closed = True

    def abort(self):
        self.is_closed = self.is_aborted = True

    def pause_reading(self):
        self.is_paused = True

    def resume_reading(self):
        self.is_paused = False


class Application:
    """Reads a body, if it `reads`, then begins to answer when it may, and ends when it may.

    If it `listens`, it waits for the end of the connection instead.
    """

    def __init__(self):
        self.reads, self.listens = True, False
        self.may_answer, self.may_end = asyncio.Event(), asyncio.Event()
        self.may_answer.set()
        self.may_end.set()
        self.scopes, self.bodies, self.gone = [], [], 0
        self.held = 0

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        if self.listens:
            while (await receive())["type"] != "http.disconnect":
                pass
            self.gone += 1
            return
        if self.reads:
            try:
                call = Call(Head("bot", scope["headers"]), receive)
                self.bodies.append(await call.body(ENOUGH, self.take))
            except ClientDisconnected:
                self.gone += 1
                return
            finally:
                self.held = 0
        await self.may_answer.wait()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.may_end.wait()
        await send({"type": "http.response.body", "body": b"ok"})

    def take(self, size):
        self.held += size


class House:
    """A server without a network."""

    def __init__(self, max_per_address=0, application=None):
        self.signals = Signals()
        self.door = Door(self.signals, max_per_address)
        self.application = application or Application()
        protocol = connections_through(self.door)
        self.config = uvicorn.Config(
            self.application,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            timeout_keep_alive=KEEP_ALIVE,
        )
        self.config.load()
        self.state = ServerState()

    def open(self, address="192.0.2.1"):
        """A new connection."""
        connection = self.config.http_protocol_class(
            config=self.config, server_state=self.state, app_state={}
        )
        connection.connection_made(Transport(address))
        return connection

    def wait(self, seconds):
        for _ in range(seconds):
            sweep(self.door, self.state.connections)

    def count(self, name, **labels):
        return self.signals.registry.get_sample_value(f"intentlive_{name}_total", labels) or 0


async def turn():
    """Let the application do what it can."""
    for _ in range(5):
        await asyncio.sleep(0)


def feed(connection, data, size=None):
    """Let bytes come, in packets of a size, for as long as somebody reads them."""
    size = size or len(data) or 1
    for start in range(0, len(data), size):
        if not connection.transport.is_closed:
            connection.data_received(data[start : start + size])


def statuses(connection):
    return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d+)", connection.transport.written)]


def is_open(connection):
    return not connection.transport.is_closed
