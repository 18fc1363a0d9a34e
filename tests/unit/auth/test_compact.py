"""One spelling of base64url, one meaning of JSON."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentlive.auth.compact import check_header, decoded, is_canonical, json_object
from intentlive.core.errors import Refusal

from .signing import part

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
repeatable = settings(derandomize=True, database=None, deadline=None)


def refusal_of(content):
    with pytest.raises(Refusal) as caught:
        json_object(content if isinstance(content, str) else part(content))
    return caught.value.message, caught.value.check


@repeatable
@given(st.binary(max_size=40))
def test_what_everyone_writes_is_canonical_and_comes_back(raw):
    segment = urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert is_canonical(segment)
    assert decoded(segment) == raw


@repeatable
@given(st.text(alphabet=[*ALPHABET, "=", "+", "/", " ", "\n", "é", "\u0661"], max_size=10))
def test_no_two_canonical_segments_mean_the_same(segment):
    if is_canonical(segment):
        assert urlsafe_b64encode(decoded(segment)).rstrip(b"=").decode() == segment
        assert set(segment) <= set(ALPHABET)


def test_of_the_spellings_of_one_byte_one_is_canonical():
    assert [last for last in ALPHABET if is_canonical("Q" + last)] == ["A", "Q", "g", "w"]
    assert [last for last in ALPHABET if is_canonical("QU" + last)] == list(ALPHABET[::4])
    assert all(is_canonical("QUJ" + last) for last in ALPHABET)


@pytest.mark.parametrize("segment", ["A", "AAAAA", "AA==", "AA=", "AA\n", "A A", "A+", "A/", "AAé"])
def test_nothing_else_is(segment):
    assert not is_canonical(segment)


def test_an_object_is_read():
    assert json_object(part({"a": [1, "ü"], "b": None})) == {"a": [1, "ü"], "b": None}
    assert json_object(part(b' \n{"a" : 1}\t')) == {"a": 1}


@pytest.mark.parametrize(
    "content",
    [
        *("", "e30=", "e30\n", b"", b"[]", b'"a"', b"1", b"null", b"{", b"{}{}", b"\xff"),
        *(b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"a":%b}' % (b"9" * 5_000), b'{"a":"\x01"}'),
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_what_is_no_object_is_no_token(content):
    assert refusal_of(content) == ("Invalid JWT token", "token")


@pytest.mark.parametrize(
    "content", [b'{"a":1,"a":1}', b'{"x":{"a":1,"a":2}}', b'[{"a":1,"\\u0061":2}]', b'{"":1,"":1}']
)
def test_a_name_occurs_once(content):
    assert refusal_of(content) == ("Invalid SDK credentials", "duplicate key")


@pytest.mark.parametrize(
    "header",
    [{"crit": []}, {"crit": None}, {"crit": ["b64"], "b64": True}]
    + [{"b64": value} for value in (False, None, 0, 1, "true")],
)
def test_extensions_are_refused(header):
    with pytest.raises(Refusal) as caught:
        check_header(header)
    assert caught.value.check == "crit"


def test_a_header_without_extensions_passes():
    check_header({})
    check_header({"b64": True, "Crit": ["x"]})
