"""One server that most tests share, and more for those that kill, fill or lock theirs."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from joserfc import jws
from joserfc.jwk import OctKey

from .server import Caller, Server

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background deaf to it, and children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server, for tests that leave it as it is."""
    running = Server(tmp_path_factory.mktemp("shared")).start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def caller(server: Server) -> Caller:
    """An app of an unlimited account on the shared server."""
    return server.caller(server.account("--rate-limit", "0"))


@pytest.fixture
def bot(server: Server, caller: Caller) -> str:
    """An empty bot of that account."""
    return server.bot(caller.account_id)


@pytest.fixture(scope="module")
def shared_bot(server: Server, caller: Caller) -> str:
    """A bot for tests that do not care what else it has."""
    return server.bot(caller.account_id)


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Make servers of one's own; what still runs in the end is killed."""
    made: list[Server] = []

    def make(data_dir: Path | None = None) -> Server:
        made.append(Server(tmp_path / f"server-{len(made)}", data_dir))
        return made[-1]

    yield make
    for each in made:
        if each.is_alive():
            each.kill()


@pytest.fixture(scope="session")
def sign() -> Callable[[Caller, object], str]:
    """Sign any payload with the secret of an app, as programs in the field do."""

    def signed(caller: Caller, payload: object) -> str:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        key = OctKey.import_key(caller.client_secret)
        return jws.serialize_compact({"alg": "HS256"}, text.encode(), key)

    return signed
