"""The wheel: the same bytes wherever and whenever it is built, and in it all that running needs."""

import os
import shutil
import subprocess
import sys
import tomllib
from email import message_from_bytes
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

import intentlive

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SOURCES = ("LICENSE", "README.md", "pyproject.toml")


def copied(source, folder, *, mode, seconds):
    """The sources in another folder, with other rights and times."""
    folder.mkdir()
    for name in SOURCES:
        shutil.copy(source / name, folder)
    shutil.copytree(source / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for path in filter(Path.is_file, folder.rglob("*")):
        path.chmod(mode)
        os.utime(path, (seconds, seconds))
    return folder


def built(folder, *, umask, zone):
    """The wheel that hatchling makes of a folder, without asking anything of a network."""
    environment = {key: each for key, each in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel"],
        cwd=folder,
        env=environment | {"TZ": zone},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (folder / "dist").iterdir()
    return wheel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Two folders as different as two machines may have them, and the wheel of each."""
    home = tmp_path_factory.mktemp("wheels")
    unpacked = copied(ROOT, home / "unpacked", mode=0o600, seconds=1_000_000_000)
    checkout = copied(unpacked, home / "a checkout", mode=0o664, seconds=1_700_000_001)
    shutil.copy(ROOT / ".gitignore", checkout)
    (checkout / ".git").mkdir()
    cache = checkout / "src" / "intentlive" / "__pycache__"
    cache.mkdir()
    (cache / "gone.cpython-311.pyc").write_bytes(b"of a module that is no more")
    return SimpleNamespace(
        sources=unpacked / "src",
        one=built(unpacked, umask=0o077, zone="Asia/Tokyo"),
        other=built(checkout, umask=0o002, zone="America/Lima"),
    )


def test_it_has_the_same_bytes_wherever_and_whenever_it_is_built(wheels):
    assert wheels.one.name == f"intentlive-{intentlive.__version__}-py3-none-any.whl"
    assert wheels.one.name == wheels.other.name
    assert wheels.one.read_bytes() == wheels.other.read_bytes()


def test_it_holds_the_whole_package_and_nothing_else(wheels):
    sources = {
        path.relative_to(wheels.sources).as_posix()
        for path in wheels.sources.rglob("*")
        if path.is_file()
    }
    with ZipFile(wheels.other) as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == sources
    assert {name.partition("/")[0] for name in packed} == {"intentlive"}
    assert "intentlive/stores/sql/sqlite/queries.sql" in packed


def test_it_says_that_it_is_typed(wheels):
    """Without this file a type checker takes nothing from an installed package."""
    assert "Typing :: Typed" in PROJECT["classifiers"]
    with ZipFile(wheels.one) as wheel:
        assert "intentlive/py.typed" in wheel.namelist()


def test_it_tells_what_it_needs_to_run_and_its_licence(wheels):
    folder = f"intentlive-{intentlive.__version__}.dist-info"
    with ZipFile(wheels.one) as wheel:
        told = message_from_bytes(wheel.read(f"{folder}/METADATA"))
        licence = wheel.read(f"{folder}/licenses/LICENSE")
        commands = wheel.read(f"{folder}/entry_points.txt").decode()
    needed = {Requirement(each) for each in told.get_all("Requires-Dist")}
    extras = PROJECT["optional-dependencies"]
    optional = [f"{each}; extra == '{name}'" for name, some in extras.items() for each in some]
    assert needed == {Requirement(each) for each in [*PROJECT["dependencies"], *optional]}
    assert told["Requires-Python"] == PROJECT["requires-python"]
    assert licence == (ROOT / "LICENSE").read_bytes()
    assert "intentlive = intentlive.cli:main" in commands
