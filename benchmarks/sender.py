"""Sends a file of events over eight connections; prints the seconds until all are durable."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import setting

_CONNECTIONS = 8


def main(url: str, events: str) -> None:
    to = urlsplit(url)
    headers = {"content-type": "application/x-ndjson", **setting.headers()}
    batches = setting.batches_of(Path(events))
    connections = [HTTPConnection(to.hostname, to.port) for _ in range(_CONNECTIONS)]
    for connection in connections:
        connection.connect()

    def send_some(number: int) -> None:
        connection = connections[number]
        for body in batches[number::_CONNECTIONS]:
            connection.request("POST", to.path, body, headers)
            with connection.getresponse() as answer:
                told = json.loads(answer.read())
            if told != {"accepted": setting.EVENTS_A_BATCH, "rejected": []}:
                raise SystemExit(f"not every event was accepted: {told}")

    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        began = time.perf_counter()
        list(threads.map(send_some, range(_CONNECTIONS)))
        print(time.perf_counter() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
