"""Plays worlds, one a seed: `python -m worlds.run [--seeds N] [--from SEED] [--seed SEED]`.

Stops at the first in which something is not as it must be, and ends with 1: it prints what
happened, and the least of it that goes wrong in the same way.
"""

import argparse
import sys
import time

from worlds.plan import Plan, drawn, line
from worlds.server import USUAL, Parts
from worlds.shrink import Shrinking
from worlds.world import play

_SEEDS_A_LINE = 1_000


def main() -> int:
    """Play what is asked for; 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="how many")
    parser.add_argument("--from", type=int, default=1, dest="first", metavar="SEED")
    parser.add_argument("--seed", type=int, help="this one alone, and print what happens in it")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        return show(drawn(chosen.seed))
    began, answers = time.monotonic(), 0
    for count, seed in enumerate(range(chosen.first, chosen.first + chosen.seeds), 1):
        played = play(drawn(seed))
        answers += played.answers
        if played.broken is not None:
            print(f"seed {seed} goes wrong; again: python -m worlds.run --seed {seed}\n")
            return show(drawn(seed))
        if count % _SEEDS_A_LINE == 0 or count == chosen.seeds:
            seconds = time.monotonic() - began
            print(f"{count:>9,} worlds {answers:>11,} answers {seconds:>6.0f} s", flush=True)
    return 0


def show(plan: Plan, parts: Parts = USUAL) -> int:
    """Print a world; 1 if something goes wrong in it, which is then printed in short as well."""
    if not tell(plan, parts):
        return 0
    least = Shrinking(plan, parts).least()
    print(f"\nThe same with {len(least.steps)} of its {len(plan.steps)} steps:\n")
    tell(least, parts)
    return 1


def tell(plan: Plan, parts: Parts) -> bool:
    """Print a plan and what happens; whether it goes wrong."""
    played = play(plan, parts)
    kind = "comparing" if plan.is_comparing else "locking"
    print(f"Seed {plan.seed}: {len(plan.workers)} workers, {len(plan.appliers)} appliers, ", end="")
    print(f"a {kind} store, idle timeouts of {plan.bots} s")
    print(*map(line, plan.steps), *played.history, sep="\n")
    if played.broken is not None:
        print(f"\n{type(played.broken).__name__}: {played.broken}")
    return played.broken is not None


if __name__ == "__main__":
    sys.exit(main())
