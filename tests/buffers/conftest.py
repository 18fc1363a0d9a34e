import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from intentlive.buffers import NewBuffer, open_buffer, servers_at
from intentlive.core.errors import BufferUnavailable
from intentlive.core.session import fold, join_batches
from tests.nats import Nats
from tests.wire import event

MIB = 1 << 20
ONE_NODE = NewBuffer(replicas=1, max_bytes=16 * MIB)


@pytest.fixture
def nats():
    """A NATS of one node, without a stream."""
    with Nats() as running:
        yield running


@pytest.fixture
async def buffer(nats):
    async with opened(nats.url) as opened_buffer:
        yield opened_buffer


@asynccontextmanager
async def opened(url, make=ONE_NODE):
    found = await open_buffer(servers_at(url), make)
    try:
        yield found
    finally:
        await found.close()


def a_batch(*sessions, bot="st-1", second=0):
    """Sessions that have finished."""
    return {bot: fold(event("flow.completed", second, subject=each) for each in sessions)}


def large_batch(number, bytes_=MIB // 2):
    """One that has about so many bytes, all in sessions of its own."""
    ids = (f"{number}-{n}-".ljust(120, "x") for n in range(bytes_ // 170))
    return a_batch(*ids)


async def until(condition):
    """Wait for what another process or task brings about, and nobody here could signal."""
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def emptied(buffer, *, but=0):
    """Wait until so many messages are left: what is done with goes a moment later."""

    async def is_so():
        with suppress(BufferUnavailable):
            return (await buffer.status()).messages == but

    await until(is_so)


async def everything(buffer):
    """What the buffer holds, taken out of it."""
    found = []
    while deliveries := await buffer.pull(100):
        for each in deliveries:
            found.append(each.read())
            await each.done()
    return join_batches(found)
