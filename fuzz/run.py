"""Runs the targets one after the other: `python -m fuzz.run [--seconds N] [TARGET…]`.

Ends with 1 if one of them crashed or hung; the input is in `fuzz/crashes/` then.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

TARGETS = ("events", "tokens", "paths", "http", "interface")
ROOT = Path(__file__).resolve().parents[1]
CRASHES = ROOT / "fuzz" / "crashes"
LINES_OF_A_CRASH = 40
GRACE = 120  # seconds to begin and to end in

_TRIED = re.compile(r"stat::number_of_executed_units: +(\d+)")
_CORPUS = re.compile(r"corp: (\d+)/")


class Outcome(NamedTuple):
    """What became of a target; `output` is what it said."""

    target: str
    tried: int
    seconds: float
    corpus: int
    crashes: list[Path]
    failed: bool
    output: str

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.target:10} {self.tried:>12,} inputs {self.seconds:>6.0f} s "
            f"{self.corpus:>7,} in corpus {max(len(self.crashes), self.failed):>3} crashes"
        )


def main() -> int:
    """Run what is asked for; 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=30, help="for each target")
    parser.add_argument("--seed", type=int, default=1, help="another one tries other inputs")
    parser.add_argument("--again", type=Path, metavar="FILE", help="try one input of one target")
    chosen = parser.parse_args()
    if not set(chosen.targets) <= set(TARGETS) or (chosen.again and len(chosen.targets) != 1):
        parser.error(f"targets are {', '.join(TARGETS)}; --again needs one")
    if chosen.again:
        return call(chosen.targets[0], "again", "--again", str(chosen.again.resolve())).wait()
    failed = False
    for target in chosen.targets or TARGETS:
        outcome = fuzz(target, chosen.seconds, chosen.seed)
        print(outcome, flush=True)
        if outcome.failed:
            failed = True
            print("\n".join(outcome.output.splitlines()[-LINES_OF_A_CRASH:]))
            for path in outcome.crashes if target != "interface" else ():  # which says how itself
                again = f"--again {path.relative_to(ROOT)} {target}"
                print(f"to try it again: python -m fuzz.run {again}")
    return int(failed)


def fuzz(target: str, seconds: int, seed: int) -> Outcome:
    """Run one target in a process of its own, which may die."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        began = time.monotonic()
        process = call(target, folder, "--seconds", str(seconds), "--seed", str(seed), quiet=True)
        try:
            output, _ = process.communicate(timeout=seconds + GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        seconds_taken = time.monotonic() - began
        crashes = [keep(path, target) for path in Path(folder).glob("*-*")]
    tried, corpus = (re.findall(pattern, output) or ["0"] for pattern in (_TRIED, _CORPUS))
    return Outcome(
        target,
        int(tried[-1]),
        seconds_taken,
        int(corpus[-1]),
        crashes,
        process.returncode != 0 or tried[-1] == "0",
        output,
    )


def call(target: str, *arguments: str, quiet: bool = False) -> "subprocess.Popen[str]":
    """Start the engine."""
    return subprocess.Popen(
        [sys.executable, "-m", "fuzz.engine", target, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        errors="replace",
    )


def keep(path: Path, target: str) -> Path:
    """Put an input aside."""
    CRASHES.mkdir(exist_ok=True)
    kind, _, name = path.name.partition("-")
    return Path(shutil.copy(path, CRASHES / f"{target}-{kind}-{name[:12]}"))


if __name__ == "__main__":
    sys.exit(main())
