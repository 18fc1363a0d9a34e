"""What a connection may cost: the size and the time of a request.

uvicorn's protocol bounds neither. This one does, and answers in the one shape of errors.
"""

import asyncio
import re
from collections.abc import Iterable
from typing import Literal

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from intentlive.api.door import Door, place_of
from intentlive.api.errors import Problem, unavailable

MAX_HEADER = 32 * 1024
"""Bytes of a request line with its headers; likewise of the trailers behind a chunked body."""
HEADER_SECONDS = 10
"""From the opening of a connection, or the first byte of a request, to the end of its headers."""
BODY_SECONDS = 60
"""From there to the end of the body."""

# The parser takes no body from a request that offers to go on in HTTP/2, as Java's client does.
# To decline is allowed (RFC 9110, 7.8), so the offer is made a header of no meaning.
_UPGRADE = re.compile(rb"\r\nupgrade:(?=[ \t]*h2c)", re.IGNORECASE)

_log = structlog.get_logger("intentlive.connections")

_UNREADABLE = Problem(
    400,
    "This is not a request in HTTP/1.1",
    check="not http",
    detail="speak HTTP/1.1 with one of its usual methods, and TLS only where the server does",
)
_TOO_LARGE = Problem(
    431,
    f"The headers are larger than {MAX_HEADER // 1024} KiB",
    check="header size",
    detail="send fewer or shorter headers",
)
_TOO_SLOW = Problem(
    408,
    "The request did not come in time",
    check="slow",
    detail=f"send headers within {HEADER_SECONDS} s, and the body within {BODY_SECONDS} s more",
)
_CROWDED = unavailable(
    "Too many connections from this address: close some, or use them again.",
    check="connections",
    detail="keep connections and use them again; for a proxy, see --max-connections-per-address",
)


class Connection(HttpToolsProtocol):
    """A connection that ends when it costs more than it may.

    A timer for each request would cost more than all else here. So a request only sets `deadline`
    (in the door's seconds), and one sweep for all looks at it.
    """

    door: Door
    deadline = 0
    _place: bytes | None = None
    _phase: Literal["between", "header", "body"] = "between"
    _room = MAX_HEADER
    _moved = False
    _deaf = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let it in if there are not too many of its address."""
        super().connection_made(transport)
        self.deadline = self.door.seconds + HEADER_SECONDS
        place = place_of(self.client[0]) if self.client else None
        if place is None or self.door.enter(place):
            self._place = place
        else:
            self._refuse(_CROWDED)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give its place back."""
        super().connection_lost(exc)
        if self._place is not None:
            self.door.leave(self._place)

    def data_received(self, data: bytes) -> None:
        """Parse what came, in pieces that cannot bring more of a header than it may have.

        A piece that leads to no body and no end of headers is all header, trailer or padding, and
        takes from the room for such. Where several requests come in one piece, the last one's
        part of it is not taken: nobody knows where it began.
        """
        start = 0
        while start < len(data) and not self._deaf:
            piece = data[start : start + self._room]
            start += len(piece)
            self._moved = False
            self._parse(piece if self._phase == "body" else _without_upgrade(piece))
            self._room = MAX_HEADER if self._moved else self._room - len(piece)
            if self._room == 0 and not self._deaf:
                self._refuse(_TOO_LARGE)

    def _parse(self, piece: bytes) -> None:
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserError:
            self._refuse(_UNREADABLE)
        except httptools.HttpParserUpgrade:
            # The parser takes the body of such a request for what comes after it. A request made
            # of it would be one that no proxy in front has seen.
            if {b"content-length", b"transfer-encoding"} & dict(self.scope["headers"]).keys():
                self._end_with_the_answer()

    def on_message_begin(self) -> None:
        """Count from the first byte of a request."""
        super().on_message_begin()
        self._phase = "header"
        self.deadline = self.door.seconds + HEADER_SECONDS

    def on_headers_complete(self) -> None:
        """Hand the request over; trailers may not change its headers any more."""
        super().on_headers_complete()
        self.headers = []
        self._moved = True
        self._phase = "body"
        self.deadline = self.door.seconds + BODY_SECONDS

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        super().on_body(body)
        self._moved = True

    def on_message_complete(self) -> None:
        """Be idle if the answer came before; if not, `expire` leaves the application its time."""
        super().on_message_complete()
        self._moved = True
        self._phase = "between"
        if self.cycle.response_complete:
            self._be_idle()

    def on_response_complete(self) -> None:
        """Go on with the next request; uvicorn's own would set a timer each time."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._phase == "between":
            self._be_idle()

    def _be_idle(self) -> None:
        self.deadline = self.door.seconds + self.timeout_keep_alive

    def expire(self) -> None:
        """Do what the deadline was for; where the server is what is slow, look again later."""
        body_waits = self._phase == "body" and not self.cycle.response_started
        if self.transport.is_closing():
            self.transport.abort()  # the peer does not take what it was sent
        elif self.flow.read_paused or (self._owes_an_answer() and not body_waits):
            self.deadline = self.door.seconds + HEADER_SECONDS
        elif self._phase == "between":
            self._hang_up()
        else:
            self._refuse(_TOO_SLOW)

    def _owes_an_answer(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, problem: Problem) -> None:
        """Answer in place of the application and close; no answer where it would be taken amiss."""
        owes = self._owes_an_answer()
        if self._phase != "body":
            if owes:
                self._end_with_the_answer()
                return
            self._answer(problem)
        elif owes:
            if not self.cycle.response_started and not self.pipeline:
                self._answer(problem)
            self.cycle.disconnected = True  # now, and not when the peer has taken the answer
            self.cycle.message_event.set()
        self._hang_up()

    def _answer(self, problem: Problem) -> None:
        body = problem.body()
        request_id = self.door.record(problem, self.client[0] if self.client else None)
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id.encode()),
            *problem.headers,
            (b"connection", b"close"),
        ]
        lines = [b"%s: %s\r\n" % header for header in headers]
        self.transport.write(b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", body]))

    def _end_with_the_answer(self) -> None:
        """Hear no more; the answer that is due is the last on this connection."""
        self._deaf = True
        self.cycle.keep_alive = False

    def _hang_up(self) -> None:
        self._deaf = True
        self.deadline = self.door.seconds + HEADER_SECONDS
        self.transport.close()


def _without_upgrade(piece: bytes) -> bytes:
    if b"h2c" not in piece:
        return piece
    head, end, rest = piece.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nignored:", head) + end + rest


def connections_through(door: Door) -> type[Connection]:
    """The protocol for uvicorn to make connections of."""

    class ConnectionHere(Connection):
        pass

    ConnectionHere.door = door
    return ConnectionHere


async def watch(door: Door, connections: Iterable[object]) -> None:
    """Sweep once a second, until cancelled."""
    while True:
        await asyncio.sleep(1)
        try:
            sweep(door, connections)
        except Exception:  # noqa: BLE001 - a fault with one connection must not end the server
            _log.exception("fault")


def sweep(door: Door, connections: Iterable[object]) -> None:
    """Let a second pass, and end the connections whose time is over."""
    door.seconds += 1
    for each in tuple(connections):
        if isinstance(each, Connection) and each.deadline < door.seconds:
            each.expire()
