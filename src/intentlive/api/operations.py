"""For the operator: is it alive, is it ready, what does it count. And the interface's documents."""

import asyncio
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

import intentlive
from intentlive.api.errors import Problem, problem_for
from intentlive.api.openapi import describe
from intentlive.auth.encryption import jwk_set
from intentlive.auth.gate import Gate
from intentlive.buffers import Buffer
from intentlive.core.errors import IntentLiveError, StoreError
from intentlive.ports import Store
from intentlive.sharing import Recent
from intentlive.signals import Signals

_READY_MS = 1_000
_STORE_SECONDS = 0.5  # with a buffer the store is a note, for which nobody waits long
_COUNTED_MS = 5_000
_MESSAGES = {404: "Not Found", 405: "Method Not Allowed"}
_JWK_SET_SECONDS = 300
_JWK_SET: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/jwk-set+json": {"schema": {"type": "object"}}}}
}
_NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {
        "description": "Not ready, with the reason",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


class Readiness(NamedTuple):
    """Whether events are taken, and how it is put."""

    is_ready: bool
    says: str


class _Counted(NamedTuple):
    open_sessions: int
    acts: Mapping[str, int]


async def _count(store: Store, clock: Callable[[], int]) -> _Counted:
    return _Counted(await store.open_sessions(clock()), await store.count_acts())


async def _trouble(probe: Recent[None]) -> str | None:
    try:
        await probe.get()
    except StoreError as error:
        return str(error)
    return None


class Vitals:
    """What the operator may ask; `trouble` says why storing failed just now, if it did.

    `clock` gives ms since 1970, `monotonic` ms of a clock that never goes back. Whoever asks needs
    no login, so the store is asked no more than once a moment, however many do. Where there is a
    `buffer`, it is what must take events.
    """

    def __init__(  # noqa: PLR0913 - the parts of a server, each once
        self,
        store: Store,
        trouble: Callable[[], str | None],
        signals: Signals,
        clock: Callable[[], int],
        monotonic: Callable[[], int],
        *,
        buffer: Buffer | None = None,
    ) -> None:
        self._trouble = trouble
        self._signals = signals
        self._clock = clock
        self._store = Recent(store.probe, monotonic, _READY_MS)
        self._buffer = Recent(buffer.probe, monotonic, _READY_MS) if buffer else None
        self._count = Recent(partial(_count, store, clock), monotonic, _COUNTED_MS)

    async def readiness(self) -> Readiness:
        """Whether events can be stored, proved by a durable write, and what there is to say."""
        what, probe = ("store", self._store) if self._buffer is None else ("buffer", self._buffer)
        reason = self._trouble() or await _trouble(probe)
        if reason is not None:
            return Readiness(False, f"the {what} takes no writes: {reason}")
        if self._buffer is None:
            return Readiness(True, "ready")
        try:
            async with asyncio.timeout(_STORE_SECONDS):
                reason = await _trouble(self._store)
        except TimeoutError:
            reason = "no answer yet"
        note = "" if reason is None else f"; the store takes no writes: {reason}"
        return Readiness(True, f"ready: the buffer takes events{note}")

    async def metrics(self) -> bytes:
        """All metrics in Prometheus' text format."""
        try:
            counted = await self._count.get()
            self._signals.in_store.open_sessions = counted.open_sessions
            self._signals.in_store.acts = counted.acts
        except StoreError:
            self._signals.in_store.open_sessions = math.nan
        self._signals.source_lags.forget_quiet(self._clock())
        return generate_latest(self._signals.registry)


def operations(vitals: Vitals, gate: Gate) -> FastAPI:
    """The application behind the hot routes."""
    app = FastAPI(
        title="IntentLive",
        version=intentlive.__version__,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _refused, IntentLiveError: _fault, Exception: _fault},
    )

    @app.get("/healthz", tags=["operations"], response_class=PlainTextResponse)
    async def healthz() -> str:
        """Alive: the process answers."""
        return "ok\n"

    @app.get("/readyz", tags=["operations"], response_class=PlainTextResponse, responses=_NOT_READY)
    async def readyz() -> PlainTextResponse:
        """Ready: the store, or the buffer before it, takes durable writes. 503 if not, and why."""
        readiness = await vitals.readiness()
        return PlainTextResponse(f"{readiness.says}\n", 200 if readiness.is_ready else 503)

    @app.get("/metrics", tags=["operations"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Metrics in Prometheus' text format."""
        return Response(await vitals.metrics(), media_type=CONTENT_TYPE_LATEST)

    @app.get(
        "/.well-known/jwks.json", tags=["operations"], responses=_JWK_SET, response_class=Response
    )
    async def jwks() -> Response:
        """The public keys that clients encrypt their tokens with (JWK Set), the newest first."""
        keys = msgspec.json.encode(jwk_set(await gate.server_keys()))
        headers = {"cache-control": f"max-age={_JWK_SET_SECONDS}"}
        return Response(keys, media_type="application/jwk-set+json", headers=headers)

    describe(app)
    return app


async def _refused(_request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    message = _MESSAGES.get(status, str(getattr(error, "detail", error)))
    return _answer(Problem(status, message), getattr(error, "headers", None))


async def _fault(_request: Request, error: Exception) -> Response:
    problem = problem_for(error)
    return _answer(problem, {name.decode(): value.decode() for name, value in problem.headers})


def _answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return Response(problem.body(), problem.status, media_type="application/json", headers=headers)
