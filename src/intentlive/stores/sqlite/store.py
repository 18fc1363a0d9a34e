"""The embedded store: both halves on one SQLite file."""

import asyncio
from pathlib import Path

from intentlive.core.errors import StoreUnavailable
from intentlive.stores.sqlite.connection import Database
from intentlive.stores.sqlite.registry import SqliteRegistry
from intentlive.stores.sqlite.sessions import SqliteSessions


class SqliteStore(SqliteSessions, SqliteRegistry):
    """Everything in one file; made and brought up to date by `open_store`."""


async def open_sqlite(path: Path) -> SqliteStore:
    """Open or make the file at `path`; StoreUnavailable, StoreTooNew."""
    database = Database(path)
    try:
        await asyncio.to_thread(_make_file, path)
        await database.open()
    except BaseException:
        await database.close()
        raise
    return SqliteStore(database)


def _make_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # it holds client secrets and callers' numbers
    except OSError as error:
        raise StoreUnavailable(f"{path}: {error.strerror}") from error
