"""Transactions on one file: whole or not at all, one moment, and usable again after a failure."""

import asyncio
import threading

import pytest

from intentlive.core.errors import StoreUnavailable
from intentlive.stores.sqlite.connection import Database


class Mistake(Exception):
    """What a piece of work may raise."""


@pytest.fixture
async def database(tmp_path):
    opened = Database(tmp_path / "store.db")
    await opened.open(lambda _connection: None)
    await opened.write(lambda c: c.execute("CREATE TABLE numbers (number INTEGER)"))
    yield opened
    await opened.close()


@pytest.fixture
async def second(database):
    """Another process would open the file like this."""
    opened = Database(database.path)
    await opened.open(lambda _connection: None)
    yield opened
    await opened.close()


def insert(*numbers):
    def work(connection):
        for each in numbers:
            connection.execute(f"INSERT INTO numbers VALUES ({each})")

    return work


def numbers(connection):
    rows = connection.execute("SELECT number FROM numbers ORDER BY number")
    return [number for (number,) in rows]


async def test_a_write_stays_and_its_result_comes_back(database, second):
    assert await database.write(lambda c: (insert(1, 2)(c), numbers(c))[1]) == [1, 2]
    assert await database.read(numbers) == await second.read(numbers) == [1, 2]


async def test_a_write_that_raises_leaves_nothing(database):
    def work(connection):
        insert(1)(connection)
        raise Mistake

    with pytest.raises(Mistake):
        await database.write(work)
    assert await database.read(numbers) == []
    await database.write(insert(2))
    assert await database.read(numbers) == [2]


async def test_a_failing_statement_undoes_those_before_it(database):
    def work(connection):
        insert(1)(connection)
        connection.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(StoreUnavailable, match="no such table: nowhere"):
        await database.write(work)
    assert await database.read(numbers) == []


async def test_the_error_names_the_file(database):
    with pytest.raises(StoreUnavailable, match=r"store\.db: .*syntax error"):
        await database.read(lambda c: c.execute("NONSENSE"))


async def test_a_read_sees_one_moment(database):
    has_looked, may_look_again = threading.Event(), threading.Event()

    def look_twice(connection):
        first = numbers(connection)
        has_looked.set()
        may_look_again.wait()
        return first, numbers(connection)

    looking = asyncio.ensure_future(database.read(look_twice))
    await asyncio.to_thread(has_looked.wait)
    await database.write(insert(1))
    may_look_again.set()
    assert await looking == ([], [])
    assert await database.read(numbers) == [1]


async def test_a_read_does_not_wait_for_a_write(database):
    is_writing, may_end = threading.Event(), threading.Event()

    def write_slowly(connection):
        insert(1)(connection)
        is_writing.set()
        may_end.wait()

    writing = asyncio.ensure_future(database.write(write_slowly))
    await asyncio.to_thread(is_writing.wait)
    assert await database.read(numbers) == []
    may_end.set()
    await writing
    assert await database.read(numbers) == [1]


async def test_two_writers_on_one_file_wait_for_each_other(database, second):
    async def count_up(through):
        for _ in range(20):
            await through.write(lambda c: insert(len(numbers(c)))(c))

    await asyncio.gather(count_up(database), count_up(second))
    assert await database.read(numbers) == list(range(40))


async def test_a_write_waits_until_the_other_has_committed(database, second):
    is_writing, may_end = threading.Event(), threading.Event()

    def write_slowly(connection):
        insert(1)(connection)
        is_writing.set()
        may_end.wait()

    first = asyncio.ensure_future(database.write(write_slowly))
    await asyncio.to_thread(is_writing.wait)
    other = asyncio.ensure_future(second.write(numbers))
    assert not other.done()
    may_end.set()
    await first
    assert await other == [1]


async def test_a_store_that_takes_no_writes_is_unavailable_until_it_is_mended(database):
    await database.write(insert(1))
    await database.write(lambda c: c.execute("PRAGMA query_only = ON"))
    with pytest.raises(StoreUnavailable, match="attempt to write a readonly database"):
        await database.write(insert(2))
    assert await database.read(numbers) == [1]
    await database.write(insert(3))
    assert await database.read(numbers) == [1, 3]


async def test_a_connection_broken_by_its_work_is_replaced(database):
    def work(connection):
        insert(1)(connection)
        connection._connection.close()

    with pytest.raises(StoreUnavailable):
        await database.write(work)
    await database.write(insert(2))
    assert await database.read(numbers) == [2]


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)]
)
async def test_every_connection_is_durable_and_checks_references(database, pragma, value):
    def ask(connection):
        return connection.execute(f"PRAGMA {pragma}").fetchone()[0]

    assert await database.write(ask) == value
    assert set(await asyncio.gather(*(database.read(ask) for _ in range(8)))) == {value}


async def test_closing_lets_running_work_finish(tmp_path, database):
    await asyncio.gather(database.write(insert(1)), database.close())
    again = Database(tmp_path / "store.db")
    assert await again.read(numbers) == [1]
    await again.close()
    assert not (tmp_path / "store.db-wal").exists()


async def test_a_new_file_is_its_owners_alone_and_leaves_nothing_beside_it(tmp_path):
    folder = tmp_path / "new"
    opened = Database(folder / "store.db")
    await opened.open(lambda _connection: None)
    assert opened.path.stat().st_mode & 0o777 == 0o600
    await opened.close()
    assert [path.name for path in folder.iterdir()] == ["store.db"]


async def test_the_log_of_a_store_that_is_gone_is_not_mixed_into_a_new_one(tmp_path):
    log = tmp_path / "store.db-wal"
    log.write_bytes(b"what was not yet copied into the old file")
    opened = Database(tmp_path / "store.db")
    with pytest.raises(StoreUnavailable, match="belongs to a store that is gone"):
        await opened.open(lambda _connection: None)
    await opened.close()
    assert not opened.path.exists()
    assert log.exists()
