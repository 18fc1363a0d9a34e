"""Processes of a measurement: on a core of their own, ready when used, ended at the end."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
HOST = "127.0.0.1"
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
_READY_SECONDS = 60


class Failed(SystemExit):
    """Something was not answered as it must be; uncaught, a program ends with these words."""


class Server(NamedTuple):
    """A server that runs."""

    address: str
    pid: int
    log: Path

    def cpu_seconds(self) -> float:
        """What its processes have computed so far, in their own code and in the kernel."""
        workers = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return sum(map(_cpu_seconds, [self.pid, *map(int, workers)]))

    def resident_bytes(self) -> int:
        """The memory that it holds at this moment."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def wait_for_workers(self, number: int) -> None:
        """Wait until so many workers, if there are several, all serve."""
        deadline = time.monotonic() + _READY_SECONDS
        while self.log.read_text().count('"event":"serving"') < number:
            if time.monotonic() > deadline:
                raise Failed(f"workers did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)


@contextmanager
def server(command: Sequence[str], log: Path) -> Iterator[Server]:
    """A server while it runs; `command` gets its `--port` and logs into a file."""
    port = free_port()
    with log.open("ab") as lines, _on(SERVER_CORE):
        process = subprocess.Popen([*command, "--port", str(port)], stdout=lines, stderr=lines)
    try:
        _wait_until_ready(process, port, log)
        yield Server(f"http://{HOST}:{port}", process.pid, log)
    finally:
        process.terminate()
        process.wait()


def run(command: Sequence[str], core: int) -> str:
    """What a program prints; it runs on one core."""
    with (
        _on(core),
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            printed, _ = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise Failed(f"{command[0]} failed with exit code {process.returncode}")
    return printed


def run_here(script: str, *arguments: object, core: int) -> str:
    """What one of the programs beside this file prints."""
    return run([sys.executable, str(HERE / script), *map(str, arguments)], core)


def stay_off_the_server_core() -> None:
    """Let this process, and what it starts without saying where, have the core of the load."""
    os.sched_setaffinity(0, {LOAD_CORE})


@contextmanager
def _on(core: int) -> Iterator[None]:
    """Children that start in this block inherit the core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """A port of loopback that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _cpu_seconds(pid: int) -> float:
    """Of all its threads, to the microsecond: /proc tells hundredths of a second."""
    return time.clock_gettime(~pid << 3 | 2)  # as clock_getcpuclockid(3) names a process's clock


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.002)
        else:
            return
    raise Failed(f"a server did not start:\n{log.read_text()[-2000:]}")
