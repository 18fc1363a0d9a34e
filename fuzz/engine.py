"""One target, one process: coverage-guided by atheris where there is one, else by Hypothesis."""

import argparse
import faulthandler
import importlib
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from random import Random
from types import ModuleType

from fuzz.mutations import ODD, mutated

HANGS_AFTER = 10  # seconds
LONGEST = 8192
Mutate = Callable[[bytes, Random], bytes]


def main() -> None:
    """Run a target as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--again", type=Path)
    chosen = parser.parse_args()
    if chosen.again:
        importlib.import_module(f"fuzz.{chosen.target}").test_one(chosen.again.read_bytes())
    elif not chosen.seconds:
        only_seeds(chosen.target)
    elif chosen.target == "interface":
        importlib.import_module("fuzz.interface").run(chosen.folder, chosen.seconds, chosen.seed)
    elif find_spec("atheris"):
        with_atheris(chosen.target, chosen.folder, chosen.seconds, chosen.seed)
    else:
        with_hypothesis(chosen.target, chosen.folder, chosen.seconds, chosen.seed)


def only_seeds(name: str) -> None:
    """Try what a run begins with, and nothing else."""
    target, seeds = load(name)
    for each in seeds:
        target.test_one(each)
    print(f"stat::number_of_executed_units: {len(seeds)}")


def with_atheris(name: str, folder: Path, seconds: int, seed: int) -> None:
    """Follow the coverage of our own code; libFuzzer ends the process."""
    import atheris  # noqa: PLC0415 - not everywhere

    with atheris.instrument_imports(include=["intentlive"], enable_loader_override=False):
        target, seeds = load(name)
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, each in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(each)
    words = folder / "words"
    words.write_text("".join(f'"{quoted(word)}"\n' for word in ODD))
    own: Mutate = getattr(target, "mutate", mutated)

    def mutate(data: bytes, longest: int, chance: int) -> bytes:
        random = Random(chance)
        if random.random() < 0.5:
            return bytes(atheris.Mutate(data, longest))
        return own(data, random)[:longest]

    arguments = [
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-timeout={HANGS_AFTER}",
        f"-max_len={LONGEST}",
        f"-dict={words}",
        f"-artifact_prefix={folder}/",
        "-reduce_inputs=0",  # a short input is a worse one to go on from
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *arguments], target.test_one, custom_mutator=mutate)
    atheris.Fuzz()


def with_hypothesis(name: str, folder: Path, seconds: int, seed: int) -> None:
    """Mutate the seeds blindly, where the code cannot be followed."""
    import hypothesis  # noqa: PLC0415 - costs a second, and the other engine does without
    from hypothesis import strategies as st  # noqa: PLC0415

    target, seeds = load(name)
    change: Mutate = getattr(target, "mutate", mutated)
    changed = st.builds(
        lambda each, chance: change(each, Random(chance)),
        st.sampled_from(seeds),
        st.integers(0, 2**32),
    )
    last, count, end = b"", 0, time.monotonic() + seconds

    def try_one(data: bytes) -> None:
        nonlocal last, count
        last, count = data, count + 1
        faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)
        target.test_one(data)
        faulthandler.cancel_dump_traceback_later()

    try:
        for each in seeds:
            try_one(each)
        while time.monotonic() < end:
            seed += 1
            rules = hypothesis.settings(
                max_examples=200,
                database=None,
                deadline=None,
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            hypothesis.seed(seed)(rules(hypothesis.given(st.binary() | changed)(try_one)))()
    except BaseException:
        (folder / f"crash-{sha256(last).hexdigest()}").write_bytes(last)
        raise
    finally:
        print(f"stat::number_of_executed_units: {count}")
        print(f"corp: {len(seeds)}/")


def quoted(word: bytes) -> str:
    """A word as libFuzzer reads it."""
    return "".join(f"\\x{each:02x}" for each in word)


def load(name: str) -> tuple[ModuleType, list[bytes]]:
    """A target with the inputs that it begins with."""
    target = importlib.import_module(f"fuzz.{name}")
    seeds = importlib.import_module("fuzz.seeds")
    return target, [*seeds.SEEDS[name](), *seeds.FOUND.get(name, [])]


if __name__ == "__main__":
    main()
