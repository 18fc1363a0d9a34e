"""All parts of a store in SQL on one database."""

from intentlive.stores.sql.apps import SqlApps
from intentlive.stores.sql.audit import SqlAudit
from intentlive.stores.sql.credentials import SqlCredentials
from intentlive.stores.sql.registry import SqlRegistry
from intentlive.stores.sql.sessions import SqlSessions


class SqlStore(SqlSessions, SqlRegistry, SqlApps, SqlCredentials, SqlAudit):
    """Made by the backend that has the database."""
