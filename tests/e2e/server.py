"""A real server in a process of its own, and the command line beside it."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from .calling import Answer, call, eventually
from .wire import BATCH, body_of

PROGRAM = str(Path(sys.executable).with_name("intentlive"))
_given: set[int] = set()
PATIENCE = 60
"""Seconds that a process may take to do what it was told."""


class Caller(NamedTuple):
    """An app that may call, with a token of its own."""

    account_id: str
    client_id: str
    client_secret: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"auth": self.token, "accountId": self.account_id}


class Home:
    """A data directory and its store, or one elsewhere, and the commands that work on it."""

    def __init__(self, data_dir: Path, store: str | None = None) -> None:
        self.data_dir = data_dir
        self.store = store
        self.store_file = data_dir / "intentlive.db"
        own = {key: value for key, value in os.environ.items() if not key.startswith("INTENTLIVE_")}
        self.environment = own | {"INTENTLIVE_DATA_DIR": str(data_dir)}
        if store:
            self.environment["INTENTLIVE_STORE"] = store

    def run(
        self, *arguments: str, program: Iterable[str] = (PROGRAM,)
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*program, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def ok(self, *arguments: str) -> str:
        """What a command that must go well prints."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.ok(*arguments, "--json"))

    def begin(self, *arguments: str, output: Path, **environment: str) -> subprocess.Popen[bytes]:
        """Start a command that runs until it is told to stop; what it prints goes to a file."""
        with output.open("ab") as stream:
            return subprocess.Popen(
                [PROGRAM, *arguments],
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )

    def account(self, *options: str) -> str:
        return self.json("account", "create", "Tenant", *options)["accountId"]

    def bot(self, account_id: str, *options: str) -> str:
        return self.json("bot", "create", "Bot", "--account", account_id, *options)["botId"]

    def caller(
        self,
        account_id: str,
        *options: str,
        scopes: Iterable[str] = ("SmartAssist Analytics", "Session Events"),
    ) -> Caller:
        wanted = [part for scope in scopes for part in ("--scope", scope)]
        app = self.json("app", "create", "App", "--account", account_id, *wanted, *options)
        client_id, secret = app["clientId"], app["clientSecret"]
        return Caller(account_id, client_id, secret, self.token(client_id, secret))

    def token(self, client_id: str, client_secret: str, *options: str) -> str:
        # The equals sign: a secret may begin with a dash.
        who = ("--client-id", client_id, f"--client-secret={client_secret}")
        return self.ok("token", "mint", *who, *options).strip()


class Mortal:
    """A process that can die and be started again."""

    process: subprocess.Popen[bytes] | None = None

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and wait for its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """Take its life without a warning; `start` brings it back as it was."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)


class Server(Mortal, Home):
    """`intentlive serve` on a port of its own; its log is a file."""

    def __init__(
        self, folder: Path, data_dir: Path | None = None, store: str | None = None
    ) -> None:
        super().__init__(data_dir or folder / "data", store)
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "server.log"
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self, *options: str) -> "Server":
        """Start it and wait until it is ready."""
        self.process = self.begin("serve", "--port", str(self.port), *options, output=self.log)
        eventually(self.is_ready, PATIENCE)
        return self

    def is_ready(self) -> bool:
        assert self.is_alive(), f"the server has stopped:\n{self.log.read_text()[-2000:]}"
        try:
            return call(self.port, "GET", "/readyz").status == 200
        except OSError:
            return False

    def refuses_connections(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return True
        return False

    def latest(self, bot_id: str, caller: Caller, **headers: str) -> Answer:
        """Ask for the latest 25."""
        assert self.is_alive(), f"the server has stopped:\n{self.log.read_text()[-2000:]}"
        return call(self.port, "POST", realtime(bot_id), caller.headers | headers)

    def listed(self, bot_id: str, caller: Caller) -> list[str]:
        """The ids of the latest 25 sessions."""
        answer = self.latest(bot_id, caller)
        assert answer.status == 200, answer.body
        return [record["sessionId"] for record in answer.json]

    def send(
        self,
        bot_id: str,
        caller: Caller,
        events: Iterable[dict[str, Any]] | bytes,
        content_type: str = BATCH,
        **headers: str,
    ) -> Answer:
        """Send events, or a body as it is."""
        body = events if isinstance(events, bytes) else body_of(events)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = caller.headers | {"content-type": content_type} | headers
        return call(self.port, "POST", events_path(bot_id), sent, body)

    def log_line(self, request_id: str) -> dict[str, Any]:
        """The line that the log has of a request."""

        def found() -> list[dict[str, Any]]:
            lines = self.log.read_text().splitlines()
            mine = [json.loads(line) for line in lines if request_id in line]
            return [line for line in mine if line["event"] == "request"]

        (line,) = eventually(found)
        return line


def realtime(bot_id: str) -> str:
    return f"/api/public/bot/{bot_id}/intentrealtimedata"


def events_path(bot_id: str) -> str:
    return f"/api/public/bot/{bot_id}/events"


def free_port() -> int:
    """A port that nobody listens on, nor will: below those that connections going out are given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = (
        20_000 + worker % 6 * 2_000
    )  # processes that test side by side keep to ports of their own
    while True:
        port = random.SystemRandom().randrange(first, first + 2_000)
        if port in _given:
            continue
        _given.add(port)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
