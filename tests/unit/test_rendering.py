"""An answer as bytes: what its headers say of it, in each encoding."""

import gzip
import json
import re
import sys

import pytest

from intentlive.rendering import ENCODINGS, Rendering

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = json.dumps([{"intent": ["Café ☕"], "sessionId": f"s-{number}"} for number in range(25)])
BODY = TEXT.encode()
OPEN = {"": bytes, "gzip": gzip.decompress, "zstd": zstd.decompress}
EACH = pytest.mark.parametrize("encoding", OPEN)


def headers(lines):
    assert lines.endswith(b"\r\n")
    return dict(line.split(": ", 1) for line in lines.decode().splitlines())


def test_all_encodings_are_tried_here():
    assert {"", *ENCODINGS} == set(OPEN)


@EACH
def test_each_encoding_is_the_same_text(encoding):
    made = Rendering(BODY).encoded(encoding)
    assert OPEN[encoding](made.body) == BODY
    assert encoding == "" or len(made.body) < len(BODY)
    assert Rendering(BODY).body == BODY


@EACH
def test_its_headers_say_what_it_is(encoding):
    made = Rendering(BODY).encoded(encoding)
    said = headers(made.headers)
    assert said.pop("content-encoding", "") == encoding
    assert said == {
        "content-type": "application/json",
        "content-length": str(len(made.body)),
        "cache-control": "private, no-cache",
        "etag": made.etag.decode(),
        "vary": "accept-encoding, auth, authorization",
    }


@EACH
def test_who_has_it_already_is_told_the_same_but_of_the_content(encoding):
    made = Rendering(BODY).encoded(encoding)
    kept = {
        name: value
        for name, value in headers(made.headers).items()
        if not name.startswith("content-")
    }
    assert headers(made.unchanged) == kept


@EACH
def test_the_same_text_has_the_same_bytes_and_tag_whoever_renders_it(encoding):
    one, other = (Rendering(bytes(bytearray(BODY))).encoded(encoding) for _ in range(2))
    assert one == other
    assert re.fullmatch(rb'"[!#-~]+"', one.etag)


def test_a_compressed_text_does_not_tell_when_that_was_done():
    assert Rendering(BODY).encoded("gzip").body[4:8] == bytes(4)


def test_no_two_texts_and_no_two_encodings_share_a_tag():
    texts = [b"[]", b"[ ]", BODY, BODY + b" "]
    tags = {Rendering(text).encoded(encoding).etag for text in texts for encoding in OPEN}
    assert len(tags) == len(texts) * len(OPEN)


@EACH
def test_each_encoding_is_made_once(encoding):
    rendering = Rendering(BODY)
    assert rendering.encoded(encoding) is rendering.encoded(encoding)
