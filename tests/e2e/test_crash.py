"""What was acknowledged is there, and what is sent again changes nothing, killed or not."""

import gzip
import itertools
import json
import random
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

import pytest

from .calling import call_on, connect, eventually, unavailable
from .server import PATIENCE, Caller, Server, events_path
from .wire import BATCH, COMPRESS, NDJSON, SINGLE, finished, new_session

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CONNECTIONS = 8
DEATHS = 5


class Body(NamedTuple):
    """A request body that is ready to be sent."""

    content: bytes
    headers: dict[str, str]
    events: int


@pytest.fixture(params=["bank-calls-week1", "dialogues-dev"])
def known(request):
    """The lines of a data set, and its latest 25 records."""
    if not DATA.is_dir():
        unavailable("the public data sets are not beside the repository (shared/data)")
    lines = gzip.decompress((DATA / f"{request.param}.ndjson.gz").read_bytes()).splitlines()
    return lines, json.loads((DATA / f"{request.param}.latest.json").read_bytes())


def bodies(lines: list[bytes], size: int) -> Iterable[Body]:
    """Lines as request bodies: all content types in all encodings by turns."""
    ways = itertools.cycle(itertools.product((BATCH, NDJSON, SINGLE), COMPRESS))
    start = 0
    while start < len(lines):
        kind, encoding = next(ways)
        some = lines[start : start + (1 if kind == SINGLE else size)]
        start += len(some)
        content = b"[" + b",".join(some) + b"]" if kind == BATCH else b"\n".join(some)
        headers = {"content-type": kind, "content-encoding": encoding}
        yield Body(COMPRESS[encoding](content), headers, len(some))


class Senders:
    """Eight connections that send until all is answered, through the deaths of the server."""

    def __init__(self, server: Server, caller: Caller, bot: str, todo: list[Body]) -> None:
        self._server = server
        self._headers = caller.headers
        self._path = events_path(bot)
        self._todo: SimpleQueue[Body] = SimpleQueue()
        for body in todo:
            self._todo.put(body)
        self._lock = threading.Lock()
        self._deadly = {len(todo) * n // (DEATHS + 1) for n in range(1, DEATHS + 1)}
        self.answered = 0
        self.deaths = 0

    def send_all(self) -> None:
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            for sender in [threads.submit(self._send_some) for _ in range(CONNECTIONS)]:
                sender.result()

    def _send_some(self) -> None:
        connection = connect(self._server.port)
        try:
            while True:
                self._send(connection, self._todo.get_nowait())
        except Empty:
            return
        finally:
            connection.close()

    def _send(self, connection, body: Body) -> None:
        headers = self._headers | body.headers

        def answer():
            try:
                return call_on(connection, "POST", self._path, headers, body.content)
            except (OSError, HTTPException):
                connection.close()  # it opens again with the next request
                return None

        got = eventually(answer, PATIENCE)
        assert got.status == 200, got.body
        assert got.json == {"accepted": body.events, "rejected": []}
        with self._lock:
            self.answered += 1
            if self.answered in self._deadly:
                self._server.kill()
                self._server.start()
                self.deaths += 1


def test_the_data_in_its_order_gives_the_known_answer(server, caller, bot, known):
    lines, expected = known
    connection = connect(server.port)
    for body in bodies(lines, 3000):
        headers = caller.headers | body.headers
        answer = call_on(connection, "POST", events_path(bot), headers, body.content)
        assert answer.json == {"accepted": body.events, "rejected": []}
    connection.close()
    assert server.latest(bot, caller).json == expected


def test_shuffled_repeated_and_through_five_deaths_it_gives_the_same_answer(own, known):
    lines, expected = known
    server, caller, bot = own
    chance = random.Random(25)
    repeated = [line for line in lines for _ in range(chance.randint(1, 3))]
    chance.shuffle(repeated)
    todo = list(bodies(repeated, 500))
    senders = Senders(server, caller, bot, todo)
    senders.send_all()
    assert (senders.answered, senders.deaths) == (len(todo), DEATHS)
    assert server.latest(bot, caller).json == expected
    # What every connection was told is stored is all there is: sending it once more adds nothing.
    for body in todo[:20]:
        answer = server.send(
            bot,
            caller,
            body.content,
            body.headers["content-type"],
            content_encoding=body.headers["content-encoding"],
        )
        assert answer.json["accepted"] == body.events
    assert server.latest(bot, caller).json == expected
    assert server.stop() == 0


def test_an_acknowledged_batch_survives_death_right_after_its_answer(own):
    server, caller, bot = own
    sent = []
    for _ in range(3):
        sessions = [new_session() for _ in range(8)]
        answer = server.send(bot, caller, [finished(session) for session in sessions])
        server.kill()
        assert answer.json == {"accepted": 8, "rejected": []}
        sent += sessions
        server.start()
        assert set(server.listed(bot, caller)) == set(sent)


def test_a_request_cut_off_by_death_may_be_sent_again(own):
    server, caller, bot = own
    events = [finished() for _ in range(20)]
    connection = connect(server.port)
    connection.putrequest("POST", events_path(bot))
    connection.putheader("content-length", "100000")
    connection.putheader("auth", caller.token)
    connection.putheader("content-type", BATCH)
    connection.endheaders(b"[" + b" " * 50_000)
    server.kill()
    with pytest.raises((OSError, HTTPException)):
        connection.getresponse()
    connection.close()
    server.start()
    assert server.listed(bot, caller) == []
    for _ in range(2):
        assert server.send(bot, caller, events).json["accepted"] == 20
    assert len(server.listed(bot, caller)) == 20
