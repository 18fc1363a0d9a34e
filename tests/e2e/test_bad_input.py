"""Bodies that are not what they should be: a clear answer, and the server goes on."""

import gzip

import pytest

from .calling import call
from .server import events_path
from .wire import (
    BATCH,
    COMPRESS,
    NDJSON,
    SINGLE,
    body_of,
    event,
    finished,
    lines_of,
    new_session,
    zstd,
)

pytestmark = pytest.mark.usefixtures("the_server_goes_on")

ARGUMENTS = ("Validation errors/ Invalid arguments", 412)
MIB = 1024 * 1024


BROKEN_BODIES = {
    "truncated batch": (body_of([finished(), finished()])[:-20], BATCH),
    "truncated line": (lines_of([finished(), finished()])[:-20], NDJSON),
    "truncated event": (body_of([finished()])[1:-20], SINGLE),
    "nothing": (b"", SINGLE),
    "nothing for a batch": (b"", BATCH),
    "an event for a batch": (body_of([finished()])[1:-1], BATCH),
    "a number for a batch": (b"5", BATCH),
    "null for a batch": (b"null", BATCH),
    "not UTF-8": (b'[{"id": "\xff"}]', BATCH),
    "a surrogate in UTF-8": (b'[{"id": "\xed\xa0\x80"}]', BATCH),
    "NaN": (b"[NaN]", BATCH),
    "something after it": (b"[] []", BATCH),
    "100,000 levels": (b"[" * 100_000 + b"]" * 100_000, BATCH),
    "100,000 levels left open": (b'{"a":' * 100_000, NDJSON),
}


@pytest.mark.parametrize(("body", "kind"), BROKEN_BODIES.values(), ids=BROKEN_BODIES)
def test_a_broken_body_is_refused_whole(server, send, listed, body, kind):
    before = listed()
    answer = send(body, kind)
    assert (answer.status, answer.error) == (412, ARGUMENTS)
    assert server.log_line(answer.request_id)["mend"]
    assert listed() == before


@pytest.mark.parametrize(("body", "kind"), [(b"[]", BATCH), (b"", NDJSON), (b"\n \n", NDJSON)])
def test_an_empty_batch_is_accepted(send, body, kind):
    answer = send(body, kind)
    assert (answer.status, answer.json) == (200, {"accepted": 0, "rejected": []})


def test_ten_thousand_events_are_the_most(send, listed):
    session = new_session()
    one_more = finished(session)
    many = [event("message.sent", new_session())] * 10_000
    assert send(many).json["accepted"] == 10_000
    for body, kind in (
        (lines_of([one_more, *many]), NDJSON),
        (body_of([one_more, *many]), BATCH),
        (body_of([5, one_more, *many]), BATCH),
    ):
        answer = send(body, kind)
        assert (answer.status, answer.error[1]) == (413, 413)
        assert "10,000" in answer.error[0]
    assert session not in listed()


@pytest.mark.parametrize("framing", ["Content-Length", "chunked"])
def test_a_body_of_17_mib_is_refused(server, caller, shared_bot, framing):
    piece = b" " * MIB
    headers = caller.headers | {"content-type": BATCH}
    body = piece * 17 if framing == "Content-Length" else [piece] * 17
    answer = call(server.port, "POST", events_path(shared_bot), headers, body)
    assert (answer.status, answer.error[1]) == (413, 413)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_zip_bomb_is_opened_no_further_than_16_mib(send, encoding):
    bomb = COMPRESS[encoding](b" " * (64 * MIB)) * 16
    answer = send(bomb, content_encoding=encoding)
    assert (answer.status, answer.error[1]) == (413, 413)


def test_zstd_with_a_window_that_would_fill_the_memory(send):
    parameter = zstd.CompressionParameter
    wide = {parameter.window_log: 27, parameter.enable_long_distance_matching: 1}
    compressor = zstd.ZstdCompressor(options=wide)
    body = compressor.compress(b" " * (17 * MIB)) + compressor.flush()
    assert send(body, content_encoding="zstd").status in (412, 413)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("keep", [0, 4, -4])
def test_truncated_compression_is_refused(send, listed, encoding, keep):
    session = new_session()
    whole = COMPRESS[encoding](body_of([finished(session)] + [finished() for _ in range(50)]))
    answer = send(whole[:keep], content_encoding=encoding)
    assert (answer.status, answer.error) == (412, ARGUMENTS)
    assert session not in listed()


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_what_is_not_compressed_at_all(send, encoding):
    answer = send(body_of([finished()]), content_encoding=encoding)
    assert (answer.status, answer.error) == (412, ARGUMENTS)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, zstd", "nonsense"])
def test_an_unknown_content_encoding(send, encoding):
    answer = send(body_of([finished()]), content_encoding=encoding)
    assert (answer.status, answer.error[1]) == (415, 415)
    assert "gzip" in answer.error[0]


@pytest.mark.parametrize("kind", [SINGLE, BATCH, NDJSON])
@pytest.mark.parametrize("encoding", COMPRESS)
def test_every_type_in_every_encoding(send, listed, kind, encoding):
    session = new_session()
    body = {SINGLE: body_of([finished(session)])[1:-1], BATCH: body_of([finished(session)])}
    packed = COMPRESS[encoding](body.get(kind, lines_of([finished(session)])))
    answer = send(packed, f"{kind}; charset=UTF-8", content_encoding=encoding.upper())
    assert (answer.status, answer.json["accepted"]) == (200, 1)
    assert session in listed()


def test_gzip_of_several_members(send):
    halves = body_of([finished(), finished()])
    body = gzip.compress(halves[:50]) + gzip.compress(halves[50:])
    assert send(body, content_encoding="gzip").json["accepted"] == 2
