"""`store copy`: from a file to PostgreSQL and back, while serving, killed and started again."""

import json
import re
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from .calling import eventually
from .server import PATIENCE, Home
from .wire import event, finished, lines_of, new_session

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "move-to-postgresql.md"
MANY = 8_000


@pytest.fixture
def database(postgres):
    """A new database: its address, and what runs statements in it."""
    name = f"copy-{secrets.token_hex(8)}"
    address = postgres.database(name)
    return address, lambda statement: postgres.sql(statement, name)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A store with many sessions of two bots, an app and its token."""
    home = Home(tmp_path_factory.mktemp("large"))
    caller = home.caller(home.account("--rate-limit", "0"))
    file = home.data_dir / "events"
    for number, options in enumerate(([], ["--personal-data", "pseudonym"])):
        bot = home.bot(caller.account_id, "--bot-id", f"st-{number}", *options)
        day = "2022-01-0{}T09:00:00.000+00:00"
        sessions = [
            finished(f"{number:012}", day.format(1 + number % 9), ANI=f"+1202555{number:05}")
            for number in range(MANY)
        ]
        file.write_bytes(lines_of(sessions[: MANY >> number]))
        home.ok("import", str(file), "--bot", bot)
    return home, caller


def copied(home, source, target, *options, code=0):
    done = home.run("store", "copy", source, target, *options, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def latest(home, address):
    """What a store shows of each bot."""
    return [home.json("latest", "--bot", f"st-{each}", "--store", address) for each in (0, 1)]


def sessions_of_sqlite(file):
    with closing(sqlite3.connect(file, timeout=10)) as connection:
        return connection.execute("SELECT count(*) FROM sessions").fetchone()[0]


@pytest.mark.parametrize("enough", [1, MANY])
def test_a_copy_that_is_killed_and_started_again_ends_the_same(large, database, tmp_path, enough):
    """To PostgreSQL, and from there to a file; each is killed in the middle once."""
    home, _ = large
    address, run = database
    back = tmp_path / "back.db"
    wanted = {"sessions": MANY + MANY // 2, "different": 0}

    def in_database():
        is_made = run("SELECT to_regclass('sessions') IS NOT NULL").strip() == "t"
        return int(run("SELECT count(*) FROM sessions")) if is_made else 0

    def in_file():
        try:
            return sessions_of_sqlite(back) if back.exists() else 0
        except sqlite3.OperationalError:  # its tables are not there yet
            return 0

    ways = (
        ("sqlite:intentlive.db", address, in_database),
        (address, f"sqlite:{back}", in_file),
    )
    for source, target, count in ways:
        process = home.begin("store", "copy", source, target, output=tmp_path / "printed")
        eventually(lambda count=count: count() >= enough, PATIENCE)
        process.kill()
        assert process.wait(PATIENCE) != 0, "it was done before it was killed"
        assert copied(home, source, target) == wanted
        assert count() == wanted["sessions"]
        assert latest(home, target) == latest(home, "sqlite:intentlive.db")
    assert copied(home, f"sqlite:{back}", "sqlite:intentlive.db") == wanted


def test_a_server_moves_to_postgresql_and_its_callers_notice_nothing(own, database, new_server):
    server, caller, bot = own
    server.ok("bot", "update", bot, "--personal-data", "pseudonym")
    first = [new_session() for _ in range(3)]
    server.send(bot, caller, [finished(id_, -9.0, ANI="+12025550123") for id_ in first])
    address, run = database
    move = ("sqlite:intentlive.db", address)
    assert copied(server, *move) == {"sessions": 3, "different": 0}
    late = event("session.transferred", first[0], -1.0)
    assert server.send(bot, caller, [finished(), late]).status == 200
    answer = server.latest(bot, caller).json
    assert server.stop() == 0
    assert copied(server, *move) == {"sessions": 4, "different": 0}
    moved = new_server(server.data_dir, address).start()
    assert moved.latest(bot, caller).json == answer
    assert {str(record["ANI"])[:2] for record in answer} == {"p-", "No"}
    assert moved.send(bot, caller, [finished()]).status == 200
    acts = [act["act"] for act in moved.json("audit")]
    assert acts.count("store copied") == 2
    assert "bot updated" in acts
    assert int(run("SELECT min(revision) FROM bots")) > 10**12
    # And back, while it serves.
    assert copied(moved, address, "sqlite:intentlive.db") == {"sessions": 5, "different": 0}


def test_what_differs_is_told(large, tmp_path):
    home, caller = large
    target = f"sqlite:{tmp_path / 'target.db'}"
    revoked = home.caller(caller.account_id).client_id
    copied(home, "sqlite:intentlive.db", target)
    home.ok("app", "delete", revoked, "--yes")
    home.ok("account", "update", caller.account_id, "--name", "Renamed", "--store", target)
    home.ok("bot", "update", "st-1", "--idle-timeout", "5", "--store", target)
    done = home.run("store", "copy", "sqlite:intentlive.db", target, "--json")
    assert (done.returncode, json.loads(done.stdout)["different"]) == (1, 3)
    assert f"still in the target: intentlive app delete {revoked}\n" in done.stderr
    assert f"account {caller.account_id}: name otherwise" in done.stderr
    assert "bot st-1: rules otherwise" in done.stderr
    done = home.run("store", "copy", "sqlite:none.db", target)
    assert (done.returncode, "there is no store at" in done.stderr) == (1, True)
    home.ok("account", "create", "Other", "--store", "sqlite:other.db")
    done = home.run("store", "copy", "sqlite:intentlive.db", "sqlite:other.db")
    assert (done.returncode, "another key" in done.stderr) == (1, True)


def test_each_store_has_its_own_key(large, tmp_path):
    home, caller = large
    key = home.data_dir / "intentlive.db.key"
    target = f"sqlite:{tmp_path / 'target.db'}"
    elsewhere = tmp_path / "source.key"
    elsewhere.write_bytes(key.read_bytes())
    elsewhere.chmod(0o600)
    made = tmp_path / "made.key"
    options = ("--from-key-file", str(elsewhere), "--secrets-key-file", str(made))
    copied(home, "sqlite:intentlive.db", target, *options)
    assert made.read_bytes() != key.read_bytes()
    shown = home.json(
        "app", "show", caller.client_id, "--store", target, "--secrets-key-file", made
    )
    assert shown["clientId"] == caller.client_id
    home.ok("token", "check", caller.token, "--store", target, "--secrets-key-file", str(made))
    done = home.run(
        "store", "copy", "sqlite:intentlive.db", target, "--secrets-key-file", str(made)
    )
    assert (done.returncode, "cannot be opened with this key" in done.stderr) == (1, True)


def test_the_rights_of_the_guide_let_a_server_serve_and_rewrite_no_act(
    postgres, database, new_server
):
    address, run = database
    suffix = secrets.token_hex(4)
    owner, role = f"owner_{suffix}", f"server_{suffix}"
    named = GUIDE.read_text("utf-8")
    named = named.replace("DATABASE intentlive", f'DATABASE "{address.rpartition("/")[2]}"')
    named = named.replace("intentlive_owner", owner).replace("intentlive_server", role)
    before, after = re.findall(r"```sql\n(.*?)```", named, re.DOTALL)
    run(before)
    as_owner = address.replace("postgres@", f"{owner}:secret-of-owner@")
    as_server = address.replace("postgres@", f"{role}:secret-of-server@")
    server = new_server(store=as_server)
    done = server.run("account", "create", "Too early")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert server.json("store", "migrate", "--store", as_owner)["from"] == 0
    run(after)
    caller = server.caller(server.account("--rate-limit", "60"))
    bot = server.bot(caller.account_id, "--retention", "30")
    server.start()
    assert server.send(bot, caller, [finished(userId="u-1")]).status == 200
    assert len(server.listed(bot, caller)) == 1
    server.ok("erase", "--user", "u-1")
    server.ok("key", "rotate")
    server.ok("store", "check", "--fix")
    server.ok("bot", "delete", bot, "--yes")
    for statement in (
        "UPDATE acts SET who = 'nobody'",
        "DELETE FROM acts",
        "TRUNCATE acts",
        "DROP TABLE acts",
        "CREATE TABLE mine (one INT)",
    ):
        with pytest.raises(AssertionError, match=r"permission denied|must be owner"):
            run(f"SET ROLE {role}; {statement}")


def test_a_dump_restores(postgres, database, new_server, tmp_path):
    address, _ = database
    server = new_server(store=address)
    caller = server.caller(server.account("--rate-limit", "0"))
    bot = server.bot(caller.account_id)
    server.start()
    session = new_session()
    assert server.send(bot, caller, [finished(session)]).status == 200
    dump = str(postgres.folder / f"dump-{secrets.token_hex(8)}")
    postgres._run("pg_dump", "--format=custom", f"--file={dump}", address)
    restored = postgres.database(f"restored-{secrets.token_hex(8)}")
    postgres._run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={restored}", dump)
    server.ok("store", "check", "--store", restored)
    again = new_server(server.data_dir, restored).start()
    assert again.listed(bot, caller) == [session]
    assert again.send(bot, caller, [finished()]).status == 200
    assert copied(server, restored, address) == {"sessions": 2, "different": 0}
