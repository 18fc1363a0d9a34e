"""Who may call what: the one place that decides.

Accounts, bots, apps and verified tokens are remembered until anything in the registry changes,
which is noticed within `RECHECK_MS`. What is not there is never remembered as missing.
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
_MAX_TOKENS = 10_000

Item = TypeVar("Item")


class Grant(Struct, frozen=True):
    """Who calls: an app that proved itself, and its account."""

    account: Account
    app: App


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
        self._verified: dict[str, tuple[Claims, App]] = {}

    async def authenticate(self, token: str | None, account_id: str | None) -> Grant:
        """Find the app that a token belongs to, and believe it; Refusal."""
        now = self._clock()
        if not 0 <= now - self._checked < RECHECK_MS:
            await self._rechecks.ask("registry", lambda: self._notice_changes(now))
        if not token:
            raise Refusal(
                tokens.INVALID_CREDENTIALS,
                check="no token",
                mend="send a JWT in the auth header, or as Authorization: Bearer",
            )
        app = await self._verified_app(token, now)
        if account_id is None and self._require_account_id:
            raise refused("account", "this server requires the accountId header")
        if account_id is not None and account_id != app.account_id:
            raise refused("account", "the accountId header is not the account of the token's app")
        account = self._accounts.get(app.account_id)
        if account is None:
            account = await self._found(self._accounts, app.account_id, self._registry.account)
        if account is None:
            raise refused("account", "the account of the token's app does not exist any more")
        return Grant(account, app)

    async def authorize(self, grant: Grant, scope: Scope, bot_id: str) -> None:
        """Check that an app may do what `scope` names, on this bot; Refusal."""
        if scope not in grant.app.scopes:
            raise Refusal(
                "Permission denied. Scope is incorrect!",
                check="scope",
                mend=f"give the app the scope {scope!r}",
            )
        await self.check_bot(grant, bot_id)

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

    async def _verified_app(self, token: str, now: int) -> App:
        claims, verified_by = self._verified.get(token, (None, None))
        if claims is None:
            claims = tokens.read_claims(token)
        app = self._apps.get(claims.client_id)
        if app is None:
            app = await self._found(self._apps, claims.client_id, self._registry.app)
        if app is None:
            raise refused("client", "there is no app of the client id that the token names")
        if verified_by is not app:  # never verified, or the app has been read anew since
            tokens.verify(token, claims, app)
            if len(self._verified) >= _MAX_TOKENS:
                del self._verified[next(iter(self._verified))]
            self._verified[token] = claims, app
        tokens.check_times(claims, app, now / 1000)
        return app

    async def _notice_changes(self, now: int) -> None:
        revision = await self._registry.registry_revision()
        if revision != self._revision:
            self._revision = revision
            for remembered in (self._accounts, self._apps, self._bots):
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
