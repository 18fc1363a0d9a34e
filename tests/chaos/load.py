"""Steady load: eight clients that send again what was not answered, and one that asks."""

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from itertools import cycle
from time import monotonic
from typing import Self

from tests.e2e.calling import Answer, call_on
from tests.e2e.server import Caller, Server, events_path, realtime
from tests.e2e.wire import BATCH, body_of

from .conversations import Conversations, Event

CLIENTS = 8
_SECONDS_BETWEEN = 0.25  # of one client's batches
_EVENTS = (20, 80)
_SECONDS_BEFORE_AGAIN = 0.2
_SECONDS_BETWEEN_READS = 0.1
_ANSWER_SECONDS = 15.0
_LAST_SECONDS = 60.0
_PASSING = (429, 500, 502, 503, 504)
NO_ANSWER = 0


class Tally:
    """What the clients saw; times in seconds, answers by their status (0: none came)."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.writes: Counter[int] = Counter()
        self.reads: Counter[int] = Counter()
        self.silence = 0.0
        self.longest_write = 0.0
        self.longest_read = 0.0
        self.violations: list[str] = []

    def add(self, other: "Tally") -> None:
        """Count another one's as well."""
        self.acknowledged += other.acknowledged
        self.writes += other.writes
        self.reads += other.reads
        self.silence = max(self.silence, other.silence)
        self.longest_write = max(self.longest_write, other.longest_write)
        self.longest_read = max(self.longest_read, other.longest_read)
        self.violations += other.violations


class Load:
    """Clients at work while it is used as a context manager, each with all servers by turns.

    Leaving it waits until every batch is answered with 200. `told` then has all that was
    acknowledged, by session.
    """

    def __init__(
        self, servers: Sequence[Server], bot: str, caller: Caller, conversations: Conversations
    ) -> None:
        self._ports = [server.port for server in servers]
        self._bot = bot
        self._caller = caller
        self._conversations = conversations
        self._enough = threading.Event()
        self._never = threading.Event()
        self._lock = threading.Lock()
        self._give_up = float("inf")
        self._last_acknowledged = monotonic()
        self.tally = Tally()
        self.told: defaultdict[str, list[Event]] = defaultdict(list)

    def __enter__(self) -> Self:
        self._threads = ThreadPoolExecutor(CLIENTS + 1)
        self._working = [self._threads.submit(self._send, number) for number in range(CLIENTS)]
        self._working.append(self._threads.submit(self._read))
        return self

    def __exit__(self, *_: object) -> None:
        self._give_up = monotonic() + _LAST_SECONDS
        self._enough.set()
        self._threads.shutdown()
        for each in self._working:
            each.result()

    def _send(self, number: int) -> None:
        line = _Line(self._ports[number % len(self._ports) :] + self._ports, self._caller)
        while not self._enough.is_set():
            began = monotonic()
            self._deliver(line, self._conversations.batch(*_EVENTS))
            self._enough.wait(began + _SECONDS_BETWEEN - monotonic())
        line.close()

    def _deliver(self, line: "_Line", batch: Sequence[Event]) -> None:
        """Send a batch again and again until it is taken."""
        began, body = monotonic(), body_of(batch)
        while monotonic() < self._give_up:
            answer = line.call(events_path(self._bot), body)
            status = answer.status if answer else NO_ANSWER
            with self._lock:
                self.tally.writes[status] += 1
                if answer and answer.status == 200:
                    self._note(batch, answer, monotonic() - began)
                    return
                if answer and answer.status not in _PASSING:
                    self.tally.violations.append(f"told to give up: {answer.body.decode()}")
                    return
            self._never.wait(_SECONDS_BEFORE_AGAIN)
        self.tally.violations.append(f"not taken within {_LAST_SECONDS:g} s after the load")

    def _note(self, batch: Sequence[Event], answer: Answer, seconds: float) -> None:
        if answer.json != {"accepted": len(batch), "rejected": []}:
            self.tally.violations.append(f"not all taken: {answer.body.decode()[:200]}")
        now = monotonic()
        self.tally.silence = max(self.tally.silence, now - self._last_acknowledged)
        self._last_acknowledged = now
        self.tally.longest_write = max(self.tally.longest_write, seconds)
        self.tally.acknowledged += len(batch)
        for event in batch:
            self.told[event["subject"]].append(event)

    def _read(self) -> None:
        """Ask for the latest 25, and see that what comes can be a list at all."""
        line = _Line(self._ports, self._caller)
        while not self._enough.wait(_SECONDS_BETWEEN_READS):
            began = monotonic()
            answer = line.call(realtime(self._bot))
            seconds = monotonic() - began
            with self._lock:
                self.tally.reads[answer.status if answer else NO_ANSWER] += 1
                self.tally.longest_read = max(self.tally.longest_read, seconds)
                if answer and answer.status == 200 and not is_a_list(answer.json):
                    self.tally.violations.append(f"no list: {json.dumps(answer.json)[:200]}")
                elif answer and answer.status not in (200, *_PASSING):
                    self.tally.violations.append(f"a reader was told {answer.body.decode()}")
        line.close()


class _Line:
    """Connections to several servers, used by turns; a broken one is made anew."""

    def __init__(self, ports: Sequence[int], caller: Caller) -> None:
        made = [HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS) for port in ports]
        self._made = made
        self._next = cycle(made)
        self._headers = caller.headers | {"content-type": BATCH}

    def call(self, path: str, body: bytes | None = None) -> Answer | None:
        """Ask the next server; None if there was no answer."""
        connection = next(self._next)
        try:
            return call_on(connection, "POST", path, self._headers, body)
        except (OSError, HTTPException):
            connection.close()
            return None

    def close(self) -> None:
        for connection in self._made:
            connection.close()


def is_a_list(records: list[Event]) -> bool:
    """Whether these can be the latest 25: no session twice, the newest first."""
    order = [(record["endTime"], record["sessionId"]) for record in records]
    is_unique = len({session for _, session in order}) == len(order)
    return is_unique and len(order) <= 25 and order == sorted(order, reverse=True)
