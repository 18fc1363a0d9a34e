"""An answer as bytes: plain and compressed, each made once, at the first question for it."""

import gzip
import sys
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from msgspec import Struct

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PIECE = 2047  # bytes
_GZIP_LEVEL = 1  # saves nine tenths of what the highest saves, in half of its time

ENCODINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "zstd": zstd.compress,
    "gzip": lambda body: gzip.compress(body, _GZIP_LEVEL, mtime=0),
}
"""The content encodings that an answer can have, the better one first."""


class Representation(Struct, frozen=True):
    """An answer in one encoding; `etag` is the same for the same bytes, whoever made them.

    `headers` are lines; those of `unchanged` tell who has it already that it is still true.
    """

    body: bytes
    etag: bytes
    headers: bytes
    unchanged: bytes


class Rendering:
    """A JSON text to be answered with; `encoding` "" is the text as it is."""

    def __init__(self, body: bytes) -> None:
        self._digest = _digest(body)
        self._made = {"": self._represented(body, "")}

    @property
    def body(self) -> bytes:
        """The text."""
        return self._made[""].body

    def encoded(self, encoding: str) -> Representation:
        """The text in one of the `ENCODINGS`."""
        made = self._made.get(encoding)
        if made is None:
            made = self._represented(ENCODINGS[encoding](self.body), encoding)
            self._made[encoding] = made
        return made

    def _represented(self, body: bytes, encoding: str) -> Representation:
        suffix = f"-{encoding}" if encoding else ""
        etag = b'"%b%b"' % (self._digest, suffix.encode())
        # A cache may keep it for who asked, and asks each time whether it is still true.
        unchanged = (
            b"cache-control: private, no-cache\r\netag: %b\r\n"
            b"vary: accept-encoding, auth, authorization\r\n" % etag
        )
        content = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
        if encoding:
            content += b"content-encoding: %b\r\n" % encoding.encode()
        return Representation(body, etag, content + unchanged, unchanged)


def _digest(body: bytes) -> bytes:
    """32 hex digits.

    In pieces, for of longer ones the library lets other threads go on meanwhile, and to have the
    interpreter back costs more than they do.
    """
    digest = sha256()
    for start in range(0, len(body), _PIECE):
        digest.update(body[start : start + _PIECE])
    return digest.hexdigest()[:32].encode()
