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
from operator import itemgetter
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
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "cache_size = -65536",
    "wal_autocheckpoint = 8000",
)
_KNOWN = """
    SELECT session_id, rowid, state FROM sessions
    WHERE bot_id = ? AND session_id IN (SELECT value FROM json_each(?))
    """
_ADD = """
    INSERT INTO sessions (listing, end_time, state, bot_id, session_id) VALUES (?, ?, ?, ?, ?)
    """
_CHANGE = "UPDATE sessions SET listing = ?, end_time = ?, state = ? WHERE rowid = ?"


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
    """As little as will do: read, join, write, in one durable transaction.

    An upsert in two statements, since what is there is written more quickly by its rowid.
    """
    connection.execute("BEGIN IMMEDIATE")
    ids = msgspec.json.encode(list(states)).decode()
    changed = []
    for session_id, rowid, stored in connection.execute(_KNOWN, (bot_id, ids)):
        joined = join(decode_state(stored), states.pop(session_id))
        changed.append((*_columns(joined), rowid))
    added = [(*_columns(state), bot_id, session_id) for session_id, state in states.items()]
    added.sort(key=itemgetter(-1))  # both as the index and the table lie
    changed.sort(key=itemgetter(-1))
    connection.executemany(_ADD, added)
    connection.executemany(_CHANGE, changed)
    connection.execute("COMMIT")


def _columns(state: State) -> tuple[int, int | None, bytes]:
    listing = 0
    if reading.is_listed(state):
        listing = 1 if reading.is_silent(state) else 2
    return listing, reading.end_time(state, _RULES), encode_state(state)


def _clocks() -> Clocks:
    return time.perf_counter(), time.process_time()


def _since(began: Clocks) -> Clocks:
    clock, computing = _clocks()
    return clock - began[0], computing - began[1]


if __name__ == "__main__":
    main(*sys.argv[1:])
