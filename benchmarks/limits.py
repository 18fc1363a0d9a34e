"""What the parts of taking events in allow by themselves, in one process without HTTP.

`limits.py STORE EVENTS BOT BOT`: a bot for each of those that write. Prints events a second
and a CPU second, for each part.
"""

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeAlias

import msgspec
import setting
import uvloop

from intentlive.core import reading
from intentlive.core.events import SessionEvent
from intentlive.core.reading import BotRules
from intentlive.core.session import State, decode_state, encode_state, fold, join
from intentlive.ingest.cloudevents import NDJSON, parse_events

Clocks: TypeAlias = tuple[float, float]
"""Seconds by the clock, and of computing."""

_RULES = BotRules()
_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536")
_KNOWN = """
    SELECT session_id, state FROM sessions
    WHERE bot_id = ? AND session_id IN (SELECT value FROM json_each(?))
    """
_UPSERT = """
    INSERT INTO sessions (bot_id, session_id, listing, end_time, state) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (bot_id, session_id) DO UPDATE
    SET listing = excluded.listing, end_time = excluded.end_time, state = excluded.state
    """


def main(store: str, bodies: str, by_hand: str, by_store: str) -> None:
    batches = setting.read_bodies(Path(bodies))
    now = time.time_ns() // 1_000_000

    def decode(body: bytes) -> Sequence[SessionEvent]:
        return parse_events(NDJSON, body, now).events

    def states(body: bytes) -> dict[str, State]:
        return fold(decode(body))

    def over_all(work: Callable[[bytes], object]) -> Clocks:
        began = _clocks()
        for body in batches:
            work(body)
        return _since(began)

    async def merged() -> Clocks:
        opened = await setting.open_at(Path(store), now)
        began = _clocks()
        for body in batches:
            await opened.merge({by_store: states(body)})
        took = _since(began)
        await opened.close()
        return took

    with closing(_connect(Path(store))) as connection:
        save = partial(_save, connection, by_hand)
        took = {
            "decode": over_all(decode),
            "decode, fold": over_all(states),
            "decode, fold, hand-written upsert": over_all(lambda body: save(states(body))),
        }
    took["decode, fold, our store"] = uvloop.run(merged())
    events = len(batches) * setting.EVENTS_A_BATCH
    print(json.dumps({part: [events / each for each in clocks] for part, clocks in took.items()}))


def _connect(folder: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "intentlive.db", isolation_level=None)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _save(connection: sqlite3.Connection, bot_id: str, states: dict[str, State]) -> None:
    """What nobody could do with less: read, join, write, in one durable transaction."""
    connection.execute("BEGIN IMMEDIATE")
    ids = msgspec.json.encode(list(states)).decode()
    for session_id, stored in connection.execute(_KNOWN, (bot_id, ids)):
        states[session_id] = join(decode_state(stored), states[session_id])
    rows = [(bot_id, *_row(*each)) for each in sorted(states.items())]  # as the index lies
    connection.executemany(_UPSERT, rows)
    connection.execute("COMMIT")


def _row(session_id: str, state: State) -> tuple[str, int, int | None, bytes]:
    listing = 0
    if reading.is_listed(state):
        listing = 1 if reading.is_silent(state) else 2
    return session_id, listing, reading.end_time(state, _RULES), encode_state(state)


def _clocks() -> Clocks:
    return time.perf_counter(), time.process_time()


def _since(began: Clocks) -> Clocks:
    clock, computing = _clocks()
    return clock - began[0], computing - began[1]


if __name__ == "__main__":
    main(*sys.argv[1:])
