"""Asks two stores for the latest 25, turn by turn, without a server.

`store_reader.py FOLDER BOTS FOLDER BOTS`. Prints medians in ms, one for each store: of questions to
its bots in turn, and of questions to one of them.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from statistics import median

import setting
import uvloop
from large_store import bot_id

from intentlive.ports import Store

_FEWEST = 500


async def _ask(folders: Sequence[Path], bots: Sequence[int]) -> list[list[float]]:
    now = time.time_ns() // 1_000_000
    stores = [await setting.open_at(folder, now) for folder in folders]
    in_turn = await _medians(stores, bots, now)
    one = await _medians(stores, [1] * len(stores), now)
    await asyncio.gather(*(store.close() for store in stores))
    return [in_turn, one]


async def _medians(stores: Sequence[Store], bots: Sequence[int], now: int) -> list[float]:
    turns = [cycle(map(bot_id, range(number))) for number in bots]
    taken: list[list[float]] = [[] for _ in stores]
    for _ in range(max(_FEWEST, *bots)):
        for store, turn, times in zip(stores, turns, taken, strict=True):
            bot = next(turn)
            began = time.perf_counter()
            found = await store.latest(bot, now, 25)
            times.append(time.perf_counter() - began)
            if found is None or len(found.sessions) != 25:
                raise SystemExit("not the latest 25 sessions")
    return [median(times) * 1000 for times in taken]


def main(large: str, bots: str, small: str, few: str) -> None:
    print(json.dumps(uvloop.run(_ask([Path(large), Path(small)], [int(bots), int(few)]))))


if __name__ == "__main__":
    main(*sys.argv[1:])
