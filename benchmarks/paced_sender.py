"""Sends batches of events at a constant rate, to several bots in turn, until its input ends.

Says when it is under way, and in the end how many events a second were acknowledged.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import setting

_CONNECTIONS = 4


class _Sending(NamedTuple):
    address: str
    batches: list[bytes]
    seconds_between: float
    bots: list[str]
    began: float
    is_over: threading.Event


def main(address: str, events: str, events_a_second: str, *bots: str) -> None:
    os.nice(19)  # it shares its core with the one who measures, and must not make them wait
    between = setting.EVENTS_A_BATCH / int(events_a_second)
    batches = setting.read_bodies(Path(events))
    sending = _Sending(
        address, batches, between, list(bots), time.perf_counter(), threading.Event()
    )
    numbers = count()
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        sent = [threads.submit(_send, sending, numbers) for _ in range(_CONNECTIONS)]
        print("under way", flush=True)
        sys.stdin.read()
        sending.is_over.set()
        events_sent = sum(each.result() for each in sent)
    print(json.dumps(events_sent / (time.perf_counter() - sending.began)))


def _send(sending: _Sending, numbers: Iterator[int]) -> int:
    """Send each next batch when it is due; gives how many events were acknowledged."""
    connection = HTTPConnection(urlsplit(sending.address).netloc)
    headers = {"content-type": "application/x-ndjson", **setting.headers()}
    sent = 0
    for number in numbers:
        due = sending.began + number * sending.seconds_between
        if sending.is_over.wait(max(0.0, due - time.perf_counter())):
            break
        turn, bot = divmod(number, len(sending.bots))
        path = setting.path_of(sending.bots[bot], "events")
        connection.request("POST", path, sending.batches[turn], headers)
        told = json.loads(connection.getresponse().read())
        if told != setting.ALL_ACCEPTED:
            raise SystemExit(f"not every event was accepted: {told}")
        sent += setting.EVENTS_A_BATCH
    return sent


if __name__ == "__main__":
    main(*sys.argv[1:])
