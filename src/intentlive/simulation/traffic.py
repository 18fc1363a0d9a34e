"""Sessions made up from a profile, and endless traffic of many that overlap.

Nothing here knows the time: it begins with the `start_ms` given, and chance is the `rng` given.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count, pairwise
from random import Random
from typing import Any, TypeAlias

from intentlive.core.ids import session_id
from intentlive.core.times import format_instant
from intentlive.simulation.invented import (
    LEAVING_REASON,
    MISUNDERSTOOD_SHARE,
    QUEUES,
    contact,
    deflection_channel,
    outcome_shares,
)
from intentlive.simulation.profile import ARRIVALS_BY_HOUR, CHAT, VOICE, Profile, draw, pick

Event: TypeAlias = dict[str, Any]
"""A CloudEvent in wire form."""
Step: TypeAlias = tuple[float, str, dict[str, Any] | None]
"""Seconds since the step before, event type, data."""

SOURCE = "urn:intentlive:simulation"
VOICE_SHARE = 0.6
"""Of sessions; the others are chats."""

_FLAT = (1 / 24,) * 24


def session_events(rng: Random, profile: Profile, start_ms: int) -> list[Event]:
    """The events of one whole session in the order of their times, the first at `start_ms`."""
    subject = session_id(rng.randbytes(12))
    time_ms = start_ms
    events = []
    for number, (gap, type_, data) in enumerate(_steps(rng, profile)):
        time_ms += round(gap * 1000)
        # Events of one millisecond are told apart by their ids as texts: hence the zeros.
        event: Event = {
            "specversion": "1.0",
            "id": f"{subject}-{number:03}",
            "source": SOURCE,
            "type": type_,
            "subject": subject,
            "time": format_instant(time_ms),
        }
        events.append(event if data is None else event | {"data": data})
    return events


def traffic(
    rng: Random, start_ms: int, sessions_per_minute: float, *, by_hour: bool
) -> Iterator[Event]:
    """Events of overlapping sessions in the order of their times, without end.

    Sessions arrive at random (Poisson), evenly or, `by_hour`, more at the hours (UTC) when people
    call; the mean over a day is `sessions_per_minute` either way.
    """
    weights = ARRIVALS_BY_HOUR if by_hour else _FLAT
    waiting: list[tuple[str, int, Event]] = []
    order = count()
    for arrival_ms in _arrivals(rng, start_ms, sessions_per_minute, weights):
        # Times are printed at one length and in one zone, so that they sort as texts.
        now = format_instant(arrival_ms)
        while waiting and waiting[0][0] < now:
            yield heappop(waiting)[2]
        profile = VOICE if rng.random() < VOICE_SHARE else CHAT
        for event in session_events(rng, profile, arrival_ms):
            heappush(waiting, (event["time"], next(order), event))


def _arrivals(
    rng: Random, start_ms: int, sessions_per_minute: float, weights: tuple[float, ...]
) -> Iterator[int]:
    """Poisson arrivals at the busiest hour's rate, thinned to that of the hour."""
    peak = max(weights)
    per_ms = sessions_per_minute / 60_000 * len(weights) * peak / sum(weights)
    time_ms = float(start_ms)
    while True:
        time_ms += rng.expovariate(per_ms)
        hour = int(time_ms // 3_600_000 % 24)
        if rng.random() * peak < weights[hour]:
            yield int(time_ms)


def _steps(rng: Random, profile: Profile) -> Iterator[Step]:
    outcome = pick(rng, outcome_shares(profile))
    caller = contact(rng, profile)
    yield 0.0, "session.started", caller
    if outcome == "silent":
        yield 0.0, "message.sent", None
        yield draw(rng, profile.opening), "session.ended", _leaving(profile)
        return
    yield from (_menu if profile.medium == "voice" else _dialogue)(rng, profile)
    yield from _ending(rng, profile, outcome, caller["channel"])


def _menu(rng: Random, profile: Profile) -> Iterator[Step]:
    """Intents are chosen from a menu, which tells of no messages."""
    for intent in _intents(rng, profile):
        yield draw(rng, profile.opening), "intent.identified", {"intent": intent}


def _dialogue(rng: Random, profile: Profile) -> Iterator[Step]:
    """User and bot in turns; an intent opens some turns, its task ends before the next intent."""
    intents = _intents(rng, profile)
    turns = max(round(draw(rng, profile.turns)), len(intents))
    openings = [0, *sorted(rng.sample(range(1, turns), len(intents) - 1)), turns]
    gap = draw(rng, profile.opening)
    for intent, (opening, next_opening) in zip(intents, pairwise(openings), strict=True):
        yield gap, "message.received", None
        yield 0.0, "intent.identified", {"intent": intent}
        yield draw(rng, profile.reply), "message.sent", None
        for _ in range(opening + 1, next_opening):
            yield from _turn(rng, profile)
        if intent in profile.tasks:
            yield from _task(rng, profile, intent)
        gap = draw(rng, profile.pause)


def _turn(rng: Random, profile: Profile) -> Iterator[Step]:
    yield draw(rng, profile.pause), "message.received", None
    if rng.random() < MISUNDERSTOOD_SHARE:
        yield 0.0, "intent.unidentified", None
    yield draw(rng, profile.reply), "message.sent", None


def _task(rng: Random, profile: Profile, intent: str) -> Iterator[Step]:
    """A task that fails is tried once more, with one more turn."""
    if rng.random() < profile.task_failures:
        yield 0.0, "task.failed", {"task": intent, "reason": "NOTIFY_FAILURE"}
        yield from _turn(rng, profile)
    if rng.random() < profile.tasks[intent]:
        yield 0.0, "task.completed", {"task": intent}


def _ending(rng: Random, profile: Profile, outcome: str, channel: str) -> Iterator[Step]:
    """What follows the last word between user and bot; of an idle session, nothing."""
    gap = draw(rng, profile.handover)
    match outcome:
        case "answered":
            yield gap, "session.transferred", {"to": pick(rng, QUEUES)}
            yield draw(rng, profile.talk), "session.ended", {"reason": "agentClosed"}
        case "abandoned":
            yield gap, "session.transferred", {"to": pick(rng, QUEUES)}
            yield draw(rng, profile.patience), "queue.abandoned", None
        case "deflected":
            yield gap, "session.deflected", {"to": deflection_channel(rng, channel)}
        case "completed":
            yield gap, "flow.completed", None
        case "failed":
            yield gap, "flow.failed", {"reason": "serviceUnavailable"}
        case "left":
            yield draw(rng, profile.leaving), "session.ended", _leaving(profile)
    # A line is hung up in the end; a chat window just stays open.
    if profile.medium == "voice" and outcome not in ("answered", "left"):
        yield 0.0, "session.ended", _leaving(profile)


def _intents(rng: Random, profile: Profile) -> list[str]:
    """Different intents, as many as a session has."""
    shares = profile.intents_per_session
    number = rng.choices(range(len(shares)), shares)[0]
    intents: dict[str, None] = {}
    while len(intents) < number:
        intents[pick(rng, profile.intents)] = None
    return list(intents)


def _leaving(profile: Profile) -> dict[str, Any]:
    return {"reason": LEAVING_REASON[profile.medium]}
