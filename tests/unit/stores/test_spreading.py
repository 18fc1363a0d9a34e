"""The tables can be spread over machines by bot: shown by parts of one PostgreSQL in their place.

A partitioned table has the rules of a distributed one: a unique key must hold the column that
parts it, and a query that names one bot is planned for one part alone.
"""

import re
import secrets

import psycopg
import pytest

from intentlive.stores import sql
from tests.stores import open_store

PARTS = 8
SPREAD = ("bots", "sessions")
OVER_ALL_BOTS = {"open_sessions", "next_bot", "unannounced"}
"""What asks for sessions of all bots; none of it is on the way of an event or of an answer."""
VALUES = {
    "bot_ids": ["st-1"],
    "session_ids": ["s-1"],
    "listings": [1],
    "end_times": [1],
    "states": [b""],
    "versions": [1],
    "state": b"",
    "skip_silent": False,
}
TEXTS = {"bot_id", "account_id", "session_id", "after", "name", "idle_timeouts", "personal_data"}


def queries_of(table):
    return {
        name: query
        for name, query in sql.queries("postgres").items()
        if re.search(rf"\b{table}\b", query)
    }


def values_of(query):
    names = re.findall(r"%\((\w+)\)s", query)
    return {name: VALUES.get(name, "x" if name in TEXTS else 1) for name in names}


@pytest.fixture
async def made(postgres, tmp_path):
    """A connection to a store."""
    url = postgres.database(f"spread-{secrets.token_hex(8)}")
    await (await open_store(url, tmp_path)).close()
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        yield connection


@pytest.fixture
async def spread(made):
    """The same, with bots and sessions in parts."""
    for table in SPREAD:
        made.execute(f"ALTER TABLE {table} RENAME TO whole")
        made.execute(f"CREATE TABLE {table} (LIKE whole INCLUDING ALL) PARTITION BY HASH (bot_id)")
        for part in range(PARTS):
            made.execute(
                f"CREATE TABLE {table}_part_{part} PARTITION OF {table} "
                f"FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {part})"
            )
        made.execute("DROP TABLE whole")
    return made


def parts_of(connection, query):
    """Which parts the plan of a query reads, of whatever table."""
    plan = connection.execute(f"EXPLAIN {query}", values_of(query)).fetchall()
    return set(re.findall(r"_part_(\d)", str(plan)))


async def test_a_query_of_sessions_is_for_one_part_but_those_over_all_bots(spread):
    parts = {name: parts_of(spread, query) for name, query in queries_of("sessions").items()}
    assert {name for name, found in parts.items() if len(found) > 1} == OVER_ALL_BOTS
    assert parts["save_sessions_if"] == parts["latest_sessions"] == parts["sessions_read"] != set()


async def test_a_query_that_names_a_bot_is_for_one_part(spread):
    queries = {
        name: query
        for name, query in queries_of("bots").items()
        if name not in ("add_app", "update_app") and re.search(r"bot_ids?\)s", query)
    }
    assert {"revisions", "lock_bot", "raise_revision_if", "bot_of_account"} <= queries.keys()
    parts = {name: parts_of(spread, query) for name, query in queries.items()}
    assert {name for name, found in parts.items() if len(found) > 1} == set()


async def test_keys_of_sessions_lead_with_the_bot_and_none_refers_elsewhere(made):
    indexes = made.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'sessions'")
    keys = [definition.partition("(")[2] for (definition,) in indexes]
    assert [key.partition(",")[0] for key in keys] == ["bot_id", "bot_id"]
    foreign = made.execute("SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f'")
    assert {table for (table,) in foreign} == {"apps", "bots", "counters"}
