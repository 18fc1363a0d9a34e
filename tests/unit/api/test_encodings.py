"""Compressed bodies: opened whole, never further than the limit, or refused; and those wished."""

import gzip
import sys
import tracemalloc
from random import Random

import pytest

from intentlive.api.encodings import decode_content, wished
from intentlive.api.errors import Problem
from intentlive.core.errors import UnreadableBody

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LIMIT = 10_000
COMPRESS = {"gzip": gzip.compress, "zstd": zstd.compress}
CONTENT = Random(0).randbytes(3_000)


@pytest.mark.parametrize("encoding", ["", "identity"])
def test_a_plain_body_is_left_as_it_is(encoding):
    assert decode_content(encoding, CONTENT, LIMIT) == CONTENT


@pytest.mark.parametrize("encoding", COMPRESS)
@pytest.mark.parametrize("content", [b"", b"x", CONTENT, b"\0" * LIMIT])
def test_a_compressed_body_is_opened_up_to_the_limit(encoding, content):
    assert decode_content(encoding, COMPRESS[encoding](content), LIMIT) == content


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_body_of_several_members_is_one_content(encoding):
    members = [COMPRESS[encoding](each) for each in (b"one,", b"", b"two")]
    assert decode_content(encoding, b"".join(members), LIMIT) == b"one,two"


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_second_member_counts_against_the_limit_too(encoding):
    halves = COMPRESS[encoding](b"\0" * 6_000) * 2
    assert refused(encoding, halves).status == 413


@pytest.mark.parametrize("encoding", COMPRESS)
@pytest.mark.parametrize("size", [LIMIT + 1, 50_000_000])
def test_a_bomb_is_not_opened_further_than_the_limit(encoding, size):
    bomb = COMPRESS[encoding](b"\0" * size)
    tracemalloc.start()
    problem = refused(encoding, bomb)
    _, most_memory = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_memory < 2_000_000
    assert (problem.status, problem.message) == (413, "The body is larger than 9 KiB")


def test_a_frame_that_asks_for_a_giant_window_is_refused():
    options = {zstd.CompressionParameter.window_log: 27}
    giant = zstd.ZstdCompressor(options=options)
    body = giant.compress(b"x" * 1_000) + giant.flush()
    with pytest.raises(UnreadableBody, match="the body is not zstd"):
        decode_content("zstd", body, LIMIT)


@pytest.mark.parametrize("encoding", COMPRESS)
@pytest.mark.parametrize("left", [1, 5, -1, -5])
def test_a_truncated_body_is_unreadable(encoding, left):
    with pytest.raises(UnreadableBody, match=f"the body is not {encoding}"):
        decode_content(encoding, COMPRESS[encoding](CONTENT)[:left], LIMIT)


@pytest.mark.parametrize("encoding", COMPRESS)
@pytest.mark.parametrize("body", [b"[]", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", CONTENT])
def test_what_is_not_compressed_that_way_is_unreadable(encoding, body):
    with pytest.raises(UnreadableBody, match=f"the body is not {encoding}"):
        decode_content(encoding, body, LIMIT)


@pytest.mark.parametrize("encoding", COMPRESS)
def test_garbage_after_the_end_is_unreadable(encoding):
    with pytest.raises(UnreadableBody):
        decode_content(encoding, COMPRESS[encoding](b"[]") + b"garbage", LIMIT)


def test_a_damaged_body_is_unreadable():
    body = bytearray(gzip.compress(CONTENT))
    body[len(body) // 2] ^= 0xFF
    with pytest.raises(UnreadableBody):
        decode_content("gzip", bytes(body), LIMIT)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "x", "compress"])
def test_an_unknown_encoding_is_told_the_known_ones(encoding):
    problem = refused(encoding, b"")
    expected = "Unsupported content encoding: send gzip, zstd or none"
    assert (problem.status, problem.message) == (415, expected)


def refused(encoding, body):
    with pytest.raises(Problem) as problem:
        decode_content(encoding, body, LIMIT)
    return problem.value


@pytest.mark.parametrize("encoding", COMPRESS)
def test_much_content_out_of_little_is_no_batch_of_events(encoding):
    """A real one gains some ten times; up to 4 MiB, more is taken all the same."""
    mib = 1024 * 1024
    opened = decode_content(encoding, COMPRESS[encoding](b"\0" * 4 * mib), 16 * mib)
    assert len(opened) == 4 * mib
    with pytest.raises(Problem) as caught:
        decode_content(encoding, COMPRESS[encoding](b"\0" * (4 * mib + 1)), 16 * mib)
    assert (caught.value.status, caught.value.check) == (413, "compression")
    assert "100 to 1" in caught.value.message
    lines = Random(1)
    tenfold = b"".join(b"the same in every line" * 5 + lines.randbytes(8) for _ in range(50_000))
    assert decode_content(encoding, COMPRESS[encoding](tenfold), 16 * mib) == tenfold


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),  # browsers
        ("deflate, gzip, br", "gzip"),  # curl
        ("GZip", "gzip"),
        ("gzip;q=1.0, zstd; q=0.5", "gzip"),
        ("gzip ; Q=0.3 , zstd;q = 0.2", "gzip"),
        ("gzip;q=0.001", "gzip"),
        ("gzip;q=0", ""),
        ("gzip;q=0.000, zstd;q=0", ""),
        ("gzip;q=0, zstd", "zstd"),
        ("zstd;q=0, gzip;q=0.5", "gzip"),
        ("identity", ""),
        ("identity;q=0.5, gzip;q=0.4", ""),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity, gzip", "gzip"),
        ("identity;q=0", ""),
        ("*", ""),
        ("*;q=0", ""),
        ("br, deflate, compress", ""),
        ("x-gzip, gzipped", ""),
        ("gzip;q=much", ""),
        ("gzip;q=-1", ""),
        ("gzip;q=nan", ""),
        ("gzip;q=1;level=9", ""),
        ("gzip;", "gzip"),
        (",,;;,gzip", "gzip"),
        ("\xff\x00, gzip", "gzip"),
    ],
)
def test_an_answer_has_the_best_encoding_that_is_wished(accepted, encoding):
    assert wished(accepted) == encoding
