"""How long until a session that one server acknowledged is in the answer of another?"""

import argparse
import asyncio
import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import processes
import setting

from intentlive.core import ids
from intentlive.ports import Account

sys.path.insert(0, str(processes.HERE.parent))
from tests.postgres import Postgres

_OTHERS = 50
"""Bots that are asked for, and of which events come in, beside the measured one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=500, help="measured of each kind")
    options = parser.parse_args()
    print("ms from the acknowledgement by one server to the answer of another that has the session")
    with Postgres() as postgres:
        for name in ("one SQLite file", "PostgreSQL"):
            for busy in (False, True):
                store = setting.STORE
                if name == "PostgreSQL":
                    store = postgres.database(f"freshness-{busy}")
                seen = _measured(store, options.sessions, busy=busy)
                percentiles = quantiles(seen, n=100)
                kind = f"{name}, {'busy' if busy else 'quiet'}"
                shown = [f"p{each} {percentiles[each - 1]:6.1f}" for each in (50, 90, 99)]
                print(f"  {kind:24}", *shown, f"most {max(seen):6.1f}", sep="   ")


def _measured(store: str, sessions: int, *, busy: bool) -> list[float]:
    with TemporaryDirectory(prefix="intentlive-benchmark-") as made:
        folder = Path(made)
        names = [secrets.token_hex(8) for _ in range(_OTHERS + 1)]
        asyncio.run(_prepare(store, folder, names))
        command = [*setting.serve_command(folder), "--store", store]
        with (
            processes.server(command, folder / "one.log") as one,
            processes.server(command, folder / "other.log") as other,
            _load(one.address, other.address, names[1:] if busy else []),
        ):
            return _delays(one.address, other.address, names[0], sessions)


async def _prepare(url: str, folder: Path, names: list[str]) -> None:
    now = time.time_ns() // 1_000_000
    store = await setting.open_at(folder, now, url)
    for name in names:
        await setting.add_tenant(store, Account(name, name, 0, now), name)
    await store.close()


def _delays(one: str, other: str, name: str, sessions: int) -> list[float]:
    """For each session in turn: sent to one, and asked of the other until it is there."""
    sending, asking = (HTTPConnection(urlsplit(address).netloc) for address in (one, other))
    delays = []
    for number in range(sessions):
        session = f"s-{number}"
        _send(sending, name, [session])
        acknowledged = time.perf_counter()
        while session not in _ask(asking, name):
            pass
        delays.append((time.perf_counter() - acknowledged) * 1000)
        time.sleep(secrets.randbelow(50) / 1000)  # not in step with the looks at the store
    return delays


@contextmanager
def _load(one: str, other: str, names: list[str]) -> Iterator[None]:
    """Beside it: each of other bots gets events through both and is asked for, again and again."""
    if not names:
        yield
        return
    script = [sys.executable, __file__, "--load", one, other, *names]
    with subprocess.Popen(script, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield
        process.kill()


def _keep_busy(one: str, other: str, names: list[str]) -> None:
    threads = [
        threading.Thread(target=_drive, args=(address, names), daemon=True)
        for address in (one, other)
    ]
    for thread in threads:
        thread.start()
    print("under way", flush=True)
    for thread in threads:
        thread.join()


def _drive(address: str, names: list[str]) -> None:
    connection = HTTPConnection(urlsplit(address).netloc)
    for number in range(1_000_000):
        name = names[number % len(names)]
        _send(connection, name, [f"s-{number}-{each}" for each in range(20)])
        _ask(connection, name)
        time.sleep(0.02)


def _send(connection: HTTPConnection, name: str, sessions: list[str]) -> None:
    time_now = datetime.now(UTC).isoformat()
    events = [
        {"specversion": "1.0", "id": session, "source": "benchmark", "type": "flow.completed"}
        | {"subject": session, "time": time_now}
        for session in sessions
    ]
    headers = {"auth": setting.token(name), "content-type": "application/cloudevents-batch+json"}
    path = f"/api/public/bot/{ids.bot_id(name.encode())}/events"
    connection.request("POST", path, json.dumps(events), headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise SystemExit(f"events were answered with {answer.status}")


def _ask(connection: HTTPConnection, name: str) -> list[str]:
    connection.request("POST", setting.latest_path(name), headers={"auth": setting.token(name)})
    answer = connection.getresponse()
    return [record["sessionId"] for record in json.loads(answer.read())]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        _keep_busy(sys.argv[2], sys.argv[3], sys.argv[4:])
    else:
        main()
