"""Plays simulated traffic in real time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec

from intentlive.core.session import State, fold
from intentlive.core.times import parse_instant
from intentlive.ingest.cloudevents import BATCH, parse_events

_AT_ONCE = 2_000
_PAUSE_SECONDS = 0.5

Take = Callable[[dict[str, State]], Awaitable[object]]


async def play(events: Iterator[dict[str, Any]], take: Take, clock: Callable[[], int]) -> None:
    """Hand events to `take`, as joined states, when their time has come; never ends by itself.

    `clock` gives ms since 1970. What lies in the past is handed over without waiting.
    """
    due: list[dict[str, Any]] = []
    for event in events:
        time = parse_instant(event["time"])
        while time > clock():
            await _hand_over(due, take, clock())
            await asyncio.sleep(_PAUSE_SECONDS)
        due.append(event)
        if len(due) >= _AT_ONCE:
            await _hand_over(due, take, clock())


async def _hand_over(due: list[dict[str, Any]], take: Take, now: int) -> None:
    if due:
        parsed = parse_events(BATCH, msgspec.json.encode(due), now)
        due.clear()
        await take(fold(parsed.events))
