"""For the operator: is it alive, is it ready, what does it count. And the interface's documents."""

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
from intentlive.core.errors import IntentLiveError, StoreError
from intentlive.ports import Store
from intentlive.sharing import Recent
from intentlive.signals import Signals

_READY_MS = 1_000
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


class _Counted(NamedTuple):
    open_sessions: int
    acts: Mapping[str, int]


async def _count(store: Store, clock: Callable[[], int]) -> _Counted:
    return _Counted(await store.open_sessions(clock()), await store.count_acts())


class Vitals:
    """What the operator may ask; `trouble` says why storing failed just now, if it did.

    `clock` gives ms since 1970, `monotonic` ms of a clock that never goes back. Whoever asks needs
    no login, so the store is asked no more than once a moment, however many do.
    """

    def __init__(
        self,
        store: Store,
        trouble: Callable[[], str | None],
        signals: Signals,
        clock: Callable[[], int],
        monotonic: Callable[[], int],
    ) -> None:
        self._trouble = trouble
        self._signals = signals
        self._clock = clock
        self._probe = Recent(store.probe, monotonic, _READY_MS)
        self._count = Recent(partial(_count, store, clock), monotonic, _COUNTED_MS)

    async def not_ready(self) -> str | None:
        """Why no events can be stored; None if they can, proved by a durable write."""
        reason = self._trouble()
        if reason is None:
            try:
                await self._probe.get()
            except StoreError as error:
                reason = str(error)
        return reason

    async def metrics(self) -> bytes:
        """All metrics in Prometheus' text format."""
        try:
            counted = await self._count.get()
            self._signals.open_sessions.set(counted.open_sessions)
            self._signals.acts.counts = counted.acts
        except StoreError:
            self._signals.open_sessions.set(float("nan"))
        self._signals.forget_quiet_sources(self._clock())
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
        """Ready: the store takes durable writes. 503 with the reason if not."""
        reason = await vitals.not_ready()
        if reason is not None:
            return PlainTextResponse(f"the store takes no writes: {reason}\n", 503)
        return PlainTextResponse("ready\n")

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
