"""Merging in SQLite: in one transaction read what is there, join, and write what has changed.

Nobody else writes meanwhile, so that what was found is written at its rowid: looking it up by its
key once more, with the parameters by name, would cost a third of the writing.
"""

from collections.abc import Mapping
from functools import partial
from operator import itemgetter

from intentlive.core.reading import BotRules
from intentlive.core.session import Batch, State
from intentlive.stores.sql.sessions import SqlSessions, decode_rules, merged, raise_revision
from intentlive.stores.sql.statements import Statements

_ABSENT = (None, None)


class SqliteSessions(SqlSessions):
    """Sessions in a file, which one transaction at a time writes."""

    async def merge(self, batch: Batch) -> Mapping[str, int]:
        return await self._database.repeat(partial(_merge, batch))


def _end(added: tuple[str, str, int, int | None, bytes]) -> int:
    return added[3] or 0


def _merge(batch: Batch, run: Statements) -> Mapping[str, int]:
    revisions = {}
    for bot_id, sessions in batch.items():
        bot = run.first("lock_bot", bot_id=bot_id)
        if bot is not None:
            idle_timeouts, skip_silent, revision = bot
            rules = decode_rules(idle_timeouts, bool(skip_silent))
            has_changed = _merge_sessions(run, bot_id, sessions, rules)
            revisions[bot_id] = raise_revision(run, bot_id) if has_changed else revision
    return revisions


def _merge_sessions(
    run: Statements, bot_id: str, sessions: Mapping[str, State], rules: BotRules
) -> bool:
    ids = run.several(list(sessions))
    found = run.all("sessions_to_merge", bot_id=bot_id, session_ids=ids)
    stored = {session_id: (rowid, state) for session_id, rowid, state in found}
    added: list[tuple[str, str, int, int | None, bytes]] = []
    changed: list[tuple[int, int | None, bytes, int]] = []
    for session_id, state in sessions.items():
        rowid, before = stored.get(session_id, _ABSENT)
        columns = merged(before, state, rules)
        if columns is None:
            continue
        if rowid is None:
            added.append((bot_id, session_id, *columns))
        else:
            changed.append((*columns, rowid))
    added.sort(key=_end)  # so that what is shown together lies together
    changed.sort(key=itemgetter(-1))  # as the table lies
    run.run_for("add_session", added)
    run.run_for("change_session", changed)
    return bool(added or changed)
