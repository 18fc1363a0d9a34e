"""Does a tenant at ten times its limits slow down another? Latencies before and during, one run."""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import aggressor
import processes
import setting

from intentlive.ports import Account

_CALLS_A_SECOND = 200
_VICTIM = "victim"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=60, help="of each half of a round")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="intentlive-benchmark-") as made:
        folder = Path(made)
        batches = setting.make_traffic(40_000, aggressor.EVENTS_A_BATCH)
        setting.write_bodies(folder / "events", map(setting.encode, batches))
        names = [f"aggressor-{number}" for number in range(options.rounds)]
        asyncio.run(_prepare(folder, names))
        with processes.server(setting.serve_command(folder), folder / "server.log") as server:
            rounds = []
            for name in names:
                before = _latencies(server.address, options.seconds)
                with _aggressor(server.address, name, folder) as answers:
                    during = _latencies(server.address, options.seconds)
                rounds.append((_p99(before), _p99(during)))
    print(f"p99 of a tenant's reads, ms, {_CALLS_A_SECOND} a second; the other is over its limits")
    for before, during in rounds:
        shown = f"  before {before:6.2f}   during {during:6.2f}   ratio {during / before:5.2f}"
        print(shown)
    print(f"  median ratio {median(during / before for before, during in rounds):.2f}")
    print(f"  the other's last answers: {json.dumps(answers)}")


async def _prepare(folder: Path, aggressors: list[str]) -> None:
    now = time.time_ns() // 1_000_000
    store = await setting.open_at(folder, now)
    await setting.add_tenant(store, Account(_VICTIM, _VICTIM, 0, now), _VICTIM)
    for name in aggressors:  # one a round: each has a minute's allowance to begin with
        account = Account(name, name, aggressor.READS, now, aggressor.EVENTS)
        await setting.add_tenant(store, account, name)
    await store.close()


@contextmanager
def _aggressor(address: str, name: str, folder: Path) -> Iterator[dict[str, int]]:
    answers: dict[str, int] = {}
    script = str(processes.HERE / "aggressor.py")
    command = [sys.executable, script, address, name, str(folder / "events")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()  # it is under way
        yield answers
        process.kill()
        lines = process.stdout.read().splitlines()
    answers.update(json.loads(lines[-1]))


def _latencies(address: str, seconds: int) -> list[float]:
    connection = HTTPConnection(urlsplit(address).netloc)
    path, headers = setting.latest_path(_VICTIM), {"auth": setting.token(_VICTIM)}
    taken, due = [], time.perf_counter()
    for _ in range(seconds * _CALLS_A_SECOND):
        began = time.perf_counter()
        connection.request("POST", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        taken.append(time.perf_counter() - began)
        if answer.status != 200:
            raise SystemExit(f"the tenant within its limits got {answer.status}")
        due += 1 / _CALLS_A_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
    return taken


def _p99(taken: list[float]) -> float:
    return quantiles(taken, n=100)[-1] * 1000


if __name__ == "__main__":
    main()
