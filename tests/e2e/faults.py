"""What can go wrong around a running server, and how to bring it about."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from .calling import unavailable
from .server import Server


@contextmanager
def no_space_left(server: Server, room: int = 64 * 1024) -> Iterator[None]:
    """Let no file of the server grow more than `room` bytes above the largest there is."""
    if not hasattr(resource, "prlimit"):
        unavailable("the size of another process's files can be limited on Linux only")
    sizes = [path.stat().st_size for path in server.data_dir.iterdir()]
    limit = max(sizes) + room
    assert server.process is not None
    unlimited = resource.RLIM_INFINITY
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (limit, unlimited))
    try:
        yield
    finally:
        if server.is_alive():
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))


@contextmanager
def store_held(server: Server) -> Iterator[None]:
    """Hold the store as another program would that is in the middle of a long write."""
    other = sqlite3.connect(server.store_file, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()
