"""Faults under steady load, and whether anything was lost: `python -m tests.chaos.run`.

Ends with 1 if an acknowledged event is not in its session, or a session is there twice. A round is
up to a minute: a quarter of it as it should be, then the fault for half of it, then a quarter
again. Longer runs have more rounds.
"""

import argparse
import sys
import threading
from collections import Counter
from typing import NamedTuple

import pytest

from tests.e2e.cluster import Cluster

from .check import violations
from .conversations import Conversations
from .faults import FAULTS
from .load import NO_ANSWER, Load, Tally

_ROUND = 60.0
_SHOWN = 20
_COLUMNS = "{:19} {:>12} {:>16} {:>9} {:>11} {:>16} {:>10} {:>9}  {}"
_HEADS = (
    "fault",
    "events acked",
    "sends not 200",
    "no ack, s",
    "one send, s",
    "reads not 200",
    "one read, s",
    "sessions",
    "verdict",
)


class Outcome(NamedTuple):
    """What became of a fault: what clients saw, and how many sessions were compared."""

    fault: str
    tally: Tally
    sessions: int

    def __str__(self) -> str:
        """One line of the table."""
        tally = self.tally
        return _COLUMNS.format(
            self.fault,
            f"{tally.acknowledged:,}",
            _others(tally.writes),
            f"{tally.silence:.1f}",
            f"{tally.longest_write:.1f}",
            _others(tally.reads),
            f"{tally.longest_read:.1f}",
            f"{self.sessions:,}",
            "VIOLATED" if tally.violations else "kept",
        )


def main() -> int:
    """Run what is asked for; 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=_ROUND, help="of load for each fault")
    parser.add_argument("--seed", type=int, default=1, help="another one tells other conversations")
    parser.add_argument(
        "--only", action="append", choices=FAULTS, help="this fault; may be given often"
    )
    chosen = parser.parse_args()
    is_kept = True
    with Cluster() as cluster:
        print(_COLUMNS.format(*_HEADS), flush=True)
        for fault in chosen.only or FAULTS:
            try:
                outcome = play(cluster, fault, chosen.seconds, chosen.seed)
            except pytest.skip.Exception as missing:
                print(f"{fault:19} not tried: {missing}", flush=True)
                continue
            print(outcome, *outcome.tally.violations[:_SHOWN], sep="\n     ", flush=True)
            is_kept = is_kept and not outcome.tally.violations
    print("\nSends and reads not 200: by status; 'none' where no answer came.")
    return int(not is_kept)


def play(cluster: Cluster, fault: str, seconds: float, seed: int) -> Outcome:
    """Let clients work while a fault comes and goes, then compare everything."""
    rounds = max(1, round(seconds / _ROUND))
    whole, sessions = Tally(), 0
    with FAULTS[fault](cluster) as scene:
        for number in range(rounds):
            bot = cluster.office.bot(cluster.caller.account_id)
            conversations = Conversations(seed, number)
            with Load(scene.servers, bot, cluster.caller, conversations) as load:
                _pass(seconds / rounds / 4)
                with scene.strike():
                    _pass(seconds / rounds / 2)
                _pass(seconds / rounds / 4)
            whole.add(load.tally)
            whole.violations += violations(cluster, scene.servers, bot, load.told)
            sessions += len(load.told)
    return Outcome(fault, whole, sessions)


def _others(answers: Counter[int]) -> str:
    """How many answers were not 200, and which."""
    others = sorted((status, count) for status, count in answers.items() if status != 200)
    named = (f"{'none' if status == NO_ANSWER else status}: {n}" for status, n in others)
    return ", ".join(named) or "0"


def _pass(seconds: float) -> None:
    threading.Event().wait(seconds)


if __name__ == "__main__":
    sys.exit(main())
