"""Errors on the wire: one shape for all, `{"errors": [{"msg": …, "code": …}]}`."""

import re
from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from intentlive.core.errors import (
    BufferUnavailable,
    NotFound,
    Refusal,
    StoreError,
    TooManyEvents,
    UnreadableBody,
)

Header: TypeAlias = tuple[bytes, bytes]
Headers: TypeAlias = tuple[Header, ...]

_NOT_PRINTED = re.compile(r"[^ -~]")

INVALID_ARGUMENTS = "Validation errors/ Invalid arguments"
RATE_LIMITED = (
    "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."
)


def header_lines(headers: Iterable[Header]) -> bytes:
    """Headers as they go over the wire; ValueError for one that would be several."""
    lines = [b"%b: %b\r\n" % header for header in headers]
    if any(len(line.splitlines()) > 1 for line in lines):
        raise ValueError("a header is one line")
    return b"".join(lines)


class Problem(Exception):
    """An answer that is not 200; `check` and `detail` say more in the log."""

    def __init__(  # noqa: PLR0913 - all but status and message are keywords
        self,
        status: int,
        message: str,
        *,
        code: int | None = None,
        headers: Headers = (),
        check: str | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = status if code is None else code
        self.headers = headers
        self.check = check
        self.detail = detail

    def body(self) -> bytes:
        """The answer's body."""
        return msgspec.json.encode({"errors": [{"msg": self.message, "code": self.code}]})


def unavailable(message: str, *, check: str, detail: str) -> Problem:
    """503: the caller may send the same again after a moment."""
    headers = ((b"retry-after", b"2"),)
    return Problem(503, message, headers=headers, check=check, detail=detail)


def problem_for(error: Exception) -> Problem:
    """The answer to whatever was raised; 500 for what nobody foresaw."""
    match error:
        case Problem():
            problem = error
        case Refusal():
            problem = Problem(
                error.status, error.message, code=error.code, check=error.check, detail=error.mend
            )
        case UnreadableBody():
            detail = str(error)
            printable = _NOT_PRINTED.sub("?", detail)[:300].encode()
            headers = ((b"x-error-detail", printable),)
            problem = Problem(412, INVALID_ARGUMENTS, headers=headers, check="body", detail=detail)
        case TooManyEvents():
            problem = Problem(413, str(error), check="batch", detail=str(error))
        case NotFound():
            problem = Problem(400, "Invalid StreamId", check="bot", detail=str(error))
        case BufferUnavailable():
            problem = unavailable(
                "The buffer takes no events just now: send this again in a moment.",
                check="buffer",
                detail=f"see intentlive buffer status: {error}",
            )
        case StoreError():
            problem = unavailable(
                "The store is not available: send this again in a moment.",
                check="store",
                detail=f"see intentlive doctor: {error}",
            )
        case _:
            problem = Problem(500, "Internal server error", check="fault", detail=repr(error))
    return problem
