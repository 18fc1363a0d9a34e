"""A stretch of network that fails on demand, between a client and a server on this machine."""

import math
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

_AT_ONCE = 65_536


class Proxy:
    """Takes connections on `port`, and forwards what is said to a server and back.

    To be used as a context manager; so are its faults. `turns` counts round trips: how often a
    client spoke after it had listened.
    """

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._links: list[_Link] = []
        self._is_away = False
        self.turns = 0
        self.lost = 0
        self.losing: tuple[bytes, bytes] | None = None
        self.may_lose = 0.0
        self.stopping: bytes | None = None
        self.has_stopped = threading.Event()
        self.may_pass = threading.Event()

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self.cut()
        for link in self._links:
            link.join()

    def cut(self) -> None:
        """Break every connection that there is."""
        for link in self._links:
            link.cut()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Break every connection, and each new one at once."""
        self._is_away = True
        self.cut()
        try:
            yield
        finally:
            self._is_away = False

    @contextmanager
    def losing_answers(
        self, request: bytes, answer: bytes, times: float = math.inf
    ) -> Iterator[None]:
        """Let `request` pass, and break the connection instead of giving back the `answer`.

        `lost` counts how often. The server has done by then what it was asked for.
        """
        self.losing, self.may_lose = (request, answer), times
        try:
            yield
        finally:
            self.losing = None

    @contextmanager
    def stopped_at(self, request: bytes) -> Iterator[threading.Event]:
        """Hold `request` back until the end of the block; gives what is set once it has come."""
        self.has_stopped.clear()
        self.may_pass.clear()
        self.stopping = request
        try:
            yield self.has_stopped
        finally:
            self.stopping = None
            self.may_pass.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._is_away:
                client.close()
            else:
                self._links.append(_Link(self, client))


class _Link:
    """One connection of a client, and the one to the server that belongs to it."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = socket.create_connection(("127.0.0.1", proxy.server_port))
        self._has_listened = True
        self._unwanted: bytes | None = None
        self._threads = [threading.Thread(target=run) for run in (self._ask, self._answer)]
        for thread in self._threads:
            thread.start()

    def cut(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):  # it is broken already
                end.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        self._client.close()
        self._server.close()

    def _ask(self) -> None:
        with self._until_one_is_gone():
            while said := self._client.recv(_AT_ONCE):
                self._proxy.turns += self._has_listened
                self._has_listened = False
                losing, stopping = self._proxy.losing, self._proxy.stopping
                if losing is not None and losing[0] in said and self._proxy.may_lose > 0:
                    self._proxy.may_lose -= 1
                    self._unwanted = losing[1]
                if stopping is not None and stopping in said:
                    self._proxy.has_stopped.set()
                    self._proxy.may_pass.wait()
                self._server.sendall(said)

    def _answer(self) -> None:
        untold = b""
        with self._until_one_is_gone():
            while said := self._server.recv(_AT_ONCE):
                self._has_listened = True
                if self._unwanted is None:
                    self._client.sendall(said)
                    continue
                untold += said
                if self._unwanted in untold:
                    self._proxy.lost += 1
                    break

    @contextmanager
    def _until_one_is_gone(self) -> Iterator[None]:
        """Then the other is cut off, too."""
        try:
            with suppress(OSError):
                yield
        finally:
            self.cut()
