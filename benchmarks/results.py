"""Figures of many rounds: their medians and ratios, as a table and as JSON."""

from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple


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

    def ratio(self, candidate: str) -> Pace:
        """Medians of the rounds' ratios, for both of a round had the same noise around them."""
        pairs = zip(self.rounds[candidate], self.rounds[self.of], strict=True)
        ratios = [(one[0] / other[0], one[1] / other[1]) for one, other in pairs]
        return Pace(*map(median, zip(*ratios, strict=True)))

    def table(self) -> str:
        """For people."""
        columns = ("a second", "lowest", "highest", "ratio", "a CPU second", "ratio")
        lines = [self.title, " " * 26 + "".join(f"{column:>14}" for column in columns)]
        for name, paces in self.rounds.items():
            middle, ratio = self.median(name), self.ratio(name)
            lowest, highest = min(paces)[0], max(paces)[0]
            lines.append(
                f"  {name:24}{middle[0]:14,.0f}{lowest:14,.0f}{highest:14,.0f}{ratio[0]:14.2f}"
                f"{middle[1]:14,.0f}{ratio[1]:14.2f}"
            )
        facts = ", ".join(f"{value:,} {name}" for name, value in self.facts.items())
        return "\n".join([*lines, f"  medians; ratio to: {self.of}; {facts}"])

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        candidates = {
            name: {
                "median": _rounded(self.median(name), 0),
                "ratio": _rounded(self.ratio(name), 3),
                "rounds": [_rounded(pace, 0) for pace in paces],
            }
            for name, paces in self.rounds.items()
        }
        return {"title": self.title, "ratio to": self.of, "candidates": candidates, **self.facts}


def _rounded(pace: Pace, digits: int) -> dict[str, float]:
    return {name: round(value, digits) for name, value in pace._asdict().items()}
