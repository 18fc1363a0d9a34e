"""The embedded store: both halves on one SQLite file."""

from pathlib import Path

from intentlive.stores.sqlite.connection import Database
from intentlive.stores.sqlite.registry import SqliteRegistry
from intentlive.stores.sqlite.sessions import SqliteSessions


class SqliteStore(SqliteSessions, SqliteRegistry):
    """Everything in one file; made and brought up to date by `open_store`."""


async def open_sqlite(path: Path, *, make: bool) -> SqliteStore:
    """Open the file at `path`; NotFound, StoreUnavailable, StoreTooNew."""
    database = Database(path)
    try:
        await database.open(make=make)
    except BaseException:
        await database.close()
        raise
    return SqliteStore(database)
