"""A backup is of one moment, and proved before it is there."""

import sqlite3
from contextlib import closing

import pytest

from intentlive.core.errors import AlreadyExists, StoreUnavailable
from intentlive.stores.sqlite import connection
from tests.contract.conftest import add_bot
from tests.stores import open_store
from tests.wire import event, state_of


@pytest.fixture
async def store(tmp_path):
    """A store with one session."""
    opened = await open_store("sqlite:sessions.db", tmp_path)
    await add_bot(opened, "st-1")
    await opened.merge({"st-1": {"s-1": state_of(event("message.sent"))}})
    yield opened
    await opened.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "backups" / "copy.db"


async def test_what_is_written_while_it_is_made_is_not_in_it(store, path, tmp_path, monkeypatch):
    count = connection._counts
    written = []

    def count_and_write(of):
        found = count(of)
        if not written:
            written.append(True)
            with closing(sqlite3.connect(tmp_path / "sessions.db")) as other, other:
                other.execute("UPDATE sessions SET session_id = 's-2'")
                other.execute(
                    "INSERT INTO sessions SELECT 'st-1', 's-3', 0, 0, state FROM sessions"
                )
        return found

    monkeypatch.setattr(connection, "_counts", count_and_write)
    assert await store.backup(path) == 1
    with closing(sqlite3.connect(path)) as copy:
        assert copy.execute("SELECT session_id FROM sessions").fetchall() == [("s-1",)]
    assert await store.count_sessions("st-1") == 2
    await store.merge({"st-1": {"s-1": state_of(event("message.sent"))}})


@pytest.mark.parametrize(
    ("part", "found"),
    [("_faults", lambda _: ["a page is torn"]), ("_counts", lambda _: {"sessions": object()})],
)
async def test_a_copy_that_is_not_as_the_store_is_not_kept(store, path, monkeypatch, part, found):
    monkeypatch.setattr(connection, part, found)
    with pytest.raises(StoreUnavailable, match="the copy is not as the store"):
        await store.backup(path)
    assert list(path.parent.iterdir()) == []
    monkeypatch.undo()
    assert await store.backup(path) == 1


async def test_the_first_of_two_is_kept(store, path, monkeypatch):
    first = b"made by another meanwhile"
    monkeypatch.setattr(connection, "_faults", lambda _: [path.write_bytes(first)][1:])
    for _ in range(2):
        with pytest.raises(AlreadyExists, match="is there already"):
            await store.backup(path)
        assert path.read_bytes() == first
    assert list(path.parent.iterdir()) == [path]


async def test_a_place_that_cannot_be_had_is_told(store, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="cannot be made"):
        await store.backup(tmp_path / "file" / "copy.db")
    await store.probe()
