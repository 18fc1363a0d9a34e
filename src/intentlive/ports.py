"""What IntentLive asks of a store: the Protocols and the values that cross them.

Every method may raise `StoreUnavailable`; nothing was changed then, or the error says that it may.
Times are ms since 1970. Secrets are sealed in the store, and readable in the values that cross.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, Protocol, TypeAlias

from msgspec import Struct

from intentlive.core.personal import Disguise, Person, PersonalData
from intentlive.core.reading import BotRules
from intentlive.core.session import Batch, State
from intentlive.counting import Counters

Algorithm: TypeAlias = Literal["HS256", "HS512", "RS256", "RS512"]
Scope: TypeAlias = Literal[
    "SmartAssist Analytics", "Session Events", "Bot Sessions", "Personal Data"
]
SEES_PERSONAL_DATA: Final = "Personal Data"
"""An app of this scope sees callers' numbers and ids as they are, whatever the bot shows others."""

DAY_MS = 24 * 3600 * 1000
DEFAULT_RATE_LIMIT = 60
"""Requests a minute per account; published by the platform whose interface this is."""


class Account(Struct, frozen=True):
    """A tenant; `rate_limit` in requests and `event_limit` in events a minute, 0 for unlimited."""

    account_id: str
    name: str
    rate_limit: int
    created: int
    event_limit: int = 0


class Bot(Struct, frozen=True):
    """A bot of an account: the rules that its sessions are read by, and what becomes of them.

    Sessions are deleted `retention_days` after their end; None keeps them.
    """

    bot_id: str
    account_id: str
    name: str
    rules: BotRules
    created: int
    personal_data: PersonalData = "verbatim"
    retention_days: int | None = None

    def oldest_kept(self, now: int) -> int | None:
        """What lies before is not kept any more, nor taken in; None if everything is kept."""
        return None if self.retention_days is None else now - self.retention_days * DAY_MS


class AppKey(Struct, frozen=True):
    """What an app's tokens are verified with, up to `until` if that is given.

    A client secret for HS256 and HS512, a public key in PEM for RS256 and RS512.
    """

    text: str
    until: int | None = None

    def __repr__(self) -> str:
        """Without the secret, which must never reach a log by accident."""
        return f"AppKey(until={self.until})"


class App(Struct, frozen=True):
    """A client that may call: its one algorithm, its keys (newest first), its scopes and its bots.

    `bots` is None for an app that is bound to the whole account. With `enforce_jti` a token counts
    once, with `enforce_jwe` it must come encrypted.
    """

    client_id: str
    account_id: str
    name: str
    algorithm: Algorithm
    keys: tuple[AppKey, ...]
    scopes: tuple[Scope, ...]
    bots: tuple[str, ...] | None
    require_exp: bool
    created: int
    enforce_jti: bool = False
    enforce_jwe: bool = False


class ServerKey(Struct, frozen=True):
    """A private key (PEM) that opens encrypted tokens; `until` is when it is given up."""

    key_id: str
    private: str
    created: int
    until: int | None = None

    def __repr__(self) -> str:
        """Without the key."""
        return f"ServerKey({self.key_id!r})"


class Acting(Struct, frozen=True):
    """Who uses a store, and the clock (ms) that their acts are dated by."""

    who: str
    clock: Callable[[], int]


class UsedToken(Struct, frozen=True):
    """A token's id (by its digest) that is used up, to be remembered up to `until`."""

    client_id: str
    digest: bytes
    until: int


class Act(Struct, frozen=True):
    """An administrative act: who did what to whom (or what), and when."""

    time: int
    who: str
    act: str
    subject: str
    detail: Mapping[str, object]


class Latest(Struct, frozen=True):
    """A bot's latest finished sessions as of one moment.

    `sessions` newest `endTime` first, ties by session id descending; `due` is when the next
    session that is still open ends by itself, or None; `revision` is the bot's at that moment.
    """

    sessions: Sequence[tuple[str, State]]
    rules: BotRules
    disguise: Disguise
    due: int | None
    revision: int


class Erasure(Struct, frozen=True):
    """One step of erasing a person: how many sessions, and the id to go on after (None: done)."""

    erased: int
    next: str | None


class Sink(Protocol):
    """Where joined states go, to be durable: a store, or a buffer before it."""

    async def merge(self, batch: Batch) -> Mapping[str, int]:
        """Join `batch` into what is there, durably.

        Gives the revision of every bot in the batch after it; a bot that does not exist is left
        out of the answer and nothing of it is stored. Idempotent, in any order; if it fails, a part
        may be stored all the same.
        """


class SessionStore(Sink, Protocol):
    """Sessions as joined states, and nothing else: no event is kept."""

    async def latest(self, bot_id: str, now: int, limit: int) -> Latest | None:
        """The `limit` latest sessions of a bot with `endTime <= now`; None for an unknown bot."""

    async def revisions(self, bot_ids: Sequence[str]) -> Mapping[str, int]:
        """For each bot a number that grows with every change of it or its sessions.

        It begins with the bot's `created`, so that it grows across bots of one id, too. Bots that
        there are not are left out.
        """

    async def unannounced(self, now: int) -> Sequence[str]:
        """The bots of which sessions have ended by `now`, and that was not announced yet."""

    async def announce(self, bot_id: str, now: int) -> int | None:
        """Raise a bot's revision, once for all ends up to `now`; None if others did already."""

    async def purge(self, bot_id: str, before: int, limit: int) -> int:
        """Delete up to `limit` sessions that ended before a time; those heard of since, erase.

        Gives how many it were; call again until it gives 0.
        """

    async def erase(self, bot_id: str, person: Person, after: str, limit: int) -> Erasure:
        """Join `ERASED` into those of the next `limit` sessions after an id that hold a person."""

    async def scrub(self) -> None:
        """Rewrite the store's files, so that nothing that was deleted can be read in them."""

    async def open_sessions(self, now: int) -> int:
        """How many sessions of all bots have not ended at `now`."""

    async def time(self) -> int:
        """The store's time: what `now` is for all who share it."""

    async def probe(self) -> None:
        """Prove that the store takes a durable write at this moment."""

    async def close(self) -> None:
        """Finish what was begun and release the store; nothing may be called after it."""


class Registry(Protocol):
    """Accounts, bots and apps. Lists are ordered by creation, then id.

    Every change is written down as an act, in the transaction of the change. An update asks
    `change` there what becomes of what it finds, and gives that: two at one time lose nothing.
    """

    async def registry_revision(self) -> int:
        """A number that grows with every change of any account, bot or app."""

    async def add_account(self, account: Account) -> None:
        """AlreadyExists if the id is taken."""

    async def account(self, account_id: str) -> Account | None: ...

    async def accounts(self) -> Sequence[Account]: ...

    async def update_account(
        self, account_id: str, change: Callable[[Account], Account]
    ) -> Account:
        """NotFound if there is none of that id."""

    async def delete_account(self, account_id: str) -> None:
        """NotFound if there is none; StillInUse while it has bots or apps."""

    async def add_bot(self, bot: Bot) -> None:
        """AlreadyExists if the id is taken in the whole store; NotFound for its account."""

    async def bot(self, bot_id: str, account_id: str | None = None) -> Bot | None:
        """A bot; with `account_id`, only if it is that account's."""

    async def bots(self, account_id: str | None = None) -> Sequence[Bot]: ...

    async def update_bot(self, bot_id: str, change: Callable[[Bot], Bot]) -> Bot:
        """Change a bot, and the `endTime` of the sessions that new rules concern.

        NotFound if there is none of that id.
        """

    async def delete_bot(self, bot_id: str) -> None:
        """Delete a bot with all its sessions; NotFound if there is none, StillInUse by an app."""

    async def add_app(self, app: App) -> None:
        """AlreadyExists if the id is taken; NotFound for its account or one of its bots."""

    async def app(self, client_id: str) -> App | None: ...

    async def apps(self, account_id: str | None = None) -> Sequence[App]: ...

    async def update_app(self, client_id: str, change: Callable[[App], App]) -> App:
        """NotFound if there is none of that id, or for one of its bots."""

    async def delete_app(self, client_id: str) -> None:
        """NotFound if there is none of that id."""


class Credentials(Protocol):
    """What tokens need beyond their app: ids used up, and the keys that open encrypted ones."""

    async def use_tokens(self, tokens: Sequence[UsedToken]) -> Sequence[bool]:
        """Use up the ids of tokens for good; False for each that was used before."""

    async def is_used(self, client_id: str, digest: bytes) -> bool:
        """Whether a token's id was used up."""

    async def forget_used_tokens(self, now: int, limit: int) -> int:
        """Forget up to `limit` ids of tokens that are over; gives how many it were."""

    async def server_keys(self, now: int) -> Sequence[ServerKey]:
        """The keys that count at `now`, newest first."""

    async def add_server_key(self, key: ServerKey, others_until: int) -> None:
        """Add the newest key; those before it are given up at `others_until`."""


class Audit(Protocol):
    """What was done by those who administrate: acts are added, never changed."""

    async def add_act(self, act: str, subject: str, detail: Mapping[str, object]) -> None:
        """Write down an act that no method of the store writes down by itself."""

    async def acts(self, limit: int) -> Sequence[Act]:
        """The latest acts, newest first."""

    async def count_acts(self) -> Mapping[str, int]:
        """How many acts of each kind there ever were."""

    async def pseudonym(self, value: str) -> str:
        """A name for someone whose own must not be written down; stable in the store."""


class Store(SessionStore, Registry, Credentials, Counters, Audit, Protocol):
    """One backend keeps all of it."""
