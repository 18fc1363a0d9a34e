"""Merging in PostgreSQL: join what was read, and write it if it is still what is there.

Nothing is locked while states are joined here. The write is one transaction that is sent at one
go: it takes the bot's row first, and writes the sessions that are still as they were read. What
was not written has met another's write, and is read, joined and written again.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from intentlive.core.session import State
from intentlive.stores.postgres.connection import Database, PostgresStatements
from intentlive.stores.sql.sessions import SqlSessions, decode_rules, merged
from intentlive.stores.sql.statements import Row


class _Changed(NamedTuple):
    """What a session becomes by a merge, and the version of it that was read."""

    session_id: str
    listing: int
    end_time: int | None
    state: bytes
    version: int


class _Read(NamedTuple):
    """A bot as it was read, and what sessions become by a merge, unless the bot has changed."""

    unless_changed: Row
    revision: int
    changed: list[_Changed]


class PostgresSessions(SqlSessions):
    """Sessions in tables that other machines write at the same time."""

    _database: Database

    async def merge(self, batch: Mapping[str, Mapping[str, State]]) -> Mapping[str, int]:
        merges = [self._merge(bot_id, sessions) for bot_id, sessions in batch.items()]
        found = await asyncio.gather(*merges, return_exceptions=True)
        revisions = {}
        for bot_id, revision in zip(batch, found, strict=True):
            if isinstance(revision, BaseException):
                raise revision
            if revision is not None:
                revisions[bot_id] = revision
        return revisions

    async def _merge(self, bot_id: str, sessions: Mapping[str, State]) -> int | None:
        """The revision of a bot after the merge; None if there is no such bot."""
        return await self._database.repeat_freely(partial(_merge, bot_id, sessions))


def _merge(bot_id: str, sessions: Mapping[str, State], run: PostgresStatements) -> int | None:
    left = dict(sessions)
    while True:
        read = _read(run, bot_id, left)
        if read is None or not read.changed:
            return None if read is None else read.revision
        revision, written = _write(run, read)
        left = {each.session_id: left[each.session_id] for each in read.changed}
        for session_id in written:
            del left[session_id]
        if not left and revision is not None:
            return revision


def _read(run: PostgresStatements, bot_id: str, sessions: Mapping[str, State]) -> _Read | None:
    with run.one_go() as send:
        stored = send("sessions_read", bot_id=bot_id, session_ids=list(sessions))
        # Not before them: the revision must tell of whatever another wrote into them.
        bot = send("bot_read", bot_id=bot_id)
    known = bot.fetchone()
    if known is None:
        return None
    idle_timeouts, skip_silent, created, revision = known
    rules = decode_rules(idle_timeouts, skip_silent)
    before = {session_id: rest for session_id, *rest in stored.fetchall()}
    changed = []
    for session_id, state in sorted(sessions.items()):  # as the index lies
        encoded, version = before.get(session_id, (None, 0))
        columns = merged(encoded, state, rules)
        if columns is not None:
            changed.append(_Changed(session_id, *columns, version))
    unless_changed = {"bot_id": bot_id, "created": created, "idle_timeouts": idle_timeouts}
    return _Read(unless_changed, revision, changed)


def _write(run: PostgresStatements, read: _Read) -> tuple[int | None, list[str]]:
    """The new revision, and the sessions that were written: those that nobody else wrote since."""
    columns = {
        f"{name}s": list(values)
        for name, values in zip(_Changed._fields, zip(*read.changed, strict=True), strict=True)
    }
    with run.one_transaction() as send:
        raised = send("raise_revision_if", **read.unless_changed)
        saved = send("save_sessions_if", **read.unless_changed, **columns)
    revision = raised.fetchone()
    return None if revision is None else revision[0], [id_ for (id_,) in saved.fetchall()]
