"""Events in, in process: what is taken, what is refused, and that nothing else changes."""

import gzip
from functools import partial
from random import randbytes

import msgspec
import pytest

from intentlive.ingest.cloudevents import MEDIA_TYPES

from .server import ANALYTICS, UNKNOWN_CALLER, event, problem, running

BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"
FINISHING = event("flow.completed", seconds=-1)
BAD = event("intent.identified", event_id="bad")

encode = msgspec.json.encode


async def shown(server):
    return [record["sessionId"] for record in (await server.latest()).json()]


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/cloudevents+json", encode(FINISHING)),
        (BATCH, encode([FINISHING])),
        (NDJSON, encode(FINISHING) + b"\n"),
        ("Application/X-NDJSON; charset=utf-8", encode(FINISHING)),
    ],
)
async def test_what_is_acknowledged_is_in_the_very_next_answer(server, media, body):
    assert await shown(server) == []
    answer = await server.send_raw(body, media)
    assert (answer.status_code, answer.content) == (200, b'{"accepted":1,"rejected":[]}')
    assert await shown(server) == ["s-1"]


@pytest.mark.parametrize(
    "path",
    ["/api/public/bot/bot//events/", "//API/public/Bot/bot/EVENTS", "/api/public/bot/bot/events"],
)
async def test_slashes_and_letter_case_do_not_matter(server, path):
    headers = {"auth": "", "content-type": BATCH}
    answer = await server.http.post(f"http://server{path}", content=b"[]", headers=headers)
    assert (answer.status_code, answer.json()) == (401, UNKNOWN_CALLER)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods_are_refused_before_the_token(server, method):
    answer = await server.http.request(method, "/api/public/bot/bot/events")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json() == problem("Method Not Allowed", 405)


async def test_the_scope_is_needed(server):
    await server.add_app("cs-reader", scopes=(ANALYTICS,))
    answer = await server.send(FINISHING, app="cs-reader")
    assert answer.status_code == 401
    assert answer.json() == problem("Permission denied. Scope is incorrect!", 4002)
    assert await shown(server) == []


async def test_nothing_is_stored_for_the_bot_of_another_account(server):
    await server.add_account("other", bot="theirs")
    await server.add_app("cs-theirs", account="other")
    answer = await server.send(FINISHING, bot="theirs")
    assert (answer.status_code, answer.json()) == (400, problem("Invalid StreamId", 400))
    assert (await server.latest("theirs", app="cs-theirs")).json() == []


@pytest.mark.parametrize("media", ["application/json", "text/plain", "", "application/cloudevents"])
async def test_other_content_types_are_unsupported(server, media):
    answer = await server.send_raw(encode([FINISHING]), media)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (415, 415)
    assert all(known in error["msg"] for known in MEDIA_TYPES)


async def test_compressed_bodies_are_opened(server):
    body = gzip.compress(encode([FINISHING]))
    answer = await server.send_raw(body, content_encoding="GZIP")
    assert answer.json() == {"accepted": 1, "rejected": []}
    unknown = await server.send_raw(body, content_encoding="br")
    assert unknown.status_code == 415


@pytest.mark.parametrize(
    ("media", "body", "detail"),
    [
        (BATCH, encode([FINISHING])[:-1], "the body is not JSON"),
        (BATCH, encode(FINISHING), "must be an array of events"),
        (NDJSON, encode(FINISHING) + b"\n" + encode(FINISHING)[:-3], "line 2 is not JSON"),
        (BATCH, b"", "must be an array of events"),
        (BATCH, b"[\xff]", "not UTF-8 from byte 1"),
    ],
)
async def test_a_body_that_is_not_what_its_type_says_stores_nothing(server, media, body, detail):
    answer = await server.send_raw(body, media)
    assert answer.status_code == 412
    assert answer.json() == problem("Validation errors/ Invalid arguments", 412)
    assert detail in answer.headers["x-error-detail"]
    assert await shown(server) == []


async def test_a_broken_compression_is_an_unreadable_body(server):
    answer = await server.send_raw(gzip.compress(b"[]")[:-4], content_encoding="gzip")
    assert answer.status_code == 412
    assert "the body is not gzip" in answer.headers["x-error-detail"]


async def test_a_bad_event_spoils_no_other(server):
    answer = await server.send(BAD, FINISHING, event("flow.completed", seconds=301, event_id="f"))
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 1
    first, second = answer.json()["rejected"]
    assert first == {
        "index": 0,
        "id": "bad",
        "errors": [{"msg": "data: missing required field intent", "code": 412}],
    }
    assert (second["index"], second["id"], second["errors"][0]["code"]) == (2, "f", 425)
    assert await shown(server) == ["s-1"]


async def test_an_event_from_the_near_future_is_taken_later(server):
    ahead = event("flow.completed", seconds=300.001)
    assert (await server.send(ahead)).json()["rejected"][0]["errors"][0]["code"] == 425
    server.clock.move(ms=1)
    assert (await server.send(ahead)).json()["accepted"] == 1


async def test_more_than_10_000_events_are_too_many(server):
    answer = await server.send(*[FINISHING] * 10_001)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (413, 413)
    assert await shown(server) == []


async def test_more_than_16_mib_are_too_large_packed_or_not(server):
    padding = (randbytes(1024 * 1024).hex() * 9).encode()  # gzip gains little: its window is small
    for body, encoding in ((padding, "identity"), (gzip.compress(padding, 1), "gzip")):
        answer = await server.send_raw(body, content_encoding=encoding)
        expected = problem("The body is larger than 16384 KiB", 413)
        assert (answer.status_code, answer.json()) == (413, expected)


async def test_repeats_and_any_order_change_nothing(server):
    events = [
        event("session.started", seconds=-30, channel="ivr"),
        event("intent.identified", seconds=-20, event_id="2", intent="Pay"),
        event("flow.completed", seconds=-10, event_id="3"),
    ]
    await server.send(*events)
    before = (await server.latest()).content
    for again in (events, events[::-1], events[1:] + events):
        answer = await server.send(*again)
        assert answer.json() == {"accepted": len(again), "rejected": []}
        assert (await server.latest()).content == before


async def test_taken_and_refused_events_are_counted_by_reason(server):
    await server.send(BAD, BAD, FINISHING, event("no.such.type"), 5, event("flow.completed", "a b"))
    await server.send(event("flow.completed", seconds=400), FINISHING)
    reasons = {"data": 2, "unknown type": 1, "shape": 1, "subject": 1, "ahead": 1}
    metrics = await server.metrics()
    rejected = {
        labels: value
        for (name, labels), value in metrics.items()
        if name == "intentlive_events_rejected_total"
    }
    assert rejected == {(("reason", reason),): count for reason, count in reasons.items()}
    assert metrics["intentlive_events_accepted_total", ()] == 2


async def test_empty_batches_are_fine(server):
    for media, body in ((BATCH, b"[]"), (NDJSON, b"\n\n")):
        assert (await server.send_raw(body, media)).json() == {"accepted": 0, "rejected": []}


async def test_what_is_rejected_or_unreadable_counts_for_the_event_limit(tmp_path):
    """It costs as much to read."""
    async with running(tmp_path) as server:
        await server.add_account("few", event_limit=10, bot="few-bot")
        await server.add_app("cs-few", account="few")
        send = partial(server.send, bot="few-bot", app="cs-few")
        assert (await send(*[BAD] * 9)).json()["accepted"] == 0
        assert (await send(FINISHING, FINISHING)).status_code == 429
        server.monotonic.move(seconds=60)
        unreadable = await server.send_raw(b"[" * 5_000, bot="few-bot", app="cs-few")
        assert unreadable.status_code == 412
        assert (await send(FINISHING)).status_code == 429
        server.monotonic.move(seconds=60)
        assert (await send(FINISHING)).status_code == 200
