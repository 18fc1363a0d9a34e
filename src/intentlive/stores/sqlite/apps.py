"""Apps in SQLite, their keys sealed."""

from collections.abc import Callable, Sequence

from intentlive.core.errors import AlreadyExists, NotFound
from intentlive.ports import App
from intentlive.stores import sql
from intentlive.stores.sqlite import rows
from intentlive.stores.sqlite.connection import Connection
from intentlive.stores.sqlite.part import Detail, SqlitePart
from intentlive.stores.sqlite.registry import need_account

_SQL = sql.queries("sqlite")


class SqliteApps(SqlitePart):
    """The part of `Registry` that holds apps."""

    async def add_app(self, app: App) -> None:
        def work(connection: Connection) -> Detail:
            need_account(connection, app.account_id)
            _need_bots(connection, app)
            if connection.execute(_SQL["app"], {"client_id": app.client_id}).fetchone():
                raise AlreadyExists(f"app {app.client_id} exists already")
            connection.execute(_SQL["add_app"], rows.app_row(app, self._vault))
            shown = {"accountId": app.account_id, "name": app.name, "algorithm": app.algorithm}
            return shown | {"scopes": app.scopes, "bots": app.bots}

        await self._change("app created", app.client_id, work)

    async def app(self, client_id: str) -> App | None:
        def work(connection: Connection) -> App | None:
            # Some app is read in any case: the time must not tell a stranger whether it is there.
            found = rows.apps(connection, self._vault, "app_or_first", client_id=client_id)
            return rows.only([app for app in found if app.client_id == client_id])

        return await self._database.read(work)

    async def apps(self, account_id: str | None = None) -> Sequence[App]:
        query = "apps" if account_id is None else "apps_of_account"
        return await self._database.read(
            lambda c: rows.apps(c, self._vault, query, account_id=account_id)
        )

    async def update_app(self, client_id: str, change: Callable[[App], App]) -> App:
        def work(connection: Connection) -> tuple[App, App]:
            found = rows.apps(connection, self._vault, "app", client_id=client_id)
            before = rows.needed(found, f"app {client_id}")
            after = change(before)
            _need_bots(connection, after)
            connection.execute(_SQL["update_app"], rows.app_row(after, self._vault))
            return before, after

        return await self._update("app updated", client_id, work)

    async def delete_app(self, client_id: str) -> None:
        def work(connection: Connection) -> Detail:
            if connection.execute(_SQL["delete_app"], {"client_id": client_id}).rowcount == 0:
                raise NotFound(f"there is no app {client_id}")
            return {}

        await self._change("app deleted", client_id, work)


def _need_bots(connection: Connection, app: App) -> None:
    for bot_id in app.bots or ():
        wanted = {"bot_id": bot_id, "account_id": app.account_id}
        if connection.execute(_SQL["bot_of_account"], wanted).fetchone() is None:
            raise NotFound(f"account {app.account_id} has no bot {bot_id}")
