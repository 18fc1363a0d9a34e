"""What a release is judged by: the figures, what each must be, and what it was."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

FAILED = "failed"
"""With it begins why nothing was reached where something should have been."""


class Reached(NamedTuple):
    """What each round gave, where it is a ratio of paces by the CPU second, too; or why nothing."""

    rounds: Sequence[float] = ()
    by_cpu: Sequence[float] = ()
    why: str = ""


class Figure(NamedTuple):
    """A figure, and what it must be: at least the goal, or at most that."""

    name: str
    goal: float
    unit: str = ""
    at_most: bool = False

    def is_met_by(self, value: float) -> bool:
        return value <= self.goal if self.at_most else value >= self.goal

    def shown_goal(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.goal:g}{self.unit}"

    def shown(self, value: float) -> str:
        return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}{self.unit}"


WARM_TO_STATIC = Figure(
    "latest 25, warm, everything on ÷ static bytes of the same size from the same server", 0.90
)
WARM_TO_NGINX = Figure("the same ÷ nginx serving a file of the same bytes from one worker", 0.50)
WARM_TO_STRAIGHTFORWARD = Figure("the same ÷ the straightforward way", 40)
COLD_TO_STRAIGHTFORWARD = Figure(
    "latest 25 when every request is for another bot and nothing is cached ÷ the straightforward "
    "way",
    5,
)
P99_QUIET = Figure("p99 latency at half the maximum rate", 3, " ms", at_most=True)
P99_BUSY = Figure(
    "the same at half the maximum rate while 20,000 events/s come in", 10, " ms", at_most=True
)
BATCHES_TO_LIMIT = Figure(
    "events/s over HTTP, durable, batches of 1,000, embedded store ÷ decode + fold + hand-written "
    "upsert in-process",
    0.60,
)
SINGLES_TO_STATIC = Figure("single-event requests/s, durable, 64 connections ÷ static bytes", 0.35)
LARGE_TO_SMALL = Figure(
    "latest-25 store read at 2 M sessions ÷ at 20 k sessions", 1.2, at_most=True
)
MEMORY = Figure("resident memory with 2,000 warm bots", 220, " MB", at_most=True)
START = Figure(
    "`intentlive serve` on a 2 M-session file, start to first answer", 1.5, " s", at_most=True
)

ALL = (
    WARM_TO_STATIC,
    WARM_TO_NGINX,
    WARM_TO_STRAIGHTFORWARD,
    COLD_TO_STRAIGHTFORWARD,
    P99_QUIET,
    P99_BUSY,
    BATCHES_TO_LIMIT,
    SINGLES_TO_STATIC,
    LARGE_TO_SMALL,
    MEMORY,
    START,
)


def table(reached: Mapping[Figure, Reached]) -> str:
    """For people; it is a table of Markdown, too."""
    rows = [("figure", "goal", "reached"), ("---", "---", "---")]
    rows += [(each.name, each.shown_goal(), _shown(each, reached[each])) for each in ALL]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(f"| {line} |" for line in lines)


def as_json(reached: Mapping[Figure, Reached]) -> list[dict[str, Any]]:
    """For programs."""
    return [
        {"figure": figure.name, "goal": figure.shown_goal(), **_judged(figure, reached[figure])}
        for figure in ALL
    ]


def _shown(figure: Figure, reached: Reached) -> str:
    if not reached.rounds:
        return reached.why
    value = median(reached.rounds)
    by_cpu = f", by CPU {figure.shown(median(reached.by_cpu))}" if reached.by_cpu else ""
    return figure.shown(value) + by_cpu + ("" if figure.is_met_by(value) else ": missed")


def _judged(figure: Figure, reached: Reached) -> dict[str, Any]:
    if not reached.rounds:
        return {"reached": None, "why": reached.why}
    value = median(reached.rounds)
    judged = {
        "reached": round(value, 4),
        "is met": figure.is_met_by(value),
        "rounds": [round(each, 4) for each in reached.rounds],
    }
    if reached.by_cpu:
        judged["by CPU"] = round(median(reached.by_cpu), 4)
    return judged
