"""Work in a database that others use and that can be lost: done once, or known to be in doubt."""

import asyncio
import secrets
import threading
from functools import partial

import psycopg
import pytest

from intentlive.core.errors import StoreError, StoreUnavailable
from intentlive.stores.postgres import connection
from intentlive.stores.postgres.connection import Database
from tests.postgres import Postgres


class Mistake(Exception):
    """What a piece of work may raise."""


@pytest.fixture
def name(postgres):
    """A database of one table with one number, which is 0."""
    made = f"numbers-{secrets.token_hex(8)}"
    postgres.database(made)
    postgres.sql("CREATE TABLE numbers AS SELECT 0::bigint AS number", made)
    return made


@pytest.fixture
async def database(postgres, name):
    opened = Database(postgres.url(name))
    yield opened
    await opened.close()


@pytest.fixture
async def distant(proxy, name):
    """The same database, at the other end of a network that fails on demand."""
    opened = Database(f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}")
    yield opened
    await opened.close()


def number(run):
    return run.execute("SELECT number FROM numbers").fetchone()[0]


def add_one(run):
    run.execute("UPDATE numbers SET number = number + 1")


def first_time(act):
    """What `act` does, when it is first come by."""
    left = [act]
    return lambda *given: left.pop()(*given) if left else None


def ask(run, setting):
    return run.execute(f"SELECT current_setting('{setting}')").fetchone()[0]


async def test_a_write_stays_and_its_result_comes_back(database):
    assert await database.write(lambda run: (add_one(run), number(run))[1]) == 1
    assert await database.read(number) == 1


async def test_a_write_that_raises_leaves_nothing(database):
    def work(run):
        add_one(run)
        raise Mistake

    with pytest.raises(Mistake):
        await database.write(work)
    assert await database.read(number) == 0


async def test_a_failing_statement_undoes_those_before_it(database):
    def work(run):
        add_one(run)
        run.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(StoreUnavailable, match='relation "nowhere" does not exist'):
        await database.write(work)
    assert await database.read(number) == 0


async def test_work_is_done_again_when_another_was_faster(database, postgres, name):
    be_faster = first_time(lambda: postgres.sql("UPDATE numbers SET number = 10", name))

    def work(run):
        run.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        before = number(run)
        be_faster()
        run.execute(f"UPDATE numbers SET number = {before + 1}")

    await database.write(work)
    assert await database.read(number) == 11


async def test_two_that_wait_for_each_other_are_both_done(database, postgres, name):
    postgres.sql("CREATE TABLE others AS SELECT 0::bigint AS number", name)
    both = threading.Barrier(2)

    def work(tables, meet, run):
        run.execute("SET LOCAL deadlock_timeout = '10ms'")
        for table in tables:
            run.execute(f"UPDATE {table} SET number = number + 1")
            meet()

    orders = [("numbers", "others"), ("others", "numbers")]
    waits = [partial(work, order, first_time(both.wait)) for order in orders]
    await asyncio.gather(*map(database.write, waits))
    assert await database.read(number) == 2


@pytest.mark.parametrize("way", ["write", "repeat"])
async def test_work_is_done_again_when_the_server_ends_its_connection(database, way):
    end = first_time(lambda run: run.execute("SELECT pg_terminate_backend(pg_backend_pid())"))

    def work(run):
        add_one(run)
        end(run)

    await getattr(database, way)(work)
    assert await database.read(number) == 1


async def test_connections_that_ended_unnoticed_are_replaced(database, postgres, name):
    await database.write(add_one)
    await database.read(number)
    postgres.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE application_name = 'intentlive' AND datname = '{name}'"
    )
    await database.write(add_one)
    assert await database.read(number) == 2


async def test_what_a_restart_or_a_crash_interrupts_goes_on_after_it():
    with Postgres() as own:
        own.sql("CREATE TABLE numbers AS SELECT 0::bigint AS number")
        database = Database(own.url())
        for done, fall in enumerate((own.stop, own.kill), start=1):
            await database.write(add_one)
            fall()
            own.start()
            assert await database.read(number) == done
        await database.close()


@pytest.mark.parametrize("way", ["read", "repeat", "write"])
async def test_a_server_that_stands_still_is_given_up_and_used_again(monkeypatch, way):
    monkeypatch.setattr(connection, "_PATIENCE", 1.0)
    monkeypatch.setattr(connection, "_LONG_PATIENCE", 1.0)
    with Postgres() as own:
        own.sql("CREATE TABLE numbers AS SELECT 0::bigint AS number")
        database = Database(own.url())
        for _ in range(2):
            assert await getattr(database, way)(number) == 0
            with own.standing_still(), pytest.raises(StoreUnavailable):
                await getattr(database, way)(number)
        await database.close()


async def test_closing_does_not_wait_for_a_server_that_stands_still(monkeypatch):
    monkeypatch.setattr(connection, "_PATIENCE", 1.0)
    with Postgres() as own:
        own.sql("CREATE TABLE numbers AS SELECT 0::bigint AS number")
        database = Database(own.url())
        await database.read(number)
        with own.standing_still():
            asking = asyncio.create_task(database.read(number))
            await asyncio.sleep(0)
            await database.close()
            with pytest.raises(StoreUnavailable):
                await asking


async def test_nobody_waits_for_ever_for_a_row_that_another_holds(database, postgres, name):
    held = psycopg.connect(postgres.url(name))
    held.execute("UPDATE numbers SET number = 7")
    with pytest.raises(StoreUnavailable, match="lock timeout"):
        await database.repeat(add_one)
    held.rollback()
    held.close()
    await database.repeat(add_one)
    assert await database.read(number) == 1


async def test_of_several_hosts_the_one_that_takes_writes_is_used(postgres, name):
    with Postgres(default_transaction_read_only="on") as listens_only:
        hosts = f"127.0.0.1:{listens_only.port},127.0.0.1:{postgres.port}"
        database = Database(f"postgresql://postgres@{hosts}/{name}")
        await database.write(add_one)
        await database.close()


async def test_nothing_is_done_while_the_server_is_away(distant, proxy):
    await distant.write(add_one)
    with proxy.away():
        for way in (distant.write, distant.repeat, distant.read):
            with pytest.raises(StoreUnavailable):
                await way(add_one)
    assert await distant.read(number) == 1


async def test_a_commit_in_doubt_is_told_and_not_made_twice(distant, proxy):
    with (
        proxy.losing_answers(b"COMMIT", b"COMMIT\0"),
        pytest.raises(StoreUnavailable, match="may have been done all the same"),
    ):
        await distant.write(add_one)
    assert (proxy.lost, await distant.read(number)) == (1, 1)


async def test_a_commit_in_doubt_is_made_again_where_that_does_no_harm(distant, proxy):
    with proxy.losing_answers(b"COMMIT", b"COMMIT\0", times=1):
        await distant.repeat(add_one)
    assert (proxy.lost, await distant.read(number)) == (1, 2)


async def test_a_connection_that_breaks_before_the_commit_has_done_nothing(distant, proxy):
    cut = first_time(proxy.cut)

    def work(run):
        add_one(run)
        cut()
        number(run)

    await distant.write(work)
    assert await distant.read(number) == 1


async def test_a_read_does_not_wait_for_a_write(database):
    is_writing, may_end = threading.Event(), threading.Event()

    def write_slowly(run):
        add_one(run)
        is_writing.set()
        may_end.wait()

    writing = asyncio.ensure_future(database.write(write_slowly))
    await asyncio.to_thread(is_writing.wait)
    assert await database.read(number) == 0
    may_end.set()
    await writing
    assert await database.read(number) == 1


@pytest.mark.parametrize(
    ("usual", "in_force"), [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")]
)
async def test_what_is_acknowledged_is_on_disk_whatever_is_usual(postgres, name, usual, in_force):
    postgres.sql(f"ALTER DATABASE \"{name}\" SET synchronous_commit = '{usual}'")
    database = Database(postgres.url(name))
    for way in (database.write, database.read):
        assert await way(partial(ask, setting="synchronous_commit")) == in_force
    await database.close()


async def test_a_process_that_was_stopped_lets_go_of_its_rows(database):
    limit = partial(ask, setting="idle_in_transaction_session_timeout")
    assert await database.write(limit) == await database.read(limit) == "10s"


async def test_who_waits_for_a_row_goes_on_with_it_whatever_isolation_is_usual(postgres, name):
    postgres.sql(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'serializable'")
    database = Database(postgres.url(name))
    for way in (database.write, database.read):
        assert await way(partial(ask, setting="transaction_isolation")) == "read committed"
    await database.close()


async def test_an_address_may_bring_settings_of_its_own(postgres, name):
    wanted = "?application_name=mine&options=-csearch_path%3Dmine"
    database = Database(postgres.url(name) + wanted)
    for setting in ("application_name", "search_path"):
        assert await database.write(partial(ask, setting=setting)) == "mine"
    await database.close()


async def test_closing_lets_running_work_finish_and_ends_every_connection(postgres, name):
    database = Database(postgres.url(name))
    await asyncio.gather(database.write(add_one), database.read(number), database.close())
    assert postgres.sql("SELECT number FROM numbers", name).strip() == "1"
    open_ones = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    assert postgres.sql(open_ones).strip() == "0"


async def read_at(address):
    database = Database(address)
    try:
        await database.read(number)
    finally:
        await database.close()


@pytest.mark.parametrize(
    "address",
    ["postgresql://me:{}@127.0.0.1:1/none", "postgresql://127.0.0.1:1/none?user=me&password={}"],
)
@pytest.mark.parametrize(
    "password",
    ["hush", "hush%zz", "a@hush", "a/hush", "1/hush", "a?hush", "[hush", "hush#", ":hush"],
)
async def test_no_error_holds_the_password(address, password):
    with pytest.raises(StoreError) as raised:
        await read_at(address.format(password))
    error = raised.value
    while error is not None:
        assert "hush" not in repr(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


async def test_an_address_that_is_none_says_how_it_is_written():
    with pytest.raises(StoreError, match="postgresql://USER:PASSWORD@HOST:PORT/DATABASE"):
        await read_at("postgresql://me:a@b@127.0.0.1/none")


async def test_a_database_that_is_not_there_is_named(postgres):
    with pytest.raises(StoreUnavailable, match='database "none-of-that-name" does not exist'):
        await read_at(postgres.url("none-of-that-name"))
