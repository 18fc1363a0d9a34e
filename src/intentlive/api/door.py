"""What the connections of a server share: their clock, their number by address, their refusals."""

import secrets
from collections import Counter
from ipaddress import ip_address

import structlog

from intentlive.api.errors import Problem
from intentlive.signals import Signals

_log = structlog.get_logger("intentlive.requests")


class Door:
    """Who is inside; `max_per_address` 0 lets in any number.

    `seconds` is counted by the sweep of the connections and not read off a clock: if the process
    stood still, nobody was slow.
    """

    def __init__(self, signals: Signals, max_per_address: int = 0) -> None:
        self.seconds = 0
        self._signals = signals
        self._limit = max_per_address
        self._inside: Counter[bytes] = Counter()

    def enter(self, place: bytes) -> bool:
        """Count a connection from a place; False if there are too many of it."""
        if self._limit and self._inside[place] >= self._limit:
            return False
        self._inside[place] += 1
        return True

    def leave(self, place: bytes) -> None:
        """Forget a connection that was counted."""
        self._inside[place] -= 1
        if not self._inside[place]:
            del self._inside[place]

    def record(self, problem: Problem, client: str | None) -> str:
        """Count and log an answer that no application gave; its request id."""
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
        return request_id


def place_of(address: str) -> bytes:
    """What an address counts for: itself, or for IPv6 its /64, all of which one host may use."""
    ip = ip_address(address)
    if ip.version == 4:
        return ip.packed
    return ip.ipv4_mapped.packed if ip.ipv4_mapped else ip.packed[:8]
