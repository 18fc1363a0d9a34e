"""What the plain ASGI routes work with: a call, its headers and body, its answer."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

from starlette.types import Receive

from intentlive.api.errors import Header, Problem
from intentlive.auth.compact import refused
from intentlive.auth.grants import Grant
from intentlive.core import ids

Again: TypeAlias = Callable[[], "Response | None"]
"""Gives the answer to the same request at another time, if nothing has to be waited for."""


class Response(NamedTuple):
    """An answer with all its headers but those of the server, as lines."""

    status: int
    headers: bytes
    body: bytes = b""
    again: Again | None = None


def json_response(status: int, body: bytes, more_headers: bytes = b"") -> Response:
    """An answer in JSON that nobody may keep: shared caches know nothing of the header auth."""
    headers = (
        b"content-type: application/json\r\ncontent-length: %d\r\n"
        b"cache-control: no-store\r\n%b" % (len(body), more_headers)
    )
    return Response(status, headers, body)


class ClientDisconnected(Exception):
    """The client went away before its request was complete."""


class Head:
    """What a request to a plain ASGI route says before its body, often for many requests."""

    def __init__(self, bot_id: str, raw: Sequence[Header]) -> None:
        self.bot_id = bot_id
        # What is no id goes into the log in a form that cannot steer a terminal.
        self.shown = bot_id if ids.is_acceptable(bot_id) else ascii(bot_id[: ids.MAX_LENGTH])
        self._headers = dict(raw)
        self._ambiguous: set[bytes] = set()
        if len(self._headers) < len(raw):
            self._ambiguous = {name for name, value in raw if self._headers[name] != value}
        length = self._headers.get(b"content-length", b"")
        self.has_body = length not in (b"", b"0") or b"transfer-encoding" in self._headers

    def header(self, name: bytes) -> str:
        """The value of a header (`name` in lower case); "" if it is not there."""
        return self.raw_header(name).decode("latin-1")

    def raw_header(self, name: bytes) -> bytes:
        """The same as it came."""
        return self._headers.get(name, b"")

    @cached_property
    def token(self) -> str | None:
        """The token of `auth` or of `Authorization: Bearer`; Refusal if there are two."""
        token = self._only(b"auth")
        authorization = self._only(b"authorization")
        if authorization[:7].lower() == "bearer ":
            bearer = authorization[7:].strip()
            if token and token != bearer:
                raise refused("headers", "two different tokens came: send one, in the auth header")
            token = bearer
        return token or None

    @cached_property
    def account_id(self) -> str | None:
        """The `accountId` header, if it holds anything; Refusal if there are two."""
        return self._only(b"accountid") or None

    @cached_property
    def declared_length(self) -> int:
        """Of the body, as its header says; 0 if there is none."""
        digits = self.header(b"content-length").lstrip("0")[:20]  # Python reads no 5,000 digits
        return int(digits) if digits.isdecimal() else 0

    @cached_property
    def media_type(self) -> str:
        """In lower case and without parameters; "" if there is none."""
        return self.header(b"content-type").partition(";")[0].strip().lower()

    def _only(self, name: bytes) -> str:
        if name in self._ambiguous:
            raise refused("headers", f"two different {name.decode()} headers came: send one")
        return self.header(name)


class Call:
    """A request to a plain ASGI route.

    `noted` goes into its log line, `headers_out` onto its answer, whatever that is.
    """

    def __init__(self, head: Head, receive: Receive) -> None:
        self.head = head
        self.noted: dict[str, Any] = {"bot_id": head.shown}
        self.headers_out = b""
        self._receive = receive

    def note_grant(self, grant: Grant) -> None:
        """Name the caller in the log line."""
        self.noted["account_id"] = grant.account.account_id
        self.noted["client_id"] = grant.app.client_id

    async def body(self, limit: int, on_bytes: Callable[[int], None] | None = None) -> bytes:
        """The body as it came; Problem above `limit` bytes, unread if its length was declared.

        `on_bytes` hears of every piece before the next is awaited.
        """
        if not self.head.has_body:
            return b""
        if self.head.declared_length > limit:
            raise too_large(limit)
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
