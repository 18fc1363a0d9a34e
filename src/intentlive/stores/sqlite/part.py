"""What the parts of the SQLite store share: the file, its vault, and the book of acts."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from intentlive.core.personal import Disguise, PersonalData
from intentlive.ports import Acting
from intentlive.stores import sql
from intentlive.stores.sqlite.connection import Connection, Database
from intentlive.stores.sqlite.migrations import Unlocked

Detail: TypeAlias = Mapping[str, object]

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
            detail = work(connection)
            connection.execute(_SQL["raise_registry_revision"])
            self._write_act(connection, act, subject, detail)

        await self._database.write(change)

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
