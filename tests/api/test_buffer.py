"""With a buffer before the store: events are taken while it is away, and nothing is made up."""

import pytest

from intentlive.applier import Applier
from intentlive.buffers import NewBuffer
from intentlive.core.errors import StoreUnavailable
from tests.buffers.conftest import MIB, opened
from tests.nats import Nats

from .server import BrokenStore, event, running

AWAY = "no route to host"
ASKED = ("registry_revision", "account", "app", "bot", "latest", "revisions", "merge", "probe")


class Behind:
    """A server with a buffer, the store behind it, and an applier between them."""

    def __init__(self, server, store, buffer):
        self.server = server
        self.store = store
        self.applier = Applier(buffer, store, lambda: 0)

    def leave(self):
        self.store.error = StoreUnavailable(AWAY)
        self.server.clock.move(seconds=1)
        self.server.monotonic.move(seconds=1)

    def come_back(self):
        self.store.error = None
        self.server.clock.move(seconds=1)
        self.server.monotonic.move(seconds=1)

    async def listed(self):
        answer = await self.server.latest()
        assert answer.status_code == 200
        return [record["sessionId"] for record in answer.json()]


@pytest.fixture
async def behind(tmp_path):
    stores = []

    def wrap(store):
        stores.append(BrokenStore(store, None, *ASKED))
        return stores[0]

    with Nats() as nats:
        async with (
            opened(nats.url, NewBuffer(1, MIB)) as buffer,
            running(tmp_path, wrap=wrap, rate_limit=0, buffer=buffer) as server,
        ):
            yield Behind(server, stores[0], buffer)


def finished(session, seconds=-1.0):
    return event("flow.completed", session, seconds)


async def test_what_was_accepted_is_shown_when_it_is_applied(behind):
    answer = await behind.server.send(finished("s-1"), finished("s-2", -2))
    assert (answer.status_code, answer.json()) == (200, {"accepted": 2, "rejected": []})
    assert await behind.listed() == []
    await behind.applier.step()
    behind.server.clock.move(seconds=1)
    assert await behind.listed() == ["s-1", "s-2"]


async def test_events_are_taken_while_the_store_is_away_and_shown_after(behind):
    assert (await behind.server.send(finished("s-1"))).status_code == 200
    await behind.applier.step()
    behind.server.clock.move(seconds=1)
    assert await behind.listed() == ["s-1"]
    behind.leave()
    for number in range(2, 5):
        assert (await behind.server.send(finished(f"s-{number}"))).status_code == 200
        answer = await behind.server.latest()
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        behind.server.clock.move(seconds=60)
    with pytest.raises(StoreUnavailable):
        await behind.applier.step()
    behind.come_back()
    while len(await behind.listed()) < 4:
        await behind.applier.step()
        behind.server.clock.move(seconds=1)


async def test_after_a_quarter_of_an_hour_nobody_is_let_in(behind):
    assert (await behind.server.send(finished("s-1"))).status_code == 200
    behind.leave()
    assert (await behind.server.send(finished("s-2"))).status_code == 200
    behind.server.clock.move(seconds=15 * 60)
    assert (await behind.server.send(finished("s-3"))).status_code == 503


async def test_who_was_not_known_has_to_wait(behind):
    assert (await behind.server.send(finished("s-1"))).status_code == 200
    await behind.server.add_app("cs-new")
    behind.leave()
    assert (await behind.server.send(finished("s-2"), app="cs-new")).status_code == 503


async def test_ready_as_long_as_the_buffer_takes_events(behind):
    ready = await behind.server.http.get("/readyz")
    assert (ready.status_code, ready.text) == (200, "ready: the buffer takes events\n")
    behind.leave()
    ready = await behind.server.http.get("/readyz")
    assert ready.status_code == 200
    assert ready.text == (f"ready: the buffer takes events; the store takes no writes: {AWAY}\n")


async def test_a_full_buffer_says_503_and_is_not_ready(behind):
    sessions = [f"{number:05}".ljust(120, "x") for number in range(9000)]
    accepted = 0
    while True:
        some = [finished(each) for each in sessions[accepted : accepted + 1000]]
        answer = await behind.server.send(*some)
        if answer.status_code != 200:
            break
        accepted += len(some)
    assert accepted > 0
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    (error,) = answer.json()["errors"]
    assert error["msg"].startswith("The buffer takes no events just now")
    unready = await behind.server.http.get("/readyz")
    assert unready.status_code == 503
    assert "the buffer takes no writes: buffer full" in unready.text
    await behind.applier.step()
    behind.server.clock.move(seconds=1)
    assert len(await behind.listed()) == 25
    assert await behind.server.metric("intentlive_open_sessions") == 0
    assert (await behind.server.send(*some)).status_code == 200
    behind.server.monotonic.move(seconds=1)
    assert (await behind.server.http.get("/readyz")).status_code == 200
