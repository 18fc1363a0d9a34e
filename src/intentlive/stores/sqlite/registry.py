"""Accounts and bots in SQLite."""

from collections.abc import Callable, Sequence

from intentlive.core.errors import AlreadyExists, StillInUse
from intentlive.ports import Account, Bot
from intentlive.stores import sql
from intentlive.stores.sqlite import rows
from intentlive.stores.sqlite.connection import Connection
from intentlive.stores.sqlite.part import Detail, SqlitePart
from intentlive.stores.sqlite.sessions import raise_revision, reread_sessions

_SQL = sql.queries("sqlite")
_DELETED_AT_ONCE = 5_000


class SqliteRegistry(SqlitePart):
    """The `Registry` part of the store, but for apps."""

    async def registry_revision(self) -> int:
        def work(connection: Connection) -> int:
            (revision,) = connection.execute(_SQL["registry_revision"]).fetchone()
            return int(revision)

        return await self._database.read(work)

    async def add_account(self, account: Account) -> None:
        def work(connection: Connection) -> Detail:
            if rows.accounts(connection, "account", account_id=account.account_id):
                raise AlreadyExists(f"account {account.account_id} exists already")
            connection.execute(_SQL["add_account"], rows.account_row(account))
            return {"name": account.name}

        await self._change("account created", account.account_id, work)

    async def account(self, account_id: str) -> Account | None:
        return rows.only(
            await self._database.read(lambda c: rows.accounts(c, "account", account_id=account_id))
        )

    async def accounts(self) -> Sequence[Account]:
        return await self._database.read(lambda c: rows.accounts(c, "accounts"))

    async def update_account(
        self, account_id: str, change: Callable[[Account], Account]
    ) -> Account:
        def work(connection: Connection) -> tuple[Account, Account]:
            found = rows.accounts(connection, "account", account_id=account_id)
            before = rows.needed(found, f"account {account_id}")
            after = change(before)
            connection.execute(_SQL["update_account"], rows.account_row(after))
            return before, after

        return await self._update("account updated", account_id, work)

    async def delete_account(self, account_id: str) -> None:
        def work(connection: Connection) -> Detail:
            mine = {"account_id": account_id}
            rows.needed(rows.accounts(connection, "account", **mine), f"account {account_id}")
            for query in ("bots_of_account", "apps_of_account"):
                if connection.execute(_SQL[query], mine).fetchone():
                    raise StillInUse(f"account {account_id} has bots or apps: delete them first")
            connection.execute(_SQL["delete_account"], mine)
            return {}

        await self._change("account deleted", account_id, work)

    async def add_bot(self, bot: Bot) -> None:
        def work(connection: Connection) -> Detail:
            need_account(connection, bot.account_id)
            if rows.bots(connection, "bot", bot_id=bot.bot_id):
                raise AlreadyExists(f"bot {bot.bot_id} exists already")
            connection.execute(_SQL["add_bot"], rows.bot_row(bot))
            return {"accountId": bot.account_id, "name": bot.name}

        await self._change("bot created", bot.bot_id, work)

    async def bot(self, bot_id: str, account_id: str | None = None) -> Bot | None:
        query = "bot" if account_id is None else "bot_of_account"
        wanted = {"bot_id": bot_id, "account_id": account_id}
        return rows.only(await self._database.read(lambda c: rows.bots(c, query, **wanted)))

    async def bots(self, account_id: str | None = None) -> Sequence[Bot]:
        query = "bots" if account_id is None else "bots_of_account"
        return await self._database.read(lambda c: rows.bots(c, query, account_id=account_id))

    async def update_bot(self, bot_id: str, change: Callable[[Bot], Bot]) -> Bot:
        def work(connection: Connection) -> tuple[Bot, Bot]:
            found = rows.bots(connection, "bot", bot_id=bot_id)
            before = rows.needed(found, f"bot {bot_id}")
            after = change(before)
            connection.execute(_SQL["update_bot"], rows.bot_row(after))
            raise_revision(connection, bot_id)
            changed = set(after.rules.idle_timeouts) ^ set(before.rules.idle_timeouts)
            if changed:
                since = min(since for since, _ in changed)
                reread_sessions(connection, bot_id, after.rules, since)
            return before, after

        return await self._update("bot updated", bot_id, work)

    async def delete_bot(self, bot_id: str) -> None:
        def some_sessions(connection: Connection) -> int:
            _must_be_free(connection, bot_id)
            some = {"bot_id": bot_id, "limit": _DELETED_AT_ONCE}
            raise_revision(connection, bot_id)
            return connection.execute(_SQL["delete_some_sessions"], some).rowcount

        def the_rest(connection: Connection) -> Detail:
            _must_be_free(connection, bot_id)
            rows.needed(rows.bots(connection, "bot", bot_id=bot_id), f"bot {bot_id}")
            connection.execute(_SQL["delete_sessions"], {"bot_id": bot_id})
            connection.execute(_SQL["delete_bot"], {"bot_id": bot_id})
            return {}

        while await self._database.write(some_sessions) == _DELETED_AT_ONCE:
            pass
        await self._change("bot deleted", bot_id, the_rest)


def need_account(connection: Connection, account_id: str) -> None:
    """NotFound unless there is such an account."""
    found = rows.accounts(connection, "account", account_id=account_id)
    rows.needed(found, f"account {account_id}")


def _must_be_free(connection: Connection, bot_id: str) -> None:
    if connection.execute(_SQL["apps_bound_to_bot"], {"bot_id": bot_id}).fetchone():
        raise StillInUse(f"an app is bound to bot {bot_id}: update or delete the app first")
