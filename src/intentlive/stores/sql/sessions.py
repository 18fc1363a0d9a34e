"""Sessions: joined states beside the two columns that the endpoint's index needs.

Whatever changes a bot's sessions in a transaction takes the bot's row first: so two of them wait
for each other there and nowhere else, and neither misses what the other wrote. Merging, which is
done most, each backend does in its own way.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias

import msgspec

from intentlive.core import reading
from intentlive.core.errors import NotFound
from intentlive.core.personal import Person
from intentlive.core.reading import BotRules
from intentlive.core.session import ERASED, State, decode_state, encode_state, join
from intentlive.ports import Erasure, Latest
from intentlive.stores.sql.part import SqlPart
from intentlive.stores.sql.statements import Row, Statements

_timeouts = msgspec.json.Decoder(tuple[tuple[int, int], ...])


class SqlSessions(SqlPart):
    """The `SessionStore` part of a store, but for what backends do in ways of their own."""

    async def latest(self, bot_id: str, now: int, limit: int) -> Latest | None:
        found = await self._database.read(
            lambda run: run.all("latest_sessions", bot_id=bot_id, now=now, limit=limit)
        )
        if not found:
            return None
        idle_timeouts, skip_silent, personal_data, revision, due, *_ = found[0]
        sessions = [(id_, decode_state(state)) for *_, id_, state in found if id_ is not None]
        rules = decode_rules(idle_timeouts, bool(skip_silent))
        return Latest(sessions, rules, self._disguise(bot_id, personal_data), due, revision)

    async def revisions(self, bot_ids: Sequence[str]) -> Mapping[str, int]:
        return dict(
            await self._database.read(
                lambda run: run.all("revisions", bot_ids=run.several(bot_ids))
            )
        )

    async def unannounced(self, now: int) -> Sequence[str]:
        rows = await self._database.read(lambda run: run.all("unannounced", now=now))
        return [bot_id for (bot_id,) in rows]

    async def announce(self, bot_id: str, now: int) -> int | None:
        revision: int | None = await self._database.repeat(
            lambda run: run.value("announce", bot_id=bot_id, now=now)
        )
        return revision

    async def purge(self, bot_id: str, before: int, limit: int) -> int:
        return await self._database.repeat(partial(_purge, bot_id, before, limit))

    async def erase(self, bot_id: str, person: Person, after: str, limit: int) -> Erasure:
        return await self._database.repeat(partial(_erase, bot_id, person, after, limit))

    async def scrub(self) -> None:
        await self._database.scrub()

    async def open_sessions(self, now: int) -> int:
        return int(await self._database.read(lambda run: run.value("open_sessions", now=now)))

    async def time(self) -> int:
        return int(await self._database.read(lambda run: run.value("time")))

    async def probe(self) -> None:
        await self._database.repeat(lambda run: run.run("probe"))

    async def close(self) -> None:
        await self._database.close()


Columns: TypeAlias = tuple[int, int | None, bytes]
"""What is stored of a session: `listing` (0 in no list, 1 silent, 2 heard), `end_time`, `state`."""


def decode_rules(idle_timeouts: str, skip_silent: bool) -> BotRules:
    """The two columns that hold a bot's rules, as rules."""
    return BotRules(_timeouts.decode(idle_timeouts), skip_silent)


def columns_of(state: State, rules: BotRules) -> Columns:
    """A session as its columns."""
    listing = 0
    if reading.is_listed(state):
        listing = 1 if reading.is_silent(state) else 2
    return listing, reading.end_time(state, rules), encode_state(state)


def merged(before: bytes | None, state: State, rules: BotRules) -> Columns | None:
    """A session when `state` has joined what was stored; None if that is no news."""
    joined = state if before is None else join(decode_state(before), state)
    columns = columns_of(joined, rules)
    return None if columns[-1] == before else columns


def session_row(bot_id: str, session_id: str, state: State, rules: BotRules) -> Row:
    """A session as its whole row."""
    listing, end_time, stored = columns_of(state, rules)
    return {
        "bot_id": bot_id,
        "session_id": session_id,
        "listing": listing,
        "end_time": end_time,
        "state": stored,
    }


def reread_sessions(run: Statements, bot_id: str, rules: BotRules, since: int) -> None:
    """Set `endTime` anew where `rules`, changed for all activity from `since` on, move it."""
    ending = run.all("sessions_ending_after", bot_id=bot_id, since=since)
    rows = [session_row(bot_id, id_, decode_state(stored), rules) for id_, stored in ending]
    run.run_for("save_session", rows)


def raise_revision(run: Statements, bot_id: str) -> int:
    """Raise the revision of a bot and give the new one; NotFound."""
    revision = run.value("raise_revision", bot_id=bot_id)
    if revision is None:
        raise NotFound(f"there is no bot {bot_id}")
    return int(revision)


def _purge(bot_id: str, before: int, limit: int, run: Statements) -> int:
    if run.first("lock_bot", bot_id=bot_id) is None:
        return 0
    ended = run.all("sessions_ended_before", bot_id=bot_id, before=before, limit=limit)
    for session_id, state in ended:
        if reading.last_heard(decode_state(state)) < before:
            run.run("delete_session", bot_id=bot_id, session_id=session_id)
        else:
            # A record made elsewhere may have ended long before it, or other events, came in.
            # Those could come again: its mark keeps them from bringing a part of it back.
            run.run("save_session", **session_row(bot_id, session_id, ERASED, BotRules()))
    if ended:
        raise_revision(run, bot_id)
    return len(ended)


def _erase(bot_id: str, person: Person, after: str, limit: int, run: Statements) -> Erasure:
    if run.first("lock_bot", bot_id=bot_id) is None:
        return Erasure(0, None)
    page = run.all("sessions_after", bot_id=bot_id, after=after, limit=limit)
    found = [session_id for session_id, state in page if person.is_in(decode_state(state))]
    if found:
        rows = [session_row(bot_id, session_id, ERASED, BotRules()) for session_id in found]
        run.run_for("save_session", rows)
        raise_revision(run, bot_id)
    return Erasure(len(found), page[-1][0] if len(page) == limit else None)
