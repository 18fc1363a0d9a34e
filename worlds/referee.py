"""What must be true in every world, watched while it runs and at its end."""

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from intentlive.core import reading
from intentlive.core.personal import VERBATIM, Person
from intentlive.core.reading import BotRules
from intentlive.core.record import record, render
from intentlive.core.session import Batch, State, decode_state, join
from intentlive.latest import LATEST, View
from intentlive.stores.sql.sessions import decode_rules
from tests.property import oracle
from worlds.histories import BEGINNING_MS

PROMISED_MS = 1_000
"""A change is seen everywhere within it, and so is the end of an idle timeout."""

_CLOCKS_DIFFER_MS = 100
_TROUBLED_MS = 15_000
_BOTS = """
    SELECT bot_id, idle_timeouts, skip_silent, revision, announced FROM bots ORDER BY bot_id
"""
_SESSIONS = "SELECT session_id, state, end_time FROM sessions WHERE bot_id = :bot_id ORDER BY 1"


class Broken(Exception):
    """An invariant does not hold: which, and what was seen instead."""

    def __init__(self, invariant: str, detail: str) -> None:
        super().__init__(f"{invariant}: {detail}")
        self.invariant = invariant


class Version:
    """A bot as of one of its revisions; `time`, `announced` in ms since 1970."""

    def __init__(
        self, revision: int, announced: int, time: int, rules: BotRules, rows: dict[str, bytes]
    ) -> None:
        self.revision = revision
        self.announced = announced
        self.time = time
        self.rows = rows
        self.rules = rules
        self._ends: list[tuple[int, str, State]] | None = None
        self._rendered: dict[int, bytes] = {}

    def holds(self, states: Mapping[str, State]) -> bool:
        """Whether all of it is in it."""
        return all(self._holds(session_id, state) for session_id, state in states.items())

    def shown(self, since: int, now: int) -> Iterable[bytes]:
        """The answers that are right at some moment from `since` to `now` (ms), newest first."""
        ends = self.ends()
        first, last = (bisect_right(ends, (at, "\U0010ffff")) for at in (since, now))
        for count in range(last, first - 1, -1):
            if count not in self._rendered:
                finished = ends[max(0, count - LATEST) : count][::-1]
                self._rendered[count] = render(
                    [record(id_, state, self.rules, VERBATIM) for _, id_, state in finished]
                )
            yield self._rendered[count]

    def ends(self) -> list[tuple[int, str, State]]:
        """When the sessions that are shown have ended or will, earliest first."""
        if self._ends is None:
            listed = [
                (reading.end_time(state, self.rules) or 0, session_id, state)
                for session_id, stored in self.rows.items()
                if reading.is_listed(state := decode_state(stored))
                and not (self.rules.skip_silent and reading.is_silent(state))
            ]
            self._ends = sorted(listed, key=lambda each: each[:2])
        return self._ends

    def has_end_in(self, after: int, until: int) -> bool:
        """Whether a listed session, silent or not, ended after one time and by another (ms)."""
        states = map(decode_state, self.rows.values())
        ends = (reading.end_time(each, self.rules) for each in states if reading.is_listed(each))
        return any(after < (end or 0) <= until for end in ends)

    def _holds(self, session_id: str, state: State) -> bool:
        stored = self.rows.get(session_id)
        return stored is not None and join(known := decode_state(stored), state) == known


class Referee:
    """Sees every commit, acknowledgement and answer; `fail` ends the world.

    `clock` is the store's (ms). A store that compares raises a revision in vain where it finds that
    others were first.
    """

    def __init__(
        self, clock: Callable[[], int], fail: Callable[[Exception], None], *, is_comparing: bool
    ) -> None:
        self._clock = clock
        self._fail = fail
        self._may_grow_in_vain = is_comparing
        self._versions: dict[str, list[Version]] = {}
        self._sent: dict[str, dict[str, State]] = {}
        self._erasing: dict[str, set[str]] = {}
        self._own: dict[tuple[object, str], int] = {}
        self._shown: dict[tuple[object, str], int] = {}
        self.answers = 0

    def committed(self, connection: sqlite3.Connection) -> None:
        """Look at what a transaction has left."""
        bots = connection.execute(_BOTS).fetchall()
        for bot_id, idle_timeouts, skip_silent, revision, announced in bots:
            found = connection.execute(_SESSIONS, {"bot_id": bot_id}).fetchall()
            rules = decode_rules(idle_timeouts, bool(skip_silent))
            rows = {id_: state for id_, state, _ in found}
            new = Version(revision, announced, self._clock(), rules, rows)
            for session_id, state, end_time in found:
                if reading.end_time(decode_state(state), rules) != end_time:
                    self._broken("a session ends when its rules say", f"{bot_id} {session_id}")
            versions = self._versions.setdefault(bot_id, [])
            if versions:
                self._compare(bot_id, versions[-1], new)
            if not versions or versions[-1].revision != revision:
                versions.append(new)

    def sent(self, bot_id: str, states: Mapping[str, State]) -> None:
        """Clients are about to send something."""
        known = self._sent.setdefault(bot_id, {})
        for session_id, state in states.items():
            known[session_id] = join(known.get(session_id, State()), state)

    def stored(self, worker: object, bot_id: str, states: Mapping[str, State]) -> None:
        """A worker is about to acknowledge what it has stored itself."""
        versions = self._versions[bot_id]
        if not versions[-1].holds(states):
            self._broken("acknowledged is durable", f"of {bot_id}, {sorted(states)}")
            return
        first = len(versions) - 1
        while first and versions[first - 1].holds(states):
            first -= 1
        own = worker, bot_id
        self._own[own] = max(versions[first].revision, self._own.get(own, 0))

    def accepted(self, bot_id: str, states: Mapping[str, State], buffered: Iterable[Batch]) -> None:
        """A worker is about to acknowledge what it has put into a buffer, which holds that."""
        rows = self._versions[bot_id][-1].rows
        held = {id_: decode_state(stored) for id_, stored in rows.items() if id_ in states}
        for batch in buffered:
            for session_id, state in batch.get(bot_id, {}).items():
                held[session_id] = join(held.get(session_id, State()), state)
        for session_id, state in states.items():
            known = held.get(session_id, State())
            if join(known, state) != known:
                self._broken("acknowledged is durable", f"{bot_id} {session_id}")

    def erasing(
        self, bot_id: str, person: Person, concerned: Collection[str]
    ) -> Callable[[], None]:
        """A person is about to be erased from sessions; what this gives is to be called after it.

        A session that names someone else meanwhile need not go.
        """
        self._erasing.setdefault(bot_id, set()).update(concerned)
        versions = self._versions[bot_id]
        begun = len(versions) - 1

        def done() -> None:
            for session_id in versions[begun].rows:
                since = (decode_state(each.rows[session_id]) for each in versions[begun:])
                if all(person.is_in(state) for state in since):
                    self._broken("who is erased is gone", f"{bot_id} {session_id}")

        return done

    def asked(
        self, worker: object, bot_id: str, is_well: bool
    ) -> Callable[[View | None, bool], None]:
        """A worker is asked for an answer, which is to be given to what this gives.

        `is_well`: nothing went wrong with it for as long as changes may take.
        """
        before, versions = self._clock(), self._versions[bot_id]
        least = max(self._own.get((worker, bot_id), 0), self._shown.get((worker, bot_id), 0))
        if is_well:
            times = [version.time for version in versions]
            place = bisect_right(times, before - PROMISED_MS)
            least = max(least, versions[max(0, place - 1)].revision)

        def judge(view: View | None, is_well: bool) -> None:
            if view is None:
                self._broken("a bot has an answer", bot_id)
                return
            since = before - (PROMISED_MS if is_well else _TROUBLED_MS)
            until = self._clock() + (_CLOCKS_DIFFER_MS if is_well else _TROUBLED_MS)
            self._judge(worker, bot_id, view, least, since, until)

        return judge

    def ends(self, bot_id: str) -> list[tuple[int, str, State]]:
        """When the sessions of a bot that are shown have ended or will (ms), earliest first."""
        return self._versions[bot_id][-1].ends()

    def at_the_end(self, bot_id: str, told: Mapping[str, list[dict[str, Any]]]) -> bytes:
        """All that was `told` (session id → events) is stored; gives the only right answer."""
        version = self._versions[bot_id][-1]
        erased = {id_ for id_, stored in version.rows.items() if decode_state(stored).erased}
        for session_id, state in self._sent.get(bot_id, {}).items():
            stored = version.rows.get(session_id)
            if session_id not in erased and (stored is None or decode_state(stored) != state):
                self._broken("all that was acknowledged is stored", f"{bot_id} {session_id}")
        return by_brute_force(version, told, erased)

    def announced(self, bot_id: str) -> None:
        """All that ends has been announced, if it ever will be."""
        version = self._versions[bot_id][-1]
        if version.announced < max((end for end, *_ in version.ends()), default=0):
            self._broken("every end is announced", f"{bot_id}: none after {version.announced}")

    def _judge(
        self, worker: object, bot_id: str, view: View, least: int, since: int, until: int
    ) -> None:
        self.answers += 1
        versions = self._versions[bot_id]
        found = bisect_right([each.revision for each in versions], view.revision) - 1
        if found < 0 or versions[found].revision != view.revision:
            self._broken("an answer is of a revision", f"{bot_id} has none {view.revision}")
        elif view.revision < least:
            what = f"{bot_id} at {view.revision} where {least} was known, or had to be"
            self._broken("answers are as new as promised, and never go back", what)
        elif view.shown.body not in versions[found].shown(since, until):
            what = f"{bot_id} at {view.revision}, {BEGINNING_MS} + {since - BEGINNING_MS} to "
            what += f"{until - BEGINNING_MS}: {view.shown.body.decode()}"
            self._broken("an answer is what was true", what)
        ids = [each["sessionId"] for each in msgspec.json.decode(view.shown.body)]
        if len(ids) > LATEST or len(set(ids)) != len(ids):
            self._broken("a session is in an answer once", f"{bot_id}: {ids}")
        key = worker, bot_id
        self._shown[key] = max(view.revision, self._shown.get(key, 0))

    def _compare(self, bot_id: str, old: Version, new: Version) -> None:
        changed = {id_: stored for id_, stored in new.rows.items() if old.rows.get(id_) != stored}
        if old.rows.keys() - new.rows.keys():
            self._broken("sessions stay", f"of {bot_id}")
        is_announcement = new.announced != old.announced
        has_changed = bool(changed) or new.rules != old.rules or is_announcement
        grown = new.revision - old.revision
        if grown != has_changed and not (grown == 1 and self._may_grow_in_vain):
            self._broken("revisions grow with every change", f"{old.revision}, {new.revision}")
        if is_announcement:
            self._look_at_announcement(bot_id, old, new)
        for session_id, stored in changed.items():
            state = decode_state(stored)
            before = decode_state(old.rows[session_id]) if session_id in old.rows else State()
            if join(before, state) != state:
                self._broken("states only grow", f"{bot_id} {session_id}")
            if state.erased:
                if session_id not in self._erasing.get(bot_id, ()):
                    self._broken("nobody is erased unasked", f"{bot_id} {session_id}")
            else:
                sent = self._sent.get(bot_id, {}).get(session_id, State())
                if join(sent, state) != sent:
                    self._broken("nothing is stored that was not sent", f"{bot_id} {session_id}")

    def _look_at_announcement(self, bot_id: str, old: Version, new: Version) -> None:
        if not old.has_end_in(old.announced, new.announced):
            what = f"{bot_id}: none from {old.announced} to {new.announced}"
            self._broken("an end is announced once", what)
        if new.announced > self._clock() + PROMISED_MS:
            self._broken("no end is announced before its time", f"{bot_id}: {new.announced}")

    def _broken(self, invariant: str, detail: str) -> None:
        self._fail(Broken(invariant, detail))


def by_brute_force(
    version: Version, told: Mapping[str, list[dict[str, Any]]], erased: Collection[str]
) -> bytes:
    """The latest sessions once all have ended, read from their events one by one."""
    rules = version.rules
    readings = [
        oracle.read(events, list(rules.idle_timeouts), session_id in erased)
        for session_id, events in told.items()
    ]
    listed = [
        each
        for each in readings
        if each.listed and each.record and not (rules.skip_silent and each.silent)
    ]
    listed.sort(key=lambda each: (each.end_time, each.record["sessionId"]), reverse=True)
    return msgspec.json.encode([each.record for each in listed[:LATEST]])
