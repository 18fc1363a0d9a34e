import os
import re
import secrets
import sqlite3
from contextlib import closing

import psycopg
import pytest

from intentlive.core.reading import BotRules
from intentlive.ports import Account, App, AppKey, Bot
from intentlive.stores import sql
from tests.stores import open_store

SECRET = "a client secret of the usual length"
BACKENDS = ["sqlite", "postgresql"]
YOURS = os.environ.get("INTENTLIVE_TEST_STORE")
"""Address of a database whose tables were made, and may be spread: emptied for every test."""


@pytest.fixture(params=BACKENDS)
def address(request):
    """A store of every backend that is not made yet: each test of this folder runs on all."""
    if request.param == "sqlite":
        return "sqlite:sessions.db"
    if YOURS:
        empty(YOURS)
        return YOURS
    postgres = request.getfixturevalue("postgres")
    return postgres.database(f"store-{secrets.token_hex(8)}")


@pytest.fixture
async def store(address, tmp_path):
    opened = await open_store(address, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def two_stores(address, tmp_path):
    """The same store opened twice, as two processes would."""
    one, other = [await open_store(address, tmp_path) for _ in range(2)]
    yield one, other
    await one.close()
    await other.close()


@pytest.fixture
def by_hand(address, tmp_path):
    """Run statements in the store's database, as nobody should, as one transaction."""

    def run(*statements):
        if not address.startswith("sqlite"):
            with psycopg.connect(address) as connection:
                return [connection.execute(each) for each in statements][-1]
        with closing(sqlite3.connect(tmp_path / "sessions.db")) as connection, connection:
            return [connection.execute(each) for each in statements][-1]

    return run


@pytest.fixture
async def bot(store):
    return await add_bot(store, "st-1")


def empty(url):
    """Delete all that is in a store, but leave its tables as they are."""
    made = re.findall(r"^CREATE TABLE (\w+)", "\n".join(sql.migrations("postgres")), re.MULTILINE)
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.info.dbname.endswith("_test"):
            pytest.fail("INTENTLIVE_TEST_STORE is emptied: its database must be named …_test")
        for table in reversed(made):  # none refers to one that was made after it
            if table != "registry":
                connection.execute(f"DELETE FROM {table}")
        connection.execute("UPDATE registry SET revision = 0")


async def add_bot(store, bot_id, rules=None, account_id="a1"):
    """A bot in a store, with its account if that is not there."""
    if await store.account(account_id) is None:
        await store.add_account(an_account(account_id))
    added = Bot(bot_id, account_id, "Bot", rules or BotRules(), created=1)
    await store.add_bot(added)
    return added


def an_account(account_id="a1", created=1):
    return Account(account_id, "Account", rate_limit=60, created=created)


def an_app(client_id="cs-1", bots=None, account_id="a1", created=1):
    return App(
        client_id=client_id,
        account_id=account_id,
        name="App",
        algorithm="HS256",
        keys=(AppKey(SECRET),),
        scopes=("SmartAssist Analytics", "Session Events"),
        bots=bots,
        require_exp=False,
        created=created,
    )
