"""Sessions in SQLite: joined states beside the two columns that the endpoint's index needs."""

from collections.abc import Mapping
from functools import partial
from operator import itemgetter

import msgspec

from intentlive.core import reading
from intentlive.core.errors import NotFound
from intentlive.core.reading import BotRules
from intentlive.core.session import State, decode_state, encode_state, join
from intentlive.ports import Latest
from intentlive.stores import sql
from intentlive.stores.sqlite.connection import Connection, Database

_SQL = sql.queries("sqlite")


class SqliteSessions:
    """The `SessionStore` half of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def merge(self, batch: Mapping[str, Mapping[str, State]]) -> Mapping[str, int]:
        return await self._database.write(partial(_merge, batch))

    async def latest(self, bot_id: str, now: int, limit: int) -> Latest | None:
        return await self._database.read(partial(_latest, bot_id, now, limit))

    async def revision(self, bot_id: str) -> int | None:
        def work(connection: Connection) -> int | None:
            row = connection.execute(_SQL["bot_revision"], {"bot_id": bot_id}).fetchone()
            return None if row is None else int(row[0])

        return await self._database.read(work)

    async def open_sessions(self, now: int) -> int:
        def work(connection: Connection) -> int:
            (count,) = connection.execute(_SQL["open_sessions"], {"now": now}).fetchone()
            return int(count)

        return await self._database.read(work)

    async def probe(self) -> None:
        def work(connection: Connection) -> None:
            connection.execute(_SQL["probe"])

        await self._database.write(work)

    async def close(self) -> None:
        await self._database.close()


def bot_rules(connection: Connection, bot_id: str) -> tuple[BotRules, int] | None:
    """The rules of a bot and its revision; None for an unknown one."""
    row = connection.execute(_SQL["bot_rules"], {"bot_id": bot_id}).fetchone()
    if row is None:
        return None
    idle_timeouts, skip_silent, revision = row
    return decode_rules(idle_timeouts, bool(skip_silent)), revision


def decode_rules(idle_timeouts: str, skip_silent: bool) -> BotRules:
    """The two columns that hold a bot's rules, as rules."""
    return BotRules(
        msgspec.json.decode(idle_timeouts, type=tuple[tuple[int, int], ...]), skip_silent
    )


def reread_sessions(connection: Connection, bot_id: str, rules: BotRules, since: int) -> None:
    """Set `endTime` anew where `rules`, changed for all activity from `since` on, move it."""
    ending = connection.execute(
        _SQL["sessions_ending_after"], {"bot_id": bot_id, "since": since}
    ).fetchall()
    connection.executemany(
        _SQL["save_session"],
        [_row(bot_id, session_id, decode_state(stored), rules) for session_id, stored in ending],
    )


def _merge(batch: Mapping[str, Mapping[str, State]], connection: Connection) -> Mapping[str, int]:
    revisions = {}
    for bot_id, sessions in batch.items():
        known = bot_rules(connection, bot_id)
        if known is None:
            continue
        rules, revisions[bot_id] = known
        changed = _changed_rows(connection, bot_id, sessions, rules)
        if changed:
            connection.executemany(_SQL["save_session"], changed)
            revisions[bot_id] = raise_revision(connection, bot_id)
    return revisions


def _changed_rows(
    connection: Connection, bot_id: str, sessions: Mapping[str, State], rules: BotRules
) -> list[dict[str, object]]:
    ids = msgspec.json.encode(list(sessions)).decode()
    stored: dict[str, bytes] = dict(
        connection.execute(_SQL["session_states"], {"bot_id": bot_id, "session_ids": ids})
    )
    rows = []
    for session_id, state in sorted(sessions.items(), key=itemgetter(0)):  # as the index lies
        before = stored.get(session_id)
        joined = state if before is None else join(decode_state(before), state)
        row = _row(bot_id, session_id, joined, rules)
        if row["state"] != before:
            rows.append(row)
    return rows


def raise_revision(connection: Connection, bot_id: str) -> int:
    """Raise the revision of a bot and give the new one; NotFound."""
    row = connection.execute(_SQL["raise_revision"], {"bot_id": bot_id}).fetchone()
    if row is None:
        raise NotFound(f"there is no bot {bot_id}")
    return int(row[0])


def _row(bot_id: str, session_id: str, state: State, rules: BotRules) -> dict[str, object]:
    listing = 0
    if reading.is_listed(state):
        listing = 1 if reading.is_silent(state) else 2
    return {
        "bot_id": bot_id,
        "session_id": session_id,
        "listing": listing,
        "end_time": reading.end_time(state, rules),
        "state": encode_state(state),
    }


def _latest(bot_id: str, now: int, limit: int, connection: Connection) -> Latest | None:
    known = bot_rules(connection, bot_id)
    if known is None:
        return None
    rules, revision = known
    wanted = {"bot_id": bot_id, "now": now, "limit": limit, "skip_silent": rules.skip_silent}
    rows = connection.execute(_SQL["latest_sessions"], wanted).fetchall()
    (due,) = connection.execute(_SQL["next_due"], {"bot_id": bot_id, "now": now}).fetchone()
    return Latest(
        [(session_id, decode_state(state)) for session_id, state in rows], rules, due, revision
    )
