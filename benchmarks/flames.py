"""Flame graphs of the server under load, reading and writing, with native frames.

They are out/profile-read.svg and out/profile-write.svg, beside this file; half a minute.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import processes
import setting

_OUT = processes.HERE / "out"
_SAMPLER = Path(sys.executable).with_name("py-spy")
_SECONDS = 10
_LOAD_SECONDS = _SECONDS + 10  # for the sampler comes and goes meanwhile
_A_SECOND = 50  # the server stands still for some ms each time
_EVENTS_READ, _EVENTS_WRITTEN = 40_000, 500_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="?", choices=["read", "write"], help="one of both")
    chosen = parser.parse_args().only
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers end and folders go
    _OUT.mkdir(exist_ok=True)
    for name, draw in {"read": _reading, "write": _writing}.items():
        if chosen in (None, name):
            with TemporaryDirectory(prefix="intentlive-profile-") as folder:
                draw(Path(folder), _OUT / f"profile-{name}.svg")


def _reading(folder: Path, graph: Path) -> None:
    if shutil.which("wrk") is None:
        print("Reading: skipped, wrk is missing: apt-get install wrk")
        return
    setting.prepare(folder, setting.make_traffic(_EVENTS_READ))
    with processes.server(setting.serve_command(folder), folder / "log") as server:
        url = server.address + setting.latest_path("benchmark")
        command = ["wrk", "-t1", "-c32", url]
        for name, value in setting.headers().items():
            command += ["-H", f"{name}: {value}"]
        processes.run([*command, "-d1s"], processes.LOAD_CORE)
        asking = partial(processes.run, [*command, f"-d{_LOAD_SECONDS}s"], processes.LOAD_CORE)
        # Answering is the work of one thread: others are seen when they keep it waiting.
        _draw(server, graph, asking, "--gil")


def _writing(folder: Path, graph: Path) -> None:
    setting.prepare(folder, [])
    events = folder / "events"
    setting.write_bodies(events, map(setting.encode, setting.make_traffic(_EVENTS_WRITTEN)))
    with processes.server(setting.serve_command(folder), folder / "log") as server:
        url = f"{server.address}{setting.path_of(setting.BOT_ID, 'events')}"
        headers = json.dumps({"content-type": "application/x-ndjson", **setting.headers()})
        given = url, events, headers, _LOAD_SECONDS
        _draw(
            server,
            graph,
            partial(processes.run_here, "sender.py", *given, core=processes.LOAD_CORE),
        )


def _draw(
    server: processes.Server, graph: Path, under: Callable[[], object], *options: str
) -> None:
    """Record a server while there is load."""
    for thread in Path(f"/proc/{server.pid}/task").iterdir():
        # On one core, a thread that was only woken to be looked at would wait for it, and count.
        os.sched_setaffinity(int(thread.name), processes.CORES)
    command = [str(_SAMPLER), "record", "--native", "--rate", str(_A_SECOND), *options]
    command += ["--duration", str(_SECONDS), "--output", str(graph), "--pid", str(server.pid)]
    with ThreadPoolExecutor(1) as threads:
        loading = threads.submit(under)
        time.sleep(1)  # until it is at work
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"the server could not be looked into:\n{done.stdout}{done.stderr}")
        print(graph, flush=True)
        loading.result()


if __name__ == "__main__":
    main()
