"""PostgreSQL: merging by several processes, the commits of one very hot bot, a long history.

Starts a server of its own, or uses an empty database at `--url`. Everything shares all cores.
"""

import argparse
import asyncio
import multiprocessing
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psycopg
import setting

from intentlive.core.session import State, encode_state
from intentlive.ports import Account

_AT_ONCE = 1_000
_HISTORIES = (20_000, 2_000_000)
_FILL = """
    INSERT INTO sessions (bot_id, session_id, listing, end_time, state, version)
    SELECT %s, md5(n::text), 2 - (n %% 10 = 0)::int, n, %s, 1
    FROM generate_series(1, %s) AS n
"""


class Work(NamedTuple):
    """What one process does for a while: merge so many new sessions at a time."""

    url: str
    folder: Path
    number: int
    sessions: int
    seconds: float
    state: State


class Done(NamedTuple):
    """Merges a second of all processes together, and what one cost in CPU ms of its process."""

    per_second: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="an empty database; what is in it afterwards is of no use")
    parser.add_argument("--seconds", type=float, default=5, help="for each figure")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="intentlive-benchmark-") as name, _database(options.url) as url:
        folder = Path(name)
        asyncio.run(_prepare(folder, url))
        state = _a_state()
        print(f"One bot in PostgreSQL, {len(encode_state(state))} bytes a session\n")
        print(f"  processes that merge {_AT_ONCE:,} new sessions    a second    sessions    CPU ms")
        for processes in (1, 4):
            done = _measure(processes, Work(url, folder, 0, _AT_ONCE, options.seconds, state))
            sessions = done.per_second * _AT_ONCE
            print(f"    {processes:35}{done.per_second:14,.1f}{sessions:12,.0f}{done.cpu:10.1f}")
        print("\n  processes that merge one session    a second                CPU ms")
        for processes in (1, 2, 4, 8):
            done = _measure(processes, Work(url, folder, 0, 1, options.seconds, state))
            print(f"    {processes:35}{done.per_second:14,.0f}{done.cpu:22.2f}")
        print("\n  history of the latest 25                  ms")
        for history in _HISTORIES:
            with psycopg.connect(url, autocommit=True) as direct:
                direct.execute("TRUNCATE sessions")
                direct.execute(_FILL, (setting.BOT_ID, encode_state(state), history))
                direct.execute("VACUUM ANALYZE sessions")
            took = asyncio.run(_time_latest(folder, url, history))
            print(f"    {history:35,}{took * 1000:14.2f}")


@contextmanager
def _database(url: str | None) -> Iterator[str]:
    if url:
        yield url
        return
    sys.path.append(str(Path(__file__).parents[1]))
    from tests.postgres import Postgres  # noqa: PLC0415 - the one that comes with what tests need

    with Postgres(shared_buffers="256MB") as running:
        yield running.url()


def _a_state() -> State:
    (batch,) = setting.make_traffic(_AT_ONCE)
    states = setting.states_of(batch).values()
    return sorted(states, key=lambda state: len(encode_state(state)))[len(states) // 2]


async def _prepare(folder: Path, url: str) -> None:
    now = time.time_ns() // 1_000_000
    store = await setting.open_at(folder, now, url)
    await setting.add_tenant(store, Account(setting.ACCOUNT_ID, "Benchmark", 0, now))
    await store.close()


def _measure(processes: int, work: Work) -> Done:
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawning) as pool:
        shares = [work._replace(number=number) for number in range(processes)]
        done = list(pool.map(_merge, shares))
    return Done(sum(each.per_second for each in done), median(each.cpu for each in done))


def _merge(work: Work) -> Done:
    return asyncio.run(_merge_for_a_while(work))


async def _merge_for_a_while(work: Work) -> Done:
    store = await setting.open_at(work.folder, 0, work.url)
    made = time.time_ns()
    merged, began, cpu_began = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < work.seconds:
        base = f"{made}-{work.number}-{merged}-"
        ids = [f"{base}{n}" for n in range(work.sessions)]
        await store.merge({setting.BOT_ID: dict.fromkeys(ids, work.state)})
        merged += 1
    took, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    await store.close()
    return Done(merged / took, cpu / merged * 1000)


async def _time_latest(folder: Path, url: str, history: int) -> float:
    store = await setting.open_at(folder, 0, url)
    times = []
    for number in range(400):
        began = time.perf_counter()
        found = await store.latest(setting.BOT_ID, history - number, 25)
        times.append(time.perf_counter() - began)
        if found is None or len(found.sessions) != 25:
            raise SystemExit("not the latest 25 sessions")
    await store.close()
    return median(times)


if __name__ == "__main__":
    main()
