"""Who may call what: the one place that decides.

Accounts, bots, apps and calls that were admitted are remembered until anything in the registry
changes, which is noticed within `RECHECK_MS`. What is not there is never remembered as missing,
and what is another account's is not remembered for this one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import TypeVar

from msgspec import Struct

from intentlive.auth import encryption, tokens
from intentlive.auth.compact import INVALID_CREDENTIALS, not_a_token, refused
from intentlive.auth.grants import Grant, Grants
from intentlive.auth.tokens import Claims
from intentlive.core import ids
from intentlive.core.errors import Refusal, StoreUnavailable
from intentlive.ports import Account, App, AppKey, Bot, Scope, ServerKey, Store, UsedToken
from intentlive.sharing import Shared, Together

RECHECK_MS = 250
_RECHECK_AHEAD_MS = 150
"""Whoever asks from then on has it looked up for those who come later, and need not wait."""

_ANSWER_SECONDS = 0.5  # for a store that can be done without
MAX_TOKEN = 16 * 1024
"""Characters; a token is some hundred, an encrypted one with a large key two thousand."""

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)


class _Proof(Struct, frozen=True):
    """An app whose token is genuine, and until when (ms) that may be remembered."""

    app: App
    claims: Claims
    until: float


class Gate:
    """Admits calls or refuses them; `on_change` is called when the registry has changed.

    One that only `looks` uses up no token. While the store is away, one with `patience_ms` goes on
    with what it remembers for so long: nobody can change anything in a store that is away, and the
    bound is for a server that alone is cut off from it.
    """

    def __init__(  # noqa: PLR0913 - all but the first three are keywords
        self,
        store: Store,
        clock: Callable[[], int],
        on_change: Callable[[], None],
        *,
        require_account_id: bool,
        looks: bool = False,
        patience_ms: int = 0,
    ) -> None:
        self._store = store
        self._clock = clock
        self._on_change = on_change
        self._require_account_id = require_account_id
        self._looks = looks
        self._patience_ms = patience_ms
        self._is_store_away = False
        self._revision = -1
        self._checked = -RECHECK_MS
        self._accounts: dict[str, Account] = {}
        self._apps: dict[str, App] = {}
        self._bots: dict[tuple[str, str], Bot] = {}
        self._spending = Together(store.use_tokens)
        self._server_keys: Sequence[ServerKey] | None = None
        self._rechecks: Shared[None] = Shared()
        self._grants = Grants()

    def admitted(
        self, token: str | None, account_id: str | None, scope: Scope, bot_id: str
    ) -> tuple[Grant, Bot] | None:
        """Who calls and for which bot, if all of it is known and cannot have changed since."""
        now = self._clock()
        grant = self._known(token, account_id, now)
        if grant is None or scope not in grant.app.scopes:
            return None
        app = grant.app
        bot = self._bots.get((app.account_id, bot_id))
        if bot is None or (app.bots is not None and bot_id not in app.bots):
            return None
        return grant, bot

    async def authenticate(self, token: str | None, account_id: str | None) -> Grant:
        """Find the app that a token belongs to, and believe it; Refusal."""
        now = self._clock()
        known = self._known(token, account_id, now)
        if known is not None:
            return known
        await self._recheck(now)
        if not token:
            raise Refusal(
                INVALID_CREDENTIALS,
                check="no token",
                mend="send a JWT in the auth header, or as Authorization: Bearer",
            )
        revision = self._revision
        proof = await self._prove(token, now)
        app = proof.app
        if app.enforce_jti:
            await self._use_up(proof, now)
        if account_id is None and self._require_account_id:
            raise refused("account", "this server requires the accountId header")
        if account_id is not None and account_id != app.account_id:
            raise refused("account", "the accountId header is not the account of the token's app")
        account = self._accounts.get(app.account_id)
        if account is None:
            found = self._store.account(app.account_id)
            account = await self._found(self._accounts, app.account_id, found)
        if account is None:
            raise refused("account", "the account of the token's app does not exist any more")
        until = None if app.enforce_jti else proof.until
        grant = Grant(account, app, proof.claims.exp, (token, account_id), until)
        if revision == self._revision:
            self._grants.remember(grant)
        return grant

    async def authorize(self, grant: Grant, scope: Scope, bot_id: str) -> Bot:
        """The bot, if an app may do what `scope` names on it; Refusal."""
        if scope not in grant.app.scopes:
            raise Refusal(
                "Permission denied. Scope is incorrect!",
                check="scope",
                mend=f"give the app the scope {scope!r}",
            )
        return await self.check_bot(grant, bot_id)

    async def check_bot(self, grant: Grant, bot_id: str) -> Bot:
        """The bot, if it is the account's and one that the app is bound to; Refusal."""
        app = grant.app
        if app.bots is not None and bot_id not in app.bots:
            raise refused("bot", "the app is bound to other bots: bind it to this one too")
        key = app.account_id, bot_id
        bot = self._bots.get(key)
        if bot is None:
            # Asked for by account, so that another's bot takes as long as none at all.
            found = self._store.bot(_findable(bot_id), app.account_id)
            bot = await self._found(self._bots, key, found)
        if bot is not None:
            return bot
        mend = "there is no such bot in the app's account"
        if app.bots is not None:
            raise refused("bot", mend)
        raise Refusal("Invalid StreamId", check="bot", mend=mend, status=400, code=400)

    async def server_keys(self) -> Sequence[ServerKey]:
        """The keys that open encrypted tokens now, newest first."""
        now = self._clock()
        await self._recheck(now)
        keys, revision = self._server_keys, self._revision
        if keys is None:
            keys = await self._store.server_keys(now)
            await asyncio.to_thread(encryption.prepare, keys)
            if revision == self._revision:
                self._server_keys = keys
        return [key for key in keys if key.until is None or now < key.until]

    def _known(self, token: str | None, account_id: str | None, now: int) -> Grant | None:
        age = now - self._checked
        if token is None or not 0 <= age < RECHECK_MS:
            return None
        if age >= _RECHECK_AHEAD_MS:
            self._rechecks.begin("registry", self._notice_changes)
        return self._grants.at_hand((token, account_id), now)

    async def _prove(self, token: str, now: int) -> _Proof:
        if len(token) > MAX_TOKEN:
            raise refused("size", f"a token has at most {MAX_TOKEN:,} characters")
        if " " in token:
            raise not_a_token("send the token alone, without Bearer or spaces, in the auth header")
        signed, opened_by = token, None
        if encryption.is_encrypted(token):
            signed, opened_by = encryption.decrypt(token, await self.server_keys())
        claims = tokens.read_claims(signed)
        app, key = await self._verified(signed, claims, now)
        if app.enforce_jwe and opened_by is None:
            raise refused("encryption", "this app's tokens must come encrypted (JWE)")
        if opened_by is not None and not app.enforce_jwe:
            raise refused("encryption", "this app's tokens are not encrypted: send the signed JWT")
        tokens.check_times(claims, app, now / 1000)
        until = tokens.end(claims)
        for used in (key, opened_by):
            if used is not None and used.until is not None:
                until = min(until, used.until)
        return _Proof(app, claims, until)

    async def _verified(self, token: str, claims: Claims, now: int) -> tuple[App, AppKey]:
        """The app and the key that a token is signed with.

        A refusal always takes one check with what is remembered (or a stand-in), one question to
        the store, and one more check: its time does not tell which apps there are.
        """
        known = self._apps.get(claims.client_id)
        try:
            key = tokens.verify(token, claims, known, now)
        except Refusal:
            found = self._store.app(_findable(claims.client_id))
            known = await self._found(self._apps, claims.client_id, found)
            key = tokens.verify(token, claims, known, now)
        if known is None:
            raise AssertionError("a token without an app is never genuine")
        return known, key

    async def _use_up(self, proof: _Proof, now: int) -> None:
        digest, until = tokens.check_single_use(proof.claims, now / 1000)
        client_id = proof.app.client_id
        if self._looks:
            is_first = not await self._store.is_used(client_id, digest)
        else:
            is_first = await self._spending.ask(UsedToken(client_id, digest, until))
        if not is_first:
            raise tokens.replayed()

    async def _recheck(self, now: int) -> None:
        age = now - self._checked
        if 0 <= age < RECHECK_MS:
            return
        may_go_on = 0 <= age < self._patience_ms
        if may_go_on and self._is_store_away:
            # Asked again all the same, and nobody waits for a store that may take long to say no.
            self._rechecks.begin("registry", self._notice_changes)
            return
        try:
            async with asyncio.timeout(_ANSWER_SECONDS if may_go_on else None):
                await self._rechecks.ask("registry", self._notice_changes)
        except (StoreUnavailable, TimeoutError):
            if not may_go_on:
                raise
            self._is_store_away = True

    async def _notice_changes(self) -> None:
        now = self._clock()
        try:
            revision = await self._store.registry_revision()
        except StoreUnavailable:
            self._is_store_away = True
            raise
        self._is_store_away = False
        if revision != self._revision:
            self._revision = revision
            self._server_keys = None
            for remembered in (self._accounts, self._apps, self._bots, self._grants):
                remembered.clear()
            self._on_change()
        self._checked = now

    async def _found(
        self, remembered: dict[Key, Item], key: Key, finding: Awaitable[Item | None]
    ) -> Item | None:
        revision = self._revision
        item = await finding
        if item is not None and revision == self._revision:
            remembered[key] = item
        return item


def _findable(id_: str) -> str:
    """What is no id, and what not every store could be asked for, as one that nobody has."""
    return id_ if ids.is_acceptable(id_) else ""
