"""What a connection may cost: the size and the time of a request.

uvicorn's protocol bounds neither. This one does, and answers in the one shape of errors.
"""

import asyncio
import math
import re
from collections.abc import Coroutine
from typing import Literal, cast

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from intentlive.api.again import EXTENSION, HEAD_END, Note, Owed, on_the_wire
from intentlive.api.door import (
    ANSWER_SECONDS,
    BODY_SECONDS,
    CROWDED,
    HEADER_SECONDS,
    MAX_HEADER,
    TOO_LARGE,
    TOO_SLOW,
    UNREADABLE,
    Door,
    Visitor,
    place_of,
)
from intentlive.api.errors import Problem, header_lines
from intentlive.api.http import Response

_CLOSE = b"connection: close\r\n"
_FINEST = 256  # A body is cut no finer, or one full of such ends would cost much time.

# The parser takes no body from a request that offers to go on in HTTP/2, as Java's client does.
# To decline is allowed (RFC 9110, 7.8), so the offer is made a header of no meaning.
_UPGRADE = re.compile(rb"\r\nupgrade:(?=[ \t]*h2c)", re.IGNORECASE)


class _Flow(FlowControl):
    """Reads no more while something `waiting` was read before; uvicorn would, at any `receive`."""

    waiting = b""

    def resume_reading(self) -> None:
        if not self.waiting:
            super().resume_reading()


class Connection(Visitor, HttpToolsProtocol):
    """A connection that ends when it costs more than it may.

    A timer for each request would cost more than all else here. So a request only sets `deadline`
    (in the door's seconds), and one sweep for all looks at it; likewise `answer_deadline`.

    One is answered at a time. What comes behind it stays bytes, since a request costs hundreds of
    times its own; only behind a body a few may be parsed. The application has `_answering`.
    """

    door: Door
    flow: _Flow
    _answering: RequestResponseCycle = None  # type: ignore[assignment]
    _place: bytes | None = None
    _phase: Literal["between", "header", "body"] = "between"
    _room = MAX_HEADER
    _moved = False
    _deaf = False
    _note: Note

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let it in if there are not too many of its address."""
        super().connection_made(transport)
        self.flow = _Flow(transport)
        self.deadline = self.door.seconds + HEADER_SECONDS
        place = place_of(self.client[0]) if self.client else None
        if place is None or self.door.enter(place):
            self._place = place
        else:
            self._refuse(CROWDED)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give its place back, and all memory without waiting for the garbage collector."""
        self.cycle = self._answering  # uvicorn tells none but this one
        super().connection_lost(exc)
        self.pipeline.clear()  # each of these knows the connection
        self.flow.waiting = b""
        if self._place is not None:
            self.door.leave(self._place)

    def data_received(self, data: bytes) -> None:
        """Parse what came, in pieces that cannot bring more than they may.

        A piece ends where headers do, and waits while the request before it is not answered. One
        that leads to no body and no end of headers is all header, trailer or padding, and takes
        from the room for such. Where a header begins in a piece with a body, that part of it is
        not taken: nobody knows where it began.
        """
        data, start = self.flow.waiting + data, 0
        self.flow.waiting = b""
        is_new = self._phase == "between" and not self._owes_an_answer()
        if is_new and self._is_known(data):
            return
        while start < len(data) and not self._deaf:
            if self.pipeline or (self._phase == "between" and self._owes_an_answer()):
                self.flow.waiting = data[start:]
                self.flow.pause_reading()
                return
            fine = start + _FINEST if self._phase == "body" else start
            end = data.find(HEAD_END, fine, start + self._room)
            piece = data[start : start + self._room if end < 0 else end + len(HEAD_END)]
            start += len(piece)
            self._moved = False
            self._parse(piece)
            self._room = MAX_HEADER if self._moved else self._room - len(piece)
            if self._room == 0 and not self._deaf:
                self._refuse(TOO_LARGE)
        if is_new and self._phase == "between" and self._owes_an_answer():
            self._note_whole(data)

    def _is_known(self, data: bytes) -> bool:
        """Answer a whole request whose head came before, or begin to."""
        found = self.door.known.find(data)
        if found is None or self.flow.write_paused or self.transport.is_closing():
            return False
        self._room = MAX_HEADER
        known, body = found
        response = known.at_once() if known.at_once else None
        if response is not None:
            self.transport.write(on_the_wire(response, self._server_headers()))
            self.server_state.total_requests += 1
            self._be_idle()
        else:
            owed = Owed()
            self.cycle = self._answering = cast(RequestResponseCycle, owed)
            task = self.loop.create_task(self._answer_known(owed, known.answer(body)))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return True

    async def _answer_known(self, owed: Owed, answering: Coroutine[None, None, Response]) -> None:
        try:
            response = await answering
        except BaseException:  # the server, told to stop, waits no longer; or a fault
            self.transport.close()
            raise
        owed.response_complete = True
        if owed.disconnected:
            return
        lines = self._server_headers() + (b"" if owed.keep_alive else _CLOSE)
        self.transport.write(on_the_wire(response, lines))
        if not owed.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _server_headers(self) -> bytes:
        return header_lines(self.server_state.default_headers)

    def _note_whole(self, data: bytes) -> None:
        """Let it be known by its head, if it was one request that leaves the connection as it was.

        Where more than its body stands behind its head, chunks or empty lines around the request,
        the length would not tell where the next one begins.
        """
        end = data.find(HEAD_END) + len(HEAD_END)
        is_whole = len(data) - end == len(self.cycle.body)
        if is_whole and self.cycle.keep_alive and not self.parser.should_upgrade():
            self._note.head, self._note.length = data[:end], len(data) - end

    def _parse(self, piece: bytes) -> None:
        if self._phase != "body" and b"h2c" in piece:
            piece = _UPGRADE.sub(b"\r\nignored:", piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserError:
            self._refuse(UNREADABLE)
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
        self._note = Note(self.door.known)
        self.scope["extensions"] = {EXTENSION: {"remember": self._note.remember}}
        super().on_headers_complete()
        if not self.pipeline:
            self._answering = self.cycle
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
            self.deadline = self.door.seconds + ANSWER_SECONDS
            return
        if self.pipeline:
            self._answering, app = self.pipeline.pop()
            self._start_asgi_task(self._answering, app)
            self.deadline = self.door.seconds + BODY_SECONDS
        elif self._phase == "between":
            self._be_idle()
        if self.flow.waiting:
            self.data_received(b"")
        self.flow.resume_reading()

    def pause_writing(self) -> None:
        """Give the peer its time to take what was written."""
        super().pause_writing()
        self.answer_deadline = self.door.seconds + ANSWER_SECONDS

    def resume_writing(self) -> None:
        """Be content: it took nearly all."""
        super().resume_writing()
        self.answer_deadline = math.inf

    def _be_idle(self) -> None:
        self.deadline = self.door.seconds + self.timeout_keep_alive

    def expire(self) -> None:
        """Do what the deadline was for; where the server is what is slow, look again later."""
        body_waits = self._phase == "body" and not self.cycle.response_started
        if self.transport.is_closing() or self.answer_deadline < self.door.seconds:
            self.transport.abort()  # the peer does not take what it was sent
        elif self.flow.read_paused or self.pipeline or (self._owes_an_answer() and not body_waits):
            self.deadline = self.door.seconds + HEADER_SECONDS
        elif self._phase == "between":
            self._hang_up()
        else:
            self._refuse(TOO_SLOW)

    def _owes_an_answer(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, problem: Problem) -> None:
        """Answer in place of the application and close; no answer where it would be taken amiss."""
        owes, in_body = self._owes_an_answer(), self._phase == "body"
        if owes and (self.pipeline or not in_body):
            self._end_with_the_answer()
            return
        if not in_body or (owes and not self.cycle.response_started):
            self._answer(problem)
        if owes:
            self.cycle.disconnected = True  # now, and not when the peer has taken the answer
            self.cycle.message_event.set()
        self._hang_up()

    def _answer(self, problem: Problem) -> None:
        client = self.client[0] if self.client else None
        self.transport.write(self.door.refusal(problem, client, self.server_state.default_headers))

    def _end_with_the_answer(self) -> None:
        """Hear no more; the answer that is due is the last on this connection."""
        self._deaf = True
        self._answering.keep_alive = False

    def _hang_up(self) -> None:
        self._deaf = True
        self.deadline = self.door.seconds + HEADER_SECONDS
        self.transport.close()


def connections_through(door: Door) -> type[Connection]:
    """The protocol for uvicorn to make connections of."""

    class ConnectionHere(Connection):
        pass

    ConnectionHere.door = door
    return ConnectionHere
