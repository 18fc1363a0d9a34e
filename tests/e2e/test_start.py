"""What a command imports: only what it needs, so that it begins at once."""

import subprocess
import sys

import pytest

from .calling import eventually
from .server import PATIENCE

# At its end, the command names all that it has imported in its last line.
TELLING = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from intentlive.cli import main
main()
"""
PROGRAM = (sys.executable, "-c", TELLING)
SERVES = {"fastapi", "pydantic", "uvicorn", "intentlive.app"}
STORES = {"sqlite3", "psycopg", "nats"}
COMMANDS = {
    "--help": SERVES | STORES,
    "serve --help": SERVES | STORES | {"joserfc", "intentlive.simulation"},
    "token mint --client-id x --client-secret 0123456789abcdef0123456789abcdef": SERVES
    | STORES
    | {"intentlive.simulation"},
    "account list": SERVES | {"psycopg", "nats", "joserfc", "intentlive.simulation"},
    "latest --bot x": SERVES | {"psycopg", "nats", "joserfc"},
}


def imported(text, *wanted):
    return set(text.splitlines()[-1].split()) & set().union(*wanted)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_imports_little(prepared, new_server, command):
    data_dir, *_ = prepared
    done = new_server(data_dir).run(*command.split(), program=PROGRAM)
    assert imported(done.stderr, {"intentlive.cli"})
    assert imported(done.stderr, COMMANDS[command]) == set()


@pytest.mark.parametrize(
    ("workers", "superfluous"),
    [(1, {"psycopg", "nats", "httpx", "intentlive.simulation"}), (2, SERVES | {"joserfc"})],
    ids=["a server", "the supervisor of several workers"],
)
def test_a_server_imports_what_it_serves_with(new_server, tmp_path, workers, superfluous):
    server = new_server(tmp_path)
    with server.log.open("ab") as log:
        command = [*PROGRAM, "serve", "--port", str(server.port), "--workers", str(workers)]
        server.process = subprocess.Popen(
            command, env=server.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    eventually(server.is_ready, PATIENCE)
    assert server.stop() == 0
    text = server.log.read_text()
    assert imported(text, {"intentlive.cli.serve"})
    assert imported(text, superfluous) == set()
