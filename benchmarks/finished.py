"""Finished sessions for a store that is not ours: what simulated traffic of a day leaves."""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from intentlive.core import reading
from intentlive.core.personal import VERBATIM
from intentlive.core.reading import BotRules
from intentlive.core.record import Record, record
from intentlive.core.session import State, fold
from intentlive.ingest.cloudevents import NDJSON, parse_events
from intentlive.simulation.profile import CHAT, VOICE
from intentlive.simulation.traffic import VOICE_SHARE, Event, session_events

_DAY_MS = 24 * 3600 * 1000
_ENDED_MS = 3 * 3600 * 1000  # no session goes on for so long


class Finished(NamedTuple):
    """A session as it is shown, and its times in ms."""

    record: Record
    started: int
    handled_until: int
    ended: int


def histories(number: int) -> Iterator[list[Event]]:
    """What is told of so many sessions, one by one, that began in the course of a day."""
    rng = Random(25)
    latest = time.time_ns() // 1_000_000 - _ENDED_MS
    for start in sorted(latest - rng.randrange(_DAY_MS) for _ in range(number)):
        yield session_events(rng, VOICE if rng.random() < VOICE_SHARE else CHAT, start)


def sessions(number: int) -> list[Finished]:
    """So many of them, in the order of their ids."""
    encoder = msgspec.json.Encoder()
    states: dict[str, State] = {}
    for history in histories(number):
        body = encoder.encode_lines(history)
        states |= fold(parse_events(NDJSON, body, time.time_ns() // 1_000_000).events)
    return [_finished(*each) for each in sorted(states.items())]


def fill(database: Path, bots: Iterable[str], rows: list[dict[str, object]]) -> None:
    """Give every bot the same rows in the table `sessions`, whose other column is `bot_id`.

    The first column of the rows is the session's id; each bot's sessions get ids of their own.
    """
    names = list(rows[0])
    columns, places = ", ".join(names), ", ".join("?" * len(names))
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -100000"):
            connection.execute(f"PRAGMA {pragma}")  # what breaks off is made anew
        connection.execute(f"CREATE TEMPORARY TABLE of_a_bot ({columns})")
        values = [tuple(row.values()) for row in rows]
        connection.executemany(f"INSERT INTO of_a_bot VALUES ({places})", values)
        connection.execute("BEGIN")
        connection.executemany(
            f"INSERT INTO sessions (bot_id, {columns}) "
            f"SELECT ?1, substr(?1, 4, 8) || substr({names[0]}, 9), {', '.join(names[1:])} "
            "FROM of_a_bot",
            [(bot,) for bot in sorted(bots)],
        )
        connection.execute("COMMIT")


def _finished(session_id: str, state: State) -> Finished:
    rules = BotRules()
    ended = reading.end_time(state, rules)
    return Finished(
        record(session_id, state, rules, VERBATIM),
        state.started,
        state.started + reading.time_handled(state),
        ended,
    )
