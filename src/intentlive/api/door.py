"""What the connections of a server share: limits, clock, number by address, refusals."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address

import structlog

from intentlive.api.again import KnownHeads, on_the_wire
from intentlive.api.errors import Header, Problem, header_lines, unavailable
from intentlive.api.http import Response
from intentlive.api.journal import new_request_id
from intentlive.signals import Signals

MAX_HEADER = 32 * 1024
"""Bytes of a request line with its headers; likewise of the trailers behind a chunked body."""
HEADER_SECONDS = 10
"""From the opening of a connection, or the first byte of a request, to the end of its headers."""
BODY_SECONDS = 60
"""From there to the end of the body."""
ANSWER_SECONDS = 60
"""For the peer to take so much of what was written to it that more may be written, or the rest."""

_GENERATION_SECONDS = 60  # the most usual pollers come again in that time
_GIVE_WAY_SECONDS = 1e-6
"""The shortest there is, in effect far longer; what it costs: benchmarks/workers.py."""

_log = structlog.get_logger("intentlive.requests")

UNREADABLE = Problem(
    400,
    "This is not a request in HTTP/1.1",
    check="not http",
    detail="speak HTTP/1.1 with one of its usual methods, and TLS only where the server does",
)
TOO_LARGE = Problem(
    431,
    f"The headers are larger than {MAX_HEADER // 1024} KiB",
    check="header size",
    detail="send fewer or shorter headers",
)
TOO_SLOW = Problem(
    408,
    "The request did not come in time",
    check="slow",
    detail=f"send headers within {HEADER_SECONDS} s, and the body within {BODY_SECONDS} s more",
)
CROWDED = unavailable(
    "Too many connections from this address: close some, or use them again.",
    check="connections",
    detail="keep connections and use them again; for a proxy, see --max-connections-per-address",
)


class Door:
    """Who is inside; `max_per_address` 0 lets in any number.

    `seconds` is counted by the sweep of the connections and not read off a clock: if the process
    stood still, nobody was slow. A door that `gives_way` is one of several on the same port:
    without a short pause after each connection, who wakes up first would take a whole crowd.
    """

    def __init__(
        self, signals: Signals, max_per_address: int = 0, *, gives_way: bool = False
    ) -> None:
        self.seconds = 0
        self.known = KnownHeads()
        self._gives_way = gives_way
        self._signals = signals
        self._limit = max_per_address
        self._inside: Counter[bytes] = Counter()

    def enter(self, place: bytes) -> bool:
        """Count a connection from a place; False if there are too many of it."""
        if self._gives_way:
            time.sleep(_GIVE_WAY_SECONDS)
        if self._limit and self._inside[place] >= self._limit:
            return False
        self._inside[place] += 1
        return True

    def leave(self, place: bytes) -> None:
        """Forget a connection that was counted."""
        self._inside[place] -= 1
        if not self._inside[place]:
            del self._inside[place]

    def refusal(self, problem: Problem, client: str | None, headers: Iterable[Header]) -> bytes:
        """Count and log an answer that no application gives; its bytes, those headers included."""
        request_id = new_request_id()
        self._signals.count_request("(connection)", problem.status)
        self._signals.refusals.labels(problem.check).inc()
        _log.warning(
            "request",
            request_id=request_id,
            route="(connection)",
            status=problem.status,
            client=client,
            check=problem.check,
            mend=problem.detail,
        )
        body = problem.body()
        lines = [
            *headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id.encode()),
            *problem.headers,
            (b"connection", b"close"),
        ]
        return on_the_wire(Response(problem.status, header_lines(lines), body))


def place_of(address: str) -> bytes:
    """What an address counts for: itself, or for IPv6 its /64, all of which one host may use."""
    ip = ip_address(address)
    if ip.version == 4:
        return ip.packed
    return ip.ipv4_mapped.packed if ip.ipv4_mapped else ip.packed[:8]


class Visitor:
    """A connection, as its door sees it: it has its time, in the door's seconds."""

    deadline = 0
    answer_deadline = math.inf

    def expire(self) -> None:
        """Do what is to be done when one of both is over."""
        raise NotImplementedError


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
    if door.seconds % _GENERATION_SECONDS == 0:
        door.known.age()
    for each in tuple(connections):
        if isinstance(each, Visitor) and min(each.deadline, each.answer_deadline) < door.seconds:
            each.expire()
