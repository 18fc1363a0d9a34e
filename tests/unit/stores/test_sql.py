"""The SQL files: every query is one that the schema knows, every migration is one transaction."""

import asyncio
import re
import sqlite3

import pytest

from intentlive.core.errors import StoreTooNew, StoreUnavailable
from intentlive.stores import sql
from tests.stores import open_store

BACKEND = "sqlite"
URL = "sqlite:sessions.db"
EXPLAINED = {
    "latest_sessions": "sessions_by_end",
    "open_sessions": "sessions_by_end",
    "unannounced": "sessions_by_end",
    "announce": "sessions_by_end",
    "session_states": "sqlite_autoindex_sessions_1",
    "sessions_to_merge": "sqlite_autoindex_sessions_1",
}


def schema(path):
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        found = rows.fetchall(), version
    connection.close()
    return found


async def opened_and_closed(folder):
    store = await open_store(URL, folder)
    await store.close()
    return folder / "sessions.db"


@pytest.fixture
async def made(tmp_path):
    """The file of a freshly made store."""
    return await opened_and_closed(tmp_path)


@pytest.fixture
async def connection(made):
    opened = sqlite3.connect(made)
    yield opened
    opened.close()


def plan(connection, query):
    by_place = [1] * query.count("?")
    parameters = by_place or {
        name: "[]" if name in ("session_ids", "bot_ids", "bots") else 1
        for name in re.findall(r":(\w+)", query)
    }
    return connection.execute(f"EXPLAIN QUERY PLAN {query}", parameters).fetchall()


@pytest.mark.parametrize("name", sql.queries(BACKEND))
async def test_a_query_is_one_statement_of_the_schema_and_reads_no_whole_table_of_sessions(
    connection, name
):
    query = sql.queries(BACKEND)[name]
    assert sqlite3.complete_statement(query + ";")
    assert not [step for *_, step in plan(connection, query) if step.startswith("SCAN sessions")]


@pytest.mark.parametrize(("name", "index"), EXPLAINED.items())
async def test_what_is_asked_often_uses_an_index_made_for_it(connection, name, index):
    steps = [step for *_, step in plan(connection, sql.queries(BACKEND)[name])]
    on_sessions = [step for step in steps if "sessions " in step + " "]
    assert on_sessions
    assert all(step.startswith("SEARCH sessions") for step in on_sessions)
    assert any(index in step for step in on_sessions)
    assert all(index in step or "rowid=?" in step for step in on_sessions)


async def test_the_migrations_one_by_one_make_the_same_schema(tmp_path, made):
    by_hand = tmp_path / "by-hand.db"
    connection = sqlite3.connect(by_hand)
    for number, script in enumerate(sql.migrations(BACKEND), start=1):
        connection.executescript(script)
        connection.execute(f"PRAGMA user_version = {number}")
    connection.close()
    assert schema(by_hand) == schema(made)
    assert schema(made)[1] == len(sql.migrations(BACKEND)) >= 1


async def test_opening_a_store_again_changes_nothing(tmp_path, made):
    before = schema(made)
    assert schema(await opened_and_closed(tmp_path)) == before


async def test_an_older_store_is_brought_up_to_date(tmp_path, made, monkeypatch):
    newest = [*sql.migrations(BACKEND), "CREATE TABLE newest (one INTEGER);\nDROP TABLE newest;\n"]
    monkeypatch.setattr(sql, "migrations", lambda _backend: newest)
    before, version = schema(made)
    assert schema(await opened_and_closed(tmp_path)) == (before, version + 1)


async def test_a_store_of_a_newer_release_is_left_alone(tmp_path, made, connection):
    newer = len(sql.migrations(BACKEND)) + 1
    connection.execute(f"UPDATE registry SET works_with = {newer}")
    connection.commit()
    connection.execute(f"PRAGMA user_version = {newer}")
    with pytest.raises(StoreTooNew, match=f"schema {newer}"):
        await open_store(URL, tmp_path)
    assert schema(made)[1] == newer


async def test_a_failing_migration_leaves_nothing(tmp_path, made, monkeypatch):
    failing = "CREATE TABLE half (one INTEGER);\nCREATE TABLE half (two INTEGER);\n"
    good = sql.migrations(BACKEND)
    monkeypatch.setattr(sql, "migrations", lambda _backend: [*good, failing])
    before = schema(made)
    with pytest.raises(StoreUnavailable, match="half already exists"):
        await open_store(URL, tmp_path)
    assert schema(made) == before
    monkeypatch.setattr(sql, "migrations", lambda _backend: good)
    await opened_and_closed(tmp_path)


async def test_a_failing_first_migration_leaves_an_empty_file(tmp_path, monkeypatch):
    monkeypatch.setattr(sql, "migrations", lambda _backend: ["CREATE TABLE t (a);\nNONSENSE;\n"])
    with pytest.raises(StoreUnavailable):
        await open_store(URL, tmp_path)
    assert schema(tmp_path / "sessions.db") == ([], 0)


async def test_a_file_that_is_no_store_is_unavailable_and_kept(tmp_path):
    path = tmp_path / "sessions.db"
    path.write_bytes(b"a letter, not a database. " * 100)
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match=r"sessions\.db"):
        await open_store(URL, tmp_path)
    assert path.read_bytes() == before


async def test_many_may_open_a_new_store_at_the_same_time(tmp_path):
    stores = await asyncio.gather(*(open_store(URL, tmp_path) for _ in range(8)))
    for store in stores:
        await store.probe()
        await store.close()
    assert schema(tmp_path / "sessions.db")[1] == len(sql.migrations(BACKEND))
