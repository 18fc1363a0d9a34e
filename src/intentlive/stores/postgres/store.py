"""The store that many machines share: all of it in one PostgreSQL database."""

from functools import partial

from intentlive.ports import Acting
from intentlive.stores.postgres.connection import Database
from intentlive.stores.postgres.migrations import migrate
from intentlive.stores.postgres.sessions import PostgresSessions
from intentlive.stores.sql.store import SqlStore
from intentlive.stores.vault import KeyPlace


class PostgresStore(PostgresSessions, SqlStore):
    """Made and brought up to date by `open_store`."""


async def open_postgres(
    url: str, place: KeyPlace, acting: Acting, *, make: bool, upgrade: bool
) -> PostgresStore:
    """Open the database at `url`.

    NotFound, StoreUnavailable, StoreTooNew, StoreTooOld, SecretsLocked.
    """
    database = Database(url)
    try:
        opened = await database.open(partial(migrate, place=place, make=make, may_upgrade=upgrade))
    except BaseException:
        await database.close()
        raise
    return PostgresStore(database, opened, acting)
