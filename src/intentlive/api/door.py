"""What the connections of a server share: limits, clock, number by address, refusals."""

import secrets
import time
from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from intentlive.api.errors import Problem, unavailable
from intentlive.signals import Signals

MAX_HEADER = 32 * 1024
"""Bytes of a request line with its headers; likewise of the trailers behind a chunked body."""
HEADER_SECONDS = 10
"""From the opening of a connection, or the first byte of a request, to the end of its headers."""
BODY_SECONDS = 60
"""From there to the end of the body."""
ANSWER_SECONDS = 60
"""For the peer to take so much of what was written to it that more may be written, or the rest."""

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

    def refusal(
        self, problem: Problem, client: str | None, headers: Iterable[tuple[bytes, bytes]]
    ) -> bytes:
        """Count and log an answer that no application gives; its bytes, those headers included."""
        request_id = secrets.token_hex(12)
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
        headers = [
            *headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request_id.encode()),
            *problem.headers,
            (b"connection", b"close"),
        ]
        lines = [b"%s: %s\r\n" % header for header in headers]
        return b"".join([STATUS_LINE[problem.status], *lines, b"\r\n", body])


def place_of(address: str) -> bytes:
    """What an address counts for: itself, or for IPv6 its /64, all of which one host may use."""
    ip = ip_address(address)
    if ip.version == 4:
        return ip.packed
    return ip.ipv4_mapped.packed if ip.ipv4_mapped else ip.packed[:8]
