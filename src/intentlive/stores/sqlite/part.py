"""What the parts of the SQLite store share: the file, its vault, and the book of acts."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from intentlive.core.personal import Disguise, PersonalData
from intentlive.ports import Acting
from intentlive.stores import sql
from intentlive.stores.sqlite.connection import Connection, Database
from intentlive.stores.sqlite.migrations import Unlocked

Detail: TypeAlias = Mapping[str, object]
Item = TypeVar("Item", bound=Struct)

_SQL = sql.queries("sqlite")


class SqlitePart:
    """The base of every part of the store."""

    def __init__(self, database: Database, unlocked: Unlocked, acting: Acting) -> None:
        self._database = database
        self._vault = unlocked.vault
        self._pseudonyms = unlocked.pseudonyms
        self._acting = acting

    async def _change(self, act: str, subject: str, work: Callable[[Connection], Detail]) -> None:
        """Change the registry by `work`, whose result is the detail of the act."""

        def change(connection: Connection) -> None:
            self._note_change(connection, act, subject, work(connection))

        await self._database.write(change)

    async def _update(
        self, act: str, subject: str, work: Callable[[Connection], tuple[Item, Item]]
    ) -> Item:
        """Change one thing by `work`, which gives what it was and what it is; gives the latter."""

        def change(connection: Connection) -> Item:
            before, after = work(connection)
            self._note_change(connection, act, subject, _changes(before, after))
            return after

        return await self._database.write(change)

    def _note_change(self, connection: Connection, act: str, subject: str, detail: Detail) -> None:
        connection.execute(_SQL["raise_registry_revision"])
        self._write_act(connection, act, subject, detail)

    def _write_act(self, connection: Connection, act: str, subject: str, detail: Detail) -> None:
        row = {
            "time": self._acting.clock(),
            "who": self._acting.who,
            "act": act,
            "subject": subject,
            "detail": msgspec.json.encode(detail).decode(),
        }
        connection.execute(_SQL["add_act"], row)

    def _disguise(self, bot_id: str, mode: PersonalData) -> Disguise:
        return Disguise(mode, self._key_for(f"bot {bot_id}"))

    def _key_for(self, purpose: str) -> bytes:
        """A key of its own for a purpose, so that its pseudonyms match no other's."""
        return hmac.digest(self._pseudonyms, purpose.encode(), hashlib.sha256)


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
