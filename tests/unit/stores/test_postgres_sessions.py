"""A merge in PostgreSQL locks nothing between reading and writing: what comes between counts."""

import asyncio
import secrets
from contextlib import asynccontextmanager

import msgspec
import psycopg
import pytest

from intentlive.core.errors import StoreError, StoreUnavailable
from intentlive.core.personal import Person
from intentlive.core.reading import BotRules
from intentlive.core.session import fold
from intentlive.ports import Account, Bot, UsedToken
from tests.contract.conftest import add_bot, an_account
from tests.e2e.calling import eventually
from tests.stores import open_store, put, revision
from tests.wire import NOON_MS, event, ms

LATER = NOON_MS + 10**9
WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted"
WRITE = b"UPDATE bots SET revision"
COMMITTED = b"COMMIT", b"COMMIT\0"
FIRST = event("session.started", 0, "1", subject="s", userId="u-1")
SECOND = event("message.received", 9, "2", subject="s", ANI="+1")


@pytest.fixture
def url(postgres):
    return postgres.database(f"store-{secrets.token_hex(8)}")


@pytest.fixture
async def other(url, tmp_path):
    """A store with a bot, as another process has it."""
    opened = await open_store(url, tmp_path)
    await add_bot(opened, "st-1")
    yield opened
    await opened.close()


@pytest.fixture
async def store(other, url, proxy, tmp_path):
    """The same at the other end of a network that fails on demand."""
    distant = url.replace(f":{proxy.server_port}/", f":{proxy.port}/")
    opened = await open_store(distant, tmp_path)
    yield opened
    await opened.close()


@asynccontextmanager
async def between_reading_and_writing(store, proxy, *events):
    """What is done in the block comes in the middle of a merge of these events."""
    with proxy.stopped_at(WRITE) as has_stopped:
        merging = asyncio.ensure_future(store.merge({"st-1": fold(events)}))
        assert await asyncio.to_thread(has_stopped.wait, 60)
        yield
    await merging


async def stored(store):
    found = await store.latest("st-1", LATER, 100)
    return dict(found.sessions)


async def turns_of(store, proxy, batches):
    """The round trips of one merge, without those of new connections."""
    counts = []
    for batch in batches:
        before = proxy.turns
        await store.merge(batch)
        counts.append(proxy.turns - before)
    return min(counts)


async def test_a_merge_is_two_round_trips_and_one_where_nothing_is_news(store, proxy):
    news = [event("message.sent", n, str(n), subject="s") for n in range(20)]
    batches = [{"st-1": fold([each])} for each in news]
    assert await turns_of(store, proxy, batches) == 2
    assert await turns_of(store, proxy, batches) == 1


async def test_what_another_merges_meanwhile_is_joined(store, other, proxy):
    async with between_reading_and_writing(store, proxy, SECOND):
        await other.merge({"st-1": fold([FIRST])})
    assert await stored(other) == fold([FIRST, SECOND])


async def test_of_several_sessions_those_are_written_again_that_another_wrote(store, other, proxy):
    third = event("flow.completed", 5, "3", subject="t")
    async with between_reading_and_writing(store, proxy, SECOND, third):
        await other.merge({"st-1": fold([FIRST])})
    assert await stored(other) == fold([FIRST, SECOND, third])


async def test_rules_that_change_meanwhile_count(store, other, proxy):
    async with between_reading_and_writing(store, proxy, SECOND):
        await put(other, Bot("st-1", "a1", "Bot", BotRules(((0, 10),)), 1))
    assert await stored(other) == fold([SECOND])
    assert (await other.latest("st-1", ms(19) - 1, 1)).due == ms(19)


async def test_what_is_purged_meanwhile_does_not_come_back(store, other, proxy):
    await other.merge({"st-1": fold([FIRST])})
    async with between_reading_and_writing(store, proxy, SECOND):
        assert await other.purge("st-1", LATER, 10) == 1
    assert await stored(other) == fold([SECOND])


async def test_who_is_erased_meanwhile_does_not_come_back(store, other, proxy):
    await other.merge({"st-1": fold([FIRST])})
    async with between_reading_and_writing(store, proxy, SECOND):
        await other.erase("st-1", Person(user_id="u-1"), "", 10)
    assert await stored(other) == {}


async def test_a_bot_that_is_deleted_meanwhile_leaves_nothing(store, other, url, proxy):
    await other.merge({"st-1": fold([FIRST])})
    async with between_reading_and_writing(store, proxy, SECOND):
        await other.delete_bot("st-1")
    assert await other.revisions(["st-1"]) == {}
    with psycopg.connect(url) as direct:
        assert direct.execute("SELECT count(*) FROM sessions").fetchone() == (0,)


async def test_a_bot_that_is_made_again_meanwhile_knows_nothing_of_before(store, other, proxy):
    await other.merge({"st-1": fold([FIRST])})
    async with between_reading_and_writing(store, proxy, SECOND):
        await other.delete_bot("st-1")
        await other.add_bot(Bot("st-1", "a1", "Bot", BotRules(), created=1000))
    assert await stored(other) == fold([SECOND])
    assert await revision(other) > 1000


async def test_a_bot_that_is_made_again_while_a_write_waits_is_told_of_it(store, other, url):
    with psycopg.connect(url) as direct:
        direct.execute("UPDATE bots SET revision = revision")  # so that whoever writes waits
        merging = asyncio.ensure_future(store.merge({"st-1": fold([SECOND])}))
        await asyncio.to_thread(eventually, lambda: direct.execute(WAITING).fetchone())
        direct.execute("CREATE TEMPORARY TABLE again AS SELECT * FROM bots")
        direct.execute("DELETE FROM bots")
        direct.execute("UPDATE again SET created = 1000, revision = 1000")
        direct.execute("INSERT INTO bots SELECT * FROM again")
    reached = await merging
    assert await stored(other) == fold([SECOND])
    assert reached["st-1"] == await revision(other) > 1000


async def test_a_merge_in_doubt_is_made_again_and_ends_right(store, other, proxy):
    with proxy.losing_answers(*COMMITTED, times=1):
        reached = await store.merge({"st-1": fold([FIRST, SECOND])})
    assert proxy.lost == 1
    assert await stored(other) == fold([FIRST, SECOND])
    assert reached["st-1"] == await revision(other)


async def test_a_change_of_the_registry_in_doubt_is_told(store, other, proxy):
    with (
        proxy.losing_answers(*COMMITTED),
        pytest.raises(StoreUnavailable, match="may have been done all the same"),
    ):
        await store.add_account(an_account("a2"))
    assert await other.account("a2") == an_account("a2")
    assert len([act for act in await other.acts(9) if act.subject == "a2"]) == 1


async def test_a_token_that_may_be_used_up_is_not_taken_for_used_before(store, other, proxy):
    token = UsedToken("cs-1", b"digest", LATER)
    with proxy.losing_answers(*COMMITTED), pytest.raises(StoreUnavailable, match="may have been"):
        await store.use_tokens([token])
    assert await other.use_tokens([token]) == [False]


async def test_what_cannot_be_written_is_told_and_changes_nothing(store):
    name = "a name with \0 in it"
    with pytest.raises(StoreError, match=r"NUL \(0x00\)") as raised:
        await store.add_account(Account("a2", name, rate_limit=60, created=1))
    assert not isinstance(raised.value, StoreUnavailable)
    assert await store.account("a2") is None


async def test_any_other_text_is_kept_as_it_is(store, other):
    name = "座席 \U0001f600 ' \" \\ %s $1 ; -- \r\n\t\x01\x7f\uffff"
    await put(store, msgspec.structs.replace(an_account(), name=name))
    assert (await other.account("a1")).name == name


async def test_what_is_purged_and_comes_anew_meanwhile_is_neither_lost_nor_mixed(
    store, other, proxy
):
    third = event("flow.completed", 20, "3", subject="s")
    await other.merge({"st-1": fold([FIRST])})
    async with between_reading_and_writing(store, proxy, SECOND):
        assert await other.purge("st-1", LATER, 10) == 1
        await other.merge({"st-1": fold([third])})
    assert await stored(other) == fold([third, SECOND])


async def test_whoever_is_told_that_it_is_there_knows_a_revision_that_has_it(store, other, url):
    with psycopg.connect(url, autocommit=True) as direct:
        for number in range(200):
            batch = {"st-1": fold([event("message.received", number, str(number), subject="s")])}
            answers = await asyncio.gather(store.merge(batch), other.merge(batch))
            # A row's version is the revision that brought it.
            (brought,) = direct.execute("SELECT version FROM sessions").fetchone()
            assert min(answer["st-1"] for answer in answers) >= brought


async def test_a_long_change_of_the_registry_holds_up_no_look_at_the_store(other, url, tmp_path):
    with psycopg.connect(url) as direct:
        direct.execute("UPDATE registry SET revision = revision + 1")
        await other.probe()
        assert (await other.merge({"st-1": fold([FIRST])})).keys() == {"st-1"}
        third = await open_store(url, tmp_path)
        assert [bot.bot_id for bot in await third.bots()] == ["st-1"]
        await third.close()
        direct.rollback()
