"""`intentlive buffer`: how full the buffer before the store is, and how far behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import cyclopts

from intentlive.buffers import Buffer, NewBuffer, open_buffer, servers_at
from intentlive.cli.output import AsJson, show
from intentlive.clock import wall_clock
from intentlive.core.errors import IntentLiveError
from intentlive.settings import BufferPlace, BufferSettings, StoreSettings

buffer = cyclopts.App(name="buffer", help="The buffer before the store.")


@asynccontextmanager
async def opened_buffer(settings: BufferPlace) -> AsyncIterator[Buffer]:
    """The buffer that the options name, made if they say how; closed on leaving."""
    if settings.buffer is None:
        raise IntentLiveError("name the buffer: --buffer nats://HOST:4222, or INTENTLIVE_BUFFER")
    make = None
    if isinstance(settings, BufferSettings):
        make = NewBuffer(settings.buffer_replicas, settings.buffer_bytes)
    found = await open_buffer(servers_at(settings.buffer), make)
    try:
        yield found
    finally:
        await found.close()


@buffer.command
async def status(
    *,
    json: AsJson = False,
    through: BufferPlace = BufferPlace(),
    _at: StoreSettings = StoreSettings(),  # every command takes these
) -> None:
    """Show how full the buffer is, how long its oldest events wait, and on which nodes it is."""
    async with opened_buffer(through) as opened:
        found = await opened.status()
    waits = None if found.oldest is None else max(0, wall_clock() - found.oldest) / 1000
    shown = {
        "messages": found.messages,
        "bytes": found.bytes,
        "maxBytes": found.max_bytes,
        "lagSeconds": waits,
        "unacknowledged": found.unacknowledged,
        "redelivered": found.redelivered,
        "waitingPulls": found.waiting_pulls,
        "replicas": found.replicas,
        "leader": found.leader,
        "current": list(found.current),
        "behind": list(found.behind),
    }
    show(shown, as_json=json)
