"""The book of administrative acts, which is only added to."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import structs

from intentlive.core.personal import pseudonym
from intentlive.ports import Act
from intentlive.stores.sql.part import SqlPart
from intentlive.stores.sql.statements import Row


class SqlAudit(SqlPart):
    """The `Audit` part of the store."""

    async def add_act(self, act: str, subject: str, detail: Mapping[str, object]) -> None:
        await self._change(act, subject, lambda _: detail)

    async def acts(self, limit: int) -> Sequence[Act]:
        rows = await self._database.read(lambda run: run.all("latest_acts", limit=limit))
        return [decode_act(*row) for row in rows]

    async def count_acts(self) -> Mapping[str, int]:
        return dict(await self._database.read(lambda run: run.all("count_acts")))

    async def pseudonym(self, value: str) -> str:
        return pseudonym(value, self._key_for("acts"))


def decode_act(time: int, who: str, act: str, subject: str, detail: str) -> Act:
    """The columns of an act, as an act."""
    return Act(time, who, act, subject, msgspec.json.decode(detail))


def act_row(act: Act) -> Row:
    """An act as its columns."""
    return structs.asdict(act) | {"detail": msgspec.json.encode(act.detail).decode()}
