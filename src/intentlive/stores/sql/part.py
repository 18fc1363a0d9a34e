"""What the parts of a store in SQL share: the database, its vault, and the book of acts."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from intentlive.core.personal import Disguise, PersonalData
from intentlive.ports import Acting
from intentlive.stores.sql.statements import Database, Statements
from intentlive.stores.sql.unlocking import Unlocked

Detail: TypeAlias = Mapping[str, object]
Item = TypeVar("Item", bound=Struct)


class SqlPart:
    """The base of every part of the store."""

    def __init__(self, database: Database, unlocked: Unlocked, acting: Acting) -> None:
        self._database = database
        self._vault = unlocked.vault
        self._pseudonyms = unlocked.pseudonyms
        self._acting = acting

    async def _change(self, act: str, subject: str, work: Callable[[Statements], Detail]) -> None:
        """Change the registry by `work`, whose result is the detail of the act."""

        def change(run: Statements) -> None:
            _begin_change(run)
            self._write_act(run, act, subject, work(run))

        await self._database.write(change)

    async def _update(
        self, act: str, subject: str, work: Callable[[Statements], tuple[Item, Item]]
    ) -> Item:
        """Change one thing by `work`, which gives what it was and what it is; gives the latter."""

        def change(run: Statements) -> Item:
            _begin_change(run)
            before, after = work(run)
            self._write_act(run, act, subject, _changes(before, after))
            return after

        return await self._database.write(change)

    def _write_act(self, run: Statements, act: str, subject: str, detail: Detail) -> None:
        run.run(
            "add_act",
            time=self._acting.clock(),
            who=self._acting.who,
            act=act,
            subject=subject,
            detail=msgspec.json.encode(detail).decode(),
        )

    def _disguise(self, bot_id: str, mode: PersonalData) -> Disguise:
        key = self._key_for(f"bot {bot_id}") if mode == "pseudonym" else b""  # no other needs one
        return Disguise(mode, key)

    def _key_for(self, purpose: str) -> bytes:
        """A key of its own for a purpose, so that its pseudonyms match no other's."""
        return hmac.digest(self._pseudonyms, purpose.encode(), hashlib.sha256)


def _begin_change(run: Statements) -> None:
    """Raise the revision first: other changes wait there, and see what this one leaves."""
    run.run("raise_registry_revision")


def _changes(before: Struct, after: Struct) -> Detail:
    """What differs between two versions of one thing, as field: [before, after]; no secrets."""
    old, new = (msgspec.to_builtins(each) for each in (before, after))
    for each in (old, new):
        if "keys" in each:
            each["keys"] = [{"until": key["until"]} for key in each["keys"]]
    different = {field: [old[field], new[field]] for field in old if old[field] != new[field]}
    if getattr(before, "keys", None) != getattr(after, "keys", None):
        different["keys"] = [old["keys"], new["keys"]]  # also where only the secret is another
    return different
