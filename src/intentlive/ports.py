"""What IntentLive asks of a store: the Protocols and the values that cross them.

Every method may raise `StoreUnavailable`; nothing was changed then, and the call may be repeated.
Times are ms since 1970.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from intentlive.core.reading import BotRules
from intentlive.core.session import State

Algorithm: TypeAlias = Literal["HS256", "HS512", "RS256", "RS512"]
Scope: TypeAlias = Literal["SmartAssist Analytics", "Session Events", "Bot Sessions"]
DEFAULT_RATE_LIMIT = 60
"""Requests a minute per account; published by the platform whose interface this is."""


class Account(Struct, frozen=True):
    """A tenant; `rate_limit` in requests a minute, 0 for unlimited."""

    account_id: str
    name: str
    rate_limit: int
    created: int


class Bot(Struct, frozen=True):
    """A bot of an account, and the rules that its sessions are read by."""

    bot_id: str
    account_id: str
    name: str
    rules: BotRules
    created: int


class App(Struct, frozen=True):
    """A client that may call: its one algorithm and key, its scopes and its bots.

    `secret` signs HS256 and HS512, `public_key` (PEM) verifies RS256 and RS512. `bots` is None for
    an app that is bound to the whole account.
    """

    client_id: str
    account_id: str
    name: str
    algorithm: Algorithm
    secret: str | None
    public_key: str | None
    scopes: tuple[Scope, ...]
    bots: tuple[str, ...] | None
    require_exp: bool
    created: int

    def __repr__(self) -> str:
        """Without the secret, which must never reach a log by accident."""
        return f"App({self.client_id!r})"


class Latest(Struct, frozen=True):
    """A bot's latest finished sessions as of one moment.

    `sessions` newest `endTime` first, ties by session id descending; `due` is when the next
    session that is still open ends by itself, or None; `revision` is the bot's at that moment.
    """

    sessions: Sequence[tuple[str, State]]
    rules: BotRules
    due: int | None
    revision: int


class SessionStore(Protocol):
    """Sessions as joined states, and nothing else: no event is kept."""

    async def merge(self, batch: Mapping[str, Mapping[str, State]]) -> Mapping[str, int]:
        """Join `batch` (bot id → session id → state) into the store, durably, in one transaction.

        Gives the revision of every bot in the batch after it; a bot that does not exist is left
        out of the answer and nothing of it is stored. Idempotent, in any order.
        """

    async def latest(self, bot_id: str, now: int, limit: int) -> Latest | None:
        """The `limit` latest sessions of a bot with `endTime <= now`; None for an unknown bot."""

    async def revision(self, bot_id: str) -> int | None:
        """A number that grows with every change of the bot or its sessions; None if unknown.

        It begins with the bot's `created`, so that it grows across bots of one id, too.
        """

    async def open_sessions(self, now: int) -> int:
        """How many sessions of all bots have not ended at `now`."""

    async def probe(self) -> None:
        """Prove that the store takes a durable write at this moment."""

    async def close(self) -> None:
        """Finish what was begun and release the store; nothing may be called after it."""


class Registry(Protocol):
    """Accounts, bots and apps. Lists are ordered by creation, then id."""

    async def registry_revision(self) -> int:
        """A number that grows with every change of any account, bot or app."""

    async def add_account(self, account: Account) -> None:
        """AlreadyExists if the id is taken."""

    async def account(self, account_id: str) -> Account | None: ...

    async def accounts(self) -> Sequence[Account]: ...

    async def update_account(self, account: Account) -> None:
        """NotFound if there is none of that id."""

    async def delete_account(self, account_id: str) -> None:
        """NotFound if there is none; StillInUse while it has bots or apps."""

    async def add_bot(self, bot: Bot) -> None:
        """AlreadyExists if the id is taken in the whole store; NotFound for its account."""

    async def bot(self, bot_id: str) -> Bot | None: ...

    async def bots(self, account_id: str | None = None) -> Sequence[Bot]: ...

    async def update_bot(self, bot: Bot) -> None:
        """Change its name and rules, and with them the `endTime` of the sessions they concern.

        NotFound if there is none of that id.
        """

    async def delete_bot(self, bot_id: str) -> None:
        """Delete a bot with all its sessions; NotFound if there is none, StillInUse by an app."""

    async def add_app(self, app: App) -> None:
        """AlreadyExists if the id is taken; NotFound for its account or one of its bots."""

    async def app(self, client_id: str) -> App | None: ...

    async def apps(self, account_id: str | None = None) -> Sequence[App]: ...

    async def update_app(self, app: App) -> None:
        """NotFound if there is none of that id, or for one of its bots."""

    async def delete_app(self, client_id: str) -> None:
        """NotFound if there is none of that id."""


class Store(SessionStore, Registry, Protocol):
    """One backend keeps both."""
