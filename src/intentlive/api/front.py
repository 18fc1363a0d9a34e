"""The way in: hot routes as plain ASGI callables, everything else in the application behind.

Every answer gets a request id, is counted, and leaves one line in the log.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intentlive.api.again import EXTENSION, Known
from intentlive.api.errors import Problem, header_lines, problem_for
from intentlive.api.http import Again, Call, ClientDisconnected, Head, Response, json_response
from intentlive.api.journal import Entry, Journal
from intentlive.signals import Signals

# ASCII: otherwise a dotless i (U+0131) is an i, and a proxy's rules for /api would not see it.
_BOT_CALL = re.compile(r"/+api/+public/+bot/+([^/]+)/+([^/]+)/*", re.IGNORECASE | re.ASCII)
_ANSWERED_WELL = (200, 304)
_log = structlog.get_logger("intentlive.requests")


class Route(Protocol):
    """A plain ASGI route below `/api/public/bot/{BotID}/`; its `name` is the path's last part."""

    @property
    def name(self) -> str: ...

    @property
    def methods(self) -> tuple[str, ...]: ...

    async def __call__(self, call: Call) -> Response:
        """Answer, or raise what `problem_for` knows to answer."""


class _Asked(NamedTuple):
    """All of a request but its body, read."""

    route: Route
    method: str
    head: Head


class Front:
    """The ASGI application that the server runs."""

    def __init__(self, routes: Sequence[Route], behind: ASGIApp, signals: Signals) -> None:
        self.routes = {route.name: route for route in routes}
        self._behind = behind
        self._journal = Journal(signals)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        match = _BOT_CALL.fullmatch(scope["path"])
        route = self.routes.get(match[2].lower()) if match else None
        if match is None or route is None:
            await self._serve_behind(scope, receive, send)
            return
        asked = _Asked(route, scope["method"], Head(match[1], scope["headers"]))
        entry = Entry(route.name)
        response = await self._answer(asked, receive, entry)
        if response is None:
            return
        headers = _separate(response.headers)
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})
        extension = scope.get("extensions", {}).get(EXTENSION)
        if extension is not None and response.status in _ANSWERED_WELL:
            extension["remember"](self._known(asked, entry, response))

    async def _answer(self, asked: _Asked, receive: Receive, entry: Entry) -> Response | None:
        """The answer with all its headers, recorded; None if nobody is there any more."""
        call = Call(asked.head, receive)
        entry.noted = call.noted
        response = await _response(asked, call, entry)
        if response is not None:
            entry.status = response.status
            response = _numbered(response, entry.request_id, call.headers_out)
        self._journal.record(asked.method, entry)
        return response

    def _known(self, asked: _Asked, entry: Entry, response: Response) -> Known:
        """How a request of the same head is answered."""

        async def answer(body: bytes) -> Response:
            async def receive() -> Message:
                return {"type": "http.request", "body": body}

            response = await self._answer(asked, receive, Entry(asked.route.name))
            if response is None:
                raise AssertionError("who sent the whole request cannot have left before")
            return response

        again = response.again
        return Known(again and partial(self._again, again, asked, entry.noted), answer)

    def _again(self, find: Again, asked: _Asked, noted: Mapping[str, Any]) -> Response | None:
        entry = Entry(asked.route.name, noted)
        response = find()
        if response is None:
            return None
        entry.status = response.status
        self._journal.record(asked.method, entry)
        return _numbered(response, entry.request_id)

    async def _serve_behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        entry = Entry("unknown")

        async def forward(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
                headers = [*message["headers"], (b"x-request-id", entry.request_id.encode())]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._behind(scope, receive, forward)
        except Exception as error:  # noqa: BLE001 - already answered with 500
            entry.noted = {"check": "fault", "mend": repr(error)}
            _log.exception("fault", request_id=entry.request_id)
        # FastAPI names the template of its routes; its documents have a path of their own.
        fixed: str = scope["path"] if "endpoint" in scope else "unknown"
        entry.route = str(getattr(scope.get("route"), "path", fixed))
        self._journal.record(scope["method"], entry)


async def _response(asked: _Asked, call: Call, entry: Entry) -> Response | None:
    route = asked.route
    try:
        known_method = asked.method in route.methods
        return await (route(call) if known_method else _method_not_allowed(route))
    except ClientDisconnected:
        return None
    except Exception as error:  # noqa: BLE001 - every error has an answer
        problem = problem_for(error)
        if problem.status == 500:
            _log.exception("fault", request_id=entry.request_id)
        call.noted |= {"check": problem.check, "mend": problem.detail}
        return json_response(problem.status, problem.body(), header_lines(problem.headers))


def _numbered(response: Response, request_id: str, more_headers: bytes = b"") -> Response:
    status, headers, body, again = response
    headers = b"%b%bx-request-id: %b\r\n" % (headers, more_headers, request_id.encode())
    return Response(status, headers, body, again)


def _separate(lines: bytes) -> list[list[bytes]]:
    return [line.split(b": ", 1) for line in lines.splitlines()]


async def _method_not_allowed(route: Route) -> Response:
    allow = ", ".join(route.methods)
    headers = ((b"allow", allow.encode()),)
    raise Problem(405, "Method Not Allowed", headers=headers, check="method", detail=f"use {allow}")
