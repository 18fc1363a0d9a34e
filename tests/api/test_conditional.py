"""Answers that the caller has already, and compressed ones."""

import gzip
import json
import sys

import pytest

from .server import event, running, token
from .test_rate_limit import said

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

OPEN = {"": bytes, "gzip": gzip.decompress, "zstd": zstd.decompress}
ENCODINGS = pytest.mark.parametrize("encoding", OPEN)
METHODS = pytest.mark.parametrize("method", ["GET", "POST"])
KEPT = ("etag", "vary", "cache-control", "ratelimit-limit")


async def ask(server, *, encoding="", tag=None, method="GET"):
    """Ask as an app; `raw` is the body as it came."""
    headers = {"auth": token("cs-app")}
    if tag is not None:
        headers["if-none-match"] = tag
    url = "/api/public/bot/bot/intentrealtimedata"
    request = server.http.build_request(method, url, headers=headers)
    del request.headers["accept-encoding"]
    if encoding:
        request.headers["accept-encoding"] = encoding
    answer = await server.http.send(request, stream=True)
    answer.raw = b"".join([piece async for piece in answer.aiter_raw()])
    return answer


async def fill(server):
    """Let there be some sessions."""
    await server.send(*(event("session.ended", f"s-{n}", -n, ANI="+1265") for n in range(1, 9)))


@pytest.fixture
async def server(server):
    await fill(server)
    return server


@ENCODINGS
async def test_the_same_content_has_the_same_tag_in_every_server(server, tmp_path, encoding):
    (tmp_path / "other").mkdir()
    async with running(tmp_path / "other") as other:
        await fill(other)
        answers = [await ask(each, encoding=encoding) for each in (server, server, other)]
    assert len({(answer.headers["etag"], answer.raw) for answer in answers}) == 1


@METHODS
@ENCODINGS
async def test_who_has_the_answer_already_is_told_so(server, method, encoding):
    first = await ask(server, method=method, encoding=encoding)
    tag = first.headers["etag"]
    for _ in range(2):
        again = await ask(server, method=method, encoding=encoding, tag=tag)
        assert (again.status_code, again.raw) == (304, b"")
        assert not {"content-length", "content-type", "content-encoding"} & again.headers.keys()
        assert "transfer-encoding" not in again.headers
        assert [again.headers[name] for name in KEPT] == [first.headers[name] for name in KEPT]
        assert again.headers["x-request-id"] != first.headers["x-request-id"]


async def test_only_the_caller_may_keep_an_answer_and_only_to_ask_again(server):
    answer = await ask(server)
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "accept-encoding, auth, authorization"


@METHODS
async def test_a_new_session_is_another_answer(server, method):
    tag = (await ask(server)).headers["etag"]
    await server.send(event("session.ended", "new"))
    answer = await ask(server, tag=tag, method=method)
    assert (answer.status_code, json.loads(answer.raw)[0]["sessionId"]) == (200, "new")
    assert answer.headers["etag"] != tag


async def test_an_answer_that_is_again_what_it_was_has_its_old_tag(server):
    tag = (await ask(server)).headers["etag"]
    await server.send(event("flow.completed", "more", -0.5))
    assert (await ask(server, tag=tag)).status_code == 200
    await server.send(event("message.received", "more", -0.1, event_id="2"))  # it goes on
    assert (await ask(server, tag=tag)).status_code == 304


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ('"other", {tag}', 304),
        ('"other",W/{tag},"more"', 304),
        ("  {tag}  ", 304),
        ("*", 304),
        ('"other"', 200),
        ("", 200),
        ("garbage", 200),
        (",,,", 200),
        ("{bare}", 200),
        ("w/{tag}", 200),
        ('"*"', 200),
        ("{tag}x", 200),
    ],
)
async def test_ways_to_say_what_one_has(server, written, status):
    tag = (await ask(server)).headers["etag"]
    answer = await ask(server, tag=written.format(tag=tag, bare=tag.strip('"')))
    assert answer.status_code == status
    assert answer.headers["etag"] == tag


@ENCODINGS
async def test_each_encoding_holds_the_same_records(server, encoding):
    plain, answer = await ask(server), await ask(server, encoding=encoding)
    assert answer.headers.get("content-encoding", "") == encoding
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.raw)
    assert OPEN[encoding](answer.raw) == plain.raw


async def test_no_encoding_is_taken_for_another_that_the_caller_has(server):
    tags = {each: (await ask(server, encoding=each)).headers["etag"] for each in OPEN}
    assert len(set(tags.values())) == len(OPEN)
    for encoding in OPEN:
        for other, tag in tags.items():
            answer = await ask(server, encoding=encoding, tag=tag)
            assert answer.status_code == (304 if encoding == other else 200)


@pytest.mark.parametrize("accepted", ["", "identity", "br", "*", "gzip;q=0", "gzip;q=0, zstd;q=0"])
async def test_nothing_is_compressed_for_who_does_not_ask_for_it(server, accepted):
    answer = await ask(server, encoding=accepted)
    assert "content-encoding" not in answer.headers
    assert answer.raw.startswith(b"[{")


async def test_errors_and_answers_to_events_are_never_compressed_nor_kept(server):
    headers = {"accept-encoding": "gzip", "if-none-match": "*"}
    refused = await server.latest(headers=headers | {"auth": "none"})
    sent = await server.send_raw(b"[]", accept_encoding="gzip", if_none_match="*")
    for answer, status in ((refused, 401), (sent, 200)):
        assert (answer.status_code, answer.headers["cache-control"]) == (status, "no-store")
        assert not {"etag", "content-encoding"} & answer.headers.keys()


async def test_an_answer_that_has_not_changed_counts_as_any_other(server):
    tag = (await ask(server)).headers["etag"]
    for left in range(58, -1, -1):
        answer = await ask(server, tag=tag)
        assert (answer.status_code, said(answer)) == (304, ("60", str(left)))
    refused = await ask(server, tag=tag)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")


@pytest.mark.parametrize("headers", [{"auth": ""}, {"auth": "x"}, {"accountId": "other"}])
async def test_strangers_are_not_told_whether_it_has_changed(server, headers):
    for tag in ("*", (await ask(server)).headers["etag"]):
        answer = await server.latest(headers=headers | {"if-none-match": tag})
        assert answer.status_code == 401
        assert "etag" not in answer.headers


async def test_an_answer_of_304_is_logged_and_counted_as_that(server):
    tag = (await ask(server)).headers["etag"]
    await ask(server, tag=tag)
    counted = [
        await server.metric("intentlive_requests_total", route="intentrealtimedata", status=status)
        for status in ("200", "304")
    ]
    assert counted == [1, 1]
