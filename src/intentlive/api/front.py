"""The way in: hot routes as plain ASGI callables, everything else in the application behind.

Every answer gets a request id, is counted, and leaves one line in the log.
"""

import random
import re
from collections.abc import Sequence
from time import perf_counter
from typing import Any, Protocol

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intentlive.api.errors import Headers, Problem, problem_for
from intentlive.api.http import Call, ClientDisconnected, Response
from intentlive.signals import Signals

# ASCII: otherwise a dotless i (U+0131) is an i, and a proxy's rules for /api would not see it.
_BOT_CALL = re.compile(r"/+api/+public/+bot/+([^/]+)/+([^/]+)/*", re.IGNORECASE | re.ASCII)
_log = structlog.get_logger("intentlive.requests")

# Seeded by the system; asking it at every request would cost more than the rest of an id.
_ids = random.Random()  # noqa: S311 - ids to find a line by, not to keep a secret


class Route(Protocol):
    """A plain ASGI route below `/api/public/bot/{BotID}/`; its `name` is the path's last part."""

    @property
    def name(self) -> str: ...

    @property
    def methods(self) -> tuple[str, ...]: ...

    async def __call__(self, call: Call) -> Response:
        """Answer, or raise what `problem_for` knows to answer."""


class Front:
    """The ASGI application that the server runs."""

    def __init__(self, routes: Sequence[Route], behind: ASGIApp, signals: Signals) -> None:
        self.routes = {route.name: route for route in routes}
        self._behind = behind
        self._signals = signals
        self._log = _log.bind()  # made once: an unbound logger is made anew for every line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        exchange = _Exchange(send)
        match = _BOT_CALL.fullmatch(scope["path"])
        route = self.routes.get(match[2].lower()) if match else None
        if match is None or route is None:
            await self._serve_behind(scope, receive, exchange)
        else:
            call = Call(scope, receive, match[1])
            exchange.route, exchange.noted = route.name, call.noted
            await _serve(route, call, scope["method"], exchange)
        self._record(scope["method"], exchange)

    async def _serve_behind(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        try:
            await self._behind(scope, receive, exchange.forward)
        except Exception as error:  # noqa: BLE001 - already answered with 500
            exchange.noted = {"check": "fault", "mend": repr(error)}
            _log.exception("fault", request_id=exchange.request_id)
        # FastAPI names the template of its routes; its documents have a path of their own.
        fixed: str = scope["path"] if "endpoint" in scope else "unknown"
        exchange.route = str(getattr(scope.get("route"), "path", fixed))

    def _record(self, method: str, exchange: "_Exchange") -> None:
        self._signals.count_request(exchange.route, exchange.status)
        check = exchange.noted.get("check")
        if check is not None:
            self._signals.refusals.labels(check).inc()
        write = self._log.info if check is None else self._log.warning
        write(
            "request",
            request_id=exchange.request_id,
            method=method,
            route=exchange.route,
            status=exchange.status,
            ms=round((perf_counter() - exchange.began) * 1000, 2),
            **exchange.noted,
        )


class _Exchange:
    """One request and its answer: what is sent, and what is recorded of it."""

    def __init__(self, send: Send) -> None:
        self.request_id = f"{_ids.getrandbits(96):024x}"
        self.began = perf_counter()
        self.route = "unknown"
        self.status = 499  # the client was gone before anything was answered
        self.noted: dict[str, Any] = {}
        self._send = send

    async def answer(self, response: Response, more_headers: Headers) -> None:
        """Send a whole answer."""
        self.status = response.status
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(response.body)),
            (b"cache-control", b"no-store"),  # shared caches know nothing of the header auth
            (b"x-request-id", self.request_id.encode()),
            *more_headers,
            *response.headers,
        ]
        await self._send(
            {"type": "http.response.start", "status": response.status, "headers": headers}
        )
        await self._send({"type": "http.response.body", "body": response.body})

    async def forward(self, message: Message) -> None:
        """Send what another application answers, with a request id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message["headers"], (b"x-request-id", self.request_id.encode())]
            message = {**message, "headers": headers}
        await self._send(message)


async def _serve(route: Route, call: Call, method: str, exchange: _Exchange) -> None:
    try:
        response = await (route(call) if method in route.methods else _method_not_allowed(route))
    except ClientDisconnected:
        return
    except Exception as error:  # noqa: BLE001 - every error has an answer
        problem = problem_for(error)
        if problem.status == 500:
            _log.exception("fault", request_id=exchange.request_id)
        call.noted |= {"check": problem.check, "mend": problem.detail}
        response = Response(problem.status, problem.body(), problem.headers)
    await exchange.answer(response, call.headers_out)


async def _method_not_allowed(route: Route) -> Response:
    allow = ", ".join(route.methods)
    headers = ((b"allow", allow.encode()),)
    raise Problem(405, "Method Not Allowed", headers=headers, check="method", detail=f"use {allow}")
