"""Python environments of the programs beside which IntentLive is measured, each of pins of its own.

Their packages are no dependencies of the project, and some would contradict them. A folder's
`requirements.in` says what is wanted, `requirements.txt` what that was on the day it was pinned;
the command that pins is in the first lines of the latter.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_UV = [sys.executable, "-m", "uv"]


class Unavailable(Exception):
    """A program cannot be had here; the text says why, and what it needs."""


def python_of(name: str) -> Path:
    """The Python that has what `benchmarks/<name>/requirements.txt` lists, installed if need be.

    Unavailable if that cannot be done.
    """
    wanted = _HERE / name / "requirements.txt"
    folder = _HERE / ".environments" / name
    python, installed = folder / "bin" / "python", folder / "requirements.txt"
    if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
        print(f"Installing what {name} needs, once", file=sys.stderr, flush=True)
        _run(name, "venv", "--clear", "--python", sys.executable, folder)
        _run(name, "pip", "sync", "--no-build", "--require-hashes", "--python", python, wanted)
        shutil.copy(wanted, installed)  # last, so that what was interrupted begins anew
    return python


def _run(name: str, *arguments: object) -> None:
    command = [*_UV, "--quiet", *map(str, arguments)]
    finished = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if finished.returncode:
        raise Unavailable(
            f"{name} cannot be installed here: {_reason(finished.stderr)}. It needs "
            f"uv (make setup) and a package index in reach with wheels for this platform of what "
            f"benchmarks/{name}/requirements.txt lists"
        )


def _reason(said: str) -> str:
    """What went wrong and its innermost cause, without the addresses of whoever was asked."""
    told = re.findall(r"^\s*(?:error|cause): (.+)", said, re.MULTILINE) or said.split("\n")[-2:-1]
    first_and_last = dict.fromkeys((*told[:1], *told[-1:]))
    return re.sub(r"\S*://\S*", "…", ": ".join(first_and_last)).rstrip(".")
