"""What one store gives to another, and takes over from it."""

from collections.abc import Mapping, Sequence
from functools import partial

from msgspec import structs

from intentlive.core.errors import StillInUse, StoreError
from intentlive.core.session import State
from intentlive.ports import Act, ServerKey, UsedToken
from intentlive.stores.sql.audit import act_row, decode_act
from intentlive.stores.sql.credentials import key_place
from intentlive.stores.sql.part import Detail, SqlPart
from intentlive.stores.sql.statements import Row, Statements
from intentlive.stores.sql.unlocking import PSEUDONYMS
from intentlive.stores.sql.upkeep import readable

_FIRST = UsedToken("", b"", 0)


class SqlMoving(SqlPart):
    """The `Movable` part of a store."""

    async def sessions_after(
        self, bot_id: str, after: str, limit: int
    ) -> Sequence[tuple[str, State]]:
        rows = await self._database.read(
            lambda run: run.all("sessions_after", bot_id=bot_id, after=after, limit=limit)
        )
        return [_session(bot_id, *row) for row in rows]

    async def sessions(self, bot_id: str, session_ids: Sequence[str]) -> Mapping[str, State]:
        rows = await self._database.read(
            lambda run: run.all(
                "session_states", bot_id=bot_id, session_ids=run.several(session_ids)
            )
        )
        return dict(_session(bot_id, *row) for row in rows)

    async def lift_revision(self, bot_id: str, least: int) -> None:
        await self._database.repeat(
            lambda run: run.run("lift_revision", bot_id=bot_id, least=least)
        )

    async def used_tokens(self, after: UsedToken | None, limit: int) -> Sequence[UsedToken]:
        last = structs.asdict(after or _FIRST)
        rows = await self._database.read(
            lambda run: run.all("used_tokens_after", **last, limit=limit)
        )
        return [UsedToken(*row) for row in rows]

    async def acts_after(self, number: int, limit: int) -> Sequence[tuple[int, Act]]:
        rows = await self._database.read(
            lambda run: run.all("acts_after", number=number, limit=limit)
        )
        return [(number, decode_act(*act)) for number, *act in rows]

    async def adopt_acts(self, acts: Sequence[Act]) -> None:
        await self._database.repeat(partial(_adopt_acts, [act_row(act) for act in acts]))

    async def adopt_server_keys(self, keys: Sequence[ServerKey]) -> Sequence[ServerKey]:
        found = await self._database.read(lambda run: run.all("server_keys", now=0))
        here = {key_id for key_id, *_ in found}
        if here or not keys:
            return [key for key in keys if key.key_id not in here]
        rows = [structs.asdict(key) for key in keys]
        for row in rows:
            row["private"] = self._vault.seal(row["private"].encode(), key_place(row["key_id"]))

        def work(run: Statements) -> Detail:
            run.run_for("adopt_server_key", rows)
            return {}

        await self._change("keys copied", ", ".join(row["key_id"] for row in rows), work)
        return []

    def pseudonym_key(self) -> bytes:
        return self._pseudonyms

    async def adopt_pseudonym_key(self, key: bytes) -> None:
        if key == self._pseudonyms:
            return
        sealed = self._vault.seal(key, PSEUDONYMS)

        def work(run: Statements) -> None:
            if run.first("accounts") or run.first("latest_acts", limit=1):
                raise StillInUse("pseudonyms in this store are made with another key already")
            run.run("seal_anew", name=PSEUDONYMS, value=sealed)

        await self._database.repeat(work)
        self._pseudonyms = key


def _session(bot_id: str, session_id: str, stored: bytes) -> tuple[str, State]:
    try:
        return session_id, readable(stored)
    except StoreError as error:
        mend = "intentlive store check finds all of its kind"
        raise StoreError(f"session {session_id} of bot {bot_id}: {error}; {mend}") from error


def _adopt_acts(acts: Sequence[Row], run: Statements) -> None:
    run.run("raise_registry_revision")  # whoever does the same waits here, and sees them
    times = [act["time"] for act in acts]
    here = set(run.all("acts_between", first=min(times), last=max(times)))
    for act in acts:
        columns = tuple(act.values())
        if columns not in here:
            here.add(columns)
            run.run("raise_registry_revision")
            run.run("add_act", **act)
