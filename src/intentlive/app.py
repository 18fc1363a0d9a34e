"""The composition root: settings to a running server, the only file that knows every part."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from intentlive.api.events import EventsIn
from intentlive.api.front import Front, Route
from intentlive.api.operations import Vitals, operations
from intentlive.api.realtime import Realtime
from intentlive.auth.gate import Gate
from intentlive.auth.ratelimit import RateLimiter
from intentlive.clock import monotonic_clock, wall_clock
from intentlive.intake import Intake
from intentlive.latest import LatestViews
from intentlive.ports import Store
from intentlive.retention import Retention
from intentlive.signals import Signals


class Running(NamedTuple):
    """A running application, its metrics, and the intake for who brings states without HTTP."""

    front: Front
    intake: Intake
    signals: Signals


@asynccontextmanager
async def serving(
    store: Store,
    *,
    require_account_id: bool = False,
    clock: Callable[[], int] = wall_clock,
    monotonic: Callable[[], int] = monotonic_clock,
) -> AsyncIterator[Running]:
    """The ASGI application on an open store; on leaving, all that was accepted is stored."""
    signals = Signals()
    views = LatestViews(store, clock, signals)
    gate = Gate(store, clock, views.forget_all, require_account_id=require_account_id)
    async with Intake(store, views.on_change, signals) as intake:
        routes: list[Route] = [
            Realtime(gate, RateLimiter(monotonic), views),
            EventsIn(gate, RateLimiter(monotonic), intake, clock, signals),
        ]
        vitals = Vitals(store, intake.trouble, signals, clock, monotonic)
        behind = operations(vitals, gate)
        beside = [views.follow(), Retention(store, clock, signals).run()]
        tasks = [asyncio.create_task(each) for each in beside]
        try:
            yield Running(Front(routes, behind, signals), intake, signals)
        finally:
            for task in tasks:
                task.cancel()
