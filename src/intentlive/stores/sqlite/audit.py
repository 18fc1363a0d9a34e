"""The book of administrative acts in SQLite; triggers keep its rows as they were written."""

from collections.abc import Mapping, Sequence

import msgspec

from intentlive.core.personal import pseudonym
from intentlive.ports import Act
from intentlive.stores import sql
from intentlive.stores.sqlite.connection import Connection
from intentlive.stores.sqlite.part import SqlitePart

_SQL = sql.queries("sqlite")


class SqliteAudit(SqlitePart):
    """The `Audit` part of the store."""

    async def add_act(self, act: str, subject: str, detail: Mapping[str, object]) -> None:
        await self._database.write(lambda c: self._write_act(c, act, subject, detail))

    async def acts(self, limit: int) -> Sequence[Act]:
        def work(connection: Connection) -> list[Act]:
            rows = connection.execute(_SQL["latest_acts"], {"limit": limit}).fetchall()
            return [
                Act(time, who, act, subject, msgspec.json.decode(detail))
                for time, who, act, subject, detail in rows
            ]

        return await self._database.read(work)

    async def count_acts(self) -> Mapping[str, int]:
        return await self._database.read(lambda c: dict(c.execute(_SQL["count_acts"]).fetchall()))

    async def pseudonym(self, value: str) -> str:
        return pseudonym(value, self._key_for("acts"))
