"""What is asked of a store by those who keep it in order, or move it: Protocols and their values.

As in `ports`: StoreUnavailable, times in ms, and secrets readable in what crosses. Pages come in
the order of their ids, by code point; the next one begins after the last id of the one before.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from intentlive.core.session import State
from intentlive.ports import Act, ServerKey, Store, UsedToken


class Schema(Struct, frozen=True):
    """The number of a store's schema as it was `found` when it was opened (0: none), and `now`."""

    found: int
    now: int


class Flaw(Struct, frozen=True):
    """What is wrong with a stored session, and whether it can be mended from what is there."""

    session_id: str
    what: str
    can_be_mended: bool


class Checked(Struct, frozen=True):
    """A page of sessions that was looked at: how many, what is wrong, the last id (None: none)."""

    sessions: int
    flaws: Sequence[Flaw]
    last: str | None


class Upkeep(Protocol):
    """Keeping a store in order, beside servers that use it."""

    schema: Schema

    async def next_bot(self, after: str) -> str | None:
        """The first bot id after another under which sessions are stored, be there a bot or not."""

    async def count_sessions(self, bot_id: str) -> int:
        """How many sessions are stored under a bot's id."""

    async def check_sessions(self, bot_id: str, after: str, limit: int, *, mend: bool) -> Checked:
        """Look whether the columns of the next `limit` sessions are what their states say.

        With `mend`, those that are not are written anew, and sessions of no bot are deleted; every
        flaw given that can be mended is mended then. What is being changed by others meanwhile is
        not wrong.
        """

    async def faults(self) -> Sequence[str]:
        """What the database finds wrong with its own files; nothing where it cannot be asked."""

    async def backup(self, path: Path) -> int:
        """Copy the store as of one moment to a new file, which is proved; nobody waits for it.

        Gives the number of sessions in it. AlreadyExists if the file is there; StoreError where
        the database has tools of its own for it.
        """


class Movable(Protocol):
    """Moving what a store holds to another; what is there already stays, so all can be repeated."""

    async def sessions_after(
        self, bot_id: str, after: str, limit: int
    ) -> Sequence[tuple[str, State]]:
        """The next `limit` sessions of a bot; StoreError for one that cannot be read."""

    async def sessions(self, bot_id: str, session_ids: Sequence[str]) -> Mapping[str, State]:
        """Those of some sessions of a bot that there are; StoreError likewise."""

    async def lift_revision(self, bot_id: str, least: int) -> None:
        """Raise the revision of a bot to at least that number."""

    async def used_tokens(self, after: UsedToken | None, limit: int) -> Sequence[UsedToken]:
        """The next `limit` ids of tokens that are used up."""

    async def acts_after(self, number: int, limit: int) -> Sequence[tuple[int, Act]]:
        """The next `limit` acts, oldest first, each with its number."""

    async def adopt_acts(self, acts: Sequence[Act]) -> None:
        """Write down acts of another store; one that is here, equal in every part, is the same."""

    async def adopt_server_keys(self, keys: Sequence[ServerKey]) -> Sequence[ServerKey]:
        """Take over all of these keys if there is none yet; gives those that are not here then."""

    def pseudonym_key(self) -> bytes:
        """The key that pseudonyms are made with."""

    async def adopt_pseudonym_key(self, key: bytes) -> None:
        """Make pseudonyms with this key from now on; StillInUse if another has been in use."""


class KeptStore(Store, Upkeep, Movable, Protocol):
    """A store, with what its operators need beyond what serving does."""
