"""What every store does with sessions."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intentlive.core.reading import BotRules
from intentlive.core.record import record
from intentlive.core.session import ERASED, State, fold
from tests.contract.conftest import add_bot
from tests.stores import put, revision
from tests.wire import NOON_MS, event, ms

HOUR = 3_600_000


def ended(subject, seconds, **contact):
    return event("session.ended", seconds, subject=subject, **contact)


async def latest_ids(store, bot_id="st-1", now=NOON_MS + HOUR, limit=25):
    found = await store.latest(bot_id, now, limit)
    return [session_id for session_id, _ in found.sessions]


async def test_an_empty_bot_has_no_sessions_and_an_unknown_one_is_none(store, bot):
    found = await store.latest("st-1", NOON_MS, 25)
    assert (list(found.sessions), found.due, found.rules) == ([], None, bot.rules)
    assert await store.latest("st-unknown", NOON_MS, 25) is None
    assert await store.revisions(["st-unknown"]) == {}


async def test_what_is_merged_comes_back_as_it_was(store, bot):
    states = fold(
        [
            event("session.started", 0, channel="rtm", ANI="+1", DNI="x@y", userId="u-1"),
            event("intent.identified", 1, "2", intent="Réserver 座席", confidence=0.5),
            event("session.deflected", 2, "3", to="whatsapp"),
            event("session.ended", 3, "4", reason="hang-up"),
        ]
    )
    await store.merge({"st-1": states})
    found = await store.latest("st-1", NOON_MS + HOUR, 25)
    assert dict(found.sessions) == states


async def test_parts_of_a_session_join_whatever_their_order_and_number(store, bot):
    parts = [
        event("session.started", 0, channel="rtm"),
        event("intent.identified", 5, "2", intent="Pay"),
        event("flow.completed", 9, "3"),
    ]
    for part in [*reversed(parts), *parts]:
        await store.merge({"st-1": fold([part])})
    found = await store.latest("st-1", NOON_MS + HOUR, 25)
    assert dict(found.sessions) == fold(parts)


async def test_latest_are_ordered_by_end_then_session_id_and_limited(store, bot):
    for subject, seconds in [("b", 10), ("a", 30), ("c", 10), ("ä", 10), ("z", 10), ("d", 20)]:
        await store.merge({"st-1": fold([ended(subject, seconds)])})
    assert await latest_ids(store) == ["a", "d", "ä", "z", "c", "b"]
    assert await latest_ids(store, limit=3) == ["a", "d", "ä"]


async def test_a_session_is_listed_from_its_end_on(store, bot):
    await store.merge({"st-1": fold([event("message.received", 0, subject="idle")])})
    end = NOON_MS + 15 * 60 * 1000
    assert await latest_ids(store, now=end - 1) == []
    assert await latest_ids(store, now=end) == ["idle"]


async def test_due_is_the_next_end_to_come(store, bot):
    for subject, seconds in [("past", -9_000), ("late", 60), ("soon", 30)]:
        await store.merge({"st-1": fold([event("message.received", seconds, subject=subject)])})
    found = await store.latest("st-1", NOON_MS, 25)
    assert found.due == ms(30) + 900_000
    assert (await store.latest("st-1", NOON_MS + HOUR, 25)).due is None


async def test_a_finished_session_can_be_reopened_and_end_again(store, bot):
    await store.merge({"st-1": fold([event("flow.completed", 0, subject="s")])})
    assert await latest_ids(store, now=NOON_MS) == ["s"]
    await store.merge({"st-1": fold([event("message.received", 5, "2", subject="s")])})
    assert await latest_ids(store, now=ms(5)) == []
    assert await latest_ids(store, now=ms(5) + 900_000) == ["s"]


async def test_developer_sessions_and_erased_ones_are_not_listed(store, bot):
    await store.merge({"st-1": fold([ended("dev", 0, developer=True), ended("gone", 0)])})
    assert await latest_ids(store) == ["gone"]
    await store.merge({"st-1": {"gone": ERASED}})
    assert await latest_ids(store) == []
    await store.merge({"st-1": fold([ended("gone", 0)])})
    assert await latest_ids(store) == []


async def test_silent_sessions_are_left_out_where_the_bot_says_so(store):
    await add_bot(store, "st-all")
    await add_bot(store, "st-skip", BotRules(skip_silent=True))
    heard = event("message.received", 1, subject="heard")
    states = fold([ended("silent", 2), heard, ended("heard", 3)])
    await store.merge({"st-all": states, "st-skip": states})
    assert await latest_ids(store, "st-all") == ["heard", "silent"]
    assert await latest_ids(store, "st-skip") == ["heard"]
    skipping = await store.bot("st-all")
    await put(store, type(skipping)("st-all", "a1", "Bot", BotRules(skip_silent=True), 1))
    assert await latest_ids(store, "st-all") == ["heard"]


async def test_many_silent_sessions_do_not_hide_the_others(store, bot):
    silent = [ended(f"silent-{n:03}", n) for n in range(100)]
    heard = [event("flow.completed", -n, subject=f"heard-{n:02}") for n in range(1, 31)]
    await store.merge({"st-1": fold([*silent, *heard])})
    await put(store, type(bot)("st-1", "a1", "Bot", BotRules(skip_silent=True), 1))
    assert await latest_ids(store) == [f"heard-{n:02}" for n in range(1, 26)]


async def test_a_new_idle_timeout_moves_only_sessions_active_after_it(store, bot):
    before, after = (
        event("message.received", 0, subject="before"),
        event("message.received", 100, subject="after"),
    )
    await store.merge({"st-1": fold([before, after])})
    since = ms(50)
    changed = BotRules(((0, 900), (since, 10)))
    await put(store, type(bot)("st-1", "a1", "Bot", changed, 1))
    assert await latest_ids(store, now=ms(110)) == ["after"]
    assert await latest_ids(store, now=ms(900)) == ["before", "after"]
    await store.merge({"st-1": fold([event("message.received", 120, subject="new")])})
    assert await latest_ids(store, now=ms(130)) == ["new", "after"]


async def test_revision_grows_with_changes_alone(store, bot):
    states = {"st-1": fold([ended("s", 0)])}
    first = await revision(store)
    second = (await store.merge(states))["st-1"]
    assert second > first
    assert (await store.merge(states))["st-1"] == second == await revision(store)
    assert (await store.latest("st-1", NOON_MS, 25)).revision == second
    await put(store, type(bot)("st-1", "a1", "New name", bot.rules, 1))
    assert await revision(store) > second


async def test_bots_of_one_batch_are_apart_and_unknown_ones_are_told(store):
    await add_bot(store, "st-1")
    await add_bot(store, "st-2")
    revisions = await store.merge(
        {
            "st-1": fold([ended("same", 0)]),
            "st-unknown": fold([ended("same", 0)]),
            "st-2": fold([ended("same", 5)]),
        }
    )
    assert set(revisions) == {"st-1", "st-2"}
    one, two = [dict((await store.latest(b, NOON_MS + HOUR, 9)).sessions) for b in ("st-1", "st-2")]
    assert one["same"].ended.time == ms(0)
    assert two["same"].ended.time == ms(5)


async def test_open_sessions_are_counted_over_all_bots(store):
    for bot_id in ("st-1", "st-2"):
        await add_bot(store, bot_id)
        open_ones = [
            event("message.received", 0, subject="a"),
            event("session.started", 0, subject="b"),
        ]
        hidden = event("message.received", 0, subject="c", developer=True)
        await store.merge({bot_id: fold([*open_ones, hidden, ended("d", 0)])})
    assert await store.open_sessions(NOON_MS) == 4
    assert await store.open_sessions(NOON_MS + HOUR) == 0


async def test_sessions_outlive_the_store_object(two_stores):
    one, other = two_stores
    await add_bot(one, "st-1")
    await one.merge({"st-1": fold([ended("s", 0)])})
    assert await latest_ids(other) == ["s"]
    await other.merge({"st-1": fold([event("session.started", -9, "0", subject="s", ANI="+1")])})
    found = await one.latest("st-1", NOON_MS, 25)
    assert record("s", found.sessions[0][1], found.rules, found.disguise).ANI == "+1"


async def test_a_probe_is_a_write(store):
    await store.probe()


ids = st.text(min_size=1, max_size=8).filter(lambda text: "\0" not in text)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(subjects=st.dictionaries(ids, st.integers(0, 10), min_size=1, max_size=30))
@pytest.mark.anyio
async def test_any_ids_in_any_number_are_ordered_as_code_points(store, subjects):
    bot_id = f"st-{len(await store.bots())}"
    await add_bot(store, bot_id)
    states = {subject: State(started=0, last_activity=n * 1000) for subject, n in subjects.items()}
    await store.merge({bot_id: states})
    expected = sorted(subjects, key=lambda subject: (subjects[subject], subject), reverse=True)
    assert await latest_ids(store, bot_id, now=HOUR) == expected[:25]
