"""The sum of the migrations is the schema that one can read, and each says what it works with."""

import re
import secrets
import sqlite3
from contextlib import closing
from importlib.resources import files

import pytest

from intentlive.stores import sql
from tests.stores import open_store

BACKENDS = ["sqlite", "postgres"]
CATALOG = """
    SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2;
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1;
    SELECT conrelid::regclass, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2;
"""


def readable(backend):
    return (files(sql) / backend / "schema.sql").read_text("utf-8")


def definition(statement):
    """A statement without comments, its columns and constraints in no order."""
    text = " ".join(re.sub(r"--.*", "", statement).split())
    head, _, rest = text.partition("(")
    parts = re.split(r", (?![^(]*\))", rest.removesuffix(" STRICT").removesuffix(")"))
    return head.strip(), sorted(each.strip() for each in parts), text.endswith(" STRICT")


def sqlite_catalog(path):
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: definition(statement) for name, statement in rows}


async def test_the_migrations_of_sqlite_make_what_can_be_read(tmp_path):
    await (await open_store("sqlite:migrated.db", tmp_path)).close()
    with closing(sqlite3.connect(tmp_path / "read.db")) as connection:
        connection.executescript(readable("sqlite"))
    made = sqlite_catalog(tmp_path / "migrated.db")
    assert made["sessions"][1][0] == "PRIMARY KEY (bot_id, session_id)"
    assert made == sqlite_catalog(tmp_path / "read.db")


async def test_the_migrations_of_postgresql_make_what_can_be_read(postgres, tmp_path):
    migrated, read = (f"{name}-{secrets.token_hex(8)}" for name in ("migrated", "read"))
    await (await open_store(postgres.database(migrated), tmp_path)).close()
    postgres.database(read)
    postgres.sql(readable("postgres"), read)
    made = postgres.sql(CATALOG, migrated)
    assert "sessions|session_id|text|NO||C" in made
    assert "FOREIGN KEY (account_id) REFERENCES accounts(account_id)" in made
    assert made == postgres.sql(CATALOG, read)


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_migration_says_first_whose_code_goes_on_with_it(backend):
    scripts = sql.migrations(backend)
    assert scripts
    for number, script in enumerate(scripts, start=1):
        said = re.match(r"-- works with: (\d+)\n", script)
        assert said, f"migration {number} of {backend}"
        assert 1 <= int(said[1]) <= number


def test_the_highest_number_counts_and_silence_is_its_own():
    works_with_1, works_with_2 = (f"-- works with: {number}\nSELECT 1;" for number in (1, 2))
    assert sql.works_with([works_with_1]) == 1
    assert sql.works_with([works_with_1, works_with_2, works_with_1]) == 2
    assert sql.works_with([works_with_1, works_with_2, "SELECT 1;"]) == 3
    assert sql.works_with([works_with_1, works_with_1 + "\n-- works with: 9"]) == 1
