"""Calling a server: with the real curl, or over a plain connection."""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from http.client import HTTPConnection
from typing import Any, NamedTuple, TypeVar

import pytest

Result = TypeVar("Result")


class Answer(NamedTuple):
    """What came back; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> tuple[str, int]:
        """The message and the code of an answer in the one shape that errors have."""
        assert self.headers["content-type"] == "application/json"
        (error,) = self.json["errors"]
        assert self.json == {"errors": [{"msg": error["msg"], "code": error["code"]}]}
        return error["msg"], error["code"]

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]


def eventually(
    condition: Callable[[], Result], seconds: float = 30.0, *, pause: float = 0.02
) -> Result:
    """Ask until the answer is true; the last time is never before `seconds` have passed."""
    deadline = time.monotonic() + seconds
    waiting = threading.Event()
    while True:
        is_last = time.monotonic() >= deadline
        if result := condition():
            return result
        if is_last:
            pytest.fail(f"still not so after {seconds:g} s: {condition}")
        waiting.wait(pause)


def unavailable(what: str) -> None:
    """Skip a test for what this machine lacks; where everything must be there, fail."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def curl(*arguments: str) -> Answer:
    """Run curl with these arguments, and those alone that let its output be read."""
    need_curl()
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--include", "--max-time", "60", *arguments],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 1"):  # 100 Continue comes before the answer
        head, _, body = body.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    return Answer(
        int(status_line.split()[1]), {name.lower(): value for name, _, value in pairs}, body
    )


def need_curl() -> None:
    """Skip without curl."""
    if shutil.which("curl") is None:
        unavailable("curl is missing: sudo apt-get install curl")


def connect(port: int) -> HTTPConnection:
    return HTTPConnection("127.0.0.1", port, timeout=60)


def call(
    port: int,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: bytes | Iterable[bytes] | None = None,
) -> Answer:
    """One request over a connection of its own; a body in pieces is sent chunked."""
    connection = connect(port)
    try:
        return call_on(connection, method, path, headers, body)
    finally:
        connection.close()


def call_on(
    connection: HTTPConnection,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: bytes | Iterable[bytes] | None = None,
) -> Answer:
    """One request over a connection that stays open."""
    in_pieces = body is not None and not isinstance(body, bytes)
    if in_pieces:
        headers = (headers or {}) | {"transfer-encoding": "chunked"}
    connection.request(method, path, body, headers or {}, encode_chunked=in_pieces)
    answer = connection.getresponse()
    named = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, named, answer.read())
