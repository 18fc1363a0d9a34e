"""Reads what a server wrote on a connection, and accepts nothing that is not HTTP/1.1."""

import re
from collections.abc import Iterator

_STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) [ -~]*")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t -~\x80-\xff]*)")


def read_replies(written: bytes) -> Iterator[int]:
    """The status of each reply; AssertionError where it is none, or not whole."""
    while written:
        head, end, written = written.partition(b"\r\n\r\n")
        assert end, head
        line, *lines = head.split(b"\r\n")
        match = _STATUS_LINE.fullmatch(line)
        assert match is not None, line
        status = int(match[1])
        headers = dict(_header(each) for each in lines)
        assert len(headers) == len(lines), head
        if status == 100:
            assert not headers, headers
            continue
        if status == 304:
            assert not {b"content-length", b"transfer-encoding"} & headers.keys(), headers
        else:
            written = _after_body(headers, written)
        assert b"x-request-id" in headers, headers
        yield status
        assert not written or headers.get(b"connection") != b"close", "words after the last one"


def _header(line: bytes) -> tuple[bytes, bytes]:
    match = _HEADER.fullmatch(line)
    assert match is not None, line
    return match[1].lower(), match[2]


def _after_body(headers: dict[bytes, bytes], written: bytes) -> bytes:
    lengths = {b"content-length", b"transfer-encoding"} & headers.keys()
    assert len(lengths) == 1, headers
    if b"content-length" in headers:
        length = int(headers[b"content-length"])
        if written[:9] == b"HTTP/1.1 " or not written:
            return written  # the answer to HEAD has none
        assert len(written) >= length, "the body is not whole"
        return written[length:]
    assert headers[b"transfer-encoding"] == b"chunked"
    size = 1
    while size:
        digits, end, written = written.partition(b"\r\n")
        assert end, "a chunk is not whole"
        size = int(digits, 16)
        assert written[size : size + 2] == b"\r\n", "a chunk is not whole"
        written = written[size + 2 :]
    return written
