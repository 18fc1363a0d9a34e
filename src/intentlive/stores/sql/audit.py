"""The book of administrative acts, which is only added to."""

from collections.abc import Mapping, Sequence

import msgspec

from intentlive.core.personal import pseudonym
from intentlive.ports import Act
from intentlive.stores.sql.part import SqlPart


class SqlAudit(SqlPart):
    """The `Audit` part of the store."""

    async def add_act(self, act: str, subject: str, detail: Mapping[str, object]) -> None:
        await self._change(act, subject, lambda _: detail)

    async def acts(self, limit: int) -> Sequence[Act]:
        rows = await self._database.read(lambda run: run.all("latest_acts", limit=limit))
        return [
            Act(time, who, act, subject, msgspec.json.decode(detail))
            for time, who, act, subject, detail in rows
        ]

    async def count_acts(self) -> Mapping[str, int]:
        return dict(await self._database.read(lambda run: run.all("count_acts")))

    async def pseudonym(self, value: str) -> str:
        return pseudonym(value, self._key_for("acts"))
