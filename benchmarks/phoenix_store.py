"""A store of Phoenix, filled through its own door: the tables are its own affair."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import finished
import otlp
from processes import HOST, free_port

_SESSIONS = 400
_SPANS_A_REQUEST = 500
_PATIENCE_SECONDS = 180  # it makes its tables first


def fill(command: list[str], folder: Path, project: str) -> None:
    """Serve the folder until 400 sessions, some thousand spans, of one project are stored."""
    port = free_port()
    address = f"http://{HOST}:{port}"
    with (folder / "filling.log").open("wb") as log:
        process = subprocess.Popen([*command, "--port", str(port)], stdout=log, stderr=log)
    try:
        _wait_until(lambda: _get(f"{address}/healthz") is not None)
        _send(address, project)
        listed = f"{address}/v1/projects/{project}/sessions?limit={_SESSIONS}"
        _wait_until(lambda: len(json.loads(_get(listed) or '{"data":[]}')["data"]) == _SESSIONS)
    finally:
        process.terminate()
        process.wait()


def _send(address: str, project: str) -> None:
    events = [event for history in finished.histories(_SESSIONS) for event in history]
    for first in range(0, len(events), _SPANS_A_REQUEST):
        body = otlp.spans(events[first : first + _SPANS_A_REQUEST], project)
        headers = {"content-type": "application/x-protobuf"}
        request = urllib.request.Request(f"{address}/v1/traces", body, headers)
        urllib.request.urlopen(request).close()


def _get(url: str) -> bytes | None:
    """What is answered, or None while the server is not up or knows nothing of it yet."""
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.read()
    except OSError:
        return None


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit("Phoenix could not be filled; its words are in filling.log")
        time.sleep(0.2)
