"""What the operator sees of events: late sources, a full memory, a broken store."""

import pytest
from msgspec.json import encode
from structlog.testing import capture_logs

from intentlive.api import events
from intentlive.api.errors import Problem
from intentlive.api.events import InFlight
from intentlive.core.errors import StoreUnavailable

from .server import BrokenStore, event, problem, running, token

UNAVAILABLE = problem("The store is not available: send this again in a moment.", 503)


async def late_lines(server, *sent):
    with capture_logs() as lines:
        await server.send(*sent)
    return [line for line in lines if line["event"] == "late source"]


async def lag(server, source="urn:test"):
    return await server.metric("intentlive_source_lag_seconds", source=source)


async def test_how_late_a_source_is_shows_by_its_newest_event(server):
    await server.send(event("message.sent", seconds=-50), event("message.sent", seconds=-2))
    assert await lag(server) == 2
    await server.send(event("message.sent", seconds=3))
    assert await lag(server) == -3


async def test_every_source_has_a_lag_of_its_own(server):
    await server.send(
        event("message.sent", seconds=-5) | {"source": "urn:a"},
        event("message.sent", seconds=-7) | {"source": "urn:b"},
    )
    assert (await lag(server, "urn:a"), await lag(server, "urn:b")) == (5, 7)


async def test_the_names_of_sources_are_limited(server):
    await server.send(
        *(event("message.sent") | {"source": f"urn:{number}"} for number in range(150))
    )
    samples = [
        name for name, _ in await server.metrics() if name == "intentlive_source_lag_seconds"
    ]
    assert len(samples) == 101
    assert await lag(server, "(other sources)") == 0


async def test_a_late_source_is_told_once_in_ten_minutes(server):
    minute_late = event("message.sent", seconds=-60)
    assert await late_lines(server, minute_late) == []
    (line,) = await late_lines(server, event("message.sent", seconds=-61))
    assert (line["source"], line["lag_seconds"], line["log_level"]) == ("urn:test", 61, "warning")
    assert "clock" in line["mend"]
    server.clock.move(seconds=599)
    assert await late_lines(server, minute_late) == []
    server.clock.move(seconds=1)
    assert len(await late_lines(server, minute_late)) == 1


async def test_a_source_cannot_steer_a_terminal_through_the_log(server):
    odd = event("message.sent", seconds=-61) | {"source": "urn\u2028:\x1b[2J"}
    (line,) = await late_lines(server, odd)
    assert line["source"] == "'urn\\u2028:\\x1b[2J'"


async def test_a_full_memory_refuses_until_there_is_room(tmp_path, monkeypatch):
    monkeypatch.setattr(events, "MAX_IN_FLIGHT", 2_000)
    async with running(tmp_path) as server:
        many = [event("message.sent", event_id=str(number)) for number in range(20)]
        refused = await server.send(*many)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert refused.json()["errors"][0]["code"] == 503
        assert (await server.send(*many[:5])).json()["accepted"] == 5


def test_what_one_request_holds_another_cannot_have():
    memory = InFlight(10, 10)
    with memory.hold("acc") as take:
        take(4)
        with memory.hold("acc") as take_too:
            take_too(6)
            with pytest.raises(Problem) as refused:
                take(1)
            assert refused.value.status == 503
        take(6)
    with memory.hold("acc") as take:
        take(10)


def test_an_account_cannot_take_the_room_of_others():
    memory = InFlight(10, 4)
    with memory.hold("acc") as take:
        take(3)
        with memory.hold("acc") as take_too, pytest.raises(Problem):
            take_too(2)
        with memory.hold("other") as take_too:
            take_too(4)
        take(1)
    with memory.hold("acc") as take:
        take(4)


def test_memory_is_given_back_after_a_failure():
    memory = InFlight(10, 10)

    def fail():
        with memory.hold("acc") as take:
            take(10)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with memory.hold("acc") as take:
        take(10)


async def test_a_store_that_fails_stores_nothing_and_says_try_again(tmp_path):
    broken = []

    def wrap(store):
        broken.append(BrokenStore(store, StoreUnavailable("disk I/O error"), "merge"))
        return broken[0]

    async with running(tmp_path, wrap=wrap) as server:
        with capture_logs() as lines:
            refused = await server.send(event("flow.completed"))
        assert (refused.status_code, refused.json()) == (503, UNAVAILABLE)
        assert refused.headers["retry-after"] == "2"
        assert (lines[-1]["check"], lines[-1]["mend"]) == (
            "store",
            "see intentlive doctor: disk I/O error",
        )
        assert (await server.latest()).json() == []
        assert await server.metric("intentlive_commits_failed_total") == 1
        broken[0].error = None
        assert (await server.send(event("flow.completed"))).json()["accepted"] == 1
        assert len((await server.latest()).json()) == 1


async def test_a_bot_deleted_while_its_events_wait_is_unknown(tmp_path):
    class Deleting:
        def __init__(self, store):
            self._store = store

        def __getattr__(self, name):
            return getattr(self._store, name)

        async def merge(self, batch):
            await self._store.delete_bot("bot")
            return await self._store.merge(batch)

    async with running(tmp_path, wrap=Deleting) as server:
        refused = await server.send(event("flow.completed"))
        assert (refused.status_code, refused.json()) == (400, problem("Invalid StreamId", 400))


async def test_a_client_that_goes_away_half_way_gets_no_answer_and_stores_nothing(server):
    body = encode([event("flow.completed")])
    arriving = [
        {"type": "http.request", "body": body[:-1], "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent = []
    headers = {
        "auth": token("cs-app"),
        "content-type": "application/cloudevents-batch+json",
        "content-length": str(len(body)),
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/public/bot/bot/events",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive():
        return arriving.pop(0)

    async def send(message):
        sent.append(message)

    await server.front(scope, receive, send)
    assert sent == []
    assert (await server.latest()).json() == []
    gone = await server.metric("intentlive_requests_total", route="events", status="499")
    assert gone == 1
