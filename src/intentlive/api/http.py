"""What the plain ASGI routes work with: a call, its headers and body, its answer."""

from collections.abc import Callable
from typing import Any, NamedTuple

from starlette.types import Receive, Scope

from intentlive.api.errors import Headers, Problem
from intentlive.auth.gate import Grant
from intentlive.auth.tokens import refused


class Response(NamedTuple):
    """An answer in JSON."""

    status: int
    body: bytes
    headers: Headers = ()


class ClientDisconnected(Exception):
    """The client went away before its request was complete."""


class Call:
    """A request to a plain ASGI route.

    `noted` goes into its log line, `headers_out` onto its answer, whatever that is.
    """

    def __init__(self, scope: Scope, receive: Receive, bot_id: str) -> None:
        self.bot_id = bot_id
        self.noted: dict[str, Any] = {"bot_id": bot_id}
        self.headers_out: Headers = ()
        self._receive = receive
        self._headers: list[tuple[bytes, bytes]] = scope["headers"]

    def header(self, name: bytes) -> str:
        """The value of a header (`name` in lower case); "" if it is not there."""
        return next((value.decode("latin-1") for key, value in self._headers if key == name), "")

    def token(self) -> str | None:
        """The token of `auth` or of `Authorization: Bearer`; Refusal if there are two."""
        found = {value for key, value in self._headers if key == b"auth"}
        for key, value in self._headers:
            if key == b"authorization" and value[:7].lower() == b"bearer ":
                found.add(value[7:].strip())
        return _the_only(found, "two different tokens came: send one, in the auth header")

    def account_id(self) -> str | None:
        """The `accountId` header, if it holds anything; Refusal if there are two."""
        found = {value for key, value in self._headers if key == b"accountid"}
        return _the_only(found, "two different accountId headers came: send one")

    def note_grant(self, grant: Grant) -> None:
        """Name the caller in the log line."""
        self.noted["account_id"] = grant.account.account_id
        self.noted["client_id"] = grant.app.client_id

    async def body(self, limit: int, on_bytes: Callable[[int], None] | None = None) -> bytes:
        """The body as it came; Problem above `limit` bytes, unread if its length was declared.

        `on_bytes` hears of every piece before the next is awaited.
        """
        declared = self.header(b"content-length")
        if declared.isdigit() and int(declared) > limit:
            raise too_large(limit)
        if declared in ("", "0") and not self.header(b"transfer-encoding"):
            return b""
        pieces, size, more = [], 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnected
            piece, more = message.get("body", b""), message.get("more_body", False)
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            if on_bytes is not None:
                on_bytes(len(piece))
            pieces.append(piece)
        return b"".join(pieces)


def too_large(limit: int) -> Problem:
    """413 for a body of more than `limit` bytes."""
    return Problem(413, f"The body is larger than {limit // 1024} KiB", check="size")


def _the_only(found: set[bytes], mend: str) -> str | None:
    found.discard(b"")
    if len(found) > 1:
        raise refused("headers", mend)
    return next(iter(found)).decode("latin-1") if found else None
