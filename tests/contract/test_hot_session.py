"""Many processes that merge the same sessions at the same time: nothing is lost, all agree."""

import asyncio
from collections import defaultdict
from random import Random

import pytest

from intentlive.core.session import encode_state, fold
from tests.contract.conftest import add_bot
from tests.stores import open_store, revision
from tests.wire import NOON_MS, event

PROCESSES = 8
YEAR = 365 * 86_400_000
TYPES = (
    "session.started",
    "message.received",
    "message.sent",
    "intent.unidentified",
    "task.completed",
    "task.failed",
    "flow.completed",
    "session.transferred",
    "session.ended",
)


@pytest.fixture
async def stores(address, tmp_path):
    """One store, opened as eight processes would."""
    opened = [await open_store(address, tmp_path) for _ in range(PROCESSES)]
    yield opened
    for store in opened:
        await store.close()


def an_event(random, number, subject):
    """Something that happened in an hour, with ids and times that are often the same."""
    contact = {"ANI": f"+{random.randrange(50)}", "userId": f"u-{random.randrange(50)}"}
    if random.random() < 0.5:
        return event(
            "intent.identified",
            random.randrange(3600),
            str(random.randrange(100)),
            subject=subject,
            intent=f"intent {number}",
            **contact,
        )
    return event(
        random.choice(TYPES),
        random.randrange(3600),
        str(random.randrange(100)),
        subject=subject,
        **contact,
    )


async def merge_all(stores, batches, random):
    """Every store merges its share, in an order of its own; gives all revisions there were."""
    shares = [batches[number::PROCESSES] for number in range(PROCESSES)]
    revisions = defaultdict(list)

    async def merge_share(store, share):
        random.shuffle(share)
        for batch in share:
            for bot_id, reached in (await store.merge(batch)).items():
                revisions[bot_id].append(reached)

    await asyncio.gather(*map(merge_share, stores, shares))
    return revisions


async def stored(store, bot_id):
    """The bytes that are kept of each session of a bot."""
    found = await store.latest(bot_id, NOON_MS + YEAR, 10_000)
    return {session_id: encode_state(state) for session_id, state in found.sessions}


def encoded(states):
    return {session_id: encode_state(state) for session_id, state in states.items()}


@pytest.mark.parametrize("seed", range(3))
async def test_a_session_that_all_merge_at_once_becomes_what_one_merge_makes_of_it(stores, seed):
    random = Random(seed)
    await add_bot(stores[0], "st-1")
    events = [an_event(random, number, "hot") for number in range(700)]
    events += random.choices(events, k=300)
    before = await revision(stores[0])
    reached = await merge_all(stores, [{"st-1": fold([each])} for each in events], random)
    for store in stores:
        assert await stored(store, "st-1") == encoded(fold(events))
        assert await revision(store) == max(reached["st-1"])
    assert before < min(reached["st-1"])
    last = await revision(stores[0])
    assert (await stores[1].merge({"st-1": fold(events)}))["st-1"] == last


@pytest.mark.parametrize("seed", range(3))
async def test_sessions_of_many_bots_in_any_order_stop_nobody_and_are_all_there(stores, seed):
    random = Random(seed)
    bot_ids = [f"st-{number}" for number in range(5)]
    for bot_id in bot_ids:
        await add_bot(stores[0], bot_id)
    events, batches = defaultdict(list), []
    for number in range(300):
        batch = defaultdict(dict)
        for bot_id in random.sample(bot_ids, k=random.randint(1, len(bot_ids))):
            some = [an_event(random, number, f"s-{random.randrange(20)}") for _ in range(10)]
            events[bot_id] += some
            batch[bot_id] = fold(some)
        batches.append(batch)
    reached = await merge_all(stores, batches, random)
    for bot_id in bot_ids:
        assert await stored(stores[-1], bot_id) == encoded(fold(events[bot_id]))
        assert await revision(stores[0], bot_id) == max(reached[bot_id])
