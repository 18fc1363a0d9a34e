"""Compressed bodies: requests opened no further than a limit, answers as callers wish them."""

import gzip
import sys
import zlib
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import BinaryIO, cast

from intentlive.api.errors import Problem
from intentlive.api.http import too_large
from intentlive.core.errors import UnreadableBody
from intentlive.rendering import ENCODINGS

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_MAX_RATIO = 100
_ANY_RATIO = 4 * 1024 * 1024  # a batch of ten thousand equal events stays below
_MAX_ZSTD_WINDOW_LOG = 24  # 16 MiB: more than the largest body allowed has no use, and costs memory


def decode_content(encoding: str, body: bytes, limit: int) -> bytes:
    """The body without its `content-encoding`.

    Problem for an unknown encoding, for more than `limit` bytes of content, or for more than any
    real batch gains by compression; UnreadableBody for a broken or truncated body.
    """
    if encoding in ("", "identity"):
        return body
    open_reader = _READERS.get(encoding)
    if open_reader is None:
        known = ", ".join(_READERS)
        raise Problem(415, f"Unsupported content encoding: send {known} or none", check="encoding")
    allowed = min(limit, max(_ANY_RATIO, _MAX_RATIO * len(body)))
    try:
        with open_reader(BytesIO(body)) as reader:
            content = reader.read(allowed + 1)
    except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:
        raise UnreadableBody(f"the body is not {encoding}: {error}") from None
    if len(content) > limit:
        raise too_large(limit)
    if len(content) > allowed:
        message = f"The body is compressed more than {_MAX_RATIO} to 1: send it in smaller parts"
        raise Problem(413, message, check="compression", detail="no real events gain as much")
    return content


@lru_cache(maxsize=256)
def wished(accept_encoding: str) -> str:
    """The best of the `ENCODINGS` that this header names (RFC 9110, 12.5.3); "" for none.

    What is not named, even by `*`, or cannot be read, is not wished: plain is read by everybody.
    """
    weights: dict[str, float] = {}
    for item in accept_encoding.lower().split(","):
        name, _, parameter = item.partition(";")
        try:
            weights[name.strip()] = float(parameter.replace(" ", "").removeprefix("q=") or 1)
        except ValueError:
            weights[name.strip()] = 0
    best = max(ENCODINGS, key=lambda name: weights.get(name, 0))
    weight = weights.get(best, 0)
    return best if weight > 0 and weight >= weights.get("identity", 0) else ""


def _gzip_reader(body: BytesIO) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(fileobj=body))


def _zstd_reader(body: BytesIO) -> BinaryIO:
    options = {int(zstd.DecompressionParameter.window_log_max): _MAX_ZSTD_WINDOW_LOG}
    return cast(BinaryIO, zstd.ZstdFile(body, options=options))


_READERS: dict[str, Callable[[BytesIO], BinaryIO]] = {
    "gzip": _gzip_reader,
    "zstd": _zstd_reader,
}
