"""Print the figures that `intentlive.simulation.profile` holds, measured from the events in DIR.

usage: python tools/learn_profile.py DIR

DIR holds `bank-calls-week1.ndjson.gz` and `dialogues-dev.ndjson.gz`: CloudEvents, one a line.
"""

import gzip
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from intentlive.simulation.profile import Medium, Profile, Quantiles

Event = dict[str, Any]
Sessions = list[list[Event]]

ENDINGS = {
    "queue.abandoned": "abandoned",
    "session.transferred": "answered",
    "session.deflected": "deflected",
    "flow.completed": "completed",
    "session.ended": "left",
}
"""What tells how a session ended: the first of these that it holds."""

_BOT_SPOKE = {"message.sent", "task.completed", "task.failed"}
_USER_SPOKE = {"message.received", "intent.identified"}
_HANDED_OVER = {"session.transferred", "session.deflected", "flow.completed"}
GAPS = {
    "opening": ({"session.started"}, _USER_SPOKE),
    "reply": (_USER_SPOKE, {"message.sent"}),
    "pause": (_BOT_SPOKE, {"message.received"}),
    "handover": (_BOT_SPOKE | {"intent.identified"}, _HANDED_OVER),
    "talk": ({"session.transferred"}, {"session.ended"}),
    "patience": ({"session.transferred"}, {"queue.abandoned"}),
    "leaving": (_BOT_SPOKE | {"intent.identified"}, {"session.ended"}),
}
"""Between which neighbouring events of a session each gap of a profile lies."""

PERCENTS = (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99)


def read_sessions(file: Path) -> Sessions:
    """The events of each session, in the order of their times."""
    sessions: defaultdict[str, list[Event]] = defaultdict(list)
    with gzip.open(file) as lines:
        for event in map(msgspec.json.decode, lines):
            event["time"] = datetime.fromisoformat(event["time"])
            sessions[event["subject"]].append(event)
    return [sorted(events, key=lambda event: event["time"]) for events in sessions.values()]


def arrivals_by_hour(sessions: Sessions) -> tuple[float, ...]:
    """The share of sessions that start in each hour of the (local) day."""
    hours = Counter(events[0]["time"].hour for events in sessions)
    return tuple(_share(hours[hour], len(sessions)) for hour in range(24))


def measure(medium: Medium, sessions: Sessions) -> Profile:
    """The profile of sessions of one medium."""
    events = [event for session in sessions for event in session]
    intents = [event["data"]["intent"] for event in events if event["type"] == "intent.identified"]
    tasks = Counter(event["data"]["task"] for event in events if event["type"] == "task.completed")
    tries = sum(intent in tasks for intent in intents)
    failures = sum(event["type"] == "task.failed" for event in events)
    return Profile(
        medium=medium,
        known=_carried("userId", sessions),
        with_ani=_carried("ANI", sessions),
        outcomes=_shares(map(_outcome, sessions)),
        intents=_shares(intents),
        intents_per_session=_shares_by_number(_count("intent.identified", sessions)),
        tasks={task: _share(n, intents.count(task)) for task, n in sorted(tasks.items())},
        task_failures=_share(failures, tries),
        turns=_quantiles(_count("message.received", sessions)),
        **{name: _quantiles(_gaps(sessions, *ends)) for name, ends in GAPS.items()},
    )


def _carried(field: str, sessions: Sessions) -> float:
    return _share(sum(field in events[0]["data"] for events in sessions), len(sessions))


def _outcome(events: list[Event]) -> str:
    types = {event["type"] for event in events}
    return next(outcome for type_, outcome in ENDINGS.items() if type_ in types)


def _count(type_: str, sessions: Sessions) -> list[int]:
    return [sum(event["type"] == type_ for event in events) for events in sessions]


def _gaps(sessions: Sessions, before: set[str], after: set[str]) -> list[float]:
    return [
        (second["time"] - first["time"]).total_seconds()
        for events in sessions
        for first, second in pairwise(events)
        if first["type"] in before and second["type"] in after
    ]


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _shares(values: Iterable[str]) -> dict[str, float]:
    counts = Counter(values)
    return {value: _share(n, counts.total()) for value, n in counts.most_common()}


def _shares_by_number(numbers: list[int]) -> tuple[float, ...]:
    counts = Counter(numbers)
    return tuple(_share(counts[number], len(numbers)) for number in range(max(numbers) + 1))


def _quantiles(values: list[float]) -> Quantiles:
    ordered, last = sorted(values), len(values) - 1
    found = [round(float(ordered[round(last * p / 100)]), 1) for p in PERCENTS if ordered]
    return tuple(found) if len(set(found)) > 1 else tuple(found[:1])


def main() -> None:
    """Measure the two files in the folder given and print what was found as JSON."""
    folder = Path(sys.argv[1])
    calls = read_sessions(folder / "bank-calls-week1.ndjson.gz")
    dialogues = read_sessions(folder / "dialogues-dev.ndjson.gz")
    figures = {
        "ARRIVALS_BY_HOUR": arrivals_by_hour(calls),
        "VOICE": measure("voice", calls),
        "CHAT": measure("chat", dialogues),
    }
    print(msgspec.json.format(msgspec.json.encode(figures)).decode())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
