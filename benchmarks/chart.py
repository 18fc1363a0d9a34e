"""Draws what a run measured: `chart.py JSON PNG`, by a Python that has matplotlib."""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

_OURS, _LIMIT, _OTHER = "#2f6fde", "#9aa4b2", "#e08a2c"
_INK, _PAPER = "#1f2733", "#ffffff"  # a page of its own, be the one around it light or dark


class _Bar(NamedTuple):
    """A candidate of one of the run's tables, and how it is called and coloured here."""

    table: str
    candidate: str
    label: str
    colour: str


_READING = (
    _Bar("reading", "a file, nginx", "nginx: a file of the same bytes", _LIMIT),
    _Bar("reading", "static bytes, same server", "static bytes from the same server", _LIMIT),
    _Bar("reading", "latest 25", "IntentLive: latest 25", _OURS),
    _Bar("fresh", "latest 25, nothing cached", "IntentLive: latest 25, nothing cached", _OURS),
    _Bar("reading", "the straightforward way", "FastAPI + SQLAlchemy + PyJWT + SQLite", _OTHER),
    _Bar("reading", "Datasette", "Datasette", _OTHER),
    _Bar("reading", "Arize Phoenix", "Arize Phoenix", _OTHER),
)
_WRITING = (
    _Bar("writing", "decode, fold", "decode and fold, nothing stored", _LIMIT),
    _Bar("writing", "decode, fold, hand-written upsert", "and a hand-written upsert", _LIMIT),
    _Bar("writing", "over HTTP, durable", "IntentLive: batches of 1,000, durable", _OURS),
    _Bar("single events", "single events, one bot", "IntentLive: one a request, durable", _OURS),
    _Bar("writing", "the straightforward way", "FastAPI + SQLAlchemy + SQLite, durable", _OTHER),
    _Bar("writing", "Arize Phoenix, until at rest", "Arize Phoenix, spans stored", _OTHER),
)


def main(figures: Path, picture: Path) -> None:
    run = json.loads(figures.read_text())
    plt.rcParams.update({"font.size": 10, "text.color": _INK, "ytick.color": _INK})
    figure, panels = plt.subplots(
        2, 1, figsize=(9, 6.4), facecolor=_PAPER, height_ratios=(len(_READING), len(_WRITING))
    )
    for panel, title, bars in (
        (panels[0], "Reading: requests a second, one core", _READING),
        (panels[1], "Writing: events a second, one core", _WRITING),
    ):
        _draw(panel, title, [(bar, *found) for bar in bars if (found := _pace(run, bar))])
    figure.text(0.01, 0.01, _caption(run), fontsize=8)
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.savefig(picture, dpi=110, metadata={"Software": None})


def _draw(panel: plt.Axes, title: str, bars: list[tuple[_Bar, float]]) -> None:
    panel.set_title(title, loc="left", fontweight="bold")
    panel.set_facecolor(_PAPER)
    places = range(len(bars), 0, -1)
    paces = [pace for _, pace in bars]
    panel.barh(places, paces, color=[bar.colour for bar, _ in bars])
    panel.set_yticks(places, [bar.label for bar, _ in bars])
    panel.set_xscale("log")
    panel.set_xlim(min(paces) / 3, max(paces) * 3)
    panel.tick_params(axis="both", which="both", length=0, labelbottom=False)
    panel.spines[:].set_visible(False)
    for place, pace in zip(places, paces, strict=True):
        panel.text(pace * 1.08, place, f"{pace:,.0f}", va="center")


def _pace(run: dict[str, Any], bar: _Bar) -> tuple[float] | None:
    """Medians a second; None for what this run did not measure."""
    candidates = run["tables"].get(bar.table, {"candidates": {}})["candidates"]
    found = candidates.get(bar.candidate)
    return None if found is None else (found["median"]["per_second"],)


def _caption(run: dict[str, Any]) -> str:
    return (
        f"IntentLive {run['intentlive']}, Python {run['python']}, {run['store']} in the store. "
        f"Medians of {run['rounds']} rounds in turn; bars in logarithmic scale."
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
