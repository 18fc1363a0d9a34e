"""Reading: the latest 25 with everything switched on, beside static bytes of the same size."""

import json
import re
import shutil
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import processes
import setting
from results import Pace, Result

NO_WRK = "skipped, wrk is missing: apt-get install wrk"
_CONNECTIONS = 32
_EVENTS = 40_000


def measure(folder: Path, rounds: int, seconds: int) -> Result | None:
    """Requests a second of both, turn by turn; None where there is no wrk."""
    if shutil.which("wrk") is None:
        return None
    setting.prepare(folder, setting.make_traffic(_EVENTS).batches)
    result = Result("Reading: requests a second, 32 connections", of="static bytes")
    with ExitStack() as running:
        server = running.enter_context(
            processes.server(setting.serve_command(folder), folder / "server.log")
        )
        url = server.address + setting.latest_path("benchmark")
        body = latest(url)
        (folder / "body").write_bytes(body)
        static = running.enter_context(
            processes.server(
                [str(processes.HERE / "static_server.py"), str(folder / "body")],
                folder / "static.log",
            )
        )
        for on, address in ((static, static.address), (server, url)):
            pace(on, address, 1)
        for _ in range(rounds):
            result.add("static bytes", pace(static, static.address, seconds))
            result.add("latest 25", pace(server, url, seconds))
    result.facts["bytes an answer"] = len(body)
    return result


def latest(url: str) -> bytes:
    """The answer with 25 sessions."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=setting.headers())) as answer:
        body = answer.read()
    if len(json.loads(body)) != 25:
        raise SystemExit("the answer does not hold 25 sessions")
    return body


def pace(on: processes.Server, url: str, seconds: int, connections: int = _CONNECTIONS) -> Pace:
    """How fast a server answers, under load for some seconds."""
    before = on.cpu_seconds()
    requests, took = _load(url, seconds, connections)
    return Pace(requests / took, requests / (on.cpu_seconds() - before))


def _load(url: str, seconds: int, connections: int) -> tuple[int, float]:
    """How many requests were answered, and in how many seconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    for name, value in setting.headers().items():
        command += ["-H", f"{name}: {value}"]
    printed = processes.run([*command, url], processes.LOAD_CORE)
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise SystemExit(f"not every request was answered:\n{printed}")
    requests = int(re.search(r"(\d+) requests in", printed)[1])
    return requests, requests / float(re.search(r"Requests/sec:\s+([\d.]+)", printed)[1])
