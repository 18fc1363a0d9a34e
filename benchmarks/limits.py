"""What the parts of taking events in allow by themselves, in one process without HTTP.

Prints what each takes for a file of events: seconds, and seconds of computing.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import setting
import uvloop

from intentlive.core.events import SessionEvent
from intentlive.core.session import fold
from intentlive.ingest.cloudevents import NDJSON, parse_events

Seconds: TypeAlias = tuple[float, float]
"""By the clock, and of computing."""


def main(folder: str, events: str) -> None:
    batches = setting.batches_of(Path(events))
    now = time.time_ns() // 1_000_000

    def decode(body: bytes) -> Sequence[SessionEvent]:
        return parse_events(NDJSON, body, now).events

    def over_all(work: Callable[[bytes], object]) -> Seconds:
        began = _clocks()
        for body in batches:
            work(body)
        return _since(began)

    async def store() -> Seconds:
        opened = await setting.open_at(Path(folder), now)
        began = _clocks()
        for body in batches:
            await opened.merge({setting.BOT_ID: fold(decode(body))})
        took = _since(began)
        await opened.close()
        return took

    seconds = {
        "decode": over_all(decode),
        "decode and fold": over_all(lambda body: fold(decode(body))),
        "decode, fold and store": uvloop.run(store()),
    }
    print(json.dumps(seconds))


def _clocks() -> Seconds:
    return time.perf_counter(), time.process_time()


def _since(began: Seconds) -> Seconds:
    clock, computing = _clocks()
    return clock - began[0], computing - began[1]


if __name__ == "__main__":
    main(*sys.argv[1:])
