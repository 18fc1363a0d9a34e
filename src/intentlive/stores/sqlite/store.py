"""The embedded store: all of it in one SQLite file."""

from functools import partial
from pathlib import Path

from intentlive.ports import Acting
from intentlive.stores.sql.store import SqlStore
from intentlive.stores.sqlite.connection import Database
from intentlive.stores.sqlite.migrations import migrate, note_scrubbed
from intentlive.stores.vault import KeyPlace


async def open_sqlite(path: Path, place: KeyPlace, acting: Acting, *, make: bool) -> SqlStore:
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
    return SqlStore(database, opened, acting)
