"""Accounts, bots and apps in SQLite."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar

import msgspec

from intentlive.core.errors import AlreadyExists, NotFound, StillInUse
from intentlive.ports import Account, App, Bot
from intentlive.stores import sql
from intentlive.stores.sqlite.connection import Connection, Database
from intentlive.stores.sqlite.sessions import decode_rules, raise_revision, reread_sessions

_SQL = sql.queries("sqlite")
_DELETED_AT_ONCE = 5_000

Row: TypeAlias = dict[str, object]


class SqliteRegistry:
    """The `Registry` half of the store; every change raises the registry's revision."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def registry_revision(self) -> int:
        def work(connection: Connection) -> int:
            (revision,) = connection.execute(_SQL["registry_revision"]).fetchone()
            return int(revision)

        return await self._database.read(work)

    async def add_account(self, account: Account) -> None:
        def work(connection: Connection) -> None:
            if _accounts(connection, "account", account_id=account.account_id):
                raise AlreadyExists(f"account {account.account_id} exists already")
            connection.execute(_SQL["add_account"], msgspec.structs.asdict(account))

        await self._change(work)

    async def account(self, account_id: str) -> Account | None:
        return _only(
            await self._database.read(lambda c: _accounts(c, "account", account_id=account_id))
        )

    async def accounts(self) -> Sequence[Account]:
        return await self._database.read(lambda c: _accounts(c, "accounts"))

    async def update_account(self, account: Account) -> None:
        await self._change(
            lambda connection: _must_touch(
                connection,
                "update_account",
                msgspec.structs.asdict(account),
                f"account {account.account_id}",
            )
        )

    async def delete_account(self, account_id: str) -> None:
        def work(connection: Connection) -> None:
            mine = {"account_id": account_id}
            if _bots(connection, "bots_of_account", **mine) or _apps(
                connection, "apps_of_account", **mine
            ):
                raise StillInUse(f"account {account_id} has bots or apps: delete them first")
            _must_touch(connection, "delete_account", mine, f"account {account_id}")

        await self._change(work)

    async def add_bot(self, bot: Bot) -> None:
        def work(connection: Connection) -> None:
            _need_account(connection, bot.account_id)
            if _bots(connection, "bot", bot_id=bot.bot_id):
                raise AlreadyExists(f"bot {bot.bot_id} exists already")
            connection.execute(_SQL["add_bot"], _bot_row(bot))

        await self._change(work)

    async def bot(self, bot_id: str) -> Bot | None:
        return _only(await self._database.read(lambda c: _bots(c, "bot", bot_id=bot_id)))

    async def bots(self, account_id: str | None = None) -> Sequence[Bot]:
        query = "bots" if account_id is None else "bots_of_account"
        return await self._database.read(lambda c: _bots(c, query, account_id=account_id))

    async def update_bot(self, bot: Bot) -> None:
        def work(connection: Connection) -> None:
            before = _only(_bots(connection, "bot", bot_id=bot.bot_id))
            _must_touch(connection, "update_bot", _bot_row(bot), f"bot {bot.bot_id}")
            raise_revision(connection, bot.bot_id)
            old = before.rules.idle_timeouts if before else ()
            changed = [since for since, _ in set(bot.rules.idle_timeouts) ^ set(old)]
            if changed:
                reread_sessions(connection, bot.bot_id, bot.rules, min(changed))

        await self._change(work)

    async def delete_bot(self, bot_id: str) -> None:
        def some_sessions(connection: Connection) -> int:
            _must_be_free(connection, bot_id)
            some = {"bot_id": bot_id, "limit": _DELETED_AT_ONCE}
            raise_revision(connection, bot_id)
            return connection.execute(_SQL["delete_some_sessions"], some).rowcount

        def the_rest(connection: Connection) -> None:
            _must_be_free(connection, bot_id)
            connection.execute(_SQL["delete_sessions"], {"bot_id": bot_id})
            _must_touch(connection, "delete_bot", {"bot_id": bot_id}, f"bot {bot_id}")

        while await self._database.write(some_sessions) == _DELETED_AT_ONCE:
            pass
        await self._change(the_rest)

    async def add_app(self, app: App) -> None:
        def work(connection: Connection) -> None:
            _need_account(connection, app.account_id)
            _need_bots(connection, app)
            if _apps(connection, "app", client_id=app.client_id):
                raise AlreadyExists(f"app {app.client_id} exists already")
            connection.execute(_SQL["add_app"], _app_row(app))

        await self._change(work)

    async def app(self, client_id: str) -> App | None:
        return _only(await self._database.read(lambda c: _apps(c, "app", client_id=client_id)))

    async def apps(self, account_id: str | None = None) -> Sequence[App]:
        query = "apps" if account_id is None else "apps_of_account"
        return await self._database.read(lambda c: _apps(c, query, account_id=account_id))

    async def update_app(self, app: App) -> None:
        def work(connection: Connection) -> None:
            _need_bots(connection, app)
            _must_touch(connection, "update_app", _app_row(app), f"app {app.client_id}")

        await self._change(work)

    async def delete_app(self, client_id: str) -> None:
        await self._change(
            lambda connection: _must_touch(
                connection, "delete_app", {"client_id": client_id}, f"app {client_id}"
            )
        )

    async def _change(self, work: Callable[[Connection], None]) -> None:
        def change(connection: Connection) -> None:
            work(connection)
            connection.execute(_SQL["raise_registry_revision"])

        await self._database.write(change)


def _select(connection: Connection, query: str, wanted: Mapping[str, object]) -> list[Row]:
    cursor = connection.execute(_SQL[query], dict(wanted))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _accounts(connection: Connection, query: str, **wanted: object) -> list[Account]:
    return msgspec.convert(_select(connection, query, wanted), list[Account])


def _bots(connection: Connection, query: str, **wanted: object) -> list[Bot]:
    rows = _select(connection, query, wanted)
    for row in rows:
        row["rules"] = decode_rules(str(row["idle_timeouts"]), bool(row["skip_silent"]))
    return msgspec.convert(rows, list[Bot])


def _apps(connection: Connection, query: str, **wanted: object) -> list[App]:
    rows = _select(connection, query, wanted)
    for row in rows:
        for key in ("scopes", "bots"):
            row[key] = msgspec.json.decode(str(row[key] or "null"))
        row["require_exp"] = bool(row["require_exp"])
    return msgspec.convert(rows, list[App])


def _app_row(app: App) -> Row:
    row = msgspec.structs.asdict(app)
    for key in ("scopes", "bots"):
        row[key] = None if row[key] is None else msgspec.json.encode(row[key]).decode()
    return row


def _bot_row(bot: Bot) -> Row:
    return {
        "bot_id": bot.bot_id,
        "account_id": bot.account_id,
        "name": bot.name,
        "idle_timeouts": msgspec.json.encode(bot.rules.idle_timeouts).decode(),
        "skip_silent": bot.rules.skip_silent,
        "created": bot.created,
    }


def _need_account(connection: Connection, account_id: str) -> None:
    if not _accounts(connection, "account", account_id=account_id):
        raise NotFound(f"there is no account {account_id}")


def _need_bots(connection: Connection, app: App) -> None:
    row = _app_row(app)
    unknown = connection.execute(_SQL["unknown_bots"], row).fetchall()
    if unknown:
        raise NotFound(f"account {app.account_id} has no bot {unknown[0][0]}")


def _must_be_free(connection: Connection, bot_id: str) -> None:
    if connection.execute(_SQL["apps_bound_to_bot"], {"bot_id": bot_id}).fetchone():
        raise StillInUse(f"an app is bound to bot {bot_id}: update or delete the app first")


def _must_touch(
    connection: Connection, statement: str, row: Mapping[str, object], what: str
) -> None:
    if connection.execute(_SQL[statement], dict(row)).rowcount == 0:
        raise NotFound(f"there is no {what}")


Item = TypeVar("Item")


def _only(found: Sequence[Item]) -> Item | None:
    return found[0] if found else None
