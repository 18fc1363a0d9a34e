"""What every store finds wrong with what is stored, and mends."""

import asyncio
import re

import pytest

from intentlive.core.reading import BotRules
from intentlive.core.session import ERASED, fold
from intentlive.ports import Bot
from tests.contract.conftest import add_bot
from tests.stores import put, revision
from tests.wire import NOON_MS, event, state_of

WRONG_LISTING = "listing is 0, not 2"


def a_session(id_, seconds=0):
    return fold([event("message.received", seconds, subject=id_)])


async def found_in(store, bot_id="st-1", limit=1000, *, mend=False):
    """What is wrong under a bot's id, as id → what, whatever the size of a page."""
    flaws, after = {}, ""
    while True:
        page = await store.check_sessions(bot_id, after, limit, mend=mend)
        flaws |= {flaw.session_id: flaw.what for flaw in page.flaws}
        if page.last is None:
            return flaws
        after = page.last


@pytest.fixture
async def filled(store):
    """A store with a bot of every kind of session."""
    await add_bot(store, "st-1")
    await store.merge({"st-1": a_session("open")})
    await store.merge({"st-1": fold([event("session.ended", 9, subject="ended")])})
    await store.merge({"st-1": fold([event("session.started", 9, subject="silent")])})
    await store.merge({"st-1": {"erased": ERASED}})
    await store.merge({"st-1": fold([event("message.sent", 1, subject="dev", developer=True)])})
    return store


async def test_of_a_good_store_nothing_is_wrong(filled):
    page = await filled.check_sessions("st-1", "", 100, mend=False)
    assert (page.sessions, list(page.flaws), page.last) == (5, [], "silent")
    page = await filled.check_sessions("st-1", "silent", 100, mend=False)
    assert (page.sessions, page.last) == (0, None)
    assert list(await filled.faults()) == []


@pytest.mark.parametrize("limit", [1, 2, 1000])
async def test_columns_that_are_not_what_the_state_says_are_found_and_mended(
    filled, by_hand, limit
):
    before = await revision(filled)
    by_hand("UPDATE sessions SET end_time = 5, listing = 0 WHERE session_id = 'open'")
    by_hand("UPDATE sessions SET end_time = NULL WHERE session_id = 'ended'")
    by_hand("UPDATE sessions SET end_time = 7 WHERE session_id = 'erased'")
    wrong = {
        "open": f"{WRONG_LISTING} and end_time is 5, not {NOON_MS + 900_000}",
        "ended": f"end_time is None, not {NOON_MS + 9_000}",
        "erased": "end_time is 7, not None",
    }
    assert await found_in(filled, limit=limit) == wrong
    assert await found_in(filled, limit=limit) == wrong
    assert await revision(filled) == before
    assert await found_in(filled, limit=limit, mend=True) == wrong
    assert await revision(filled) > before
    assert await found_in(filled) == {}
    assert len((await filled.latest("st-1", NOON_MS + 10**9, 25)).sessions) == 3


async def test_rules_of_the_bot_are_those_that_count(filled):
    rules = BotRules(((0, 60), (NOON_MS + 1000, 5)))
    await put(filled, Bot("st-1", "a1", "Bot", rules, 1))
    assert await found_in(filled) == {}


@pytest.mark.parametrize(
    ("bytes_", "what"),
    [("63", "has version 63, this release reads 01"), ("01c1", r"version 01\) is damaged")],
)
async def test_what_cannot_be_read_is_told_and_stays(store, by_hand, address, bytes_, what):
    await add_bot(store, "st-1")
    await store.merge({"st-1": a_session("good") | a_session("odd")})
    literal = f"x'{bytes_}'" if address.startswith("sqlite") else f"'\\x{bytes_}'"
    by_hand(f"UPDATE sessions SET state = {literal} WHERE session_id = 'odd'")
    for mend in (True, False):
        page = await store.check_sessions("st-1", "", 100, mend=mend)
        (flaw,) = page.flaws
        assert (flaw.session_id, flaw.can_be_mended) == ("odd", False)
        assert re.search(what, flaw.what)


async def test_sessions_of_no_bot_are_found_and_deleted(filled, by_hand):
    by_hand("UPDATE sessions SET bot_id = 'st-0' WHERE session_id IN ('open', 'dev')")
    assert await filled.next_bot("") == "st-0"
    assert await filled.next_bot("st-0") == "st-1"
    assert await filled.next_bot("st-1") is None
    wrong = dict.fromkeys(["dev", "open"], "belongs to no bot")
    assert await found_in(filled, "st-0") == wrong
    assert await filled.count_sessions("st-0") == 2
    assert await found_in(filled, "st-0", limit=1, mend=True) == wrong
    assert await filled.count_sessions("st-0") == 0
    assert await filled.next_bot("") == "st-1"
    assert await filled.count_sessions("st-1") == 3


async def test_an_empty_store_has_nothing_to_look_at(store):
    assert await store.next_bot("") is None
    assert (await store.check_sessions("st-1", "", 10, mend=True)).last is None


async def test_what_others_change_meanwhile_is_not_wrong(two_stores):
    """One writes, and changes the rules that ends are read by; the other looks."""
    writer, looker = two_stores
    await add_bot(writer, "st-1")
    ids = [f"s-{number:03}" for number in range(200)]
    await writer.merge({"st-1": {id_: state_of(event("message.sent", 0)) for id_ in ids}})
    looked = 0

    async def look():
        nonlocal looked
        while not changing.done():
            assert await found_in(looker, limit=50) == {}
            assert await found_in(looker, limit=50, mend=True) == {}
            looked += 1

    async def change():
        for number in range(1, 25):
            rules = BotRules(((0, number),))
            await put(writer, Bot("st-1", "a1", "Bot", rules, 1))
            states = {id_: state_of(event("message.sent", number)) for id_ in ids[::3]}
            await writer.merge({"st-1": states})

    changing = asyncio.create_task(change())
    await look()
    await changing
    assert looked > 1
    assert await found_in(looker) == {}


async def test_only_what_is_mended_is_told_and_the_rest_comes_next(
    two_stores, by_hand, monkeypatch
):
    """Sessions come in between the look at a page and its mending, and push others out of it."""
    writer, mender = two_stores
    await add_bot(writer, "st-1")
    await writer.merge({"st-1": a_session("k") | a_session("x")})
    by_hand("UPDATE sessions SET listing = 0")
    repeat = mender._database.repeat

    async def after_others(work):
        await writer.merge({"st-1": a_session("a")})
        return await repeat(work)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(mender._database, "repeat", after_others)
        page = await mender.check_sessions("st-1", "", 2, mend=True)
    assert (page.sessions, [flaw.session_id for flaw in page.flaws]) == (2, ["k"])
    assert await found_in(mender) == {"x": WRONG_LISTING}
    page = await mender.check_sessions("st-1", page.last, 2, mend=True)
    assert (page.sessions, [flaw.session_id for flaw in page.flaws]) == (1, ["x"])
    assert await found_in(mender) == {}


async def test_mending_does_not_take_back_what_was_merged_meanwhile(two_stores, by_hand):
    writer, mender = two_stores
    await add_bot(writer, "st-1")
    ids = [f"s-{number:03}" for number in range(50)]
    await writer.merge({"st-1": {id_: state_of(event("message.sent", 0)) for id_ in ids}})

    async def damage_and_mend():
        while not merging.done():
            # The bot first, as all take it: two would wait for each other else.
            by_hand("UPDATE bots SET name = name", "UPDATE sessions SET listing = 0")
            await found_in(mender, limit=20, mend=True)

    async def merge():
        for number in range(1, 60):
            states = {id_: state_of(event("message.sent", number)) for id_ in ids}
            await writer.merge({"st-1": states})

    merging = asyncio.create_task(merge())
    await damage_and_mend()
    await merging
    await found_in(mender, mend=True)
    assert await found_in(mender) == {}
    wanted = state_of(event("message.sent", 0), event("message.sent", 59))
    stored = dict(await writer.sessions_after("st-1", "", 1000))
    assert {id_: state.last_activity for id_, state in stored.items()} == dict.fromkeys(
        ids, wanted.last_activity
    )
