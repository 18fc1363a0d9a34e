"""Told to stop, a server answers what it has begun, stores it and leaves a whole store."""

import signal
import socket
import sqlite3
from contextlib import closing

import pytest

from .calling import eventually
from .server import PATIENCE, events_path
from .wire import BATCH, body_of, finished, new_session


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_flight_is_answered_before_the_end(own, number):
    server, caller, bot = own
    session = new_session()
    body = body_of([finished(session), finished()])
    head = (
        f"POST {events_path(bot)} HTTP/1.1\r\nhost: localhost\r\nauth: {caller.token}\r\n"
        f"content-type: {BATCH}\r\ncontent-length: {len(body)}\r\nexpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        answer = connection.makefile("rb")
        connection.sendall(head.encode())
        assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"  # it waits for the body
        assert answer.readline() == b"\r\n"
        connection.sendall(body[:50])
        server.process.send_signal(number)
        eventually(server.refuses_connections)
        assert server.is_alive()
        connection.sendall(body[50:])
        assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
        assert answer.read().endswith(b'{"accepted":2,"rejected":[]}')
        answer.close()
    assert server.process.wait(PATIENCE) == 0
    assert session in server.ok("latest", "--bot", bot, "--json")


def test_the_store_is_whole_afterwards(own):
    server, caller, bot = own
    sessions = {new_session() for _ in range(20)}
    server.send(bot, caller, [finished(session) for session in sessions])
    assert server.stop() == 0
    # One file and its key, with nothing left beside them: they may be copied as they are.
    left = sorted(path.name for path in server.data_dir.iterdir())
    assert left == ["intentlive.db", "intentlive.db.key"]
    with closing(sqlite3.connect(server.store_file)) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert store.execute("PRAGMA foreign_key_check").fetchall() == []
    listed = server.json("latest", "--bot", bot)
    assert {record["sessionId"] for record in listed} == sessions
    server.start()
    assert set(server.listed(bot, caller)) == sessions


def test_idle_connections_do_not_hold_it_up(own):
    server, caller, bot = own
    quiet = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    begun = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    begun.sendall(b"POST /api/public")
    assert server.latest(bot, caller).status == 200
    assert server.stop() == 0
    for connection in (quiet, begun):
        with connection:
            assert connection.recv(100) == b""
    line = server.log.read_text().splitlines()[-1]
    assert '"stopped"' in line
    assert "Traceback" not in server.log.read_text()
