"""The rendered latest 25: served from memory only as long as they are true."""

import asyncio
import json

import pytest
from msgspec.structs import replace

from intentlive import latest
from intentlive.core.errors import StoreUnavailable
from intentlive.core.reading import BotRules
from intentlive.core.session import fold
from intentlive.latest import FOLLOWED_MS, RECHECK_MS, LatestViews
from intentlive.ports import Bot
from intentlive.signals import Signals
from tests.contract.conftest import add_bot
from tests.stores import open_store, put
from tests.wire import NOON_MS, event


class World:
    """A store with one bot, views on it, and a clock to turn."""

    def __init__(self, store):
        self.store = store
        self.now = NOON_MS + 1000
        self.signals = Signals()
        self.views = LatestViews(store, lambda: self.now, self.signals)

    async def tell(self, *session_events, here=True):
        """Store events, through this process or another."""
        revisions = await self.store.merge({"st-1": fold(session_events)})
        if here:
            self.views.on_change("st-1", revisions["st-1"])

    async def ids(self):
        view = await self.views.latest("st-1")
        return [each["sessionId"] for each in json.loads(view.shown.body)]

    @property
    def hits(self):
        return self.signals.registry.get_sample_value(
            "intentlive_latest_views_total", {"cache": "hit"}
        )


@pytest.fixture
async def world(tmp_path):
    store = await open_store("sqlite:x.db", tmp_path)
    await add_bot(store, "st-1")
    yield World(store)
    await store.close()


def ended(subject):
    return event("session.ended", 0, subject=subject)


async def test_an_unknown_bot_is_none_and_never_remembered(world):
    assert await world.views.latest("st-2") is None
    await add_bot(world.store, "st-2")
    assert (await world.views.latest("st-2")).shown.body == b"[]"


async def test_an_unchanged_answer_is_served_from_memory(world):
    await world.tell(ended("a"))
    assert [await world.ids() for _ in range(3)] == [["a"]] * 3
    assert world.hits == 2


async def test_own_changes_are_seen_at_once(world):
    assert await world.ids() == []
    await world.tell(ended("a"))
    assert await world.ids() == ["a"]


async def test_changes_of_other_processes_are_seen_after_the_recheck(world):
    assert await world.ids() == []
    await world.tell(ended("a"), here=False)
    world.now += RECHECK_MS
    assert await world.ids() == ["a"]


async def test_a_bot_that_is_asked_often_is_looked_at_ahead_and_nobody_waits(world):
    assert await world.ids() == []
    world.now += RECHECK_MS - 1
    await world.views.look_again()
    world.now += 1
    assert world.views.at_hand("st-1").shown.body == b"[]"  # nobody has to ask the store
    await world.tell(ended("a"), here=False)
    await world.views.look_again()
    assert world.views.at_hand("st-1") is None
    assert await world.ids() == ["a"]


async def test_all_bots_that_are_asked_for_are_looked_at_by_one_question(world):
    for bot_id in ("st-2", "st-3", "st-4"):
        await add_bot(world.store, bot_id)
        await world.views.latest(bot_id)
    world.now += FOLLOWED_MS - 1
    await world.views.latest("st-2")
    await world.views.latest("st-3")
    world.now += 1
    asked, ask = [], world.store.revisions

    async def noted(bot_ids):
        asked.append(sorted(bot_ids))
        return await ask(bot_ids)

    world.store.revisions = noted
    await world.views.look_again()
    assert asked == [["st-2", "st-3"]]


async def test_following_goes_on_when_the_store_was_away(world):
    assert await world.ids() == []
    await world.tell(ended("a"), here=False)
    answers, ask = [StoreUnavailable("away")], world.store.revisions
    noticed = asyncio.Event()

    async def failing_once(bot_ids):
        if answers:
            raise answers.pop()
        found = await ask(bot_ids)
        noticed.set()
        return found

    world.store.revisions = failing_once
    following = asyncio.create_task(world.views.follow())
    await noticed.wait()
    following.cancel()
    assert await world.ids() == ["a"]


async def test_a_recheck_that_finds_nothing_keeps_the_answer(world):
    await world.ids()
    world.now += RECHECK_MS
    await world.ids()
    assert world.hits == 1


async def test_an_idle_session_appears_when_its_time_has_come(world):
    await world.tell(event("message.received", 0, subject="idle"))
    assert await world.ids() == []
    for step in (900_000 - 1001, 1):
        world.now += step
        world.views.on_change("st-1", 0)  # no news: the same revision as before
        expected = ["idle"] if step == 1 else []
        assert await world.ids() == expected


async def test_a_clock_set_back_does_not_keep_stale_answers(world):
    assert await world.ids() == []
    await world.tell(ended("a"), here=False)
    world.now -= 500
    assert await world.ids() == ["a"]


async def test_a_rendering_older_than_a_change_made_meanwhile_is_not_served(world):
    """A read began before a commit of this process and came back after it."""
    read = world.store.latest

    async def slow_read(*wanted):
        found = await read(*wanted)
        await world.tell(ended("a"))
        return found

    world.store.latest = slow_read
    assert await world.ids() == []
    world.store.latest = read
    assert await world.ids() == ["a"]


async def test_a_changed_bot_is_rendered_anew(world):
    await world.tell(ended("silent"))
    assert await world.ids() == ["silent"]
    bot = await world.store.bot("st-1")
    await put(world.store, type(bot)("st-1", "a1", "Bot", BotRules(skip_silent=True), created=1))
    world.now += RECHECK_MS
    assert await world.ids() == []


async def test_a_deleted_bot_is_forgotten(world):
    await world.ids()
    await world.store.delete_bot("st-1")
    world.now += RECHECK_MS
    assert await world.views.latest("st-1") is None


async def test_memory_is_bounded(world, monkeypatch):
    monkeypatch.setattr("intentlive.latest.MAX_BYTES", 5_000)  # two that show nothing
    for bot_id in ("st-2", "st-3"):
        await add_bot(world.store, bot_id)
    for bot_id in ("st-1", "st-2", "st-3", "st-1"):
        await world.views.latest(bot_id)
    assert world.hits == 0
    await world.views.latest("st-3")
    assert world.hits == 1


async def test_an_answer_made_by_a_clock_that_ran_ahead_is_not_served(world):
    await world.tell(event("message.received", 0, subject="open"))
    world.now += 3_600_000
    assert await world.ids() == ["open"]
    world.now -= 3_600_000
    assert await world.ids() == []


async def test_questions_at_one_time_are_answered_by_one_rendering(world):
    asked, read = [], world.store.latest

    async def counted_read(*wanted):
        asked.append(wanted)
        return await read(*wanted)

    world.store.latest = counted_read
    answers = await asyncio.gather(*[world.views.latest("st-1") for _ in range(50)])
    assert ({view.shown.body for view in answers}, len(asked)) == ({b"[]"}, 1)


async def test_a_rendering_that_a_newer_one_overtook_is_not_served_again(world):
    read, has_read, may_return = world.store.latest, asyncio.Event(), asyncio.Event()

    async def delayed(*wanted):
        world.store.latest = read
        found = await read(*wanted)
        has_read.set()
        await may_return.wait()
        return found

    world.store.latest = delayed
    await world.tell(ended("a"))
    await world.tell(ended("b"), here=False)
    overtaken = asyncio.create_task(world.views.latest("st-1"))
    await has_read.wait()
    revisions = await world.store.revisions(["st-1"])
    world.views.on_change("st-1", revisions["st-1"])
    await world.tell(ended("c"), here=False)
    newest = await world.ids()
    may_return.set()
    await overtaken
    assert await world.ids() == newest == ["c", "b", "a"]


async def test_an_answer_that_cannot_be_rechecked_is_not_served(world):
    assert await world.ids() == []
    check = world.store.revisions

    async def fail(_bot_ids):
        raise StoreUnavailable("away")

    world.store.revisions = fail
    world.now += RECHECK_MS
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await world.ids()
    world.store.revisions = check
    assert await world.ids() == []


async def test_a_bot_made_anew_under_an_old_id_is_remembered_as_any_other(world):
    for number in range(5):
        await world.tell(ended(str(number)))
    await world.ids()
    await world.store.delete_bot("st-1")
    world.views.forget_all()
    anew = Bot("st-1", "a1", "Bot", BotRules(), created=world.now)
    await world.store.add_bot(anew)
    assert [await world.ids() for _ in range(2)] == [[], []]
    assert world.hits == 1


def view_bytes(view):
    """What a view counts for: a share of its own, and each rendering once."""
    renderings = {id(each): len(each.body) for each in (view.shown, view.plain)}
    return latest._VIEW_BYTES + sum(renderings.values())


def held(world):
    return sum(map(view_bytes, world.views._views.values()))


async def personal(world, mode, bot_id="st-1"):
    bot = await world.store.bot(bot_id)
    await put(world.store, replace(bot, personal_data=mode))
    world.now += RECHECK_MS


async def test_the_bytes_of_all_renderings_are_known(world):
    await world.tell(*(event("session.ended", 0, subject=f"s-{n}", ANI="+1265") for n in range(9)))
    await world.ids()
    one = world.views._size
    assert one == held(world) > latest._VIEW_BYTES + 9 * 100
    for _ in range(3):  # in place of the one before
        await world.tell(event("session.ended", 1, subject="more"))
        await world.ids()
    assert world.views._size == held(world) < 2 * one
    await add_bot(world.store, "st-2")
    await world.views.latest("st-2")
    assert world.views._size == held(world)
    await world.store.delete_bot("st-2")
    world.now += RECHECK_MS
    assert await world.views.latest("st-2") is None
    await world.ids()
    assert world.views._size == held(world)
    world.views.forget_all()
    assert world.views._size == held(world) == 0


async def test_where_two_views_differ_both_are_counted(world):
    await world.tell(event("session.ended", 0, subject="a", ANI="+12655551865"))
    await world.ids()
    one = world.views._size
    await personal(world, "masked")
    view = await world.views.latest("st-1")
    assert b"+12655551865" in view.plain.body
    assert b"+12655551865" not in view.shown.body
    assert world.views._size == held(world) > one + len(view.shown.body) - 10


async def test_one_that_is_larger_than_all_may_be_is_remembered_alone(world, monkeypatch):
    monkeypatch.setattr(latest, "MAX_BYTES", 10)
    await add_bot(world.store, "st-2")
    for bot_id in ("st-1", "st-2", "st-2"):
        await world.views.latest(bot_id)
    assert (world.hits, list(world.views._views)) == (1, ["st-2"])
    assert world.views._size == held(world)


async def test_large_renderings_make_room_for_as_many_small_ones(world, monkeypatch):
    await world.tell(*(event("session.ended", 0, subject=f"s-{n}") for n in range(25)))
    await world.ids()
    monkeypatch.setattr(latest, "MAX_BYTES", world.views._size + 3 * latest._VIEW_BYTES)
    for number in range(2, 9):
        await add_bot(world.store, f"st-{number}")
        await world.views.latest(f"st-{number}")
        assert world.views._size == held(world) <= latest.MAX_BYTES
    assert "st-1" not in world.views._views
    assert len(world.views._views) > 4  # the room of the large one is theirs now


async def test_a_large_rendering_has_the_room_of_several_small_ones(world, monkeypatch):
    for number in range(2, 6):
        await add_bot(world.store, f"st-{number}")
        await world.views.latest(f"st-{number}")
    await world.tell(*(event("session.ended", 0, subject=f"s-{n}") for n in range(25)))
    size = view_bytes(await world.views.latest("st-1"))
    world.views.forget_all()
    monkeypatch.setattr(latest, "MAX_BYTES", size + latest._VIEW_BYTES + 100)
    for number in (2, 3, 4, 5, 1):
        await world.views.latest(f"st-{number}")
    assert list(world.views._views) == ["st-5", "st-1"]
