"""A tenant at ten times its limits: reads and batches of events, until it is ended.

Prints how its calls were answered, a line a second.
"""

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import setting

READS, EVENTS = 60, 6_000
"""What the tenant may do in a minute; it does ten times as much."""

EVENTS_A_BATCH = 100
_OVER = 10


def main(address: str, name: str, events: str) -> None:
    os.nice(19)  # it shares its core with the one who measures, and must not make them wait
    batches = cycle(setting.read_bodies(Path(events)))
    latest = setting.latest_path(name)
    token = setting.token(name)
    into = latest.rpartition("/")[0] + "/events"
    answers: Counter[str] = Counter()
    batches_a_minute = _OVER * EVENTS // EVENTS_A_BATCH
    for kind, path, a_minute, body in (
        ("reads", latest, _OVER * READS, lambda: b""),
        ("batches", into, batches_a_minute, lambda: next(batches)),
    ):
        call = partial(_call, HTTPConnection(urlsplit(address).netloc), path, token)
        pace = partial(_at_pace, lambda call=call, body=body: call(body()), kind, answers)
        threading.Thread(target=pace, args=(60 / a_minute,), daemon=True).start()
    while True:
        time.sleep(1)
        print(json.dumps(answers), flush=True)


def _call(connection: HTTPConnection, path: str, token: str, body: bytes) -> int:
    headers = {"auth": token, "content-type": "application/x-ndjson"}
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _at_pace(call: Callable[[], int], kind: str, answers: Counter[str], seconds: float) -> None:
    due = time.perf_counter()
    while True:
        answers[f"{kind} {call()}"] += 1
        due += seconds
        time.sleep(max(0.0, due - time.perf_counter()))


if __name__ == "__main__":
    main(*sys.argv[1:])
