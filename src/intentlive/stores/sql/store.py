"""All parts of a store in SQL on one database."""

from intentlive.ports import Acting
from intentlive.stores.sql.apps import SqlApps
from intentlive.stores.sql.audit import SqlAudit
from intentlive.stores.sql.counters import SqlCounters
from intentlive.stores.sql.credentials import SqlCredentials
from intentlive.stores.sql.moving import SqlMoving
from intentlive.stores.sql.registry import SqlRegistry
from intentlive.stores.sql.sessions import SqlSessions
from intentlive.stores.sql.statements import Database
from intentlive.stores.sql.upgrading import Opened
from intentlive.stores.sql.upkeep import SqlUpkeep


class SqlStore(
    SqlSessions, SqlRegistry, SqlApps, SqlCredentials, SqlCounters, SqlAudit, SqlUpkeep, SqlMoving
):
    """Made by the backend that has the database."""

    def __init__(self, database: Database, opened: Opened, acting: Acting) -> None:
        super().__init__(database, opened.unlocked, acting)
        self.schema = opened.schema
