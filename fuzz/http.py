"""Raw bytes to a connection, on a transport that goes nowhere.

The first byte of an input chooses how it is cut into pieces and how the connection ends, the
second how often what lies between the first two bytes 0xff is repeated.
"""

import asyncio
import logging
import re
from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from fuzz.house import House
from fuzz.replies import read_replies
from fuzz.transport import Transport
from intentlive.api.again import KnownHeads
from intentlive.api.door import (
    ANSWER_SECONDS,
    BODY_SECONDS,
    HEADER_SECONDS,
    MAX_HEADER,
    Door,
    sweep,
)
from intentlive.cli.serving import server_config

PIECES = (7, 50, 400, 3000, 16_384, 65_536, 128 * 1024)
ENDS = ("from outside", "in time", "late")
MARK = b"\xff"
MOST = 128 * 1024  # bytes of a connection: more would only take longer
MOST_REQUESTS = 20  # parsed and not answered: those that came in one piece with a body
STATUSES = {200, 304, 400, 401, 404, 405, 408, 412, 413, 415, 431, 503}
TURNS = 4
VARIES = re.compile(
    rb"HTTP/1\.1 100 Continue\r\n\r\n|\r\n(?:x-request-id|date|ratelimit-\w+): [^\r]*"
)
LONGEST_LIFE = HEADER_SECONDS + BODY_SECONDS + ANSWER_SECONDS + 75 + 5  # and to be kept alive

house = House()
door = Door(house.running.signals, max_per_address=2)
config = server_config(house.front, door)
config.load()
faults: list[Any] = []


class Errors(logging.Handler):
    """Keeps what a library tells as an error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        faults.append(record.exc_info[1] if record.exc_info else record.getMessage())


logging.getLogger("uvicorn.error").addHandler(Errors(logging.ERROR))
logging.getLogger("asyncio").addHandler(Errors(logging.WARNING))


def test_one(data: bytes) -> None:
    """Send the bytes of one connection."""
    if len(data) < 2:
        return
    size, end = PIECES[data[0] % len(PIECES)], ENDS[data[0] // len(PIECES) % len(ENDS)]
    head, unit, tail = (*data[2:].split(MARK, 2), b"", b"")[:3]
    sent = (head + unit * (1 + 64 * data[1]) + tail)[:MOST]
    faults.clear()
    house.lines.clear()
    door.known = KnownHeads()
    house.run(converse(sent, size, end))
    if end == "in time" and (door.known._young or door.known._old):
        check_again(sent, size, end)
    assert not faults, faults


def check_again(sent: bytes, size: int, end: str) -> None:
    """Fail unless known requests get the answers of others; what is sent again changes nothing."""
    door.known = KnownHeads()
    unknown, known = (house.run(converse(sent, size, end)) for _ in range(2))
    assert VARIES.sub(b"", known) == VARIES.sub(b"", unknown), (unknown, known)


async def converse(sent: bytes, size: int, end: str) -> bytes:
    """Bring everything; then end the connection, or wait until the server ends it.

    A peer that is late takes no answer. Gives what was written to it.
    """
    state = ServerState()
    connection = config.http_protocol_class(config=config, server_state=state, app_state={})
    transport = Transport(connection, takes_nothing=end == "late")
    connection.connection_made(transport)
    for start in range(0, len(sent), size):
        if transport.closed:
            break
        connection.data_received(sent[start : start + size])
        check_memory(connection)
        await turn(connection)
        if transport.paused:
            await finish(connection, transport)
        if transport.paused and not transport.closed:
            assert end == "late", "nothing would ever be read again"
            break
    if end != "from outside":
        await wait_until_closed(transport, state)
    transport.take()
    transport.lose()
    if state.tasks:
        await asyncio.wait(state.tasks, timeout=1)
    await asyncio.sleep(0)
    assert not state.connections and not state.tasks and not door._inside
    for status in read_replies(bytes(transport.written)):
        assert status in STATUSES, status
    return bytes(transport.written)


async def turn(connection: Any) -> None:
    """Let the application do what it can."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
    check_memory(connection)


async def finish(connection: Any, transport: Transport) -> None:
    """Let the application answer all that it has got, as far as the peer takes it."""
    before = None
    while before != unanswered(connection) and not transport.closed:
        before = unanswered(connection)
        await turn(connection)


def unanswered(connection: Any) -> tuple[int, int]:
    """What waits: requests, and bytes that are not parsed yet."""
    return len(connection.pipeline), len(connection.flow.waiting)


async def wait_until_closed(transport: Transport, state: ServerState) -> None:
    """Let time pass, from one deadline to the next; no connection outlives all of them."""
    began = door.seconds
    while not transport.closed:
        next_one = min(transport.protocol.deadline, transport.protocol.answer_deadline)
        door.seconds = max(door.seconds, next_one)
        assert door.seconds - began <= LONGEST_LIFE, "the connection is still open"
        sweep(door, state.connections)
        await finish(transport.protocol, transport)


def check_memory(connection: Any) -> None:
    """Fail unless a connection holds no more than it may."""
    held = sum(len(name) + len(value) for name, value in connection.headers or ())
    assert held <= 2 * MAX_HEADER, held  # what came together with another request is not counted
    if isinstance(connection.cycle, RequestResponseCycle):
        assert len(connection.cycle.body) <= HIGH_WATER_LIMIT + max(PIECES)
    requests, waiting = unanswered(connection)
    assert requests <= MOST_REQUESTS, requests
    assert waiting <= max(PIECES) + MAX_HEADER, waiting
