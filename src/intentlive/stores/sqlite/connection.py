"""One SQLite file: a writing thread, reading threads beside it, transactions.

Any number of processes may have the file open at once. A write waits for the writes of others; a
read sees one consistent moment and waits for nobody (write-ahead log).
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from intentlive.core.errors import AlreadyExists, NotFound, StoreUnavailable
from intentlive.stores.files import made_aside
from intentlive.stores.sql.statements import Statements

Result = TypeVar("Result")


class _Kind(NamedTuple):
    """How a transaction begins, and the KiB of pages that its connection keeps."""

    begin: str
    cache: int


# More for readers makes no answer faster, and each of them would fill it. Writing one session in
# each of a thousand bots takes half as long again with 4 MiB.
_READING = _Kind("BEGIN", 4 * 1024)
_WRITING = _Kind("BEGIN IMMEDIATE", 16 * 1024)

_BUSY_SECONDS = 10.0
_READERS = 4
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA wal_autocheckpoint = 8000",  # pages: fewer, longer copies from log to file
)


class Database:
    """A file and the threads that work on it; `path` is created if it does not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connections: dict[int, sqlite3.Connection] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="sqlite-reader")

    async def write(self, work: Callable[[Statements], Result]) -> Result:
        """Do `work` in one durable transaction; nothing of it stays if it raises."""
        return await _in_thread(self._writer, lambda: self._transaction(_WRITING, work))

    async def repeat(self, work: Callable[[Statements], Result]) -> Result:
        """The same: whether a transaction was committed is always known here."""
        return await self.write(work)

    async def repeat_freely(self, work: Callable[[Statements], Result]) -> Result:
        """The same: one transaction costs less here than several."""
        return await self.write(work)

    async def read(self, work: Callable[[Statements], Result]) -> Result:
        """Do `work`, which only reads, at one consistent moment."""
        return await _in_thread(self._readers, lambda: self._transaction(_READING, work))

    async def open(self, migrate: Callable[[Statements], Result], *, make: bool = True) -> Result:
        """Bring the file's tables up to date by `migrate`, and give what that gives.

        A file that is not there is made first, or NotFound without `make`.
        """
        await _in_thread(self._writer, lambda: _make(self.path) if make else _need(self.path))
        return await self.write(migrate)

    async def scrub(self) -> None:
        """Write the file anew and empty its log: nothing that was deleted is left in either.

        Reading goes on meanwhile, writes wait.
        """
        await _in_thread(self._writer, self._scrub)

    async def faults(self) -> list[str]:
        """What an examination of every page finds; reading and writing go on meanwhile."""
        return await self.read(_faults)

    async def backup(self, path: Path) -> int:
        """Copy all of one moment to a new file; nobody waits, but the log grows meanwhile.

        Gives the number of sessions. AlreadyExists, StoreUnavailable.
        """
        return await _in_thread(self._readers, lambda: self._backup(path))

    async def close(self) -> None:
        """Let running work finish, then close every connection."""
        for pool in (self._writer, self._readers):
            await asyncio.to_thread(pool.shutdown)
        while self._connections:
            self._connections.popitem()[1].close()

    def _transaction(self, kind: _Kind, work: Callable[[Statements], Result]) -> Result:
        try:
            connection = self._connection(kind)
            connection.execute(kind.begin)
            try:
                result = work(Statements("sqlite", connection))
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # the failed statement may have rolled back already
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self._forget_connection()
            raise StoreUnavailable(f"{self.path}: {error}") from error
        return result

    def _scrub(self) -> None:
        try:
            connection = self._connection(_WRITING)
            connection.execute("VACUUM")
            (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self.path} cannot be written anew: {error}") from error
        if is_busy:
            raise StoreUnavailable(f"{self.path} is being read without a pause: try again later")

    def _backup(self, path: Path) -> int:
        if path.exists():
            raise AlreadyExists(f"{path} is there already")
        try:
            with made_aside(path) as made, closing(_connect(made)) as copy:
                sessions = _copy(self._connection(_READING), copy)
        except (OSError, sqlite3.Error) as error:
            self._forget_connection()
            raise StoreUnavailable(f"{path} cannot be made: {error}") from error
        return sessions

    def _connection(self, kind: _Kind) -> sqlite3.Connection:
        """The connection of this thread; a new one after a failure, which may have broken it."""
        thread = threading.get_ident()
        if thread not in self._connections:
            connection = _connect(self.path)
            self._connections[thread] = connection
            for pragma in (*_PRAGMAS, f"PRAGMA cache_size = -{kind.cache}"):
                connection.execute(pragma)
        return self._connections[thread]

    def _forget_connection(self) -> None:
        connection = self._connections.pop(threading.get_ident(), None)
        if connection is not None:
            connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def _copy(source: sqlite3.Connection, copy: sqlite3.Connection) -> int:
    """Copy page by page, which is quicker than writing it anew, and look whether it is the same."""
    source.execute("BEGIN")  # one moment, for what is counted and what is copied
    try:
        wanted = _counts(source)
        source.backup(copy)
    finally:
        source.execute("ROLLBACK")
    faults = _faults(copy)
    if faults or _counts(copy) != wanted:
        raise sqlite3.DatabaseError(f"the copy is not as the store: {faults or 'rows are missing'}")
    return wanted["sessions"]


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many rows each table has."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    count = "SELECT count(*) FROM "
    return {name: connection.execute(f'{count}"{name}"').fetchone()[0] for (name,) in tables}


def _faults(run: Statements | sqlite3.Connection) -> list[str]:
    found = [text for (text,) in run.execute("PRAGMA integrity_check").fetchall()]
    return [] if found == ["ok"] else found


async def _in_thread(pool: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(pool, work)


def _make(path: Path) -> None:
    if path.exists():
        return
    try:
        with suppress(AlreadyExists), made_aside(path) as made:
            with closing(sqlite3.connect(made, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
            if _log_of(path).exists() and not path.exists():
                raise StoreUnavailable(
                    f"{_log_of(path)} belongs to a store that is gone: put {path.name} back, or "
                    "move this file away"
                )
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be made: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path} cannot be made: {error}") from error


def _need(path: Path) -> None:
    if path.parent.is_file():
        raise StoreUnavailable(f"{path.parent} is a file: the data directory must be a folder")
    if not path.exists():
        raise NotFound(f"there is no store at {path}")


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")
