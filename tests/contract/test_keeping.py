"""What every store forgets on purpose: sessions past their retention, and erased persons."""

import pytest

from intentlive.core.personal import Person
from intentlive.core.session import ERASED, fold
from tests.contract.conftest import add_bot
from tests.contract.test_sessions import ended, latest_ids
from tests.stores import revision
from tests.wire import FINISHED, NOON_MS, at, event, ms

HOUR = 3_600


async def ids(store, bot_id="st-1"):
    return await latest_ids(store, bot_id, NOON_MS + 1000 * HOUR, 100)


async def purge_all(store, before, limit=2, bot_id="st-1"):
    """Step by step, as the server does; gives how many each step deleted."""
    steps = []
    while not steps or steps[-1]:
        steps.append(await store.purge(bot_id, before, limit))
    return steps


async def test_what_ended_before_is_deleted_in_steps_and_nothing_else(store, bot):
    await add_bot(store, "st-2")
    told = [ended(f"s{seconds}", seconds) for seconds in range(6)]
    await store.merge({"st-1": fold(told), "st-2": fold(told)})
    assert await purge_all(store, ms(5)) == [2, 2, 1, 0]
    assert await ids(store) == ["s5"]
    assert len(await ids(store, "st-2")) == 6


async def test_every_kind_of_session_is_deleted(store, bot):
    silent = event("session.started", 0, subject="silent")
    hidden = ended("developer's", 0, developer=True)
    await store.merge({"st-1": fold([silent, hidden, ended("usual", 0)])})
    assert await purge_all(store, ms(2 * HOUR)) == [2, 1, 0]


async def test_what_is_open_stays(store, bot):
    await store.merge({"st-1": fold([event("message.received", 0, subject="open")])})
    assert await purge_all(store, ms(14 * 60)) == [0]
    assert await purge_all(store, ms(15 * 60) + 1) == [1, 0]


async def test_a_part_of_what_was_deleted_cannot_come_back(store, bot):
    """Its end was its record's, but an event that came later could be sent again."""
    record = FINISHED | {"startTime": at(0), "endTime": at(1)}
    parts = [
        event("session.recorded", 50, "1", subject="s", record=record),
        event("message.sent", 90, "2", subject="s"),
    ]
    await store.merge({"st-1": fold([*parts, ended("other", 1)])})
    assert await purge_all(store, ms(90), limit=1) == [1, 1, 0]
    assert await ids(store) == []
    await store.merge({"st-1": fold(parts[1:])})
    assert await ids(store) == []


async def test_a_deletion_is_a_change_that_others_notice(store, bot):
    await store.merge({"st-1": fold([ended("s", 0)])})
    before = await revision(store)
    assert await store.purge("st-1", ms(0), 10) == 0
    assert await revision(store) == before
    assert await store.purge("st-1", ms(1), 10) == 1
    assert await revision(store) > before


async def erase_all(store, person, bot_id="st-1", limit=2):
    erased, after = 0, ""
    while after is not None:
        step = await store.erase(bot_id, person, after, limit)
        erased, after = erased + step.erased, step.next
    return erased


def told_by(key, value, subject, seconds=0):
    return event("flow.completed", seconds, subject=subject, **{key: value})


PERSONS = [
    ("userId", Person(user_id="u-1")),
    ("ANI", Person(ani="u-1")),
    ("DNI", Person(dni="u-1")),
]


@pytest.mark.parametrize(("key", "person"), PERSONS)
async def test_an_erased_person_leaves_the_lists_for_good(store, bot, key, person):
    told = [told_by(key, "u-1" if n % 3 == 0 else f"u-{n + 10}", f"s{n}") for n in range(9)]
    await store.merge({"st-1": fold(told)})
    before = await revision(store)
    assert await erase_all(store, person) == 3
    assert await revision(store) > before
    rest = ["s8", "s7", "s5", "s4", "s2", "s1"]
    assert await ids(store) == rest
    await store.merge({"st-1": fold(told)})
    assert await ids(store) == rest
    assert await erase_all(store, person) == 0


@pytest.mark.parametrize(("key", "person"), PERSONS)
async def test_another_value_of_the_same_text_is_not_the_person(store, bot, key, person):
    others = {"userId", "ANI", "DNI"} - {key}
    told = [told_by(other, "u-1", f"s-{other}") for other in others]
    await store.merge({"st-1": fold(told)})
    assert await erase_all(store, person) == 0


@pytest.mark.parametrize(("key", "person"), PERSONS)
async def test_a_person_in_a_record_made_elsewhere_is_found(store, bot, key, person):
    record = FINISHED | {key: "u-1"}
    await store.merge({"st-1": fold([event("session.recorded", 50, subject="s", record=record)])})
    assert await erase_all(store, person) == 1
    assert await ids(store) == []


async def test_what_waits_while_a_person_is_erased_does_not_bring_them_back(store, bot):
    """A batch that was read before the erasure and is stored after it."""
    waiting = fold([told_by("userId", "u-1", "s")])
    await store.merge({"st-1": waiting})
    await erase_all(store, Person(user_id="u-1"))
    await store.merge({"st-1": waiting})
    assert await ids(store) == []
    await store.merge({"st-1": {"s": ERASED}})
    assert await ids(store) == []


async def test_scrubbing_keeps_what_is_there_and_goes_on_beside_readers(two_stores):
    one, other = two_stores
    await add_bot(one, "st-1")
    await one.merge({"st-1": fold([ended("s", 0)])})
    assert await ids(other) == ["s"]
    await one.scrub()
    assert await ids(other) == await ids(one) == ["s"]
    await other.merge({"st-1": fold([ended("t", 1)])})
    assert await ids(one) == ["t", "s"]
