"""`store check`, `migrate` and `backup` beside a running server, and two ways to restore."""

import json
import secrets
import shutil
import sqlite3
import threading
from contextlib import closing

import pytest

from intentlive.stores import sql

from .calling import eventually
from .server import Home, free_port
from .wire import event, finished, new_session

WITHIN_A_SECOND = 1.0
USER = "u-a-person-of-flesh-and-blood"


def by_hand(file, statement):
    """Run a statement in a SQLite file, as nobody should."""
    with closing(sqlite3.connect(file, timeout=10)) as connection, connection:
        return connection.execute(statement).fetchall()


def sessions_in(file):
    """Every session as it is stored: its columns by bot and id."""
    rows = by_hand(file, "SELECT bot_id, session_id, listing, end_time, state FROM sessions")
    return {tuple(key): rest for *key, rest in ((b, s, rest) for b, s, *rest in rows)}


@pytest.fixture
def shared(postgres, new_server):
    """A running server on PostgreSQL, an app, a bot, and what runs statements in its database."""
    name = f"store-{secrets.token_hex(8)}"
    server = new_server(store=postgres.database(name))
    caller = server.caller(server.account("--rate-limit", "0"))
    bot = server.bot(caller.account_id)
    return server.start(), caller, bot, lambda statement: postgres.sql(statement, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def damaged(request):
    """The same on a store of either kind."""
    if request.param == "postgresql":
        return request.getfixturevalue("shared")
    server, caller, bot = request.getfixturevalue("own")
    return server, caller, bot, lambda statement: by_hand(server.store_file, statement)


def checked(home, *options, code):
    done = home.run("store", "check", "--json", *options)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout), sorted(done.stderr.splitlines())


def test_check_finds_what_is_wrong_and_mends_it_while_the_server_serves(damaged):
    server, caller, bot, run = damaged
    sessions = [new_session() for _ in range(4)]
    seconds = range(-4, 0)
    events = [finished(id_, float(second)) for id_, second in zip(sessions, seconds, strict=True)]
    assert server.send(bot, caller, events).status == 200
    good = {"bots": 1, "sessions": 4, "wrong": 0, "mended": 0}
    assert checked(server, code=0) == (good, [])
    hidden, moved, stray, last = sessions
    run(f"UPDATE sessions SET listing = 0 WHERE session_id = '{hidden}'")
    run(f"UPDATE sessions SET end_time = end_time + 3600000 WHERE session_id = '{moved}'")
    run(f"UPDATE sessions SET bot_id = 'st-gone' WHERE session_id = '{stray}'")
    found, told = checked(server, code=1)
    assert found == {"bots": 1, "sessions": 4, "wrong": 3, "mended": 0}
    assert len(told) == 3
    assert f"session {hidden} of bot {bot}: listing is 0, not 2" in "\n".join(told)
    assert f"session {stray} of bot st-gone: belongs to no bot" in "\n".join(told)
    assert checked(server, "--fix", code=0) == (found | {"mended": 3}, told)
    eventually(lambda: server.listed(bot, caller) == [last, moved, hidden], WITHIN_A_SECOND)
    assert checked(server, code=0) == (good | {"sessions": 3}, [])
    assert server.json("audit", "--limit", "1")[0]["act"] == "sessions mended"


def test_check_tells_what_it_cannot_mend(own):
    server, caller, bot = own
    odd, good = new_session(), new_session()
    server.send(bot, caller, [finished(odd), finished(good)])
    by_hand(server.store_file, f"UPDATE sessions SET state = x'63' WHERE session_id = '{odd}'")
    for options in ((), ("--fix",)):
        found, (told,) = checked(server, *options, code=1)
        assert (found["wrong"], found["mended"]) == (1, 0)
        assert odd in told
        assert "version 63" in told


def test_check_looks_at_the_file_itself(own):
    server, caller, bot = own
    server.send(bot, caller, [finished(time=-2.0), finished(time=-1.0)])
    with closing(sqlite3.connect(server.store_file)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(  # an index in another order than its pages
            "UPDATE sqlite_master SET sql = replace(sql, 'end_time DESC', 'end_time ASC')"
        )
    found, told = checked(server, code=1)
    assert found["wrong"] == len(told) > 0
    assert all("the file: " in each and "sessions_by_end" in each for each in told)


def test_migrate_says_from_what_to_what(tmp_path, postgres):
    newest = len(sql.migrations("sqlite"))
    home = Home(tmp_path / "data")
    done = home.run("store", "migrate")
    assert (done.returncode, "there is no store at" in done.stderr) == (1, True)
    home.data_dir.mkdir()
    with closing(sqlite3.connect(home.store_file)) as connection:
        for script in sql.migrations("sqlite")[:3]:
            connection.executescript(script)
        connection.execute("PRAGMA user_version = 3")
    told = {"store": "sqlite:intentlive.db", "from": 3, "to": newest}
    assert home.json("store", "migrate") == told
    assert home.json("store", "migrate") == told | {"from": newest}

    name = f"store-{secrets.token_hex(8)}"
    shared = Home(tmp_path / "shared", postgres.database(name))
    newest = len(sql.migrations("postgres"))
    told = {"store": f"postgresql://127.0.0.1:{postgres.port}/{name}", "from": 0, "to": newest}
    assert shared.json("store", "migrate") == told
    assert shared.json("store", "migrate") == told | {"from": newest}


def test_tables_that_all_share_wait_for_migrate(shared):
    server, *_, run = shared
    run("UPDATE registry SET schema = 0")
    for command in (("bot", "list"), ("serve", "--port", str(free_port()))):
        done = server.run(*command)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "run intentlive store migrate" in done.stderr
    found = {each["what"]: each for each in json.loads(server.run("doctor", "--json").stdout)}
    assert found["store"]["verdict"] == "bad"
    assert "intentlive store migrate" in found["store"]["mend"]


def test_doctor_looks_at_postgresql(shared):
    server, _, _, _ = shared
    done = server.run("doctor", "--port", str(server.port), "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0, found
    assert "disk" not in {each["what"] for each in found}
    assert {"the store and this machine agree to a few seconds"} < {each["found"] for each in found}
    (store,) = [each["found"] for each in found if each["what"] == "store"]
    assert store.startswith("postgresql://127.0.0.1:")
    assert "postgres@" not in done.stdout
    away = Home(server.data_dir, f"postgresql://127.0.0.1:{free_port()}/none").run("doctor")
    assert (away.returncode, "the database runs" in away.stdout) == (1, True)


class Senders:
    """Threads that send sessions without a pause; what was acknowledged is noted."""

    def __init__(self, server, caller, bot):
        self.acknowledged = set()
        self._stop = threading.Event()
        self._send = lambda events: server.send(bot, caller, events).status
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]

    def __enter__(self):
        for each in self._threads:
            each.start()
        eventually(lambda: len(self.acknowledged) > 300)
        return self

    def __exit__(self, *_):
        self._stop.set()
        for each in self._threads:
            each.join()

    def _run(self):
        while not self._stop.is_set():
            sessions = [new_session() for _ in range(20)]
            if self._send([finished(id_, ANI="+12025550123") for id_ in sessions]) == 200:
                self.acknowledged |= set(sessions)


def test_a_backup_under_load_holds_what_was_acknowledged_and_restores(own, tmp_path):
    server, caller, bot = own
    copy = tmp_path / "backups" / "intentlive.db"
    with Senders(server, caller, bot) as senders:
        before = set(senders.acknowledged)
        done = server.run("store", "backup", str(copy), "--json")
        assert done.returncode == 0, done.stderr
        eventually(lambda: len(senders.acknowledged) > len(before) + 300)
    told, saved = json.loads(done.stdout), sessions_in(copy)
    assert told == {"file": str(copy), "sessions": len(saved)}
    key = server.data_dir / "intentlive.db.key"
    assert str(key) in done.stderr
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]
    assert {(bot, id_) for id_ in before} <= set(saved) < set(sessions_in(server.store_file))
    everything = sessions_in(server.store_file)
    assert saved == {key: everything[key] for key in saved}

    server.stop()
    key = key.rename(tmp_path / key.name)
    shutil.rmtree(server.data_dir)  # all is lost; the backup and the key are not
    server.data_dir.mkdir()
    shutil.copy(copy, server.store_file)
    done = server.run("bot", "list")
    assert (done.returncode, "put it back" in done.stderr) == (1, True)
    shutil.copy(key, server.data_dir)
    server.start()
    assert sessions_in(server.store_file) == saved
    assert len(server.listed(bot, caller)) == 25
    assert server.send(bot, caller, [finished()]).status == 200


def test_a_backup_is_not_written_over_and_postgresql_has_its_own(own, tmp_path, shared):
    server, *_ = own
    copy = tmp_path / "copy.db"
    server.ok("store", "backup", str(copy))
    before = copy.read_bytes()
    done = server.run("store", "backup", str(copy))
    assert (done.returncode, "is there already" in done.stderr) == (1, True)
    assert copy.read_bytes() == before
    done = shared[0].run("store", "backup", str(tmp_path / "other.db"))
    assert (done.returncode, "pg_dump" in done.stderr) == (1, True)
    assert not (tmp_path / "other.db").exists()


def test_a_backup_joins_the_running_store_and_brings_back_nothing_deleted(own, tmp_path):
    server, caller, bot = own
    gone = server.caller(caller.account_id)
    lost, kept, person = new_session(), new_session(), new_session()
    server.send(bot, caller, [finished(lost, -9.0), finished(kept, -8.0)])
    server.send(bot, caller, [finished(person, -7.0, userId=USER)])
    copy = tmp_path / "copy.db"
    server.ok("store", "backup", str(copy))
    newer = new_session()
    server.send(bot, caller, [finished(newer, -1.0), event("message.received", kept, -2.0)])
    server.send(bot, caller, [event("session.ended", kept, -2.0)])
    server.ok("erase", "--user", USER)
    server.ok("app", "delete", gone.client_id, "--yes")
    by_hand(server.store_file, f"DELETE FROM sessions WHERE session_id = '{lost}'")
    key = ("--from-key-file", str(server.data_dir / "intentlive.db.key"))
    copying = ("store", "copy", f"sqlite:{copy}", "sqlite:intentlive.db")
    done = server.run(*copying)
    assert (done.returncode, "copy.db.key" in done.stderr) == (1, True)
    done = server.run(*copying, *key, "--json")
    assert (done.returncode, json.loads(done.stdout)) == (1, {"sessions": 3, "different": 1})
    assert f"app {gone.client_id}: left out, for it was deleted in the target" in done.stderr
    eventually(lambda: server.listed(bot, caller) == [newer, kept, lost], WITHIN_A_SECOND)
    assert server.latest(bot, gone).status == 401
    assert server.json("audit", "--limit", "1")[0]["act"] == "store copied"
