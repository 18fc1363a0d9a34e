"""What is recorded of every request: a count, and a line in the log that says why it failed."""

import random
from time import perf_counter
from typing import Any

import structlog

from intentlive.logs import RepeatedLine
from intentlive.signals import Signals

_log = structlog.get_logger("intentlive.requests")

# Seeded by the system; asking it at every request would cost more than the rest of an id.
_ids = random.Random()  # noqa: S311 - ids to find a line by, not to keep a secret


def new_request_id() -> str:
    """24 hex digits."""
    return f"{_ids.getrandbits(96):024x}"


class Entry:
    """One request, from its beginning on."""

    def __init__(self, route: str) -> None:
        self.request_id = new_request_id()
        self.began = perf_counter()
        self.route = route
        self.status = 499  # the client is gone before anything is answered
        self.noted: dict[str, Any] = {}

    @property
    def ms(self) -> float:
        """How long it has taken so far."""
        return (perf_counter() - self.began) * 1000


class Repeating:
    """The same for a request that comes again and again, without putting its line together anew."""

    def __init__(self, signals: Signals, method: str, entry: Entry) -> None:
        self._signals = signals
        self._route = entry.route
        self._fixed = {"method": method, "route": entry.route, **entry.noted}
        self._lines: dict[int, RepeatedLine] = {}

    def record(self, status: int, request_id: str, began: float) -> None:
        """Count one more, and write its line."""
        self._signals.count_request(self._route, status)
        line = self._lines.get(status)
        if line is None:
            line = self._lines[status] = RepeatedLine("request", status=status, **self._fixed)
        line.write(request_id, (perf_counter() - began) * 1000)


class Journal:
    """Where requests are recorded when they are answered."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._log = _log.bind()  # made once: an unbound logger is made anew for every line

    def record(self, method: str, entry: Entry) -> None:
        """Count a request and write its line."""
        self._signals.count_request(entry.route, entry.status)
        check = entry.noted.get("check")
        if check is not None:
            self._signals.refusals.labels(check).inc()
        write = self._log.info if check is None else self._log.warning
        write(
            "request",
            method=method,
            route=entry.route,
            status=entry.status,
            **entry.noted,
            request_id=entry.request_id,
            ms=round(entry.ms, 2),
        )

    def repeating(self, method: str, entry: Entry) -> Repeating:
        """Where requests are recorded of which only the time and the status differ from this."""
        return Repeating(self._signals, method, entry)
