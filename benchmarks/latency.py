"""Latency: at half the maximum rate, alone, and while events come in."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import truediv
from pathlib import Path
from statistics import median

import figures
import load
import processes
import setting
from figures import FAILED, Reached
from large_store import bot_id
from plan import Plan, latest_path, ours
from results import Measured, Values, skipped

FIGURES = figures.P99_QUIET, figures.P99_BUSY
_BOTS = 100
"""So many are asked for, others in every round; every fifth of them gets events."""

_EVENTS_A_SECOND = 20_000
_BATCHES = 30  # for each of those bots, one after another; more than a round takes
_HELD = 0.97
"""So much of what was wanted a second must have been sent."""

_QUIET, _BUSY = "alone", "while events come in"
_WANTED, _EVENTS = "requests a second: half of the maximum", "events a second"


def measure(plan: Plan) -> Measured:
    """The rate is half of what was reached just before."""
    for program, why in (("wrk", load.NO_WRK), ("h2load", load.NO_H2LOAD)):
        if not load.has(program):
            return skipped(why, FIGURES)
    events = plan.folder / "coming-in"
    batches = setting.make_traffic(_BATCHES * setting.EVENTS_A_BATCH)
    setting.write_bodies(events, map(setting.encode, batches))
    rounds, seconds = plan.amount.rounds, plan.amount.seconds
    bots = min(_BOTS, plan.amount.size.bots // rounds)
    values = Values(f"Latency at half the maximum rate, {bots} bots in turn")
    with plan.serve() as server:
        load.most(ours(server, 0), 1)
        for number in range(rounds):
            asked = range(number * bots, (number + 1) * bots)
            target, paths = ours(server, asked[0]), list(map(latest_path, asked))
            rate = load.most(target, seconds).pace.per_second / 2
            values.add(_WANTED, rate)
            _note(values, _QUIET, load.at_rate(target, paths, rate, seconds))
            with _coming_in(server, events, list(map(bot_id, asked[::5])), values):
                _note(values, _BUSY, load.at_rate(target, paths, rate, seconds))
    reached = (_reached(values, kind) for kind in (_QUIET, _BUSY))
    return Measured({"latency": values}, dict(zip(FIGURES, reached, strict=True)))


def _note(values: Values, kind: str, latency: load.Latency) -> None:
    values.add(f"p50 {kind}, ms", latency.p50)
    values.add(f"p99 {kind}, ms", latency.p99)
    values.add(f"requests a second {kind}", latency.rate)


def _reached(values: Values, kind: str) -> Reached:
    """The figure of a kind, if both rates were held."""
    rounds = values.rounds
    share = median(map(truediv, rounds[f"requests a second {kind}"], rounds[_WANTED]))
    if kind == _BUSY:
        share = min(share, median(rounds[_EVENTS]) / _EVENTS_A_SECOND)
    if share < _HELD:
        return Reached(why=f"{FAILED}: only {share:.0%} of the rate could be sent")
    return Reached(rounds[f"p99 {kind}, ms"])


@contextmanager
def _coming_in(
    server: processes.Server, events: Path, bots: Sequence[str], values: Values
) -> Iterator[None]:
    """Events for those bots in turn, in batches, at a constant rate; notes what that was."""
    script = [sys.executable, str(processes.HERE / "paced_sender.py")]
    command = [*script, server.address, str(events), str(_EVENTS_A_SECOND), *bots]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            process.stdout.readline()  # it is under way
            yield
            printed, _ = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise processes.Failed("events could not be sent")
    values.add(_EVENTS, json.loads(printed))
