"""Figures of many rounds: their medians and ratios, as a table and as JSON."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

from figures import Figure, Reached


class Pace(NamedTuple):
    """How much was done in a second of the clock, and in a second of the server's computing.

    The two are one on a core that nobody else uses and that never waits for a disk; where others
    use it too, the second is the steadier one.
    """

    per_second: float
    per_cpu_second: float


@dataclass
class Result:
    """What the candidates reached, round by round; all are compared with the candidate `of`."""

    title: str
    of: str
    rounds: dict[str, list[Pace]] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)

    def add(self, candidate: str, pace: Pace) -> None:
        """Note one more round of a candidate."""
        self.rounds.setdefault(candidate, []).append(pace)

    def median(self, candidate: str) -> Pace:
        return Pace(*map(median, zip(*self.rounds[candidate], strict=True)))

    def ratios(self, candidate: str, other: str) -> list[Pace]:
        """Round by round, for both of a round had the same noise around them."""
        pairs = zip(self.rounds[candidate], self.rounds[other], strict=True)
        return [Pace(one[0] / two[0], one[1] / two[1]) for one, two in pairs]

    def reached(self, candidate: str, other: str) -> Reached:
        """Those as a figure that the release is judged by."""
        for name in (candidate, other):
            if name not in self.rounds:
                return Reached(why=f"not measured: {name}")
        by_clock, by_cpu = zip(*self.ratios(candidate, other), strict=True)
        return Reached(by_clock, by_cpu)

    def table(self) -> str:
        """For people."""
        columns = ("a second", "lowest", "highest", "ratio", "a CPU second", "ratio")
        lines = [self.title, " " * 30 + "".join(f"{column:>14}" for column in columns)]
        for name, paces in self.rounds.items():
            middle, ratio = self.median(name), self._ratio(name)
            lowest, highest = min(paces)[0], max(paces)[0]
            lines.append(
                f"  {name:28}{middle[0]:14,.0f}{lowest:14,.0f}{highest:14,.0f}{ratio[0]:14.3f}"
                f"{middle[1]:14,.0f}{ratio[1]:14.3f}"
            )
        facts = "".join(f"; {value:,} {name}" for name, value in self.facts.items())
        return "\n".join([*lines, f"  medians; ratio to: {self.of}{facts}"])

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        candidates = {
            name: {
                "median": _rounded(self.median(name), 0),
                "ratio": _rounded(self._ratio(name), 4),
                "rounds": [_rounded(pace, 0) for pace in paces],
            }
            for name, paces in self.rounds.items()
        }
        return {"title": self.title, "ratio to": self.of, "candidates": candidates, **self.facts}

    def _ratio(self, candidate: str) -> Pace:
        return Pace(*map(median, zip(*self.ratios(candidate, self.of), strict=True)))


@dataclass
class Values:
    """Things of one unit, round by round."""

    title: str
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        """Note one more round of a thing."""
        self.rounds.setdefault(name, []).append(value)

    def table(self) -> str:
        """For people."""
        columns = "".join(f"{column:>14}" for column in ("median", "lowest", "highest"))
        lines = [self.title, " " * 44 + columns]
        for name, values in self.rounds.items():
            shown = (median(values), min(values), max(values))
            lines.append(f"  {name:42}" + "".join(f"{value:14,.2f}" for value in shown))
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        values = {
            name: {"median": round(median(each), 4), "rounds": [round(value, 4) for value in each]}
            for name, each in self.rounds.items()
        }
        return {"title": self.title, "values": values}


class Measured(NamedTuple):
    """What a part of the run found: tables by name, and the figures that it is there for."""

    tables: Mapping[str, Result | Values]
    reached: Mapping[Figure, Reached]


def skipped(why: str, figures: Iterable[Figure]) -> Measured:
    """Nothing, for a reason that is told."""
    return Measured({}, dict.fromkeys(figures, Reached(why=why)))


def _rounded(pace: Pace, digits: int) -> dict[str, float]:
    return {name: round(value, digits) for name, value in pace._asdict().items()}
