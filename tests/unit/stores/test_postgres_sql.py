"""The SQL files of PostgreSQL: portable, known to the schema, and migrated whole or not at all."""

import asyncio
import re
import secrets

import psycopg
import pytest

from intentlive.core.errors import NotFound, StoreTooNew, StoreTooOld, StoreUnavailable
from intentlive.stores import sql
from tests.stores import open_store

BACKEND = "postgres"
FAILING = "CREATE TABLE half (one INTEGER);\nCREATE TABLE half (two INTEGER);\n"
HOT = (
    "bot_read",
    "sessions_read",
    "raise_revision_if",
    "save_sessions_if",
    "session_states",
    "save_session",
    "lock_bot",
    "raise_revision",
    "latest_sessions",
    "announce",
)
CATALOG = """
    SELECT relname, relkind::text, attname, atttypid::regtype::text, attnotnull,
        pg_get_indexdef(pg_class.oid)
    FROM pg_class LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
    LEFT JOIN pg_index ON indexrelid = pg_class.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind <> 'c' ORDER BY relname, attnum
"""


@pytest.fixture
def url(postgres):
    """An empty database."""
    return postgres.database(f"sql-{secrets.token_hex(8)}")


@pytest.fixture
async def made(url, tmp_path):
    """The address of a freshly made store."""
    await opened_and_closed(url, tmp_path)
    return url


@pytest.fixture
def direct(url):
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


async def opened_and_closed(url, folder, **more):
    await (await open_store(url, folder, **more)).close()


def all_of_it(direct):
    """All tables, and all that is in them."""
    catalog = direct.execute(CATALOG).fetchall()
    tables = sorted({name for name, kind, *_ in catalog if kind == "r"})
    return catalog, {name: direct.execute(f"TABLE {name}").fetchall() for name in tables}


async def test_every_query_is_one_statement_that_the_schema_knows(made, direct):
    unknown = {}
    for name, query in sql.queries(BACKEND).items():
        numbers = {}
        statement = re.sub(
            r"%\((\w+)\)s",
            lambda found, numbers=numbers: f"${numbers.setdefault(found[1], len(numbers) + 1)}",
            query,
        )
        # The protocol's own way of preparing takes a single statement only.
        prepared = direct.pgconn.prepare(name.encode(), statement.encode())
        if prepared.status != psycopg.pq.ExecStatus.COMMAND_OK:
            unknown[name] = prepared.error_message
    assert unknown == {}


@pytest.mark.parametrize("name", HOT)
def test_a_hot_query_names_one_bot(name):
    query = sql.queries(BACKEND)[name]
    tables = re.findall(r"\b(?:FROM|UPDATE|JOIN) (?:bots|sessions)\b", query)
    named = re.findall(r"\bbot_id = %\(bot_id\)s|VALUES \(%\(bot_id\)s", query)
    assert len(named) >= max(1, len(tables))


UNWANTED = {
    "triggers": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    "sequences": "SELECT relname FROM pg_class WHERE relkind = 'S'",
    "functions": "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "unique keys of some rows": """
        SELECT indexrelid::regclass FROM pg_index
        JOIN pg_class ON pg_class.oid = indrelid AND relnamespace = 'public'::regnamespace
        WHERE indisunique AND (indpred IS NOT NULL OR indexprs IS NOT NULL)
    """,
    "keys that are not compared by code point": """
        SELECT indexrelid::regclass, attname FROM pg_index
        JOIN pg_class ON pg_class.oid = indrelid AND relnamespace = 'public'::regnamespace
        JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)
        WHERE atttypid = 'text'::regtype AND attcollation <> '"C"'::regcollation
    """,
    "keys of sessions that do not lead with the bot": """
        SELECT indexrelid::regclass FROM pg_index
        JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
        WHERE indrelid = 'sessions'::regclass AND attname <> 'bot_id'
    """,
    "references from or to sessions": """
        SELECT conname FROM pg_constraint
        WHERE contype = 'f' AND 'sessions'::regclass IN (conrelid, confrelid)
    """,
}


@pytest.mark.parametrize("what", UNWANTED)
async def test_the_schema_has_nothing_that_a_distributed_one_could_not_have(made, direct, what):
    assert direct.execute(UNWANTED[what]).fetchall() == []


@pytest.mark.parametrize("what", [*UNWANTED])
async def test_it_would_be_found(made, direct, what):
    for statement in (
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER t BEFORE UPDATE ON bots FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE TABLE other (number SERIAL, name TEXT PRIMARY KEY)",
        "CREATE UNIQUE INDEX of_some ON bots (name) WHERE revision > 1",
        "CREATE INDEX of_all ON sessions (end_time)",
        "ALTER TABLE sessions ADD FOREIGN KEY (bot_id) REFERENCES bots",
    ):
        direct.execute(statement)
    assert direct.execute(UNWANTED[what]).fetchall() != []


async def test_opening_a_store_again_changes_nothing(made, direct, tmp_path):
    before = all_of_it(direct)
    await opened_and_closed(made, tmp_path)
    await opened_and_closed(made, tmp_path, upgrade=True)
    assert all_of_it(direct) == before


async def test_a_store_that_is_not_there_is_made_only_if_that_is_asked_for(url, direct, tmp_path):
    with pytest.raises(NotFound, match="no store in this database"):
        await open_store(url, tmp_path, make=False)
    assert all_of_it(direct) == ([], {})
    await opened_and_closed(url, tmp_path)
    await opened_and_closed(url, tmp_path, make=False)


async def test_many_may_open_a_new_store_at_the_same_time(url, direct, tmp_path):
    stores = await asyncio.gather(*(open_store(url, tmp_path) for _ in range(8)))
    for store in stores:
        await store.probe()
        await store.close()
    assert len(all_of_it(direct)[1]["sealed"]) == 1


async def test_an_older_store_is_brought_up_to_date_if_that_is_allowed(
    made, direct, tmp_path, monkeypatch
):
    newest = [*sql.migrations(BACKEND), "CREATE TABLE newest (one INTEGER);\n"]
    monkeypatch.setattr(sql, "migrations", lambda _backend: newest)
    before = all_of_it(direct)
    with pytest.raises(StoreTooOld, match="run intentlive store migrate"):
        await open_store(made, tmp_path)
    assert all_of_it(direct) == before
    await opened_and_closed(made, tmp_path, upgrade=True)
    after = all_of_it(direct)
    assert set(after[1]) == {*before[1], "newest"}
    assert after[1]["sealed"] == before[1]["sealed"]
    await opened_and_closed(made, tmp_path)
    assert all_of_it(direct) == after


async def test_a_store_of_a_newer_release_is_left_alone(made, direct, tmp_path):
    newer = len(sql.migrations(BACKEND)) + 1
    direct.execute(f"UPDATE registry SET schema = {newer}, works_with = {newer}")
    before = all_of_it(direct)
    for upgrade in (False, True):
        with pytest.raises(StoreTooNew, match=f"schema {newer}"):
            await open_store(made, tmp_path, upgrade=upgrade)
    assert all_of_it(direct) == before


async def test_a_failing_migration_leaves_nothing(made, direct, tmp_path, monkeypatch):
    good = sql.migrations(BACKEND)
    monkeypatch.setattr(sql, "migrations", lambda _backend: [*good, FAILING])
    before = all_of_it(direct)
    with pytest.raises(StoreUnavailable, match='relation "half" already exists'):
        await open_store(made, tmp_path, upgrade=True)
    assert all_of_it(direct) == before
    monkeypatch.setattr(sql, "migrations", lambda _backend: good)
    await opened_and_closed(made, tmp_path)


async def test_a_failing_first_migration_leaves_an_empty_database(
    url, direct, tmp_path, monkeypatch
):
    monkeypatch.setattr(sql, "migrations", lambda _backend: [FAILING])
    with pytest.raises(StoreUnavailable):
        await open_store(url, tmp_path)
    assert all_of_it(direct) == ([], {})
