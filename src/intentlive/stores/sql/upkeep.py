"""Sessions whose columns are not what their states say: found, and mended."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from intentlive.core.errors import StoreError, UnknownStateVersion
from intentlive.core.session import State, decode_state
from intentlive.stores.sql.part import SqlPart
from intentlive.stores.sql.sessions import decode_rules, raise_revision, session_row
from intentlive.stores.sql.statements import Row, Statements
from intentlive.upkeep import Checked, Flaw

_COLUMNS = ("listing", "end_time")


class SqlUpkeep(SqlPart):
    """The `Upkeep` part of a store."""

    async def next_bot(self, after: str) -> str | None:
        found: str | None = await self._database.read(
            lambda run: run.value("next_bot", after=after)
        )
        return found

    async def count_sessions(self, bot_id: str) -> int:
        return int(
            await self._database.read(lambda run: run.value("count_sessions", bot_id=bot_id))
        )

    async def check_sessions(self, bot_id: str, after: str, limit: int, *, mend: bool) -> Checked:
        rows = await self._database.read(partial(_page, bot_id, after, limit))
        if mend and any(flaw.can_be_mended for flaw in _flaws(rows)):
            rows = await self._database.repeat(partial(_mend, bot_id, after, limit))
        return Checked(len(rows), _flaws(rows), rows[-1]["session_id"] if rows else None)

    async def faults(self) -> Sequence[str]:
        return await self._database.faults()

    async def backup(self, path: Path) -> int:
        return await self._database.backup(path)


def readable(stored: bytes) -> State:
    """A stored state; StoreError, which says its version, if it cannot be read."""
    try:
        return decode_state(stored)
    except UnknownStateVersion as error:
        raise StoreError(str(error)) from error
    except msgspec.MsgspecError as error:
        version = stored[:1].hex()
        raise StoreError(
            f"a stored session state (version {version}) is damaged: {error}"
        ) from error


def _page(bot_id: str, after: str, limit: int, run: Statements) -> list[Row]:
    """Sessions as they are stored, with the rules of their bot at the same moment, if there is one.

    One query, for nothing is held that others write.
    """
    return run.named("sessions_to_check", bot_id=bot_id, after=after, limit=limit)


def _flaws(rows: Sequence[Row]) -> Sequence[Flaw]:
    return [flaw for row in rows if (flaw := _flaw(row)) is not None]


def _flaw(row: Row) -> Flaw | None:
    session_id = row["session_id"]
    if _is_stray(row):
        return Flaw(session_id, "belongs to no bot", can_be_mended=True)
    try:
        wanted = _wanted(row)
    except StoreError as error:
        return Flaw(session_id, str(error), can_be_mended=False)
    wrong = [
        f"{name} is {row[name]}, not {wanted[name]}"
        for name in _COLUMNS
        if row[name] != wanted[name]
    ]
    return Flaw(session_id, " and ".join(wrong), can_be_mended=True) if wrong else None


def _is_stray(row: Row) -> bool:
    return row["idle_timeouts"] is None


def _wanted(row: Row) -> Row:
    """A session as it should be stored."""
    rules = decode_rules(row["idle_timeouts"], bool(row["skip_silent"]))
    return session_row(row["bot_id"], row["session_id"], readable(row["state"]), rules)


def _mend(bot_id: str, after: str, limit: int, run: Statements) -> list[Row]:
    """Mend a page; gives it as it was found for that.

    Since it was read without a lock, others may have added sessions, and pushed some out of it.
    """
    if run.first("lock_bot", bot_id=bot_id) is None:
        run.run("raise_registry_revision")  # a bot of this id is made before this, or after it
    mended = False
    rows = _page(bot_id, after, limit, run)
    for row in rows:
        flaw = _flaw(row)
        if flaw is None or not flaw.can_be_mended:
            continue
        if _is_stray(row):
            run.run("delete_session", bot_id=bot_id, session_id=flaw.session_id)
        else:
            run.run("save_session", **_wanted(row))
            mended = True
    if mended:
        raise_revision(run, bot_id)
    return rows
