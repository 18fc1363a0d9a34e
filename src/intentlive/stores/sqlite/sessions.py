"""Sessions in SQLite: joined states beside the two columns that the endpoint's index needs."""

from collections.abc import Mapping
from functools import partial
from operator import itemgetter

import msgspec

from intentlive.core import reading
from intentlive.core.errors import NotFound
from intentlive.core.personal import Person, PersonalData
from intentlive.core.reading import BotRules
from intentlive.core.session import ERASED, State, decode_state, encode_state, join
from intentlive.ports import Erasure, Latest
from intentlive.stores import sql
from intentlive.stores.sqlite.connection import Connection
from intentlive.stores.sqlite.part import SqlitePart

_SQL = sql.queries("sqlite")


class SqliteSessions(SqlitePart):
    """The `SessionStore` part of the store."""

    async def merge(self, batch: Mapping[str, Mapping[str, State]]) -> Mapping[str, int]:
        return await self._database.write(partial(_merge, batch))

    async def latest(self, bot_id: str, now: int, limit: int) -> Latest | None:
        return await self._database.read(partial(self._latest, bot_id, now, limit))

    async def revision(self, bot_id: str) -> int | None:
        def work(connection: Connection) -> int | None:
            row = connection.execute(_SQL["bot_revision"], {"bot_id": bot_id}).fetchone()
            return None if row is None else int(row[0])

        return await self._database.read(work)

    async def purge(self, bot_id: str, before: int, limit: int) -> int:
        return await self._database.write(partial(_purge, bot_id, before, limit))

    async def erase(self, bot_id: str, person: Person, after: str, limit: int) -> Erasure:
        return await self._database.write(partial(_erase, bot_id, person, after, limit))

    async def scrub(self) -> None:
        await self._database.scrub()

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

    def _latest(self, bot_id: str, now: int, limit: int, connection: Connection) -> Latest | None:
        known = _bot_rules(connection, bot_id)
        if known is None:
            return None
        rules, personal_data, revision = known
        wanted = {"bot_id": bot_id, "now": now, "limit": limit, "skip_silent": rules.skip_silent}
        rows = connection.execute(_SQL["latest_sessions"], wanted).fetchall()
        (due,) = connection.execute(_SQL["next_due"], {"bot_id": bot_id, "now": now}).fetchone()
        sessions = [(session_id, decode_state(state)) for session_id, state in rows]
        return Latest(sessions, rules, self._disguise(bot_id, personal_data), due, revision)


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


def _bot_rules(connection: Connection, bot_id: str) -> tuple[BotRules, PersonalData, int] | None:
    """The rules of a bot, what it shows of personal data, its revision; None for an unknown one."""
    row = connection.execute(_SQL["bot_rules"], {"bot_id": bot_id}).fetchone()
    if row is None:
        return None
    idle_timeouts, skip_silent, personal_data, revision = row
    return decode_rules(idle_timeouts, bool(skip_silent)), personal_data, revision


def _merge(batch: Mapping[str, Mapping[str, State]], connection: Connection) -> Mapping[str, int]:
    revisions = {}
    for bot_id, sessions in batch.items():
        known = _bot_rules(connection, bot_id)
        if known is None:
            continue
        rules, _, revisions[bot_id] = known
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


def _purge(bot_id: str, before: int, limit: int, connection: Connection) -> int:
    some = {"bot_id": bot_id, "before": before, "limit": limit}
    ended = connection.execute(_SQL["sessions_ended_before"], some).fetchall()
    for session_id, state in ended:
        if reading.last_heard(decode_state(state)) < before:
            one = {"bot_id": bot_id, "session_id": session_id}
            connection.execute(_SQL["delete_session"], one)
        else:
            # A record made elsewhere may have ended long before it, or other events, came in.
            # Those could come again: its mark keeps them from bringing a part of it back.
            row = _row(bot_id, session_id, ERASED, BotRules())
            connection.execute(_SQL["save_session"], row)
    if ended:
        raise_revision(connection, bot_id)
    return len(ended)


def _erase(bot_id: str, person: Person, after: str, limit: int, connection: Connection) -> Erasure:
    some = {"bot_id": bot_id, "after": after, "limit": limit}
    rows = connection.execute(_SQL["sessions_after"], some).fetchall()
    found = [session_id for session_id, state in rows if person.is_in(decode_state(state))]
    _merge({bot_id: dict.fromkeys(found, ERASED)}, connection)
    return Erasure(len(found), rows[-1][0] if len(rows) == limit else None)
