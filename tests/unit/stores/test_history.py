"""What the two hot routes ask of a store costs no more for a bot with a long history.

Nor does looking for ends to announce, which goes on all the time.
"""

import secrets
import sqlite3
from collections import Counter
from contextlib import closing

import psycopg
import pytest

from intentlive.core.session import encode_state, fold
from intentlive.ports import UsedToken
from intentlive.stores.postgres import connection
from intentlive.stores.sqlite.connection import Database as SqliteDatabase
from tests.contract.conftest import add_bot, an_app
from tests.stores import open_store
from tests.wire import event

SHORT, LONG = "st-short", "st-long"
SESSIONS = {SHORT: 1_000, LONG: 100_000}
STATE = encode_state(fold([event("session.ended", 0)]).popitem()[1])
FILL_SQLITE = """
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
    INSERT INTO sessions SELECT ?, 's-' || (n * 7919 % 1000003), 2 - (n % 10 = 0), n * 1000, ?
    FROM numbers
"""
FILL_POSTGRES = """
    INSERT INTO sessions
    SELECT %s, 's-' || (n * 7919 %% 1000003), 2 - (n %% 10 = 0)::int, n * 1000, %s, 1
    FROM generate_series(1, %s) AS n
"""
AS_BEFORE = """
    DELETE FROM used_tokens;
    DELETE FROM sessions WHERE session_id LIKE 'new-%';
    UPDATE sessions SET version = 1 WHERE version > 1;
    UPDATE bots SET announced = 0
"""
AS_IF_TWO_MILLION = """
    UPDATE pg_class SET reltuples = 2e6 / 101e3 * reltuples
    WHERE oid = 'sessions'::regclass
        OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'sessions'::regclass)
"""
NEVER_AGAIN = "ALTER TABLE sessions SET (autovacuum_enabled = off)"
STATISTICS = {
    "none yet": [NEVER_AGAIN],
    "of a time when there were few": [
        NEVER_AGAIN,
        "CREATE TEMPORARY TABLE most AS SELECT * FROM sessions WHERE end_time / 1000 % 200 > 1",
        "DELETE FROM sessions WHERE end_time / 1000 % 200 > 1",
        "VACUUM FULL ANALYZE sessions",
        "INSERT INTO sessions SELECT * FROM most",
    ],
    "of what is there": ["ANALYZE"],
    "as if there were two million": ["ANALYZE", AS_IF_TWO_MILLION],
}


@pytest.fixture
async def embedded(tmp_path):
    """A store in a file, with a bot of a short history and one of a long one."""
    store = await with_bots("sqlite:sessions.db", tmp_path)
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as file, file:
        for bot_id, count in SESSIONS.items():
            file.execute(FILL_SQLITE, (count, bot_id, STATE))
    yield store
    await store.close()


@pytest.fixture
def database(postgres):
    return postgres.database(f"history-{secrets.token_hex(8)}")


@pytest.fixture
async def shared(database, tmp_path):
    """The same in PostgreSQL."""
    store = await with_bots(database, tmp_path)
    with psycopg.connect(database, autocommit=True) as direct:
        for bot_id, count in SESSIONS.items():
            direct.execute(FILL_POSTGRES, (bot_id, STATE, count))
    yield store
    await store.close()


async def with_bots(url, folder):
    store = await open_store(url, folder)
    for bot_id in SESSIONS:
        await add_bot(store, bot_id)
    await store.add_app(an_app())
    return store


def hot_routes(store, bot_id):
    """What is asked to admit a call, to answer it, to take events in, and beside: name, and how."""
    middle = SESSIONS[bot_id] // 2
    known = [f"s-{n * 7919 % 1000003}" for n in range(middle - 450, middle + 450)]
    new = [f"new-{n}" for n in range(100)]
    told = fold(event("flow.completed", 1, subject=session_id) for session_id in known + new)
    token = UsedToken("cs-1", bot_id.encode(), 1)
    return {
        "registry_revision": store.registry_revision,
        "app": lambda: store.app("cs-1"),
        "account": lambda: store.account("a1"),
        "bot": lambda: store.bot(bot_id, "a1"),
        "use_tokens": lambda: store.use_tokens([token]),
        "is_used": lambda: store.is_used("cs-1", token.digest),
        "revisions": lambda: store.revisions([bot_id]),
        "latest": lambda: store.latest(bot_id, middle * 1000, 25),
        "merge": lambda: store.merge({bot_id: told}),
        "unannounced": lambda: store.unannounced(middle * 1000),
        "announce": lambda: store.announce(bot_id, middle * 1000),
    }


async def steps_of(store, bot_id, watched):
    """How many steps SQLite takes for each of them."""
    steps = {}
    for name, ask in hot_routes(store, bot_id).items():
        watched.clear()
        await ask()
        steps[name] = watched["steps"]
    return steps


async def test_sqlite_takes_no_more_steps_for_a_long_history(embedded, monkeypatch):
    watched, unwatched = Counter(), SqliteDatabase._connection

    def connection_of(database, kind):
        opened = unwatched(database, kind)
        opened.set_progress_handler(lambda: watched.update(steps=1), 1)
        return opened

    monkeypatch.setattr(SqliteDatabase, "_connection", connection_of)
    short, long = [await steps_of(embedded, bot_id, watched) for bot_id in (SHORT, LONG)]
    assert all(short.values())
    assert {name: long[name] for name in short if long[name] > short[name] * 1.1 + 5} == {}


async def plans_of(store, url, bot_id, monkeypatch):
    """How PostgreSQL does each of their statements: pairs of a statement and its plan."""
    asked = []

    def execute(cursor, query, wanted=None, **more):
        if wanted is not None or query.startswith("SELECT"):
            asked.append((query, wanted))
        return psycopg.Cursor.execute(cursor, query, wanted, **more)

    with monkeypatch.context() as patch:
        patch.setattr(connection._BinaryCursor, "execute", execute, raising=False)
        for ask in hot_routes(store, bot_id).values():
            await ask()
    plans = []
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as direct:
        for statement in AS_BEFORE.split(";"):
            direct.execute(statement)
        for query, wanted in asked:
            explained = direct.execute(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", wanted
            ).fetchone()
            plans.append((query, explained[0][0]["Plan"]))
        direct.rollback()
    assert sum("INSERT INTO sessions" in query for query, _ in plans) == 1
    return plans


def steps_in(plan):
    yield plan
    for part in plan.get("Plans", ()):
        yield from steps_in(part)


def assert_is_by_index(query, plan):
    """Each step finds its sessions through an index, reads no others, and sorts few."""
    for step in steps_in(plan):
        if step.get("Relation Name") == "sessions" and step["Node Type"] != "ModifyTable":
            assert step["Node Type"].startswith(("Index", "Bitmap")), query
            assert step["Actual Rows"] <= 50, query
            assert step.get("Rows Removed by Filter", 0) <= 50, query
        if "sessions" in step.get("Index Name", ""):
            assert "bot_id" in step["Index Cond"], query
        if step["Node Type"] == "Sort":
            assert step["Actual Rows"] <= 2 * 25, query


@pytest.mark.parametrize("statistics", STATISTICS)
async def test_postgresql_reads_sessions_by_index(shared, database, statistics, monkeypatch):
    with psycopg.connect(database, autocommit=True) as direct:
        for statement in STATISTICS[statistics]:
            direct.execute(statement)
    for bot_id in SESSIONS:
        plans = await plans_of(shared, database, bot_id, monkeypatch)
        for query, plan in plans:
            assert_is_by_index(query, plan)
        (latest,) = [plan for query, plan in plans if "AS due" in query]
        indexes = [step["Index Name"] for step in steps_in(latest) if "Index Name" in step]
        assert set(indexes) - {"bots_pkey"} == {"sessions_by_end"}


async def test_postgresql_touches_no_more_pages_for_a_long_history(shared, database, monkeypatch):
    with psycopg.connect(database, autocommit=True) as direct:
        direct.execute("VACUUM ANALYZE")
    pages = [Counter(), Counter()]
    for bot_id, touched in zip((SHORT, LONG), pages, strict=True):
        for query, plan in await plans_of(shared, database, bot_id, monkeypatch):
            touched[query] += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    short, long = pages
    assert {query: long[query] for query in long if long[query] > short[query] * 1.1 + 5} == {}
