"""The whole on one machine: PostgreSQL, three NATS nodes, two servers and two appliers.

To look at it by hand, in the foreground: `python -m tests.e2e.cluster`.
"""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self, TypeVar

from tests.nats import Nats
from tests.postgres import Postgres

from .calling import eventually
from .server import PATIENCE, Home, Mortal, Server, events_path, realtime
from .wire import SINGLE

Machine = TypeVar("Machine", bound=Home)


class Applier(Mortal, Home):
    """`intentlive apply`; its log is a file."""

    def __init__(self, folder: Path, store: str) -> None:
        super().__init__(folder / "data", store)
        folder.mkdir()
        self.log = folder / "applier.log"

    def start(self) -> Self:
        """Start it and wait until it applies."""
        before = self._starts()
        self.process = self.begin("apply", output=self.log)
        eventually(lambda: self._starts() > before, PATIENCE)
        return self

    def _starts(self) -> int:
        assert self.process is None or self.is_alive() or self.process.returncode < 0, self._said()
        return self._said().count('"event":"applying"') if self.log.exists() else 0

    def _said(self) -> str:
        return self.log.read_text()


class Cluster:
    """To be used as a context manager: all is started, and in the end everything is removed.

    `office` is where commands are given, `caller` an app of an account without limits.
    """

    def __enter__(self) -> Self:
        with ExitStack() as ends:
            made = TemporaryDirectory(prefix="intentlive-cluster-")
            self.folder = Path(ends.enter_context(made))
            self.postgres = ends.enter_context(Postgres())
            self.nats = ends.enter_context(Nats(nodes=3))
            self.store = self.postgres.database("intentlive")
            self.key_file = self.folder / "secrets.key"
            self.office = self._one_of_all(Home(self.folder / "office", self.store))
            self.caller = self.office.caller(self.office.account("--rate-limit", "0"))
            self.servers = [ends.enter_context(self.server(f"server-{n}")) for n in (1, 2)]
            self.appliers = [ends.enter_context(self.applier(f"applier-{n}")) for n in (1, 2)]
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *raised: object) -> None:
        self._ends.__exit__(*raised)

    @contextmanager
    def server(
        self,
        name: str,
        *options: str,
        buffered: bool = True,
        store: str | None = None,
        **environment: str,
    ) -> Iterator[Server]:
        """A running server, for a time; its store may be reached by another address."""
        server = self._one_of_all(Server(self.folder / name, store=store or self.store))
        server.environment |= environment
        if not buffered:
            del server.environment["INTENTLIVE_BUFFER"]
        try:
            yield server.start(*options)
            server.stop()
        finally:
            if server.is_alive():
                server.kill()

    @contextmanager
    def applier(self, name: str, *, store: str | None = None) -> Iterator[Applier]:
        """A running applier, likewise."""
        applier = self._one_of_all(Applier(self.folder / name, store or self.store))
        try:
            yield applier.start()
        finally:
            if applier.is_alive():
                applier.kill()

    def _one_of_all(self, machine: Machine) -> Machine:
        """Give a machine what all machines have."""
        machine.environment["INTENTLIVE_SECRETS_KEY_FILE"] = str(self.key_file)
        machine.environment["INTENTLIVE_BUFFER"] = self.nats.url
        return machine


def main() -> None:
    """Run a cluster until Ctrl-C."""
    with Cluster() as cluster:
        introduce(cluster)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


def introduce(cluster: Cluster) -> None:
    """Print what there is, and lines to paste."""
    bot, caller = cluster.office.bot(cluster.caller.account_id), cluster.caller
    one, other = cluster.servers
    for each in (*cluster.servers, *cluster.appliers):
        assert each.process is not None
        print(f"{each.log.parent.name:12} pid {each.process.pid:<8} log {each.log}")
    database = cluster.postgres
    assert database.process is not None
    print(f"PostgreSQL   pid {database.process.pid:<8} port {database.port}")
    for node in cluster.nats.nodes:
        assert node.process is not None
        print(f"NATS {node.name:7} pid {node.process.pid:<8} port {node.port}")
    settings = ("STORE", "BUFFER", "DATA_DIR", "SECRETS_KEY_FILE")
    names = [f"INTENTLIVE_{name}" for name in settings]
    print(
        f"""
For commands, such as `intentlive buffer status` and `intentlive latest --bot $BOT`:

export {" ".join(f"{name}={cluster.office.environment[name]}" for name in names)}

BOT={bot}
TOKEN={caller.token}

Send to one server, ask the other:

curl --request POST "{one.address}{events_path("$BOT")}" \\
  --header "auth: $TOKEN" --header 'content-type: {SINGLE}' \\
  --data '{{"specversion": "1.0", "id": "1", "source": "urn:me", "type": "flow.completed",
           "subject": "my-session", "time": "'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'"}}'

curl --request POST "{other.address}{realtime("$BOT")}" --header "auth: $TOKEN"

Stop all of it with Ctrl-C.""",
        flush=True,
    )


if __name__ == "__main__":
    main()
