"""A database that speaks PostgreSQL's protocol: connections, transactions, and trying again.

Work runs in threads, each with a connection of its own. What fails for a reason that passes (two
transactions in each other's way, a connection that broke, a server that restarts) is done again
as a whole, where that is known to do no harm.
"""

import asyncio
import os
import random
import re
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias, TypeVar

from intentlive.core.errors import StoreError, StoreUnavailable
from intentlive.stores.sql.statements import Statements

try:
    import psycopg
except ImportError as error:
    raise StoreError("PostgreSQL needs a driver: pip install 'intentlive[postgresql]'") from error

Connection: TypeAlias = psycopg.Connection[Any]
Result = TypeVar("Result")

_WRITERS = 4
_READERS = 4
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)  # seconds before trying again
_PATIENCE = 5.0  # seconds that work may take that can be repeated, or to be tried again
_LONG_PATIENCE = 60.0  # seconds that other work may take: a change may concern many sessions
_SETTINGS: dict[str, Any] = {  # where the address says nothing else
    "application_name": "intentlive",
    "client_encoding": "UTF8",
    "connect_timeout": 5,
    "target_session_attrs": "read-write",  # after a failover, not the one that only listens
    # A peer that has vanished is noticed.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 10_000,
}
_MANNERS = """
    SELECT
        -- A process that was stopped lets go of its rows.
        set_config('idle_in_transaction_session_timeout', '10s', false),
        -- Nobody waits long for a row that another holds.
        set_config('lock_timeout', '3s', false),
        -- Who waits for a row goes on with what it has become, and does not fail for that.
        set_config('default_transaction_isolation', 'read committed', false),
        -- "Accepted" means on disk, whatever the database's usual is.
        set_config('synchronous_commit', coalesce(
            nullif(current_setting('synchronous_commit'), 'off'), 'on'
        ), false)
"""
# Serialization failure, deadlock, a table has other columns now, this one takes no writes any more,
# a row was held for too long: nothing was done.
_IN_THE_WAY = ("40001", "40P01", "0A000", "25006", "55P03")
_NO_RIGHT = "42501"
_RIGHTS = "the owner of the database makes the tables (intentlive store migrate) and gives rights"
_MADE_MEANWHILE = ("23505", "42P07")  # by another process that opens a new store as well
_PASSING = (*_IN_THE_WAY, "25P03", "53300", "57014", "57P01", "57P02", "57P03")


class PostgresStatements(Statements):
    """Named queries on a connection; several can be sent at one go."""

    def __init__(self, connection: Connection) -> None:
        super().__init__("postgres", connection)
        self._psycopg = connection

    def several(self, values: Sequence[str]) -> object:
        """A list, which the driver sends as an array."""
        return list(values)

    @contextmanager
    def one_go(self) -> Iterator[Callable[..., "psycopg.Cursor[Any]"]]:
        """Give a function that sends a query; what they found can be read at the end.

        No answer is waited for before the last is sent.
        """
        with self._psycopg.pipeline():
            yield lambda query, **wanted: self._psycopg.execute(self._queries[query], wanted)

    @contextmanager
    def one_transaction(self) -> Iterator[Callable[..., "psycopg.Cursor[Any]"]]:
        """The same in one transaction.

        The rows that it locks are not held while this process does something else, or nothing.
        """
        with self.one_go() as send:
            self._psycopg.execute("BEGIN")
            yield send
            self._psycopg.execute("COMMIT")


class _Failed(Exception):
    """An attempt failed; what it did `may_stand` all the same."""

    def __init__(self, error: psycopg.Error, *, may_stand: bool) -> None:
        super().__init__(error)
        self.error = error
        self.may_stand = may_stand and error.sqlstate not in _IN_THE_WAY


class Database:
    """The database at a `postgresql://` address, and the threads that work on it."""

    def __init__(self, url: str) -> None:
        self._settings = _SETTINGS | _read_address(url)
        self._connections: dict[int, Connection] = {}
        self._patient_until: dict[int, float] = {}
        self._watching: asyncio.Task[None] | None = None
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="postgres-writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="postgres-reader")

    async def open(self, migrate: Callable[[Statements], Result]) -> Result:
        """Bring the tables up to date by `migrate`, and give what that gives."""
        return await self._try(
            self._writers,
            lambda: self._do_whole(migrate, inf),  # it may make an index of a large table
            repeatable=True,
            passing=_MADE_MEANWHILE,
        )

    async def read(self, work: Callable[[Statements], Result]) -> Result:
        """Do `work`, a single query that changes nothing."""
        return await self._try(self._readers, lambda: self._do(work), repeatable=True)

    async def write(self, work: Callable[[Statements], Result]) -> Result:
        """Do `work` in one durable transaction; nothing of it stays if it raises."""
        attempt = partial(self._do_whole, work, _LONG_PATIENCE)
        return await self._try(self._writers, attempt, repeatable=False)

    async def repeat(self, work: Callable[[Statements], Result]) -> Result:
        """The same for `work` that may be done twice, should it not be known whether it was."""
        attempt = partial(self._do_whole, work, _PATIENCE)
        return await self._try(self._writers, attempt, repeatable=True)

    async def repeat_freely(self, work: Callable[[PostgresStatements], Result]) -> Result:
        """The same for `work` that makes transactions as it likes."""
        return await self._try(self._writers, lambda: self._do(work), repeatable=True)

    async def scrub(self) -> None:
        """Nothing: the database's vacuum, in its own time, writes over what was deleted."""

    async def faults(self) -> list[str]:
        """None: the database looks after its files itself."""
        return []

    async def backup(self, path: Path) -> int:
        """StoreError: for a database on a server, its own tools are better."""
        raise StoreError(
            f"PostgreSQL is not copied to {path}: use pg_dump, or pg_basebackup with its log, as "
            "docs/how-to/back-up-and-restore.md shows"
        )

    async def close(self) -> None:
        """Let running work finish, or break off what waits for too long; close every connection."""
        for threads in (self._writers, self._readers):
            await asyncio.to_thread(threads.shutdown)
        if self._watching is not None:
            self._watching.cancel()
        while self._connections:
            self._connections.popitem()[1].close()

    async def _try(
        self,
        threads: ThreadPoolExecutor,
        attempt: Callable[[], Result],
        *,
        repeatable: bool,
        passing: Collection[str] = (),
    ) -> Result:
        loop = asyncio.get_running_loop()
        if self._watching is None:
            self._watching = loop.create_task(self._watch())
        patient_until = monotonic() + _PATIENCE
        for pause in (*_PAUSES, None):
            try:
                return await loop.run_in_executor(threads, attempt)
            except _Failed as failed:
                error = failed.error
                said = f"PostgreSQL: {' '.join((error.diag.message_primary or str(error)).split())}"
                if isinstance(error, psycopg.DataError):
                    raise StoreError(said) from error
                if error.sqlstate == _NO_RIGHT:
                    raise StoreError(f"{said}; {_RIGHTS}") from error
                if failed.may_stand and not repeatable:
                    raise StoreUnavailable(f"{said}; it may have been done all the same") from error
                passes = _passes(error) or error.sqlstate in passing
                if pause is None or monotonic() > patient_until or not passes:
                    raise StoreUnavailable(said) from error
            # Not for the same time: two in each other's way would meet again.
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - not for secrets
        raise AssertionError("the last attempt returns or raises")

    def _do(self, work: Callable[[PostgresStatements], Result]) -> Result:
        try:
            with self._watched(_PATIENCE) as connection:
                return work(PostgresStatements(connection))
        except psycopg.Error as error:
            self._forget_connection()
            raise _Failed(error, may_stand=True) from error

    def _do_whole(self, work: Callable[[Statements], Result], patience: float) -> Result:
        is_done = False
        try:
            with self._watched(patience) as connection, connection.transaction():
                result = work(PostgresStatements(connection))
                is_done = True
        except psycopg.Error as error:
            self._forget_connection()
            raise _Failed(error, may_stand=is_done) from error
        return result

    @contextmanager
    def _watched(self, patience: float) -> Iterator[Connection]:
        """The connection of this thread, which is broken off when the patience is over."""
        thread = threading.get_ident()
        connection = self._connection()
        self._patient_until[thread] = monotonic() + patience
        try:
            yield connection
        finally:
            del self._patient_until[thread]

    async def _watch(self) -> None:
        """Break off what waits for too long: a server that stands still says nothing, for ever."""
        while True:
            await asyncio.sleep(1)
            now = monotonic()
            for thread, until in list(self._patient_until.items()):
                connection = self._connections.get(thread)
                if until < now and connection is not None:
                    _break_off(connection)

    def _connection(self) -> Connection:
        """The connection of this thread; a new one after a failure, which may have broken it."""
        thread = threading.get_ident()
        if thread not in self._connections:
            made = psycopg.connect(autocommit=True, cursor_factory=_BinaryCursor, **self._settings)
            self._connections[thread] = made
            made.execute(_MANNERS)
        return self._connections[thread]

    def _forget_connection(self) -> None:
        connection = self._connections.pop(threading.get_ident(), None)
        if connection is not None:
            connection.close()


class _BinaryCursor(psycopg.Cursor[Any]):
    """What comes back is not printed by one side to be read by the other."""

    def __init__(self, connection: Connection, **more: Any) -> None:  # noqa: ANN401 - as its base
        super().__init__(connection, **more)
        self.format = psycopg.pq.Format.BINARY


def _read_address(url: str) -> dict[str, Any]:
    """The parts of an address; an error must not repeat what may be a part of its password."""
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        parts = {"port": "none"}
    host, port, name = (str(parts.get(part, "")) for part in ("host", "port", "dbname"))
    if not re.fullmatch("[0-9,]*", port) or "@" in host + name:
        raise StoreError(
            "the address of PostgreSQL is written postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
            "with @ : / ? # % in a user or a password as %40 %3A %2F %3F %23 %25"
        ) from None
    return parts


def _break_off(connection: Connection) -> None:
    """Let whoever waits for an answer on a connection have an error."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)


def _passes(error: psycopg.Error) -> bool:
    """Whether the same may succeed in a moment."""
    if error.sqlstate is None:  # not the server's word: the connection is gone, or never was
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate in _PASSING or error.sqlstate.startswith("08")
