"""A server announces sessions that end by their idle timeout, to whoever follows revisions."""

import asyncio

from tests.stores import revision

from .server import event, running


async def test_a_session_that_ends_by_itself_raises_the_revision(tmp_path, monkeypatch):
    monkeypatch.setattr("intentlive.idle._SECONDS_BETWEEN", 0)
    async with running(tmp_path) as server:
        assert (await server.send(event("message.received", "s-1"))).status_code == 200
        before = await revision(server.store, "bot")
        server.clock.move(seconds=15 * 60 + 1)
        async with asyncio.timeout(30):
            while await revision(server.store, "bot") == before:
                pass
        assert await revision(server.store, "bot") == before + 1
