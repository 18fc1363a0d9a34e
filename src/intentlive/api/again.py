"""Requests whose head came before, byte for byte: it is not read again.

Who polls, and who sends events, says the same over and over. What a head says was found out the
first time; from then on the route is asked at once, and does all that it always does.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final, NamedTuple, TypeAlias

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from intentlive.api.http import Again, Response

EXTENSION: Final = "intentlive.again"
"""The ASGI extension; its `remember` takes what is `Known` of the request under way."""

HEAD_END: Final = b"\r\n\r\n"
_MAX_HEADS = 4096  # of a generation
_MAX_BYTES = 4096


class Known(NamedTuple):
    """A request that was answered well.

    `at_once` gives the answer now if nothing has to be waited for, `answer` in any case, to a
    request of the same head with this body.
    """

    at_once: Again | None
    answer: Callable[[bytes], Coroutine[None, None, Response]]


_Remembered: TypeAlias = tuple[int, Known]
"""The length of the body, and what is known."""


class Owed:
    """Stands where uvicorn has its own account of a request that is being answered."""

    def __init__(self) -> None:
        self.response_started = self.response_complete = self.disconnected = False
        self.keep_alive = True
        self.message_event = asyncio.Event()  # set when the connection is lost; nobody waits


class Note:
    """What a request is known by: its head, and how long its body is; no `head` if by nothing.

    It does not know the connection, which would then be kept with it.
    """

    head = b""
    length = 0

    def __init__(self, heads: "KnownHeads") -> None:
        self._heads = heads

    def remember(self, known: Known) -> None:
        """Let the next request of this head be answered at once."""
        if self.head:
            self._heads.remember(self.head, self.length, known)


class KnownHeads:
    """The heads of requests that were answered well, in two generations.

    What has not come for a whole generation is let go with the next one.
    """

    def __init__(self) -> None:
        self._young: dict[bytes, _Remembered] = {}
        self._old: dict[bytes, _Remembered] = {}

    def find(self, data: bytes) -> tuple[Known, bytes] | None:
        """What is known of the head of a whole request, and its body."""
        end = data.find(HEAD_END) + len(HEAD_END)
        head = data[:end]
        remembered = self._young.get(head)
        if remembered is None:
            remembered = self._old.pop(head, None)
            if remembered is None:
                return None
            self._add(head, remembered)
        length, known = remembered
        return (known, data[end:]) if len(data) - end == length else None

    def remember(self, head: bytes, length: int, known: Known) -> None:
        """Remember a head that a body of so many bytes follows, unless it is very long."""
        if len(head) <= _MAX_BYTES:
            self._add(head, (length, known))

    def age(self) -> None:
        """Begin a generation; to be called now and then."""
        self._young, self._old = {}, self._young

    def _add(self, head: bytes, remembered: _Remembered) -> None:
        if len(self._young) >= _MAX_HEADS:
            self.age()
        self._young[head] = remembered


def on_the_wire(response: Response, more_headers: bytes = b"") -> bytes:
    """A whole answer, with those lines among its headers."""
    status, headers, body, _ = response
    return b"%b%b%b\r\n%b" % (STATUS_LINE[status], more_headers, headers, body)
