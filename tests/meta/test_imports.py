"""Imports point one way, the core is pure, and a driver is imported in one file."""

import ast
from importlib.util import resolve_name
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "src"
FILES = sorted((SRC / "intentlive").rglob("*.py"))
ORDER = (
    {"core"},
    {"ports", "counting", "sharing", "upkeep", "rendering"},
    {"ingest", "stores", "buffers", "auth", "signals", "logs"},
    {"intake", "applier", "latest", "retention", "erasure", "copying", "feed", "idle"},
    {"api"},
    {"app"},
    {"cli", "__main__"},
)
LEVELS = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
VALUES = {"collections", "dataclasses", "datetime", "enum", "functools", "itertools", "math", "re"}
PURE = VALUES | {"hashlib", "hmac", "typing", "uuid", "msgspec", "intentlive"}
DRIVERS = {"psycopg": "stores", "sqlite3": "stores", "nats": "buffers"}


def room_of(path):
    return path.relative_to(SRC / "intentlive").with_suffix("").parts[0]


def imports(path):
    """The dotted names that a file imports, `from a import b` as `a.b`."""
    package = ".".join(path.relative_to(SRC).parent.parts)
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{base}.{each.name}" for each in node.names)


def rooms_imported(path):
    rooms = {name.split(".")[1] for name in imports(path) if name.startswith("intentlive.")}
    return rooms & {room_of(each) for each in FILES}


def test_a_module_imports_only_from_its_level_and_below():
    """Rooms outside the order, such as the settings, are for the app and the command line alone."""
    uphill = [
        f"{path.relative_to(SRC)} imports {room}"
        for path in FILES
        for room in rooms_imported(path) - {room_of(path)}
        if LEVELS.get(room, LEVELS["app"]) > LEVELS.get(room_of(path), LEVELS["api"])
    ]
    assert uphill == []


def test_the_core_imports_values_alone():
    core = [path for path in FILES if room_of(path) == "core"]
    assert core
    assert {name.split(".")[0] for path in core for name in imports(path)} <= PURE


def test_a_driver_is_imported_in_one_file_of_its_room():
    importers = {driver: set() for driver in DRIVERS}
    for path in FILES:
        for driver in {name.split(".")[0] for name in imports(path)} & DRIVERS.keys():
            importers[driver].add(path)
    for driver, paths in importers.items():
        assert {room_of(path) for path in paths} <= {DRIVERS[driver]}, driver
        assert len(paths) <= 1, driver
