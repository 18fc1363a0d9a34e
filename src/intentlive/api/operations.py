"""For the operator: is it alive, is it ready, what does it count. And the interface's documents."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

import intentlive
from intentlive.api.errors import Problem, problem_for
from intentlive.api.openapi import describe
from intentlive.core.errors import StoreError
from intentlive.ports import SessionStore
from intentlive.signals import Signals

_MESSAGES = {404: "Not Found", 405: "Method Not Allowed"}


def operations(store: SessionStore, clock: Callable[[], int], signals: Signals) -> FastAPI:
    """The application behind the hot routes; `clock` gives ms since 1970."""
    app = FastAPI(
        title="IntentLive",
        version=intentlive.__version__,
        redoc_url=None,
        redirect_slashes=False,
    )

    @app.get("/healthz", tags=["operations"], response_class=PlainTextResponse)
    async def healthz() -> str:
        """Alive: the process answers."""
        return "ok\n"

    not_ready: dict[int | str, dict[str, Any]] = {
        503: {"description": "Not ready, with the reason"}
    }

    @app.get("/readyz", tags=["operations"], response_class=PlainTextResponse, responses=not_ready)
    async def readyz() -> PlainTextResponse:
        """Ready: the store takes a durable write, proved by one. 503 with the reason if not."""
        try:
            await store.probe()
        except StoreError as error:
            return PlainTextResponse(f"the store takes no writes: {error}\n", 503)
        return PlainTextResponse("ready\n")

    @app.get("/metrics", tags=["operations"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Metrics in Prometheus' text format."""
        try:
            signals.open_sessions.set(await store.open_sessions(clock()))
        except StoreError:
            signals.open_sessions.set(float("nan"))
        return Response(generate_latest(signals.registry), media_type=CONTENT_TYPE_LATEST)

    @app.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> Response:
        message = _MESSAGES.get(error.status_code, str(error.detail))
        return _answer(Problem(error.status_code, message), error.headers)

    @app.exception_handler(Exception)
    async def fault(_request: Request, error: Exception) -> Response:
        return _answer(problem_for(error))

    describe(app)
    return app


def _answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return Response(problem.body(), problem.status, media_type="application/json", headers=headers)
