"""Requests that come again and again, from the real curl and over raw connections."""

import json
import signal
import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Lock

import pytest

from .calling import Answer, call, curl, eventually
from .faults import store_held
from .server import PATIENCE, events_path, realtime
from .wire import BATCH, body_of, finished, new_session

CONNECTIONS = 6


class Connection:
    """One over which each request is sent at one go."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._answers = self._socket.makefile("rb")

    def send(self, data):
        self._socket.sendall(data)

    def receive(self):
        """The next answer; None if the connection ended where one would begin."""
        status_line = self._answers.readline()
        if not status_line:
            return None
        headers = {}
        while (line := self._answers.readline()) != b"\r\n":
            name, _, value = line.decode().rstrip("\r\n").partition(": ")
            assert name, "the connection ended within an answer"
            headers[name] = value
        length = int(headers.get("content-length", 0))
        body = self._answers.read(length)
        assert len(body) == length, "the connection ended within an answer"
        return Answer(int(status_line.split()[1]), headers, body)

    def ask(self, data):
        self.send(data)
        return self.receive()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._answers.close()
        self._socket.close()


def get(bot, caller):
    return f"GET {realtime(bot)} HTTP/1.1\r\nhost: here\r\nauth: {caller.token}\r\n\r\n".encode()


def post(bot, caller, session):
    body = body_of([finished(session)])
    head = (
        f"POST {events_path(bot)} HTTP/1.1\r\nhost: here\r\nauth: {caller.token}\r\n"
        f"content-type: {BATCH}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@pytest.fixture
def ask(server, caller, bot):
    """Run curl on the endpoint of a bot with one session."""
    assert server.send(bot, caller, [finished()]).status == 200
    url, auth = server.address + realtime(bot), f"auth: {caller.token}"
    return lambda *arguments: curl(url, "--header", auth, *arguments)


def test_curl_gets_the_same_answer_each_time(ask):
    first, *others = [ask() for _ in range(4)]
    for answer in others:
        assert (answer.status, answer.body) == (200, first.body)
        assert answer.headers.keys() == first.headers.keys()
    assert len({answer.request_id for answer in [first, *others]}) == 4


def test_curl_opens_a_compressed_answer(ask):
    plain = ask()
    for _ in range(3):
        answer = ask("--compressed")
        assert answer.headers["content-encoding"] in {"gzip", "zstd"}
        assert (answer.status, answer.body) == (200, plain.body)
        assert answer.headers["etag"] != plain.headers["etag"]
    assert "content-encoding" not in plain.headers


@pytest.mark.parametrize("options", [[], ["--request", "POST"], ["--compressed"]], ids=str)
def test_curl_is_told_that_it_has_the_answer_until_there_is_another(
    server, caller, bot, ask, options
):
    tag = ask(*options).headers["etag"]
    for _ in range(3):
        answer = ask(*options, "--header", f"If-None-Match: {tag}")
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)
        assert "content-length" not in answer.headers
    session = new_session()
    assert server.send(bot, caller, [finished(session)]).status == 200
    answer = ask(*options, "--header", f"If-None-Match: {tag}")
    assert (answer.status, answer.json[0]["sessionId"]) == (200, session)


def test_requests_sent_in_one_packet_are_answered_in_their_order(server, caller, bot):
    with Connection(server.port) as connection:
        for _ in range(3):
            sessions = [new_session() for _ in range(3)]
            parts = [
                part for each in sessions for part in (post(bot, caller, each), get(bot, caller))
            ]
            connection.send(b"".join(parts))
            for session in sessions:
                assert connection.receive().json == {"accepted": 1, "rejected": []}
                assert session in connection.receive().body.decode()


def test_what_was_acknowledged_is_in_the_next_answer_on_any_connection(server, caller, bot):
    with Connection(server.port) as sends, Connection(server.port) as reads:
        for _ in range(200):
            session = new_session()
            assert sends.ask(post(bot, caller, session)).status == 200
            assert session in reads.ask(get(bot, caller)).body.decode()


class Senders:
    """Connections that send known requests until the server has gone."""

    def __init__(self, server, caller, bot):
        self._at = server.port, caller, bot
        self._lock = Lock()
        self.begun = 0
        self.acknowledged = []
        self.answers = 0
        self.last_words = 0

    @property
    def all_wait(self):
        return self.begun - len(self.acknowledged) == CONNECTIONS

    def send_until_the_end(self):
        port, caller, bot = self._at
        with Connection(port) as connection:
            is_open = True
            while is_open:
                session = new_session()
                with self._lock:
                    self.begun += 1
                sent = connection.ask(post(bot, caller, session))
                assert sent.json == {"accepted": 1, "rejected": []}
                with self._lock:
                    self.acknowledged.append(session)
                is_open = self._note(sent) and self._note(connection.ask(get(bot, caller)))

    def _note(self, answer):
        assert answer.status == 200
        is_last = answer.headers.get("connection") == "close"
        with self._lock:
            self.answers += 1
            self.last_words += is_last
        return not is_last


def test_a_server_that_is_told_to_stop_loses_nothing_of_what_is_under_way(own):
    server, caller, bot = own
    senders = Senders(server, caller, bot)
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        sending = [threads.submit(senders.send_until_the_end) for _ in range(CONNECTIONS)]
        eventually(lambda: senders.answers > 200 or any(each.done() for each in sending))
        with store_held(server):
            eventually(lambda: senders.all_wait)
            for _ in range(2):  # what came before that has been read by then
                assert call(server.port, "GET", "/healthz").status == 200
            server.process.send_signal(signal.SIGTERM)
            eventually(server.refuses_connections)
        for each in sending:
            each.result(PATIENCE)
    assert server.process.wait(PATIENCE) == 0
    assert senders.last_words == CONNECTIONS
    assert len(senders.acknowledged) == senders.begun > 100
    with closing(sqlite3.connect(server.store_file)) as store:
        stored = {session for (session,) in store.execute("SELECT session_id FROM sessions")}
    assert stored == set(senders.acknowledged)
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert lines[-1]["event"] == "stopped"
    assert {line["level"] for line in lines} == {"info"}
    answered = [line for line in lines if line["event"] == "request" and "bot_id" in line]
    assert [line["status"] for line in answered] == [200] * senders.answers
