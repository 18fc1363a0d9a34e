"""What is recorded of every request: a count, and a line in the log that says why it failed."""

import random
from collections.abc import Mapping
from time import perf_counter
from types import MappingProxyType
from typing import Any

import structlog

from intentlive.logs import RepeatedLine
from intentlive.signals import Signals

_MAX_LINES = 4096  # some hundred bytes each
_log = structlog.get_logger("intentlive.requests")

# Seeded by the system; asking it at every request would cost more than the rest of an id.
_ids = random.Random()  # noqa: S311 - ids to find a line by, not to keep a secret


def new_request_id() -> str:
    """24 hex digits."""
    return f"{_ids.getrandbits(96):024x}"


class Entry:
    """One request, from its beginning on."""

    def __init__(self, route: str, noted: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.request_id = new_request_id()
        self.began = perf_counter()
        self.route = route
        self.status = 499  # the client is gone before anything is answered
        self.noted = noted

    @property
    def ms(self) -> float:
        """How long it has taken so far."""
        return (perf_counter() - self.began) * 1000


class Journal:
    """Where requests are recorded when they are answered."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._log = _log.bind()  # made once: an unbound logger is made anew for every line
        self._lines: dict[tuple[object, ...], RepeatedLine] = {}

    def record(self, method: str, entry: Entry) -> None:
        """Count a request and write its line."""
        self._signals.count_request(entry.route, entry.status)
        check = entry.noted.get("check")
        if check is None:
            self._line_of(method, entry).write(entry.request_id, entry.ms)
        else:
            self._signals.refusals.labels(check).inc()
            told = _told(method, entry)
            ms = round(entry.ms, 2)
            self._log.warning("request", **told, request_id=entry.request_id, ms=ms)

    def _line_of(self, method: str, entry: Entry) -> RepeatedLine:
        """The line of all requests that differ from this in nothing but their time."""
        key = (method, entry.route, entry.status, *entry.noted.values())
        line = self._lines.get(key)
        if line is None:
            if len(self._lines) >= _MAX_LINES:
                self._lines.clear()
            line = self._lines[key] = RepeatedLine("request", **_told(method, entry))
        return line


def _told(method: str, entry: Entry) -> dict[str, Any]:
    return {"method": method, "route": entry.route, "status": entry.status, **entry.noted}
