"""A call: what its headers say, and how much of its body is read."""

import pytest

from intentlive.api.errors import Problem
from intentlive.api.http import Call, ClientDisconnected, Head
from intentlive.core.errors import Refusal


class Client:
    """Sends a body in pieces, and knows how many were asked for."""

    def __init__(self, *pieces, stays=True):
        self.pieces = list(pieces)
        self.stays = stays
        self.received = 0

    async def receive(self):
        if not self.pieces:
            return {"type": "http.disconnect"}
        self.received += 1
        body = self.pieces.pop(0)
        more = bool(self.pieces) or not self.stays
        return {"type": "http.request", "body": body, "more_body": more}


def head(*headers):
    return Head("bot", [(name.encode(), value.encode("latin-1")) for name, value in headers])


def call(*headers, client=None):
    return Call(head(*headers), (client or Client()).receive)


def chunked(client):
    return call(("transfer-encoding", "chunked"), client=client)


def declared(length, client):
    return call(("content-length", str(length)), client=client)


def test_a_header_is_its_value_or_nothing():
    headers = head(("format", "a"), ("other", "\xe9"), ("empty", ""))
    assert [headers.header(name) for name in (b"format", b"other", b"empty")] == ["a", "\xe9", ""]
    assert headers.header(b"missing") == ""


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ([], None),
        ([("auth", "t")], "t"),
        ([("auth", "")], None),
        ([("authorization", "Bearer t")], "t"),
        ([("authorization", "BEARER  t ")], "t"),
        ([("authorization", "Bearer ")], None),
        ([("authorization", "Basic t")], None),
        ([("authorization", "t")], None),
        ([("auth", "t"), ("authorization", "Bearer t")], "t"),
        ([("auth", "t"), ("auth", "t")], "t"),
        ([("auth", "t"), ("authorization", "Basic x")], "t"),
        ([("auth", "Bearer t")], "Bearer t"),
    ],
)
def test_the_token_is_in_auth_or_is_a_bearer(headers, token):
    assert head(*headers).token == token


@pytest.mark.parametrize(
    "headers",
    [
        [("auth", "t"), ("authorization", "Bearer u")],
        [("auth", "t"), ("auth", "u")],
        [("authorization", "Bearer t"), ("authorization", "Bearer u")],
    ],
)
def test_two_different_tokens_are_refused(headers):
    with pytest.raises(Refusal) as refused:
        assert head(*headers).token
    assert (refused.value.check, refused.value.status) == ("headers", 401)


def test_the_account_is_one_or_none():
    assert head().account_id is None
    assert head(("accountid", "")).account_id is None
    assert head(("accountid", "a"), ("accountid", "a")).account_id == "a"
    with pytest.raises(Refusal, match="Invalid SDK credentials"):
        assert head(("accountid", "a"), ("accountid", "b")).account_id


async def test_a_body_is_put_together_from_its_pieces():
    heard = []
    body = await chunked(Client(b"ab", b"", b"c")).body(3, heard.append)
    assert (body, heard) == (b"abc", [2, 0, 1])


@pytest.mark.parametrize("headers", [[], [("content-length", "0")], [("content-length", "")]])
async def test_without_a_length_there_is_no_body_to_wait_for(headers):
    client = Client(b"never read")
    assert await call(*headers, client=client).body(10) == b""
    assert client.received == 0


async def test_a_body_declared_too_large_is_refused_unread():
    client = Client(b"x" * 11)
    with pytest.raises(Problem) as refused:
        await declared(11, client).body(10)
    assert (refused.value.status, client.received) == (413, 0)


async def test_a_body_that_grows_too_large_is_read_no_further():
    client = Client(b"x" * 6, b"x" * 6, b"x" * 6)
    heard = []
    with pytest.raises(Problem) as refused:
        await chunked(client).body(10, heard.append)
    assert (refused.value.status, client.received, heard) == (413, 2, [6])


async def test_a_body_larger_than_declared_is_still_limited():
    with pytest.raises(Problem) as refused:
        await declared(1, Client(b"x" * 11)).body(10)
    assert refused.value.status == 413


async def test_a_body_of_just_the_limit_is_read():
    assert await declared(10, Client(b"x" * 10)).body(10) == b"x" * 10


async def test_who_hears_of_the_bytes_may_stop_the_reading():
    client = Client(b"x", b"x")

    def full(_size):
        raise Problem(503, "full")

    with pytest.raises(Problem, match="full"):
        await chunked(client).body(10, full)
    assert client.received == 1


async def test_a_client_that_goes_away_has_sent_no_body():
    with pytest.raises(ClientDisconnected):
        await declared(10, Client(b"half", stays=False)).body(10)
