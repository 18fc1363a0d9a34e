"""The embedded store: all of it in one SQLite file."""

from functools import partial
from pathlib import Path

from intentlive.ports import Acting
from intentlive.stores.sql.store import SqlStore
from intentlive.stores.sqlite.connection import Database
from intentlive.stores.sqlite.migrations import migrate, note_scrubbed
from intentlive.stores.sqlite.sessions import SqliteSessions
from intentlive.stores.vault import KeyPlace


class SqliteStore(SqliteSessions, SqlStore):
    """Made and brought up to date by `open_store`."""


async def open_sqlite(path: Path, place: KeyPlace, acting: Acting, *, make: bool) -> SqliteStore:
    """Open the file at `path`; NotFound, StoreUnavailable, StoreTooNew, SecretsLocked."""
    database = Database(path)
    try:
        opened, lies_open = await database.open(partial(migrate, place=place), make=make)
        if lies_open:
            await database.scrub()
            await database.write(note_scrubbed)
    except BaseException:
        await database.close()
        raise
    return SqliteStore(database, opened, acting)
