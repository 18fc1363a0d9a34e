"""A buffer before the store: what was answered with 200 is shown in the end, whatever dies."""

import json
import os
import shutil
import signal
import sqlite3
import threading
from contextlib import closing

import pytest

from tests.nats import Nats
from tests.postgres import Postgres

from .calling import call, eventually
from .faults import store_held
from .server import PATIENCE, Server
from .test_workers import lines, pids
from .wire import finished, new_session

LONG = 90
"""Seconds; what an applier that died had taken is given to another after 15."""


class Behind:
    """A server with a buffer, the app that calls it, and appliers as processes."""

    def __init__(self, nats, server, caller, bot, folder):
        self.nats, self.server, self.caller, self.bot = nats, server, caller, bot
        self.log = folder / "appliers.log"
        self.appliers = []
        server.environment |= {
            "INTENTLIVE_BUFFER": nats.url,
            "INTENTLIVE_BUFFER_REPLICAS": str(len(nats.nodes)),
        }

    def apply(self, **environment):
        """Start one more applier."""
        self.appliers.append(self.server.begin("apply", output=self.log, **environment))
        return self.appliers[-1]

    def send(self, *sessions):
        return self.server.send(self.bot, self.caller, [finished(each) for each in sessions])

    def accepted(self, sessions):
        """Send sessions again and again until they are accepted."""
        eventually(lambda: self.send(*sessions).status == 200, LONG)

    def stored(self):
        """The ids of all sessions in the store."""
        with closing(sqlite3.connect(self.server.store_file)) as store:
            return {session for (session,) in store.execute("SELECT session_id FROM sessions")}

    def status(self):
        return self.server.json("buffer", "status")

    def log_has(self, text):
        return text in self.log.read_text()

    def kill_all(self):
        for each in self.appliers:
            each.kill()
            each.wait(PATIENCE)


@pytest.fixture
def behind(prepared, tmp_path, new_server):
    """Make one of so many NATS nodes; its server is not started."""
    made = []

    def make(nodes=1):
        data_dir, caller, bot = prepared
        shutil.copytree(data_dir, tmp_path / "data")
        nats = Nats(nodes)
        made.append(Behind(nats, new_server(tmp_path / "data"), caller, bot, tmp_path))
        nats.start()
        return made[-1]

    yield make
    for each in made:
        each.kill_all()
        each.nats.__exit__()


def test_what_is_accepted_waits_for_an_applier(behind):
    one = behind()
    one.server.start()
    sessions = [new_session() for _ in range(3)]
    for each in sessions:
        answer = one.send(each)
        assert answer.json == {"accepted": 1, "rejected": []}
    assert one.server.listed(one.bot, one.caller) == []
    status = one.status()
    assert status["messages"] >= 3
    assert (status["replicas"], status["leader"], status["unacknowledged"]) == (1, "n1", 0)
    assert 0 <= status["lagSeconds"] < PATIENCE
    applier = one.apply()
    eventually(lambda: set(one.server.listed(one.bot, one.caller)) == set(sessions))
    eventually(lambda: one.status()["messages"] == 0)
    assert one.status()["lagSeconds"] is None
    applier.send_signal(signal.SIGTERM)
    assert applier.wait(PATIENCE) == 0
    lines = [json.loads(line) for line in one.log.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["applying", "applied", "stopped"]
    assert one.server.stop() == 0


def test_appliers_that_are_killed_lose_nothing(behind):
    one = behind()
    one.server.start()
    accepted, enough = set(), threading.Event()

    def send():
        while not enough.is_set():
            sessions = [new_session() for _ in range(500)]
            one.accepted(sessions)
            accepted.update(sessions)

    sender = threading.Thread(target=send)
    sender.start()
    for _ in range(5):
        doomed = one.apply()
        before = len(one.stored())
        eventually(lambda n=before: len(one.stored()) > n)
        doomed.kill()
    enough.set()
    sender.join(LONG)
    assert not sender.is_alive()
    one.apply()
    eventually(lambda: one.stored() == accepted, LONG)
    eventually(lambda: one.status()["messages"] == 0, LONG)


def test_a_full_buffer_says_503_and_loses_nothing_that_it_took(behind):
    one = behind()
    one.server.start("--buffer-bytes", str(1 << 20))
    accepted = []
    while True:
        sessions = [new_session().ljust(120, "x") for _ in range(500)]
        answer = one.send(*sessions)
        if answer.status != 200:
            break
        accepted += sessions
    assert accepted
    assert (answer.status, answer.error[1]) == (503, 503)
    assert int(answer.headers["retry-after"]) > 0
    assert "buffer full" in one.server.log_line(answer.request_id)["mend"]
    assert call(one.server.port, "GET", "/readyz").status == 503
    assert call(one.server.port, "GET", "/healthz").status == 200
    one.apply()
    eventually(lambda: one.stored() >= set(accepted))
    one.accepted(sessions)
    eventually(lambda: one.stored() == {*accepted, *sessions})


def test_while_another_program_holds_the_store(behind):
    one = behind()
    one.server.start()
    one.apply()
    sessions = [new_session() for _ in range(5)]
    with store_held(one.server):
        for each in sessions:
            assert one.send(each).status == 200
        assert call(one.server.port, "GET", "/readyz").status == 200
        eventually(lambda: one.log_has("database is locked"), LONG)
        assert one.stored() == set()
    eventually(lambda: one.stored() == set(sessions), LONG)


def test_the_server_may_be_killed_after_its_answer(behind):
    one = behind()
    one.server.start()
    sessions = [new_session() for _ in range(20)]
    for each in sessions:
        assert one.send(each).status == 200
    one.server.kill()
    one.nats.kill()
    one.nats.start()
    one.apply()
    eventually(lambda: one.stored() == set(sessions))


@pytest.mark.parametrize("way", ["kill", "pause"])
def test_a_leader_that_is_lost_while_events_come(behind, way):
    one = behind(nodes=3)
    one.server.start()
    one.apply()
    sessions = [new_session() for _ in range(300)]
    sender = threading.Thread(target=lambda: [one.accepted([each]) for each in sessions])
    sender.start()
    eventually(one.stored)
    for _ in range(2):
        leader = eventually(lambda: one.nats.node(one.status()["leader"]))
        getattr(leader, way)()
        before = len(one.stored())
        eventually(lambda n=before: len(one.stored()) > n + 10 or not sender.is_alive(), LONG)
        if way == "pause":
            leader.go_on()
        one.nats.start()
    sender.join(LONG)
    assert not sender.is_alive()
    eventually(lambda: one.stored() == set(sessions), LONG)
    status = one.status()
    assert (status["replicas"], len(status["current"]) + len(status["behind"])) == (3, 2)


def test_an_applier_waits_for_what_is_not_there_yet(behind):
    one = behind()
    one.nats.kill()
    one.apply()
    eventually(lambda: one.log_has("waiting"), LONG)
    one.nats.start()
    one.server.start()
    session = new_session()
    assert one.send(session).status == 200
    eventually(lambda: one.stored() == {session}, LONG)


def test_workers_share_the_buffer(behind):
    one = behind()
    one.server.start("--workers", "2")
    sessions = [new_session() for _ in range(20)]
    for each in sessions:
        assert one.send(each).status == 200
    one.apply()
    eventually(lambda: one.stored() == set(sessions))
    assert one.server.stop() == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["apply"], "name the buffer"),
        (["buffer", "status"], "name the buffer"),
        (["buffer", "status", "--buffer", "redis://:secret@localhost"], "--buffer is not"),
        (["serve", "--port", "0", "--buffer", "nats://secret@"], "--buffer is not"),
    ],
)
def test_what_cannot_be_done_is_told(server, options, told):
    done = server.run(*options)
    assert done.returncode == 1
    assert told in done.stderr
    assert "secret" not in done.stderr


def test_errors_that_waiting_does_not_mend_end_a_command(behind, tmp_path):
    one = behind()
    single = one.server.run("serve", "--port", "0", "--buffer-replicas", "3")
    assert (single.returncode, "--buffer-replicas 1" in single.stderr) == (1, True)
    missing = one.server.run("buffer", "status")
    assert (missing.returncode, "no buffer there yet" in missing.stderr) == (1, True)
    key = tmp_path / "other.key"
    key.write_text("A" * 43 + "=")
    key.chmod(0o600)
    locked = one.server.run("apply", "--secrets-key-file", str(key))
    assert locked.returncode == 1
    assert "key" in locked.stderr


@pytest.fixture
def behind_postgresql(tmp_path):
    """One whose store is a PostgreSQL of its own, with an applier at work."""
    with Postgres() as postgres, Nats() as nats:
        server = Server(tmp_path / "server", store=postgres.database("intentlive"))
        caller = server.caller(server.account("--rate-limit", "0"))
        one = Behind(nats, server, caller, server.bot(caller.account_id), tmp_path)
        one.postgres = postgres
        server.start()
        one.apply()
        yield one
        one.kill_all()
        if server.is_alive():
            server.kill()


def test_events_are_taken_while_postgresql_is_down_and_shown_when_it_is_back(behind_postgresql):
    one = behind_postgresql
    first = new_session()
    assert one.send(first).status == 200
    eventually(lambda: one.server.listed(one.bot, one.caller) == [first])
    one.postgres.kill()
    sessions = [new_session() for _ in range(20)]
    for each in sessions:
        assert one.send(each).status == 200
    eventually(lambda: one.server.latest(one.bot, one.caller).status == 503)
    ready = call(one.server.port, "GET", "/readyz")
    assert (ready.status, b"the store takes no writes" in ready.body) == (200, True)
    stranger = one.caller._replace(token="made.up.token")
    assert one.server.send(one.bot, stranger, [finished()]).status == 401
    eventually(lambda: one.log_has("waiting"), LONG)
    late = one.apply()
    one.postgres.start()
    expected = {first, *sessions}
    eventually(lambda: set(one.server.listed(one.bot, one.caller)) == expected, LONG)
    assert late.poll() is None


def test_workers_go_on_where_one_cannot_start_again_while_postgresql_is_down(behind_postgresql):
    one = behind_postgresql
    assert one.server.stop() == 0
    one.server.start("--workers", "2")

    def count(event, worker):
        return len([line for line in lines(one.server, event) if line.get("worker") == worker])

    eventually(lambda: count("serving", 1) and count("serving", 2), LONG)
    for _ in range(20):  # both have admitted the sender
        assert one.send(new_session()).status == 200
    one.postgres.kill()
    os.kill(pids(one.server)[1], signal.SIGKILL)
    eventually(lambda: count("worker ended", 1) > 5, LONG)
    late = new_session()
    assert one.send(late).status == 200
    one.postgres.start()
    eventually(lambda: count("serving", 1) == 2, LONG)
    eventually(lambda: late in one.server.listed(one.bot, one.caller), LONG)
    assert one.server.stop() == 0


def test_doctor_tells_of_a_buffer_that_nobody_empties_and_of_one_that_is_gone(behind):
    one = behind()
    one.server.start()
    assert one.send(new_session()).status == 200
    (found,) = findings(one.server, "buffer")
    assert found["verdict"] == "note"
    assert "nobody takes them" in found["found"]
    one.nats.kill()
    (found,) = findings(one.server, "buffer")
    assert found["verdict"] == "bad"


def findings(server, what):
    told = server.run("doctor", "--port", str(server.port), "--json").stdout
    return [each for each in json.loads(told) if each["what"] == what]
