"""Secrets at rest: sealed, opened by the right key alone, and nowhere readable in the files."""

import os
import sqlite3
import sys
import threading
from base64 import b64encode
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from intentlive.auth.encryption import new_server_key
from intentlive.core.errors import SecretsLocked
from intentlive.ports import AppKey
from intentlive.stores import sql
from intentlive.stores.sqlite.connection import Database
from intentlive.stores.vault import KeyPlace, Vault
from tests.contract.conftest import add_bot, an_app
from tests.stores import open_store

replace = msgspec.structs.replace
URL = "sqlite:sessions.db"
KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
TEXT = b64encode(KEY).decode()
SECRET = "a-client-secret-that-is-easily-found-in-a-file"
OLD_SECRET = "the-secret-that-release-0.1.0-kept-readable"


@pytest.fixture
def place(tmp_path):
    return KeyPlace(tmp_path / "here" / "x.key")


def everything_in(folder):
    """The bytes of all files of a store, its log too."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("plain", [b"", b"x", b"\0" * 5_000])
def test_what_is_sealed_comes_back(plain):
    sealed = Vault(KEY).seal(plain, "app cs-1")
    assert Vault(KEY).unseal(sealed, "app cs-1") == plain
    assert len(sealed) == len(plain) + 1 + 12 + 16
    assert sealed[0] == 1


def test_nothing_is_sealed_twice_in_the_same_way():
    assert len({Vault(KEY).seal(b"x", "p") for _ in range(50)}) == 50


def test_another_key_or_another_place_opens_nothing():
    sealed = Vault(KEY).seal(b"secret", "app cs-1")
    for vault, where in (
        (Vault(OTHER_KEY), "app cs-1"),
        (Vault(KEY), "app cs-2"),
        (Vault(KEY), ""),
    ):
        with pytest.raises(SecretsLocked, match="INTENTLIVE_SECRETS_KEY"):
            vault.unseal(sealed, where)


def test_what_was_changed_opens_nothing():
    sealed = Vault(KEY).seal(b"secret", "p")
    for bit in range(8, len(sealed) * 8):  # the version byte says how to read, not what
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SecretsLocked):
            Vault(KEY).unseal(bytes(changed), "p")
    for length in range(len(sealed)):
        with pytest.raises(SecretsLocked):
            Vault(KEY).unseal(sealed[:length], "p")


def test_a_key_is_made_for_its_owner_alone_and_found_again(place):
    key = place.read_or_make()
    assert len(key) == 32
    assert place.file.stat().st_mode & 0o777 == 0o600
    assert place.read() == place.read_or_make() == key
    assert [path.name for path in place.file.parent.iterdir()] == ["x.key"]


def test_two_who_make_it_at_once_agree(place):
    start, keys = threading.Barrier(8), []

    def make():
        start.wait()
        keys.append(place.read_or_make())

    makers = [threading.Thread(target=make) for _ in range(8)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_key_in_the_environment_is_used_and_no_file_made(place):
    given = KeyPlace(place.file, TEXT + "\n")
    assert given.read() == given.read_or_make() == KEY
    assert not place.file.exists()
    place.read_or_make()
    assert given.read_or_make() == KEY


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_a_key_that_is_open_to_others_is_refused_with_the_mend(place, mode):
    place.read_or_make()
    place.file.chmod(mode)
    with pytest.raises(SecretsLocked, match=f"open to others: chmod 600 {place.file}"):
        place.read()
    place.file.chmod(0o600)
    place.read()
    place.file.chmod(0o400)
    place.read()


def test_a_key_that_is_missing_is_said_to_be(place):
    with pytest.raises(SecretsLocked, match=f"not at {place.file}: put it back"):
        place.read()
    assert not place.file.exists()


@pytest.mark.parametrize(
    "content",
    [
        *("", "x", TEXT[:-5], "!" + TEXT[1:], TEXT + "A", "ü" * 44, KEY.hex()),
        *(b64encode(key).decode() for key in (KEY[:31], KEY + b"x")),
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(place, content):
    place.read_or_make()
    place.file.write_text(content, encoding="utf-8")
    for where in (place, KeyPlace(place.file, content)):
        with pytest.raises(SecretsLocked) as caught:
            where.read_or_make()
        assert len(content) < 5 or content not in str(caught.value)
    with pytest.raises(SecretsLocked, match="INTENTLIVE_SECRETS_KEY holds no key"):
        KeyPlace(place.file, content).read()


def test_a_folder_is_no_key(place):
    place.file.mkdir(parents=True, mode=0o700)
    with pytest.raises(SecretsLocked, match="cannot be read as a key"):
        place.read_or_make()


def test_a_place_without_a_folder_says_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SecretsLocked, match="cannot be made"):
        KeyPlace(tmp_path / "file" / "x.key").read_or_make()


def test_the_key_is_not_shown_by_accident(place):
    assert TEXT not in repr(KeyPlace(place.file, TEXT))
    assert repr(KEY) not in repr(Vault(KEY))


async def a_store_with_secrets(folder, **key):
    """A closed store with an app's secret and a key of the server; gives what must not be found."""
    store = await open_store(URL, folder, **key)
    await add_bot(store, "st-1")
    await store.add_app(replace(an_app(), keys=(AppKey(SECRET), AppKey("OLD-" + SECRET, until=9))))
    server_key = new_server_key(1)
    await store.add_server_key(server_key, others_until=0)
    lying_open = everything_in(folder)  # while it is open, the log is beside the file
    await store.close()
    return server_key, lying_open


async def test_no_secret_is_readable_in_the_files_of_a_store(tmp_path):
    key, while_open = await a_store_with_secrets(tmp_path)
    for found in (while_open, everything_in(tmp_path)):
        assert b"cs-1" in found
        assert SECRET.encode() not in found
        assert b"PRIVATE KEY" not in found
        assert key.private.splitlines()[1].encode() not in found
    assert (tmp_path / "sessions.db.key").stat().st_mode & 0o777 == 0o600


async def test_the_file_alone_opens_nothing(tmp_path):
    await a_store_with_secrets(tmp_path)
    stolen = tmp_path / "elsewhere"
    stolen.mkdir()
    (stolen / "sessions.db").write_bytes((tmp_path / "sessions.db").read_bytes())
    with pytest.raises(SecretsLocked, match="put it back"):
        await open_store(URL, stolen)
    assert [path.name for path in stolen.glob("*.key")] == []
    with pytest.raises(SecretsLocked, match="cannot be opened with this key"):
        await open_store(URL, stolen, key=TEXT)
    os.link(tmp_path / "sessions.db.key", stolen / "sessions.db.key")
    store = await open_store(URL, stolen)
    assert (await store.app("cs-1")).keys[0].text == SECRET
    await store.close()


async def test_a_key_may_come_from_the_environment_or_lie_elsewhere(tmp_path):
    key_file = tmp_path / "keys" / "own"
    for name, key in (("a", {"key": TEXT}), ("b", {"key_file": key_file})):
        folder = tmp_path / name
        folder.mkdir()
        await a_store_with_secrets(folder, **key)
        assert list(folder.glob("*.key")) == []
        store = await open_store(URL, folder, **key)
        assert (await store.app("cs-1")).keys[0].text == SECRET
        await store.close()
        with pytest.raises(SecretsLocked):
            await open_store(URL, folder)


async def test_sealed_keys_cannot_be_moved_from_one_app_to_another(tmp_path):
    await a_store_with_secrets(tmp_path)
    store = await open_store(URL, tmp_path)
    await store.add_app(replace(an_app("cs-2"), keys=(AppKey("known to the thief 0123456789"),)))
    with closing(sqlite3.connect(tmp_path / "sessions.db")) as connection:
        connection.execute(
            "UPDATE apps SET keys = (SELECT keys FROM apps WHERE client_id = 'cs-2') "
            "WHERE client_id = 'cs-1'"
        )
        connection.commit()
    with pytest.raises(SecretsLocked):
        await store.app("cs-1")
    await store.close()


def release_0_1_0(path, *, apps=True):
    """A store as release 0.1.0 left it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(sql.migrations("sqlite")[0])
        connection.execute("INSERT INTO accounts VALUES ('a1', 'Account', 60, 1)")
        rows = [
            ("cs-hs", "HS256", OLD_SECRET, None, None, 1),
            ("cs-rs", "RS256", None, "-----BEGIN PUBLIC KEY-----", '["st-1"]', 2),
        ]
        for client_id, algorithm, secret, public_key, bots, created in rows if apps else ():
            row = (client_id, algorithm, secret, public_key, '["Session Events"]', bots, created)
            connection.execute("INSERT INTO apps VALUES (?, 'a1', 'App', ?, ?, ?, ?, ?, 1, ?)", row)
        connection.execute("PRAGMA user_version = 1")
        connection.commit()


async def test_a_store_of_release_0_1_0_gets_its_secrets_sealed(tmp_path):
    path = tmp_path / "sessions.db"
    release_0_1_0(path)
    assert OLD_SECRET.encode() in everything_in(tmp_path)
    store = await open_store(URL, tmp_path)
    assert OLD_SECRET.encode() not in everything_in(tmp_path)
    old, other = await store.apps()
    assert (old.client_id, old.keys) == ("cs-hs", (AppKey(OLD_SECRET),))
    assert (other.client_id, other.keys) == ("cs-rs", (AppKey("-----BEGIN PUBLIC KEY-----"),))
    assert (old.scopes, old.bots, other.bots) == (("Session Events",), None, ("st-1",))
    assert (old.require_exp, old.enforce_jti, old.enforce_jwe) == (True, False, False)
    assert (await store.account("a1")).event_limit == 0
    await store.close()
    assert OLD_SECRET.encode() not in everything_in(tmp_path)
    store = await open_store(URL, tmp_path)
    assert list(await store.apps()) == [old, other]
    await store.close()


async def test_a_sealing_that_was_interrupted_is_finished_at_the_next_opening(
    tmp_path, monkeypatch
):
    """The secrets are sealed, but the file still has to be written anew."""
    release_0_1_0(tmp_path / "sessions.db")
    scrub, scrubbed = Database.scrub, []

    async def dies(_self):
        raise KeyboardInterrupt

    async def counted(self):
        scrubbed.append(True)
        await scrub(self)

    monkeypatch.setattr(Database, "scrub", dies)
    with pytest.raises(KeyboardInterrupt):
        await open_store(URL, tmp_path)
    monkeypatch.setattr(Database, "scrub", counted)
    for _ in range(2):
        await (await open_store(URL, tmp_path)).close()
    assert scrubbed == [True]


async def test_without_a_place_for_the_key_an_older_store_is_left_as_it_was(tmp_path):
    path = tmp_path / "sessions.db"
    release_0_1_0(path)
    with pytest.raises(SecretsLocked):
        await open_store(URL, tmp_path, key="no key")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT secret FROM apps").fetchone() == (OLD_SECRET,)


async def test_an_older_store_without_apps_gets_a_key_too(tmp_path):
    release_0_1_0(tmp_path / "sessions.db", apps=False)
    store = await open_store(URL, tmp_path)
    assert list(await store.apps()) == []
    await store.close()
    assert (tmp_path / "sessions.db.key").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc: runs on Linux")
def test_the_name_of_a_new_key_is_as_durable_as_the_key(tmp_path, monkeypatch):
    synced, fsync = [], os.fsync

    def noted(descriptor):
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    KeyPlace(tmp_path / "x.key").read_or_make()
    assert [path.name for path in synced] == ["x.key", tmp_path.name]
