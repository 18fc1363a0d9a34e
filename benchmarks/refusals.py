"""Does the time of a refusal tell an unknown app from a wrong signature? Shows both distributions.

Asks a real server, in turns of random order, over one connection. A stranger who compares the
times guesses right in `told apart` of all cases; half of them is what a coin does.
"""

import argparse
import asyncio
import random
import secrets
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import processes
import setting

from intentlive.ports import Account

_KNOWN = "benchmark"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000, help="of each kind")
    calls = parser.parse_args().calls
    with TemporaryDirectory(prefix="intentlive-benchmark-") as name:
        folder = Path(name)
        asyncio.run(_prepare(folder))
        with processes.server(setting.serve_command(folder), folder / "server.log") as server:
            times = _measure(server.address, calls)
    print(f"Refusals, {calls:,} of each kind, microseconds")
    print(" " * 26 + "".join(f"{label:>9}" for label in ("p5", "p25", "p50", "p75", "p95")))
    for kind, of_kind in times.items():
        cuts = quantiles(of_kind, n=20)
        shown = [cuts[place] * 1e6 for place in (0, 4, 9, 14, 18)]
        print(f"  {kind:24}" + "".join(f"{each:9.0f}" for each in shown))
    unknown, wrong = times["unknown app"], times["wrong signature"]
    print(f"  told apart in {_told_apart(unknown, wrong):.1%} of all cases")
    halves = _told_apart(wrong[::2], wrong[1::2])
    print(f"  (two halves of the same kind: {halves:.1%})")


async def _prepare(folder: Path) -> None:
    now = time.time_ns() // 1_000_000
    store = await setting.open_at(folder, now)
    await setting.add_tenant(store, Account(setting.ACCOUNT_ID, "Benchmark", 0, now), _KNOWN)
    await store.close()


def _measure(address: str, calls: int) -> dict[str, list[float]]:
    kinds: dict[str, Callable[[], str]] = {
        "unknown app": lambda: setting.token(secrets.token_hex(4)),
        "wrong signature": lambda: setting.token(_KNOWN, secrets.token_hex(24)),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    connection = HTTPConnection(urlsplit(address).netloc)
    path = setting.latest_path(_KNOWN)
    _ask(connection, path, setting.token(_KNOWN), 200)  # a known app is remembered
    for number in range(calls):
        for kind in random.sample(sorted(kinds), len(kinds)):
            took = _ask(connection, path, kinds[kind](), 401)
            if number >= calls // 20:  # the first ones warm up
                times[kind].append(took)
    return times


def _ask(connection: HTTPConnection, path: str, token: str, status: int) -> float:
    began = time.perf_counter()
    connection.request("POST", path, headers={"auth": token})
    answer = connection.getresponse()
    answer.read()
    took = time.perf_counter() - began
    if answer.status != status:
        raise SystemExit(f"{answer.status} in place of {status}")
    return took


def _told_apart(ones: Sequence[float], others: Sequence[float]) -> float:
    """How often the longer of a pair, one of each, is of the kind that takes longer."""
    ordered = sorted(others)
    below = sum((bisect_left(ordered, x) + bisect_right(ordered, x)) / 2 for x in ones)
    share = below / (len(ones) * len(ordered))
    return max(share, 1 - share)


if __name__ == "__main__":
    main()
