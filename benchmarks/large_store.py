"""A store of many bots with many sessions each: made once, kept, and copied for every run.

Kept in the user's cache folder, which can be deleted at any time; another release of the store, or
of this file, makes it anew.
"""

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import finished
import setting
from platformdirs import user_cache_path

from intentlive.core import ids
from intentlive.core.events import EVENT_TYPES
from intentlive.core.session import ERASED, State, encode_state
from intentlive.ports import Account, Store
from intentlive.stores import sql

_FILES = ("intentlive.db", "intentlive.db.key")
_HISTORIES = 20
"""Bots have one of so many histories, told from each other's by the ids of the sessions."""

_BOTS_AT_ONCE = 10


class Size(NamedTuple):
    bots: int
    sessions: int
    """Of each bot."""

    def __str__(self) -> str:
        return f"{self.bots:,} bots with {self.sessions:,} sessions each"


def bot_id(number: int) -> str:
    """The id of one of the bots; they are numbered from 0."""
    return ids.bot_id(b"benchmark %d" % number)


def copy_into(folder: Path, size: Size) -> None:
    """A copy of the store of that size, on the disk and in the page cache."""
    kept = _kept(size)
    folder.mkdir()
    for name in _FILES:
        shutil.copy(kept / name, folder / name)
    os.sync()  # so that nothing that is measured waits for it


def _kept(size: Size) -> Path:
    every = user_cache_path("intentlive-benchmarks", appauthor=False)
    kept = every / _release() / f"{size.bots}x{size.sessions}"
    if kept.exists():
        return kept
    for old in every.glob("*"):
        if old != kept.parent:
            shutil.rmtree(old)
    print(f"Making a store of {size}; once, it is kept in {every}", flush=True)
    unfinished = kept.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    asyncio.run(_make(unfinished, size))
    return unfinished.rename(kept)


def _release() -> str:
    """A name for all that decides what is in such a store."""
    tables = Path(sql.__file__).with_name("sqlite") / "schema.sql"
    files = [tables, Path(finished.__file__), Path(__file__)]
    state = repr((encode_state(ERASED), State.__struct_fields__, EVENT_TYPES)).encode()
    return hashlib.sha256(b"".join([state, *map(Path.read_bytes, files)])).hexdigest()[:16]


async def _make(folder: Path, size: Size) -> None:
    now = time.time_ns() // 1_000_000
    histories = _histories(min(_HISTORIES, size.bots), size.sessions)
    store = await setting.open_at(folder, now)
    limit = setting.NO_LIMIT_IN_PRACTICE
    account = Account(setting.ACCOUNT_ID, "Benchmark", limit, now, limit)
    await store.add_account(account)
    await setting.add_app(store, account, "benchmark", None)
    numbers = range(size.bots)
    for number in numbers:
        await setting.add_bot(store, account, bot_id(number))
    for some in (numbers[i : i + _BOTS_AT_ONCE] for i in numbers[::_BOTS_AT_ONCE]):
        await store.merge(
            {bot_id(each): _own(each, histories[each % len(histories)]) for each in some}
        )
    await _announce(store, now)
    await store.close()


def _histories(number: int, sessions: int) -> list[dict[str, State]]:
    """So many times the ended sessions of one bot."""
    ended = map(setting.states_of, finished.histories(number * sessions))
    return [
        {id_: state for each in islice(ended, sessions) for id_, state in each.items()}
        for _ in range(number)
    ]


def _own(number: int, history: Mapping[str, State]) -> dict[str, State]:
    """A history with session ids of its own."""
    return {
        hashlib.blake2b(b"%d %b" % (number, id_.encode()), digest_size=12).hexdigest(): state
        for id_, state in history.items()
    }


async def _announce(store: Store, now: int) -> None:
    """As a server that has been running has done: it finds nothing to do when it starts."""
    for each in await store.unannounced(now):
        await store.announce(each, now)
