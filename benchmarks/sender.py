"""Sends every file of a folder over eight connections, for some seconds at most.

`sender.py URL FOLDER HEADERS SECONDS`, the third in JSON. Each connection sends its next when the
last is acknowledged. Prints how many were sent, and the seconds until all were acknowledged.
"""

import json
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import setting

_CONNECTIONS = 8


def main(url: str, folder: str, headers: str, seconds: str) -> None:
    to, sent_headers = urlsplit(url), json.loads(headers)
    waiting = deque(setting.read_bodies(Path(folder)))
    number = len(waiting)

    def send_on(connection: HTTPConnection) -> None:
        while waiting and time.perf_counter() < until:
            connection.request("POST", to.path, waiting.popleft(), sent_headers)
            with connection.getresponse() as answer:
                told = answer.read()
            if answer.status != 200 or (told and json.loads(told) != setting.ALL_ACCEPTED):
                raise SystemExit(f"not every event was accepted: {answer.status} {told[:300]}")

    connections = [HTTPConnection(to.hostname, to.port) for _ in range(_CONNECTIONS)]
    for connection in connections:
        connection.connect()
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        began = time.perf_counter()
        until = began + float(seconds)
        list(threads.map(send_on, connections))
        print(json.dumps([number - len(waiting), time.perf_counter() - began]))


if __name__ == "__main__":
    main(*sys.argv[1:])
