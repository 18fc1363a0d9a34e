"""Load from a core of its own: as much as a server can take, or so much a second."""

import json
import re
import shutil
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import NamedTuple

import processes
from processes import Failed
from results import Pace

NO_WRK = "skipped, wrk is missing: apt-get install wrk"
NO_H2LOAD = "skipped, h2load is missing: apt-get install nghttp2-client"
CONNECTIONS = 32
_PATIENCE_SECONDS = 30  # some rivals need it on a busy machine
_UNMEASURED_SECONDS = 1


class Target(NamedTuple):
    """What is asked of a server."""

    server: processes.Server
    path: str
    headers: Mapping[str, str]

    @property
    def url(self) -> str:
        return self.server.address + self.path


class Answered(NamedTuple):
    """So many requests, at this pace."""

    requests: int
    pace: Pace


class Latency(NamedTuple):
    """In ms, and how many a second were asked for in fact."""

    p50: float
    p99: float
    rate: float


def has(program: str) -> bool:
    return shutil.which(program) is not None


def latest(target: Target) -> bytes:
    """The answer with 25 sessions."""
    body = get(target)
    if len(json.loads(body)) != 25:
        raise Failed(f"the answer of {target.url} does not hold 25 sessions")
    return body


def get(target: Target) -> bytes:
    """The answer, whatever it holds."""
    request = urllib.request.Request(target.url, headers=dict(target.headers))
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.read()
    except OSError as error:
        raise Failed(f"{target.url}: {error}") from error


def most(
    target: Target,
    seconds: int,
    connections: int = CONNECTIONS,
    script: Sequence[object] = (),
) -> Answered:
    """What a server answers to as much as it can take; `script` is wrk's, with its arguments."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={_PATIENCE_SECONDS}s"]
    command += _headers(target)
    if script:
        name, *arguments = script
        command += ["-s", str(processes.HERE / str(name)), target.url, "--", *map(str, arguments)]
    else:
        command.append(target.url)
    before = target.server.cpu_seconds()
    printed = processes.run(command, processes.LOAD_CORE)
    cpu_seconds = target.server.cpu_seconds() - before
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise Failed(f"not every request to {target.url} was answered:\n{printed}")
    requests = int(re.search(r"(\d+) requests in", printed)[1])
    per_second = float(re.search(r"Requests/sec:\s+([\d.]+)", printed)[1])
    return Answered(requests, Pace(per_second, requests / cpu_seconds))


def at_rate(target: Target, paths: Sequence[str], rate: float, seconds: int) -> Latency:
    """The latency of paths asked for in turn, so many a second, after a second that warms up.

    A request's time begins when it is sent; whether many waited to be sent, the rate in fact tells.
    """
    with TemporaryDirectory() as name:
        urls, log = Path(name) / "urls", Path(name) / "log"
        urls.write_text("".join(f"{target.server.address}{path}\n" for path in paths))
        # h2load lets each of its clients go on every 10 ms. Connected all at once, they would all
        # send in the same few ms and be waiting for each other in between; so they connect one
        # after another.
        command = ["h2load", "--h1", "-t1", f"-c{CONNECTIONS}", "-r3", "--rate-period=1ms"]
        command += [f"--rps={rate / CONNECTIONS}", f"-i{urls}", f"--log-file={log}"]
        command += [f"-n{round(rate * (seconds + _UNMEASURED_SECONDS))}", *_headers(target)]
        processes.run(command, processes.LOAD_CORE)
        answers = [tuple(map(int, line.split("\t"))) for line in log.read_text().splitlines()]
    return _latency(answers)


def _latency(answers: Sequence[tuple[int, ...]]) -> Latency:
    """Of answers as start in µs, status, µs taken."""
    statuses = {status for _, status, _ in answers}
    if statuses != {200}:
        raise Failed(f"not every request was answered with 200: {sorted(statuses)}")
    first = min(start for start, _, _ in answers) + _UNMEASURED_SECONDS * 1e6
    measured = [(start, taken) for start, _, taken in answers if start >= first]
    seconds = (max(measured)[0] - first) / 1e6
    percentiles = quantiles([taken / 1000 for _, taken in measured], n=100)
    return Latency(percentiles[49], percentiles[98], len(measured) / seconds)


def _headers(target: Target) -> list[str]:
    return [word for name, value in target.headers.items() for word in ("-H", f"{name}: {value}")]
