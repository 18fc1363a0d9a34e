"""Releases side by side: a store is migrated under those that use it."""

import pytest

from intentlive.core.errors import StoreTooNew
from intentlive.core.reading import BotRules
from intentlive.ports import Bot, ServerKey
from intentlive.stores import sql
from intentlive.upkeep import Schema
from tests.contract.conftest import an_account, an_app
from tests.stores import open_store, put, use_token
from tests.wire import NOON_MS, event, state_of

TABLES = ("accounts", "bots", "apps", "sessions", "server_keys", "used_tokens", "acts")
ADDITIVE = "".join(f"ALTER TABLE {table} ADD COLUMN novelty TEXT;\n" for table in TABLES)
ROUNDS = 20  # so many that a database has learned each query, on every connection


@pytest.fixture
def backend(address):
    return "sqlite" if address.startswith("sqlite") else "postgres"


@pytest.fixture
def known(backend):
    """The number of the newest schema that this release knows."""
    return len(sql.migrations(backend))


@pytest.fixture
def migrated_by(address, tmp_path, backend, monkeypatch):
    """Migrate the store as a release would that has one more script."""

    async def migrate(script):
        scripts = [*sql.migrations(backend), script]
        with monkeypatch.context() as newer:
            newer.setattr(sql, "migrations", lambda _backend: scripts)
            store = await open_store(address, tmp_path, upgrade=True)
            await store.close()
        return store.schema

    return migrate


async def use(store, start):
    """Do of everything something; each session is merged twice and read back."""
    for number in range(start, start + ROUNDS):
        id_ = f"s-{number:03}"
        for kind in ("message.received", "session.ended"):
            await store.merge({"st-1": {id_: state_of(event(kind, number, subject=id_))}})
        latest = await store.latest("st-1", NOON_MS + 10**9, 1)
        assert [session_id for session_id, _ in latest.sessions] == [id_]
        await put(store, an_account())
        await put(store, Bot("st-1", "a1", f"Bot {number}", BotRules(), 1))
        await put(store, an_app())
        assert (await store.bot("st-1")).name == f"Bot {number}"
        assert await store.app("cs-1") == an_app()
        assert list(await store.accounts()) == [an_account()]
        assert len(await store.server_keys(NOON_MS)) == 1
        assert await use_token(store, "cs-1", f"{number}".encode(), 1)
        assert (await store.acts(1))[0].act == "app updated"


async def make(store):
    await store.add_account(an_account())
    await store.add_bot(Bot("st-1", "a1", "Bot", BotRules(), 1))
    await store.add_app(an_app())
    await store.add_server_key(ServerKey("k", "-----BEGIN PRIVATE KEY-----", 1), others_until=5)


async def test_old_code_goes_on_while_a_store_is_migrated(
    store, known, migrated_by, address, tmp_path
):
    await make(store)
    await use(store, 0)
    assert await migrated_by(f"-- works with: {known}\n{ADDITIVE}") == Schema(known, known + 1)
    await use(store, 100)
    late = await open_store(address, tmp_path)
    assert late.schema == Schema(known + 1, known + 1)
    await use(late, 200)
    await late.close()
    assert len(await store.sessions_after("st-1", "", 1000)) == 3 * ROUNDS


@pytest.mark.parametrize("promise", ["", "-- works with: {new}\n"])
async def test_old_code_does_not_open_what_it_cannot_work_with(
    known, migrated_by, address, tmp_path, promise
):
    await (await open_store(address, tmp_path)).close()
    script = promise.format(new=known + 1) + ADDITIVE
    assert await migrated_by(script) == Schema(known, known + 1)
    with pytest.raises(StoreTooNew, match=f"schema {known + 1}.* knows {known}: run the release"):
        await open_store(address, tmp_path)


async def test_a_new_store_says_that_there_was_none(store, known, address, tmp_path):
    assert store.schema == Schema(0, known)
    again = await open_store(address, tmp_path, upgrade=True)
    assert again.schema == Schema(known, known)
    await again.close()
