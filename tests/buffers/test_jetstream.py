"""The buffer on a real NATS: what it acknowledged is given out until it is done with."""

import asyncio
from contextlib import suppress
from functools import partial
from itertools import count

import nats as driver
import pytest
from nats.js import JetStreamContext, api
from structlog.testing import capture_logs

from intentlive.buffers import NewBuffer, open_buffer, servers_at
from intentlive.core.errors import BufferUnavailable, NotFound, StoreError
from intentlive.core.session import join_batches
from tests.nats import Nats

from .conftest import MIB, ONE_NODE, a_batch, emptied, everything, large_batch, opened, until

numbers = count(1)
RIGHT = {
    "name": "INTENTLIVE",
    "subjects": ["intentlive.states"],
    "discard": api.DiscardPolicy.NEW,
    "retention": api.RetentionPolicy.WORK_QUEUE,
    "storage": api.StorageType.FILE,
}


async def test_what_went_in_comes_out(buffer):
    assert await buffer.merge(a_batch("a", "b")) == {"st-1": 0}
    assert await buffer.merge(a_batch("a", bot="st-2", second=5)) == {"st-2": 0}
    expected = join_batches([a_batch("a", "b"), a_batch("a", bot="st-2", second=5)])
    assert await everything(buffer) == expected
    assert await buffer.pull(10) == []


async def test_a_batch_of_many_messages(buffer):
    batch = large_batch(1, 3 * MIB)
    await buffer.merge(batch)
    assert (await buffer.status()).messages > 3
    assert await everything(buffer) == batch


async def test_what_is_acknowledged_is_there_though_the_same_was_there_before(buffer):
    for _ in range(2):  # a bot may have been deleted and made again in between
        await buffer.merge(a_batch("a"))
        assert await everything(buffer) == a_batch("a")


async def test_what_is_sent_again_since_its_answer_was_lost_is_kept_once(buffer, monkeypatch):
    answered, publish = [], JetStreamContext.publish

    async def lose_the_first_answer(js, *args, **named):
        answered.append(await publish(js, *args, **named))
        if len(answered) == 1:
            raise driver.errors.TimeoutError
        return answered[-1]

    monkeypatch.setattr(JetStreamContext, "publish", lose_the_first_answer)
    await buffer.merge(a_batch("a"))
    assert [answer.duplicate for answer in answered] == [None, True]
    assert (await buffer.status()).messages == 1


async def test_what_is_not_done_with_is_delivered_again(nats, buffer):
    await buffer.merge(a_batch("a"))
    (delivery,) = await buffer.pull(10)
    assert await buffer.pull(10) == []
    await delivery.put_back(0.1)
    again = []
    while not again:
        again = await buffer.pull(10)
    assert again[0].read() == a_batch("a")
    assert (await buffer.status()).redelivered == 1
    await again[0].done()
    await buffer.close()  # which sends what waits to be sent
    async with opened(nats.url) as later:
        await emptied(later)


async def test_two_who_pull_share_what_there_is(nats, buffer):
    async with opened(nats.url) as other:
        for n in range(6):
            await buffer.merge(a_batch(f"s-{n}"))
        taken = [await each.pull(3) for each in (buffer, other)]
        assert [len(each) for each in taken] == [3, 3]
        batches = [delivery.read() for each in taken for delivery in each]
        assert len(join_batches(batches)["st-1"]) == 6


async def test_a_full_buffer_says_so_at_once_and_forgets_nothing(nats):
    async with opened(nats.url, NewBuffer(1, 2 * MIB)) as buffer:
        kept = [large_batch(number, 640 * 1024) for number in range(3)]
        for batch in kept:
            await buffer.merge(batch)
        with pytest.raises(BufferUnavailable, match="buffer full: maximum bytes exceeded"):
            await asyncio.wait_for(buffer.merge(large_batch(99)), 5)  # it waits for no election
        held = await everything(buffer)
        assert join_batches([held, *kept]) == held
        await buffer.merge(large_batch(99))


async def test_the_probe_writes_and_so_knows_a_full_buffer(nats):
    async with opened(nats.url, NewBuffer(1, MIB)) as buffer:
        for _ in range(3):
            await buffer.probe()
        assert (await buffer.status()).messages == 3
        assert await everything(buffer) == {}
        for size in (MIB // 2, MIB // 4, MIB // 8, MIB // 16, MIB // 32, *[2000] * 60):
            with suppress(BufferUnavailable):
                await buffer.merge(large_batch(next(numbers), size))
        with suppress(BufferUnavailable):
            for _ in range(30):
                await buffer.probe()
        with pytest.raises(BufferUnavailable, match="buffer full"):
            await buffer.probe()


async def test_status(buffer):
    empty = await buffer.status()
    assert (empty.messages, empty.oldest, empty.max_bytes) == (0, None, 16 * MIB)
    assert (empty.replicas, empty.leader, empty.current, empty.behind) == (1, "n1", [], [])
    await buffer.merge(a_batch("a"))
    await buffer.merge(a_batch("b"))
    waiting = await buffer.status()
    assert (waiting.messages, waiting.unacknowledged) == (2, 0)
    assert 0 < waiting.bytes < 1000
    first = waiting.oldest
    await buffer.pull(1)
    assert (await buffer.status()).unacknowledged >= 1
    assert first == (await buffer.status()).oldest > 1_700_000_000_000


async def test_a_restart_of_nats_loses_nothing_and_needs_nobody(nats, buffer):
    await buffer.merge(a_batch("a"))
    nats.kill()
    sent = asyncio.create_task(buffer.merge(a_batch("b")))
    await asyncio.to_thread(nats.start)
    await sent
    assert await everything(buffer) == a_batch("a", "b")


async def test_a_connection_that_nats_closed_for_good_is_made_anew(buffer):
    await buffer._stream._client.close()
    await buffer.merge(a_batch("a"))
    assert await everything(buffer) == a_batch("a")


async def test_a_stream_and_a_consumer_that_were_taken_away_are_made_anew(nats, buffer):
    await buffer.merge(a_batch("a"))
    assert await everything(buffer) == a_batch("a")
    client = await driver.connect(nats.url)
    await client.jetstream().delete_stream("INTENTLIVE")
    await buffer.merge(a_batch("b"))
    with pytest.raises(BufferUnavailable):
        await buffer.pull(10)
    assert await everything(buffer) == a_batch("b")
    await client.close()


async def test_nobody_there(nats, monkeypatch):
    monkeypatch.setattr("intentlive.buffers.jetstream._PATIENCE", 0.5)
    nats.kill()
    with pytest.raises(BufferUnavailable, match="does not answer"):
        await open_buffer(servers_at(nats.url), ONE_NODE)


async def test_patience_has_an_end(nats, buffer, monkeypatch):
    monkeypatch.setattr("intentlive.buffers.jetstream._PATIENCE", 0.5)
    nats.nodes[0].pause()
    sends = partial(buffer.merge, large_batch(1, 3 * MIB))
    for ask in (buffer.probe, buffer.status, partial(buffer.pull, 10), sends):
        with pytest.raises(BufferUnavailable, match="does not answer"):
            await ask()


async def test_a_single_node_cannot_keep_three_replicas(nats):
    with pytest.raises(StoreError, match="--buffer-replicas 1") as caught:
        await open_buffer(servers_at(nats.url), NewBuffer(3, MIB))
    assert not isinstance(caught.value, BufferUnavailable)


async def test_more_than_the_disk_may_hold(nats):
    with pytest.raises(StoreError, match="--buffer-bytes"):
        await open_buffer(servers_at(nats.url), NewBuffer(1, 1 << 40))


async def test_who_only_looks_makes_no_buffer(nats):
    with pytest.raises(NotFound):
        await open_buffer(servers_at(nats.url), None)
    async with opened(nats.url), opened(nats.url, None) as looked_at:
        assert (await looked_at.status()).messages == 0


@pytest.mark.parametrize(
    "other",
    [
        {"discard": api.DiscardPolicy.OLD},
        {"retention": api.RetentionPolicy.LIMITS},
        {"storage": api.StorageType.MEMORY},
        {"subjects": ["something.else"]},
        {"max_age": 3600},
        {"max_msgs_per_subject": 1000},
        {"max_msg_size": 1000},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_a_stream_that_could_forget_is_not_used(nats, other):
    client = await driver.connect(nats.url)
    await client.jetstream().add_stream(**RIGHT | other)
    await client.close()
    with pytest.raises(StoreError, match=f"another {next(iter(other))}"):
        await open_buffer(servers_at(nats.url), ONE_NODE)


async def test_nor_one_that_was_made_while_the_server_runs(nats, buffer):
    client = await driver.connect(nats.url)
    await client.jetstream().delete_stream("INTENTLIVE")
    await client.jetstream().add_stream(**RIGHT | {"max_age": 3600})
    await client.close()
    await buffer._stream._client.close()  # it looks for the stream again
    with pytest.raises(BufferUnavailable, match="another max_age"):
        await buffer.merge(a_batch("a"))


async def test_a_consumer_that_could_give_up_is_changed(nats, buffer):
    client = await driver.connect(nats.url)
    js = client.jetstream()
    config = api.ConsumerConfig(
        durable_name="appliers",
        filter_subject="intentlive.states",
        ack_policy=api.AckPolicy.EXPLICIT,
        max_deliver=1,
        ack_wait=3600,
    )
    await js.add_consumer("INTENTLIVE", config)
    await buffer.merge(a_batch("a"))
    (delivery,) = await buffer.pull(10)
    found = (await js.consumer_info("INTENTLIVE", "appliers")).config
    assert (found.max_deliver, found.ack_wait) == (-1, 15)
    await delivery.put_back(0.1)
    await until(lambda: buffer.pull(10))
    await client.close()


async def test_a_nats_that_takes_small_messages_only_is_not_used():
    with (
        Nats(more="max_payload: 262144") as nats,
        pytest.raises(StoreError, match="max_payload be 1MB") as caught,
    ):
        await open_buffer(servers_at(nats.url), ONE_NODE)
    assert not isinstance(caught.value, BufferUnavailable)


async def test_a_stream_of_another_size_is_used_as_it_is_and_told(nats, buffer):
    with capture_logs() as logs:
        async with opened(nats.url, NewBuffer(1, 2 * MIB)) as again:
            assert (await again.status()).max_bytes == 16 * MIB
    (line,) = [line for line in logs if line["event"] == "buffer made otherwise"]
    assert (line["max_bytes"], line["asked"]["max_bytes"]) == (16 * MIB, 2 * MIB)


async def test_a_password_opens_and_is_told_to_nobody(monkeypatch):
    monkeypatch.setattr("intentlive.buffers.jetstream._PATIENCE", 3.0)
    monkeypatch.setattr("intentlive.buffers.jetstream._CONNECT_SECONDS", 1.0)
    with (
        capture_logs() as logs,
        Nats(more='authorization { user: "some one", password: "s@/e,cret" }') as guarded,
    ):
        place = guarded.url.removeprefix("nats://")
        async with opened(f"nats://some%20one:s%40%2Fe%2Ccret@{place}") as buffer:
            await buffer.merge(a_batch("a"))
        for stranger in ("", "some%20one:wrong-secret@", "token-secret@"):
            servers = servers_at(f"nats://{stranger}{place}")
            with pytest.raises(BufferUnavailable, match="Authorization") as caught:
                await open_buffer(servers, ONE_NODE)
            assert "secret" not in f"{caught.value!r} {servers!r} {servers.shown()}"
    assert "cret" not in str(logs)
