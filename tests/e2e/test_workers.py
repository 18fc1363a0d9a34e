"""Several workers on one port: each takes, each answers; they may die, hang, and be replaced."""

import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime
from http.client import HTTPException
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .calling import call, call_on, connect, eventually, unavailable
from .server import PATIENCE, Server, events_path, realtime
from .wire import BATCH, a_booking, body_of, event, finished, new_session

WORKERS = (1, 2, 3)
WITHIN_A_SECOND = 1.0


def lines(server, name):
    """The lines of the log with an event's name."""
    told = server.log.read_text().splitlines()
    read = [json.loads(line) for line in told if line.startswith("{")]
    return [line for line in read if line["event"] == name]


def pids(server):
    """The process of each worker, as the log tells."""
    return {line["worker"]: line["pid"] for line in lines(server, "worker started")}


def all_serve(server):
    assert server.is_alive(), server.log.read_text()[-2000:]
    started = [line["worker"] for line in lines(server, "worker started")]
    return sorted(started) == sorted(line["worker"] for line in lines(server, "serving"))


def start(server):
    server.start("--workers", str(len(WORKERS)))
    eventually(lambda: all_serve(server), PATIENCE)
    return server


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


class Connection:
    """A connection that stays with one worker."""

    def __init__(self, server):
        self._server = server
        self._connection = connect(server.port)
        self.worker = server.log_line(self.call("GET", "/healthz").request_id)["worker"]

    def call(self, *request):
        return call_on(self._connection, *request)

    def latest(self, bot, caller):
        return self.call("POST", realtime(bot), caller.headers)

    def listed(self, bot, caller):
        return [record["sessionId"] for record in self.latest(bot, caller).json]

    def send(self, bot, caller, events):
        headers = caller.headers | {"content-type": BATCH}
        return self.call("POST", events_path(bot), headers, body_of(events))

    def close(self):
        self._connection.close()


@contextmanager
def connections_to_all(server):
    """A connection to each worker, by its number."""
    made = []

    def all_found():
        made.append(Connection(server))
        return {each.worker for each in made} == set(WORKERS)

    try:
        eventually(all_found, PATIENCE)
        yield {each.worker: each for each in made}
    finally:
        for each in made:
            each.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of three workers that the tests leave as it is."""
    running = start(Server(tmp_path_factory.mktemp("workers")))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def caller(server):
    return server.caller(server.account("--rate-limit", "0"))


@pytest.fixture(scope="module")
def to(server):
    """A connection to each of its workers."""
    with connections_to_all(server) as found:
        yield found


@pytest.fixture
def own(prepared, tmp_path, new_server):
    """Three workers for one test alone, an app and an empty bot."""
    data_dir, caller, bot = prepared
    shutil.copytree(data_dir, tmp_path / "data")
    server = new_server(tmp_path / "data")
    shared = tmp_path / "shared"
    shared.mkdir()
    server.environment["TMPDIR"] = str(shared)
    return start(server), caller, bot


def leaves_nothing_to_share(server):
    return not list(Path(server.environment["TMPDIR"]).iterdir())


def test_there_are_as_many_processes_as_told(server, to):
    assert set(to) == set(WORKERS)
    assert len({*pids(server).values(), server.process.pid}) == len(WORKERS) + 1
    (line,) = lines(server, "starting workers")
    assert (line["address"], line["workers"]) == (server.address, len(WORKERS))


@pytest.mark.parametrize("told", WORKERS)
def test_any_worker_takes_and_any_worker_answers(to, caller, bot, told):
    for _ in range(5):
        session = new_session()
        for each in to.values():
            assert each.latest(bot, caller).status == 200  # it has a rendering at hand
        assert to[told].send(bot, caller, [finished(session)]).json["accepted"] == 1
        assert session in to[told].listed(bot, caller)
        for each in to.values():
            eventually(lambda at=each, s=session: s in at.listed(bot, caller), WITHIN_A_SECOND)


@pytest.mark.parametrize("order", [list, reversed], ids=["in order", "backwards"])
def test_events_of_one_session_may_come_through_all(server, to, caller, bot, order):
    session = new_session()
    steps, expected = a_booking(session)
    with ThreadPoolExecutor(len(steps)) as threads:  # each over a connection of its own
        answers = threads.map(lambda step: server.send(bot, caller, [step]), order(steps))
        assert {answer.status for answer in answers} == {200}
    for number, step in enumerate(order(steps)):  # and once more, through all by turns
        assert to[WORKERS[number % len(to)]].send(bot, caller, [step]).status == 200
    for each in to.values():
        eventually(lambda at=each: at.latest(bot, caller).json == [expected], WITHIN_A_SECOND)


def test_a_deleted_app_is_refused_by_all(server, to, caller, bot):
    doomed = server.caller(caller.account_id)
    for each in to.values():
        assert each.latest(bot, doomed).status == 200
        assert each.send(bot, doomed, []).status == 200
    server.ok("app", "delete", doomed.client_id, "--yes")
    for each in to.values():
        eventually(lambda at=each: at.latest(bot, doomed).status == 401, WITHIN_A_SECOND)
        eventually(lambda at=each: at.send(bot, doomed, []).status == 401, WITHIN_A_SECOND)
        assert each.latest(bot, caller).status == 200


def test_changed_settings_reach_all(server, to, caller, bot):
    silent = new_session()
    events = [event("session.started", silent, -9.0), event("session.ended", silent, -5.0)]
    assert to[1].send(bot, caller, events).status == 200
    for wanted, option in (([silent], "--no-skip-silent"), ([], "--skip-silent")):
        server.ok("bot", "update", bot, option)
        for each in to.values():
            eventually(lambda at=each, ids=wanted: at.listed(bot, caller) == ids, WITHIN_A_SECOND)


def metric(answer, *wanted):
    """One sample of an answer to /metrics, by its name and the values of its labels."""
    assert answer.status == 200
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            if (sample.name, *sample.labels.values()) == wanted:
                return sample.value
    return None


def taken(server):
    """What the log has of requests that brought events."""
    brought = [line for line in lines(server, "request") if line["route"] == "events"]
    return [line for line in brought if line["status"] == 200]


def open_sessions(server):
    with closing(sqlite3.connect(server.store_file)) as store:
        query = "SELECT count(*) FROM sessions WHERE listing > 0 AND end_time > ?"
        return store.execute(query, [time.time() * 1000]).fetchone()[0]


def hundreds(values):
    return [(value or 0) // 100 for value in values]


def test_metrics_tell_of_all_whoever_is_asked(to, server, caller):
    bot = server.bot(caller.account_id)

    def told(*wanted):
        return [metric(each.call("GET", "/metrics"), *wanted) for each in to.values()]

    for number in WORKERS:
        late = event("message.received", new_session(), -100.0 * number)
        answer = to[number].send(bot, caller, [late | {"source": f"urn:of-{number}"}])
        assert answer.json["accepted"] == 1
    # The log and the store know how many there are; what the workers know may be of a moment ago.
    requests, events = "intentlive_requests_total", "intentlive_events_accepted_total"
    eventually(lambda: told(requests, "events", "200") == [len(taken(server))] * 3)
    eventually(lambda: told(events) == [sum(line["accepted"] for line in taken(server))] * 3)
    eventually(lambda: told("intentlive_queue_depth") == [0] * 3)
    assert open_sessions(server) >= 3
    eventually(lambda: told("intentlive_open_sessions") == [open_sessions(server)] * 3)
    for number in WORKERS:
        name, source = "intentlive_source_lag_seconds", f"urn:of-{number}"
        eventually(lambda n=name, s=source, of=number: hundreds(told(n, s)) == [of] * 3)


def test_a_killed_worker_is_replaced_and_nothing_acknowledged_is_lost(own):
    server, caller, bot = own
    acknowledged, enough = [], threading.Event()

    def send_some():
        connection = connect(server.port)
        while not enough.is_set():
            session = new_session()
            headers = caller.headers | {"content-type": BATCH}
            try:
                body = body_of([finished(session)])
                answer = call_on(connection, "POST", events_path(bot), headers, body)
            except (OSError, HTTPException):
                connection.close()  # it opens again with the next request
                continue
            assert answer.status == 200, answer.body
            acknowledged.append(session)
        connection.close()

    with ThreadPoolExecutor(6) as threads:
        senders = [threads.submit(send_some) for _ in range(6)]
        for number in WORKERS:
            had = len(acknowledged)
            before = pids(server)[number]
            os.kill(before, signal.SIGKILL)
            eventually(lambda n=number, pid=before: pids(server)[n] != pid, PATIENCE)
            eventually(lambda: all_serve(server), PATIENCE)
            eventually(lambda n=had: len(acknowledged) > n)
        enough.set()
        for sender in senders:
            sender.result()
    ended = [(line["worker"], line["how"]) for line in lines(server, "worker ended")]
    assert ended == [(number, "SIGKILL") for number in WORKERS]
    assert all(seconds > 0.9 for seconds in pauses(server))  # nobody spins
    counted = metric(call(server.port, "GET", "/metrics"), "intentlive_events_accepted_total")
    assert counted >= len(acknowledged)  # what the dead have counted stays
    assert server.stop() == 0
    stored = stored_sessions(server)
    assert set(acknowledged) <= stored


def pauses(server):
    """How long after a worker's end another took its place, one after the other."""
    _, *again = lines(server, "worker started")[len(WORKERS) - 1 :]
    gone = lines(server, "worker ended")
    return [moment(new) - moment(old) for old, new in zip(gone, again, strict=True)]


def moment(line):
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def stored_sessions(server):
    with closing(sqlite3.connect(server.store_file)) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {id_ for (id_,) in store.execute("SELECT session_id FROM sessions")}


def test_a_worker_that_stands_still_stops_no_other(own):
    server, caller, bot = own
    stopped = pids(server)[2]
    with connections_to_all(server) as to:
        os.kill(stopped, signal.SIGSTOP)
        for _ in range(5):  # within the few seconds after which it is thought to hang
            session = new_session()
            assert server.send(bot, caller, [finished(session)]).status == 200
            assert server.latest(bot, caller).status == 200
        os.kill(stopped, signal.SIGCONT)
        assert session in to[2].listed(bot, caller)
    assert pids(server)[2] == stopped
    assert server.stop() == 0


def test_a_worker_that_hangs_is_replaced(own):
    server, caller, bot = own
    stopped = pids(server)[2]
    os.kill(stopped, signal.SIGSTOP)
    eventually(lambda: is_gone(stopped), PATIENCE)
    eventually(lambda: all_serve(server), PATIENCE)
    (line,) = lines(server, "worker hangs")
    assert (line["worker"], line["pid"]) == (2, stopped)
    with connections_to_all(server) as to:
        assert to[2].latest(bot, caller).status == 200
    assert server.stop() == 0


def begin_request(server, caller, bot, events):
    """A request of which only its end is still to be sent, and that end."""
    body = body_of(events)
    head = (
        f"POST {events_path(bot)} HTTP/1.1\r\nhost: localhost\r\nauth: {caller.token}\r\n"
        f"content-type: {BATCH}\r\ncontent-length: {len(body)}\r\nexpect: 100-continue\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    connection.sendall(head.encode())
    assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"  # it waits for the body
    connection.sendall(body[:50])
    return connection, body[50:]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_all_drain(own, number):
    server, caller, bot = own
    workers = pids(server)
    begun = [begin_request(server, caller, bot, [finished()]) for _ in range(12)]
    server.process.send_signal(number)
    eventually(server.refuses_connections)
    assert server.is_alive()
    for connection, rest in begun:
        with connection:
            connection.sendall(rest)
            assert connection.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
    assert server.process.wait(PATIENCE) == 0
    assert all(map(is_gone, workers.values()))
    assert leaves_nothing_to_share(server)
    assert len(stored_sessions(server)) == len(begun)
    assert [line.get("worker") for line in lines(server, "stopped")][-1] is None
    assert {line.get("worker") for line in lines(server, "stopped")} == {*WORKERS, None}
    left = sorted(path.name for path in server.data_dir.iterdir())
    assert left == ["intentlive.db", "intentlive.db.key"]


def test_one_worker_told_to_stop_drains_and_is_replaced(own):
    server, caller, bot = own
    before = pids(server)[1]
    with connections_to_all(server) as to:
        os.kill(before, signal.SIGTERM)
        eventually(lambda: pids(server)[1] != before, PATIENCE)
        eventually(lambda: all_serve(server), PATIENCE)
        assert to[2].latest(bot, caller).status == to[3].latest(bot, caller).status == 200
    assert [line["how"] for line in lines(server, "worker ended")] == ["exit code 0"]
    assert server.stop() == 0


def test_without_their_supervisor_they_drain_and_leave_no_orphan(own):
    server, caller, bot = own
    workers = pids(server)
    connection, rest = begin_request(server, caller, bot, [finished()])
    server.kill()
    eventually(server.refuses_connections)
    with connection:
        connection.sendall(rest)
        assert connection.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
    eventually(lambda: all(map(is_gone, workers.values())))
    assert leaves_nothing_to_share(server)
    assert "Traceback" not in server.log.read_text()
    start(server)  # on the same port and store
    assert len(server.listed(bot, caller)) == 1
    assert server.stop() == 0


def test_workers_that_cannot_start_end_it_with_an_error(own):
    server, *_ = own
    workers = pids(server)
    for path in server.data_dir.glob("intentlive.db*"):
        path.unlink()
    os.kill(workers[3], signal.SIGKILL)
    assert server.process.wait(PATIENCE) == 1
    text = server.log.read_text()
    assert "worker 3 ended with exit code 1, 4 times in a row, before it could serve" in text
    assert text.count("intentlive: worker 3:") == 4
    assert "Traceback" not in text
    assert all(map(is_gone, pids(server).values()))
    assert not server.store_file.exists()  # nobody made an empty one in its place


def test_a_replacement_that_the_system_refuses_ends_it_with_an_error(own):
    server, caller, bot = own
    if not hasattr(resource, "prlimit"):
        unavailable("the descriptors of another process can be limited on Linux only")
    workers = pids(server)
    in_use = max(int(path.name) for path in Path(f"/proc/{server.process.pid}/fd").iterdir())
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (in_use + 1, in_use + 1))
    assert server.send(bot, caller, [finished()]).status == 200
    os.kill(workers[1], signal.SIGKILL)
    assert server.process.wait(PATIENCE) == 1
    assert "worker 1 cannot be started: " in server.log.read_text()
    assert "Traceback" not in server.log.read_text()
    assert all(map(is_gone, workers.values()))


def test_a_replacement_waits_for_room_to_count_while_the_others_go_on(own):
    server, caller, bot = own
    if not hasattr(resource, "prlimit"):
        unavailable("the files of another process can be limited on Linux only")
    before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (60_000, -1))
    os.kill(pids(server)[1], signal.SIGKILL)
    eventually(lambda: len(lines(server, "worker ended")) > 5, PATIENCE)
    assert "worker 1: [Errno 27] no room to count" in server.log.read_text()
    assert server.send(bot, caller, [finished()]).status == 200
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)
    eventually(lambda: lines(server, "serving")[-1]["worker"] == 1, PATIENCE)
    assert server.stop() == 0


def test_told_to_stop_while_it_starts_it_leaves_nothing_behind(own):
    server, *_ = own
    assert server.stop() == 0
    for awaited in ("starting workers", "worker started", "serving"):
        had = len(lines(server, awaited))
        server.process = server.begin(
            "serve", "--port", str(server.port), "--workers", "3", output=server.log
        )
        eventually(lambda name=awaited, n=had: len(lines(server, name)) > n, pause=0.001)
        assert server.stop() == 0
    assert all(is_gone(line["pid"]) for line in lines(server, "worker started"))
    assert "Traceback" not in server.log.read_text()


def test_what_stops_all_is_told_once(own, new_server):
    server, *_ = own
    other = new_server(server.data_dir)
    taken = other.run("serve", "--port", str(server.port), "--workers", "2")
    assert (taken.returncode, taken.stderr.count("cannot listen")) == (1, 1)
    key = server.data_dir / "intentlive.db.key"
    key.chmod(0o644)
    locked = other.run("serve", "--port", str(other.port), "--workers", "2")
    assert (locked.returncode, len(locked.stderr.splitlines())) == (1, 1)
    assert str(key) in locked.stderr
    assert server.stop() == 0
