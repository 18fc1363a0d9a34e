"""Accounts and bots."""

from collections.abc import Callable, Sequence

from intentlive.core.errors import AlreadyExists, StillInUse
from intentlive.ports import Account, Bot
from intentlive.stores.sql import rows
from intentlive.stores.sql.part import Detail, SqlPart
from intentlive.stores.sql.sessions import raise_revision, reread_sessions
from intentlive.stores.sql.statements import Statements

_DELETED_AT_ONCE = 5_000


class SqlRegistry(SqlPart):
    """The `Registry` part of the store, but for apps."""

    async def registry_revision(self) -> int:
        return int(await self._database.read(lambda run: run.value("registry_revision")))

    async def add_account(self, account: Account) -> None:
        def work(run: Statements) -> Detail:
            if rows.accounts(run, "account", account_id=account.account_id):
                raise AlreadyExists(f"account {account.account_id} exists already")
            run.run("add_account", **rows.account_row(account))
            return {"name": account.name}

        await self._change("account created", account.account_id, work)

    async def account(self, account_id: str) -> Account | None:
        return rows.only(
            await self._database.read(
                lambda run: rows.accounts(run, "account", account_id=account_id)
            )
        )

    async def accounts(self) -> Sequence[Account]:
        return await self._database.read(lambda run: rows.accounts(run, "accounts"))

    async def update_account(
        self, account_id: str, change: Callable[[Account], Account]
    ) -> Account:
        def work(run: Statements) -> tuple[Account, Account]:
            found = rows.accounts(run, "account", account_id=account_id)
            before = rows.needed(found, f"account {account_id}")
            after = change(before)
            run.run("update_account", **rows.account_row(after))
            return before, after

        return await self._update("account updated", account_id, work)

    async def delete_account(self, account_id: str) -> None:
        def work(run: Statements) -> Detail:
            need_account(run, account_id)
            for query in ("bots_of_account", "apps_of_account"):
                if run.first(query, account_id=account_id):
                    raise StillInUse(f"account {account_id} has bots or apps: delete them first")
            run.run("delete_account", account_id=account_id)
            return {}

        await self._change("account deleted", account_id, work)

    async def add_bot(self, bot: Bot) -> None:
        def work(run: Statements) -> Detail:
            need_account(run, bot.account_id)
            if rows.bots(run, "bot", bot_id=bot.bot_id):
                raise AlreadyExists(f"bot {bot.bot_id} exists already")
            run.run("add_bot", **rows.bot_row(bot))
            return {"accountId": bot.account_id, "name": bot.name}

        await self._change("bot created", bot.bot_id, work)

    async def bot(self, bot_id: str, account_id: str | None = None) -> Bot | None:
        query = "bot" if account_id is None else "bot_of_account"
        wanted = {"bot_id": bot_id, "account_id": account_id}
        return rows.only(await self._database.read(lambda run: rows.bots(run, query, **wanted)))

    async def bots(self, account_id: str | None = None) -> Sequence[Bot]:
        query = "bots" if account_id is None else "bots_of_account"
        return await self._database.read(lambda run: rows.bots(run, query, account_id=account_id))

    async def update_bot(self, bot_id: str, change: Callable[[Bot], Bot]) -> Bot:
        def work(run: Statements) -> tuple[Bot, Bot]:
            found = rows.bots(run, "bot", bot_id=bot_id)
            before = rows.needed(found, f"bot {bot_id}")
            after = change(before)
            run.run("update_bot", **rows.bot_row(after))
            raise_revision(run, bot_id)
            changed = set(after.rules.idle_timeouts) ^ set(before.rules.idle_timeouts)
            if changed:
                since = min(since for since, _ in changed)
                reread_sessions(run, bot_id, after.rules, since)
            return before, after

        return await self._update("bot updated", bot_id, work)

    async def delete_bot(self, bot_id: str) -> None:
        def some_sessions(run: Statements) -> int:
            run.run("raise_registry_revision")  # no app is bound to it meanwhile
            _must_be_free(run, bot_id)
            raise_revision(run, bot_id)
            return run.run("delete_some_sessions", bot_id=bot_id, limit=_DELETED_AT_ONCE)

        def the_rest(run: Statements) -> Detail:
            _must_be_free(run, bot_id)
            raise_revision(run, bot_id)
            run.run("delete_sessions", bot_id=bot_id)
            run.run("delete_bot", bot_id=bot_id)
            return {}

        while await self._database.repeat(some_sessions) == _DELETED_AT_ONCE:
            pass
        await self._change("bot deleted", bot_id, the_rest)


def need_account(run: Statements, account_id: str) -> None:
    """NotFound unless there is such an account."""
    found = rows.accounts(run, "account", account_id=account_id)
    rows.needed(found, f"account {account_id}")


def _must_be_free(run: Statements, bot_id: str) -> None:
    if run.first("apps_bound_to_bot", bot_id=bot_id):
        raise StillInUse(f"an app is bound to bot {bot_id}: update or delete the app first")
