"""What goes wrong, one function a fault.

Each is a context manager that gives a `Scene`: the servers that clients send to, and the strike,
which is in force as long as it is used as a context manager.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple, TypeAlias

import psycopg
import pytest

from tests.e2e.calling import eventually, unavailable
from tests.e2e.cluster import Applier, Cluster
from tests.e2e.server import PATIENCE, Server
from tests.postgres import Postgres
from tests.proxy import Proxy

_ROUGHLY = 5  # seconds


class Scene(NamedTuple):
    """Who is called, and what happens meanwhile."""

    servers: Sequence[Server]
    strike: Callable[[], AbstractContextManager[None]]


Fault: TypeAlias = Callable[[Cluster], AbstractContextManager[Scene]]


@contextmanager
def server_killed(cluster: Cluster) -> Iterator[Scene]:
    """SIGKILL of one of two servers."""
    yield Scene(cluster.servers, lambda: _dead(cluster.servers[0]))


@contextmanager
def applier_killed(cluster: Cluster) -> Iterator[Scene]:
    """SIGKILL of one of two appliers, amid what it does."""
    yield Scene(cluster.servers, lambda: _dead_at_work(cluster, cluster.appliers[0]))


@contextmanager
def database_killed(cluster: Cluster) -> Iterator[Scene]:
    """SIGKILL of PostgreSQL and all its children, behind the buffer."""
    yield Scene(cluster.servers, lambda: _dead(cluster.postgres))


@contextmanager
def database_stopped(cluster: Cluster) -> Iterator[Scene]:
    """SIGSTOP of PostgreSQL and all its children, behind the buffer: it says nothing at all."""
    yield Scene(cluster.servers, cluster.postgres.standing_still)


@contextmanager
def database_killed_without_buffer(cluster: Cluster) -> Iterator[Scene]:
    """The same where servers store by themselves."""
    with (
        cluster.server("direct-1", buffered=False) as one,
        cluster.server("direct-2", buffered=False) as other,
    ):
        yield Scene([one, other], lambda: _dead(cluster.postgres))


@contextmanager
def follower_killed(cluster: Cluster) -> Iterator[Scene]:
    """SIGKILL of a NATS node that follows."""
    yield Scene(cluster.servers, lambda: _node_dead(cluster, leads=False))


@contextmanager
def leader_killed(cluster: Cluster) -> Iterator[Scene]:
    """SIGKILL of the NATS node that leads the stream."""
    yield Scene(cluster.servers, lambda: _node_dead(cluster, leads=True))


@contextmanager
def worker_stopped(cluster: Cluster) -> Iterator[Scene]:
    """SIGSTOP of one of a server's two workers, beside another server."""
    with cluster.server("workers", "--workers", "2") as server:
        yield Scene([server, cluster.servers[1]], lambda: _worker_stopped(server))


@contextmanager
def machine_stopped(cluster: Cluster) -> Iterator[Scene]:
    """SIGSTOP of a server without the buffer and of an applier, which go on later, as if asleep."""
    with cluster.server("asleep", buffered=False) as server:
        yield Scene([server, cluster.servers[0]], lambda: _asleep(server, cluster.appliers[0]))


@contextmanager
def answers_lost(cluster: Cluster) -> Iterator[Scene]:
    """The connections to the database break, after each COMMIT and before its answer.

    Those of a server without the buffer, beside one that has it, and of one of the appliers.
    """
    with Proxy(cluster.postgres.port) as proxy:
        store = cluster.store.replace(f":{cluster.postgres.port}/", f":{proxy.port}/")
        with (
            cluster.server("far", buffered=False, store=store) as far,
            cluster.applier("far-applier", store=store),
        ):
            yield Scene([far, cluster.servers[0]], lambda: _losing(proxy))


@contextmanager
def clock_wrong(cluster: Cluster) -> Iterator[Scene]:
    """One server's clock is 10 minutes slow and another's 10 minutes ahead, all the time."""
    library = faketime_library()
    with (
        cluster.server("slow", **_clock(library, "-10m")) as slow,
        cluster.server("ahead", **_clock(library, "+10m")) as ahead,
    ):
        for server, seconds in ((slow, 600), (ahead, -600)):
            assert _clock_differs(server) == pytest.approx(seconds, abs=_ROUGHLY)
        yield Scene([slow, ahead, cluster.servers[0]], nullcontext)


FAULTS: dict[str, Fault] = {
    "server": server_killed,
    "applier": applier_killed,
    "database": database_killed,
    "database-stopped": database_stopped,
    "database-no-buffer": database_killed_without_buffer,
    "nats-follower": follower_killed,
    "nats-leader": leader_killed,
    "worker-stopped": worker_stopped,
    "machine-stopped": machine_stopped,
    "answers-lost": answers_lost,
    "clocks": clock_wrong,
}


@contextmanager
def _dead(mortal: Server | Applier | Postgres) -> Iterator[None]:
    mortal.kill()
    yield
    mortal.start()


@contextmanager
def _dead_at_work(cluster: Cluster, applier: Applier) -> Iterator[None]:
    with psycopg.connect(cluster.store) as holding:
        holding.execute("LOCK TABLE sessions")  # whoever looks for one waits
        eventually(lambda: cluster.office.json("buffer", "status")["waitingPulls"] == 0)
        applier.kill()
    yield
    applier.start()


@contextmanager
def _node_dead(cluster: Cluster, *, leads: bool) -> Iterator[None]:
    leader = eventually(lambda: cluster.office.json("buffer", "status")["leader"], PATIENCE)
    node = next(each for each in cluster.nats.nodes if (each.name == leader) is leads)
    node.kill()
    yield
    cluster.nats.start()


@contextmanager
def _worker_stopped(server: Server) -> Iterator[None]:
    """It is killed and replaced before long, so that there may be nothing left to go on."""
    *_, last = _told(server, "worker started", "pid")
    os.kill(last, signal.SIGSTOP)
    yield
    eventually(lambda: last in _told(server, "worker ended", "pid"))


@contextmanager
def _asleep(*sleepers: Server | Applier) -> Iterator[None]:
    processes = [each.process for each in sleepers if each.process is not None]
    for each in processes:
        each.send_signal(signal.SIGSTOP)
    yield
    for each in processes:
        each.send_signal(signal.SIGCONT)


@contextmanager
def _losing(proxy: Proxy) -> Iterator[None]:
    before = proxy.lost
    proxy.cut()  # those that are made anew send the word itself, not the name of a statement
    with proxy.losing_answers(b"COMMIT", b"COMMIT\0"):
        yield
        eventually(lambda: proxy.lost > before)


def faketime_library() -> Path:
    """What gives a process another time."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        unavailable("a wrong clock needs libfaketime: sudo apt-get install faketime")
    return found[0]


def _clock(library: Path, offset: str) -> dict[str, str]:
    no_monotonic = {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return {"LD_PRELOAD": str(library), "FAKETIME": offset} | no_monotonic


def _clock_differs(server: Server) -> int:
    """How far the store's clock is ahead of a server's, as its log says."""
    return eventually(lambda: _told(server, "clocks differ", "store_ahead_seconds"), PATIENCE)[0]


def _told(server: Server, event: str, name: str) -> list[int]:
    """What the lines of a log for an event have under a name."""
    lines = map(json.loads, server.log.read_text().splitlines())
    return [line[name] for line in lines if line["event"] == event]
