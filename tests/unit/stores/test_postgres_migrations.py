"""Tables that all machines share are changed when that is asked for, and nobody is held up."""

import secrets

import psycopg
import pytest

from intentlive.core.errors import NotFound, StoreError, StoreTooOld, StoreUnavailable
from intentlive.stores import sql
from intentlive.stores.postgres import connection, migrations
from intentlive.upkeep import Schema
from tests.contract.conftest import add_bot
from tests.stores import open_store, revision
from tests.wire import event, state_of

KNOWN = len(sql.migrations("postgres"))
ONE_MORE = f"-- works with: {KNOWN}\nALTER TABLE sessions ADD COLUMN novelty TEXT;\n"


@pytest.fixture
def url(postgres):
    return postgres.database(f"migrated-{secrets.token_hex(8)}")


@pytest.fixture
async def old(url, tmp_path):
    """A store of the release before the one that runs."""
    opened = await open_store(url, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
def newer(old, monkeypatch):
    scripts = [*sql.migrations("postgres"), ONE_MORE]
    monkeypatch.setattr(sql, "migrations", lambda _backend: scripts)


async def test_an_empty_database_is_filled_by_who_may(url, tmp_path):
    with pytest.raises(NotFound):
        await open_store(url, tmp_path, make=False)
    store = await open_store(url, tmp_path, make=False, upgrade=True)
    assert store.schema == Schema(0, KNOWN)
    await store.close()
    await (await open_store(url, tmp_path, make=False)).close()


@pytest.mark.usefixtures("newer")
async def test_old_tables_are_changed_only_when_asked(url, tmp_path):
    with pytest.raises(StoreTooOld, match="run intentlive store migrate"):
        await open_store(url, tmp_path)
    store = await open_store(url, tmp_path, upgrade=True)
    assert store.schema == Schema(KNOWN, KNOWN + 1)
    await store.close()


@pytest.mark.usefixtures("newer")
async def test_who_cannot_have_a_table_gives_up_before_others_wait_long(
    url, tmp_path, old, monkeypatch
):
    assert migrations._WAIT_LITTLE == "SET LOCAL lock_timeout = '2s'"
    monkeypatch.setattr(migrations, "_WAIT_LITTLE", "SET LOCAL lock_timeout = '20ms'")
    monkeypatch.setattr(connection, "_PAUSES", (0.01,))
    await add_bot(old, "st-1")
    with psycopg.connect(url) as dump:
        dump.execute("SELECT * FROM sessions")
        with pytest.raises(StoreUnavailable, match="lock timeout"):
            await open_store(url, tmp_path, upgrade=True)
        before = await revision(old)
        await old.merge({"st-1": {"s": state_of(event("message.sent"))}})
        assert await revision(old) == before + 1
    store = await open_store(url, tmp_path, upgrade=True)
    assert store.schema == Schema(KNOWN, KNOWN + 1)
    await store.close()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_a_database_that_cannot_keep_all_texts_is_refused(postgres, tmp_path, encoding):
    name = f"texts-{secrets.token_hex(8)}"
    postgres.sql(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING {encoding} LOCALE 'C'")
    with pytest.raises(StoreError, match=f"in {encoding}: .*--encoding=UTF8"):
        await open_store(postgres.url(name), tmp_path)


async def test_who_may_not_make_tables_is_told_who_may(postgres, url, tmp_path):
    role = f"server_{secrets.token_hex(4)}"
    postgres.sql(f"CREATE ROLE {role} LOGIN")
    with pytest.raises(StoreError, match=r"permission denied .*; .*intentlive store migrate"):
        await open_store(url.replace("//postgres@", f"//{role}@"), tmp_path)
