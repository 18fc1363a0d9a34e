"""Who may call what: the one place that decides.

Accounts, bots, apps and calls that were admitted are remembered until anything in the registry
changes, which is noticed within `RECHECK_MS`. What is not there is never remembered as missing.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec import Struct

from intentlive.auth import tokens
from intentlive.auth.tokens import Claims, refused
from intentlive.core.errors import Refusal
from intentlive.ports import Account, App, Bot, Registry, Scope
from intentlive.sharing import Shared

RECHECK_MS = 250
_MAX_ADMITTED = 10_000

Item = TypeVar("Item")


class Grant(Struct, frozen=True):
    """Who calls: an app that proved itself, and its account.

    `presented` is the token and the account id that it came with, `revision` the registry's.
    """

    account: Account
    app: App
    claims: Claims
    presented: tuple[str, str | None]
    revision: int


class Gate:
    """Admits calls or refuses them; `on_change` is called when the registry has changed."""

    def __init__(
        self,
        registry: Registry,
        clock: Callable[[], int],
        on_change: Callable[[], None],
        *,
        require_account_id: bool,
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._on_change = on_change
        self._require_account_id = require_account_id
        self._revision = -1
        self._checked = -RECHECK_MS
        self._accounts: dict[str, Account] = {}
        self._apps: dict[str, App] = {}
        self._bots: dict[str, Bot] = {}
        self._rechecks: Shared[None] = Shared()
        self._admitted: dict[tuple[str | None, str | None, Scope, str], Grant] = {}

    def admitted(
        self, token: str | None, account_id: str | None, scope: Scope, bot_id: str
    ) -> Grant | None:
        """The grant of a call that was admitted before, unless that may have changed since."""
        grant = self._admitted.get((token, account_id, scope, bot_id))
        now = self._clock()
        if grant is None or not 0 <= now - self._checked < RECHECK_MS:
            return None
        return None if tokens.has_expired(grant.claims, now / 1000) else grant

    async def authenticate(self, token: str | None, account_id: str | None) -> Grant:
        """Find the app that a token belongs to, and believe it; Refusal."""
        now = self._clock()
        if not 0 <= now - self._checked < RECHECK_MS:
            await self._rechecks.ask("registry", self._notice_changes)
        if not token:
            raise Refusal(
                tokens.INVALID_CREDENTIALS,
                check="no token",
                mend="send a JWT in the auth header, or as Authorization: Bearer",
            )
        revision = self._revision
        claims = tokens.read_claims(token)
        app = await self._verified_app(token, claims, now)
        if account_id is None and self._require_account_id:
            raise refused("account", "this server requires the accountId header")
        if account_id is not None and account_id != app.account_id:
            raise refused("account", "the accountId header is not the account of the token's app")
        account = self._accounts.get(app.account_id)
        if account is None:
            account = await self._found(self._accounts, app.account_id, self._registry.account)
        if account is None:
            raise refused("account", "the account of the token's app does not exist any more")
        return Grant(account, app, claims, (token, account_id), revision)

    async def authorize(self, grant: Grant, scope: Scope, bot_id: str) -> None:
        """Check that an app may do what `scope` names, on this bot; Refusal."""
        if scope not in grant.app.scopes:
            raise Refusal(
                "Permission denied. Scope is incorrect!",
                check="scope",
                mend=f"give the app the scope {scope!r}",
            )
        await self.check_bot(grant, bot_id)
        if grant.revision == self._revision:
            if len(self._admitted) >= _MAX_ADMITTED:
                del self._admitted[next(iter(self._admitted))]
            self._admitted[*grant.presented, scope, bot_id] = grant

    async def check_bot(self, grant: Grant, bot_id: str) -> None:
        """Check that a bot is the account's, and one that the app is bound to; Refusal."""
        app = grant.app
        if app.bots is not None and bot_id not in app.bots:
            raise refused("bot", "the app is bound to other bots: bind it to this one too")
        bot = self._bots.get(bot_id)
        if bot is None:
            bot = await self._found(self._bots, bot_id, self._registry.bot)
        if bot is not None and bot.account_id == app.account_id:
            return
        mend = "there is no such bot in the app's account"
        if app.bots is not None:
            raise refused("bot", mend)
        raise Refusal("Invalid StreamId", check="bot", mend=mend, status=400, code=400)

    async def _verified_app(self, token: str, claims: Claims, now: int) -> App:
        app = self._apps.get(claims.client_id)
        if app is None:
            app = await self._found(self._apps, claims.client_id, self._registry.app)
        if app is None:
            raise refused("client", "there is no app of the client id that the token names")
        tokens.verify(token, claims, app)
        tokens.check_times(claims, app, now / 1000)
        return app

    async def _notice_changes(self) -> None:
        now = self._clock()
        revision = await self._registry.registry_revision()
        if revision != self._revision:
            self._revision = revision
            for remembered in (self._accounts, self._apps, self._bots, self._admitted):
                remembered.clear()
            self._on_change()
        self._checked = now

    async def _found(
        self, remembered: dict[str, Item], id_: str, find: Callable[[str], Awaitable[Item | None]]
    ) -> Item | None:
        revision = self._revision
        item = await find(id_)
        if item is not None and revision == self._revision:
            remembered[id_] = item
        return item
