"""One server that most tests share, and more for those that kill, fill or lock theirs."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from joserfc import jws
from joserfc.jwk import OctKey

from .calling import Answer
from .server import Caller, Home, Server
from .wire import finished, new_session

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
def send(server: Server, caller: Caller, shared_bot: str) -> Callable[..., Answer]:
    """Send events, or a body as it is, for the shared bot."""
    return partial(server.send, shared_bot, caller)


@pytest.fixture
def listed(server: Server, caller: Caller, shared_bot: str) -> Callable[[], list[str]]:
    """The ids of the latest sessions of the shared bot."""
    return partial(server.listed, shared_bot, caller)


@pytest.fixture
def the_server_goes_on(
    server: Server, send: Callable[..., Answer], listed: Callable[[], list[str]]
) -> Iterator[None]:
    """The same process takes events and answers after the test."""
    before = server.process
    yield
    assert server.process is before
    assert server.is_alive()
    session = new_session()
    assert send([finished(session)]).status == 200
    assert session in listed()


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Make servers of one's own; what still runs in the end is killed."""
    made: list[Server] = []

    def make(data_dir: Path | None = None, store: str | None = None) -> Server:
        made.append(Server(tmp_path / f"server-{len(made)}", data_dir, store))
        return made[-1]

    yield make
    for each in made:
        if each.is_alive():
            each.kill()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Caller, str]:
    """A data directory with an app of an unlimited account and a bot, to be copied."""
    home = Home(tmp_path_factory.mktemp("prepared"))
    caller = home.caller(home.account("--rate-limit", "0"))
    return home.data_dir, caller, home.bot(caller.account_id)


@pytest.fixture
def own(
    prepared: tuple[Path, Caller, str], tmp_path: Path, new_server: Callable[..., Server]
) -> tuple[Server, Caller, str]:
    """A running server for one test alone, an app and an empty bot."""
    data_dir, caller, bot = prepared
    shutil.copytree(data_dir, tmp_path / "data")
    return new_server(tmp_path / "data").start(), caller, bot


@pytest.fixture(scope="session")
def sign() -> Callable[..., str]:
    """Sign any payload with the secret of an app, as programs in the field do."""

    def signed(caller: Caller, payload: object, algorithm: str = "HS256") -> str:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        key = OctKey.import_key(caller.client_secret)
        header = {"alg": algorithm}
        return jws.serialize_compact(header, text.encode(), key, algorithms=[algorithm])

    return signed
