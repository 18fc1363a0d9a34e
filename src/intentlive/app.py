"""The composition root: settings to a running server, the only file that knows every part."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from intentlive.api.events import EventsIn
from intentlive.api.front import Front, Route
from intentlive.api.operations import Vitals, operations
from intentlive.api.realtime import Realtime
from intentlive.auth.gate import Gate
from intentlive.auth.portions import SharedLimiter
from intentlive.auth.ratelimit import Limiter, LocalLimiter
from intentlive.buffers import Buffer
from intentlive.clock import StoreClock, monotonic_clock
from intentlive.core.errors import StoreUnavailable
from intentlive.idle import Announcer
from intentlive.intake import Intake
from intentlive.latest import LatestViews
from intentlive.ports import Store
from intentlive.retention import Retention
from intentlive.signals import Signals, Worker

_PATIENCE_MS = 15 * 60 * 1000
"""With a buffer: how long those are let in who were known before the store was away."""

_ACQUAINTED_SECONDS = 0.5


class Running(NamedTuple):
    """A running application, its metrics, and the intake for who brings states without HTTP."""

    front: Front
    intake: Intake
    signals: Signals


@asynccontextmanager
async def serving(  # noqa: PLR0913 - all but the first are keywords
    store: Store,
    *,
    buffer: Buffer | None = None,
    require_account_id: bool = False,
    worker: Worker | None = None,
    shares_limits: bool = False,
    clock: Callable[[], int] | None = None,
    monotonic: Callable[[], int] = monotonic_clock,
) -> AsyncIterator[Running]:
    """The ASGI application on an open store; on leaving, all that was accepted is stored.

    Where there is a `buffer`, in that; appliers bring it to the store. `worker` says which this
    process is, if there are several. With `shares_limits` the limits of accounts hold for all
    processes on the store together. Time is the store's, unless there is a `clock`.
    """
    beside: list[Coroutine[None, None, None]] = []
    if clock is None:
        clock = StoreClock(store.time, monotonic)
        await clock.measure()
        await clock.measure()  # the first one waited for a connection, and knows but little
        beside.append(clock.follow())
    signals = Signals(worker)
    views = LatestViews(store, clock, signals)
    gate = Gate(
        store,
        clock,
        views.forget_all,
        require_account_id=require_account_id,
        patience_ms=0 if buffer is None else _PATIENCE_MS,
    )
    requests: Limiter = LocalLimiter(monotonic)
    events: Limiter = LocalLimiter(monotonic)
    if shares_limits:
        requests = SharedLimiter(store, "requests", clock)
        events = SharedLimiter(store, "events", clock)
    async with Intake(buffer or store, views.on_change, signals) as intake:
        routes: list[Route] = [
            Realtime(gate, requests, views),
            EventsIn(gate, events, intake, clock, signals),
        ]
        vitals = Vitals(store, intake.trouble, signals, clock, monotonic, buffer=buffer)
        behind = operations(vitals, gate)
        beside += [
            views.follow(),
            Announcer(store, clock, views.on_change).run(),
            Retention(store, clock, signals).run(),
        ]
        if buffer is not None:
            beside.append(_stay_acquainted(gate))
        tasks = [asyncio.create_task(each) for each in beside]
        try:
            yield Running(Front(routes, behind, signals), intake, signals)
        finally:
            for task in tasks:
                task.cancel()
            with suppress(OSError):  # a full disk
                signals.tell()


async def _stay_acquainted(gate: Gate) -> None:
    """Have the gate look for changes where nobody calls, so that its patience begins late."""
    while True:
        with suppress(StoreUnavailable):
            await gate.server_keys()
        await asyncio.sleep(_ACQUAINTED_SECONDS)
