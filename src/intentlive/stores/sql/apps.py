"""Apps, their keys sealed."""

from collections.abc import Callable, Sequence

from intentlive.core.errors import AlreadyExists, NotFound
from intentlive.ports import App
from intentlive.stores.sql import rows
from intentlive.stores.sql.part import Detail, SqlPart
from intentlive.stores.sql.registry import need_account
from intentlive.stores.sql.statements import Statements


class SqlApps(SqlPart):
    """The part of `Registry` that holds apps."""

    async def add_app(self, app: App) -> None:
        def work(run: Statements) -> Detail:
            need_account(run, app.account_id)
            _need_bots(run, app)
            if run.first("app", client_id=app.client_id):
                raise AlreadyExists(f"app {app.client_id} exists already")
            run.run("add_app", **rows.app_row(app, self._vault))
            shown = {"accountId": app.account_id, "name": app.name, "algorithm": app.algorithm}
            return shown | {"scopes": app.scopes, "bots": app.bots}

        await self._change("app created", app.client_id, work)

    async def app(self, client_id: str) -> App | None:
        def work(run: Statements) -> App | None:
            # Some app is read in any case: the time must not tell a stranger whether it is there.
            found = rows.apps(run, self._vault, "app_or_first", client_id=client_id)
            return rows.only([app for app in found if app.client_id == client_id])

        return await self._database.read(work)

    async def apps(self, account_id: str | None = None) -> Sequence[App]:
        query = "apps" if account_id is None else "apps_of_account"
        return await self._database.read(
            lambda run: rows.apps(run, self._vault, query, account_id=account_id)
        )

    async def update_app(self, client_id: str, change: Callable[[App], App]) -> App:
        def work(run: Statements) -> tuple[App, App]:
            found = rows.apps(run, self._vault, "app", client_id=client_id)
            before = rows.needed(found, f"app {client_id}")
            after = change(before)
            _need_bots(run, after)
            run.run("update_app", **rows.app_row(after, self._vault))
            return before, after

        return await self._update("app updated", client_id, work)

    async def delete_app(self, client_id: str) -> None:
        def work(run: Statements) -> Detail:
            if run.run("delete_app", client_id=client_id) == 0:
                raise NotFound(f"there is no app {client_id}")
            return {}

        await self._change("app deleted", client_id, work)


def _need_bots(run: Statements, app: App) -> None:
    for bot_id in app.bots or ():
        if run.first("bot_of_account", bot_id=bot_id, account_id=app.account_id) is None:
            raise NotFound(f"account {app.account_id} has no bot {bot_id}")
