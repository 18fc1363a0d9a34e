"""What a reader may rely on in every file: small modules, docstrings, no foreign addresses."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.calling import unavailable

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
MODULES = sorted(SRC.rglob("*.py"))
MAX_MODULE, MAX_FUNCTION = 300, 60

LONGER_MODULES: dict[str, str] = {}
"""Path inside src → why it may be longer."""
LONGER_FUNCTIONS: dict[str, str] = {}
"""Path inside src and name → why it may be longer."""

# Written in pieces, so that this file is not what it looks for.
FOLDERS = re.compile("|".join(f"/{folder}/" for folder in ("work", "root")))
REGISTRY = re.compile(r"https?://|index[-_]url\s*=|--(extra-)?index-url|find-links\s*=")
LICENCES = {"LICENSE"}


def parsed(path):
    return ast.parse(path.read_bytes())


def inside(path):
    return path.relative_to(SRC).as_posix()


def functions(tree):
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def length(node):
    return node.end_lineno - node.lineno + 1


def project_files():
    """The files of the project, as it is shared; none where it was unpacked without its history."""
    if shutil.which("git") is None:
        unavailable("git is missing: sudo apt-get install git")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        unavailable("not a checkout: git clone the repository")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_modules_are_short_but_for_those_that_have_a_reason():
    long = {
        inside(path) for path in MODULES if len(path.read_text("utf-8").splitlines()) >= MAX_MODULE
    }
    assert long == set(LONGER_MODULES)
    assert all(LONGER_MODULES.values())


def test_functions_are_short_but_for_those_that_have_a_reason():
    long = {
        f"{inside(path)}:{function.name}"
        for path in MODULES
        for function in functions(parsed(path))
        if length(function) >= MAX_FUNCTION
    }
    assert long == set(LONGER_FUNCTIONS)
    assert all(LONGER_FUNCTIONS.values())


def undocumented(path):
    """The public classes and functions of a module that say nothing of themselves."""
    tree = parsed(path)
    if tree.body and ast.get_docstring(tree) is None:
        yield f"{inside(path)}: the module"
    for node in tree.body:
        is_definition = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if not is_definition or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None and not is_plain_data(node):
            yield f"{inside(path)}: {node.name}"


def is_plain_data(node):
    """Whether a class is nothing but the fields of something on the wire, which its name says."""
    return (
        isinstance(node, ast.ClassDef)
        and any(keyword.arg == "frozen" for keyword in node.keywords)
        and all(isinstance(each, ast.AnnAssign) for each in node.body)
    )


def test_everything_public_says_what_it_is_for():
    assert [each for path in MODULES for each in undocumented(path)] == []


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", ".ci"])
def test_no_address_of_a_registry_is_built_in(name):
    paths = [ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).rglob("*"))
    assert paths
    for path in filter(Path.is_file, paths):
        assert REGISTRY.findall(path.read_text("utf-8")) == [], path.name


def test_no_file_names_a_folder_of_the_machine_it_was_written_on():
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in project_files()
        if (match := FOLDERS.search(path.read_bytes().decode("utf-8", "replace")))
    ]
    assert found == []


def test_every_file_of_text_ends_with_one_newline():
    for path in project_files():
        content = path.read_bytes()
        if content and b"\0" not in content and path.name not in LICENCES:
            assert content.endswith(b"\n"), path
            assert not content.endswith(b"\n\n"), path
