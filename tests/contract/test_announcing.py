"""Every store tells once that sessions ended by themselves, however many announce it."""

import asyncio

from intentlive.core.reading import BotRules
from intentlive.core.session import ERASED, fold
from tests.contract.conftest import add_bot
from tests.contract.test_sessions import latest_ids
from tests.stores import put, revision
from tests.wire import NOON_MS, event, ms

IDLE_MS = 15 * 60 * 1000
END = NOON_MS + IDLE_MS
LATER = END + IDLE_MS


def heard(subject, seconds=0, event_id="1", **contact):
    return event("message.received", seconds, event_id, subject=subject, **contact)


async def announce(store, now, bot_id="st-1"):
    """Announce as a process does; gives the revisions that this raised."""
    return [await store.announce(each, now) for each in await store.unannounced(now)]


async def test_an_end_is_announced_from_its_time_on_and_once(store, bot):
    await store.merge({"st-1": fold([heard("s")])})
    before = await revision(store)
    assert await store.unannounced(END - 1) == []
    assert await store.announce("st-1", END - 1) is None
    assert await store.unannounced(END) == ["st-1"]
    assert await store.announce("st-1", END) == before + 1
    for now in (END, LATER):
        assert await store.unannounced(now) == []
        assert await store.announce("st-1", now) is None
    assert await revision(store) == before + 1


async def test_many_announce_at_once_and_one_of_them_does(two_stores):
    for bot_id in ("st-1", "st-2"):
        await add_bot(two_stores[0], bot_id)
        await two_stores[0].merge({bot_id: fold([heard(f"s-{n}", n) for n in range(5)])})
    before = await two_stores[0].revisions(["st-1", "st-2"])
    for rounds, now in enumerate((ms(1) + IDLE_MS, ms(3) + IDLE_MS, LATER), start=1):
        found = await asyncio.gather(
            *(store.announce(bot_id, now) for store in two_stores * 10 for bot_id in before)
        )
        raised = sorted(each for each in found if each is not None)
        assert raised == sorted(each + rounds for each in before.values())
    assert await two_stores[1].revisions(["st-1", "st-2"]) == {
        bot_id: each + 3 for bot_id, each in before.items()
    }


async def test_one_announcement_is_for_all_ends_up_to_its_time(store, bot):
    silent = event("session.started", 1, subject="silent")
    await store.merge(
        {"st-1": fold([silent, heard("first"), heard("second", 2), heard("late", 9)])}
    )
    before = await revision(store)
    assert await announce(store, ms(5) + IDLE_MS) == [before + 1]
    assert await announce(store, ms(8) + IDLE_MS) == []
    assert await announce(store, ms(9) + IDLE_MS) == [before + 2]


async def test_silent_sessions_end_too(store, bot):
    await store.merge({"st-1": fold([event("session.started", 0, subject="silent")])})
    assert await announce(store, END) == [await revision(store)]


async def test_a_session_that_was_reopened_is_announced_when_it_ends_again(store, bot):
    await store.merge({"st-1": fold([heard("s")])})
    assert len(await announce(store, END)) == 1
    await store.merge({"st-1": fold([heard("s", 60, "2")])})
    reopened = await revision(store)
    assert await announce(store, END + 59_999) == []
    assert await announce(store, END + 60_000) == [reopened + 1]


async def test_what_no_list_shows_is_not_announced(store, bot):
    tried = heard("tried", developer=True)
    await store.merge({"st-1": fold([tried, heard("erased")])})
    await store.merge({"st-1": {"erased": ERASED}})
    before = await revision(store)
    assert await announce(store, LATER) == []
    assert await store.announce("st-1", LATER) is None
    assert await revision(store) == before


async def test_a_clock_that_is_behind_changes_nothing(store, bot):
    await store.merge({"st-1": fold([heard("s")])})
    assert len(await announce(store, LATER)) == 1
    await store.merge({"st-1": fold([heard("told-late", -1)])})
    before = await revision(store)
    assert await announce(store, END) == []
    assert await store.announce("st-1", END) is None
    await store.merge({"st-1": fold([heard("next", 60 * 60)])})
    assert await announce(store, LATER) == []
    assert await announce(store, ms(60 * 60) + IDLE_MS) == [before + 2]


async def test_a_shortened_idle_timeout_raises_the_revision_by_itself(store):
    await add_bot(store, "st-1", BotRules(((0, 3_600),)))
    await store.merge({"st-1": fold([heard("past"), heard("to-come", 3_000)])})
    assert len(await announce(store, ms(3_600))) == 1
    before = await revision(store)
    shorter = await store.bot("st-1")
    await put(store, type(shorter)("st-1", "a1", "Bot", BotRules(((0, 60),)), 1))
    assert await revision(store) == before + 1
    assert await latest_ids(store, now=ms(3_600)) == ["to-come", "past"]
    assert await announce(store, ms(3_600)) == []


async def test_an_unknown_bot_has_nothing_to_announce(store, bot):
    assert await store.announce("st-unknown", LATER) is None
    assert await store.unannounced(LATER) == []
