"""The book of acts: who changed what in the registry, when, and nothing secret."""

import msgspec
import pytest

from intentlive.core.errors import StoreError
from intentlive.core.reading import BotRules
from intentlive.ports import Acting, AppKey, Bot, ServerKey
from tests.contract.conftest import SECRET, add_bot, an_account, an_app
from tests.stores import open_store, put

replace = msgspec.structs.replace
NEW_SECRET = "another client secret of the usual length"
BOT = Bot("st-1", "a1", "Bot", BotRules(), 1)


class Book:
    """A store that is used by `me`, at a time that moves on with every act."""

    def __init__(self):
        self.now = 1_000

    def clock(self):
        self.now += 1
        return self.now

    async def last(self):
        (act,) = await self.store.acts(1)
        return act.act, act.subject, act.detail

    async def total(self):
        return sum((await self.store.count_acts()).values())


@pytest.fixture
async def book(address, tmp_path):
    opened = Book()
    opened.store = await open_store(address, tmp_path, acting=Acting("me", opened.clock))
    yield opened
    await opened.store.close()


def changes(store):
    """Every change of the registry, with the name of its act and what it is done to."""
    app = an_app(bots=("st-1",))
    key = ServerKey("k", "-----BEGIN PRIVATE KEY-----", 1)
    return [
        (store.add_account(an_account()), "account created", "a1"),
        (put(store, replace(an_account(), rate_limit=5)), "account updated", "a1"),
        (store.add_bot(BOT), "bot created", "st-1"),
        (put(store, replace(BOT, personal_data="masked")), "bot updated", "st-1"),
        (store.add_app(app), "app created", "cs-1"),
        (put(store, replace(app, keys=(AppKey(NEW_SECRET),))), "app updated", "cs-1"),
        (store.add_server_key(key, others_until=5), "key added", "k"),
        (store.delete_app("cs-1"), "app deleted", "cs-1"),
        (store.delete_bot("st-1"), "bot deleted", "st-1"),
        (store.delete_account("a1"), "account deleted", "a1"),
    ]


async def test_every_change_is_one_act_with_its_who_and_when(book):
    done = []
    for change, act, subject in changes(book.store):
        await change
        done.insert(0, (1_001 + len(done), "me", act, subject))
        found = await book.store.acts(100)
        assert [(each.time, each.who, each.act, each.subject) for each in found] == done
    assert await book.store.count_acts() == {act: 1 for *_, act, _ in done}
    assert len(await book.store.acts(3)) == 3


async def test_no_act_holds_a_secret(book):
    for change, *_ in changes(book.store):
        await change
    told = repr(await book.store.acts(100))
    for secret in (SECRET, NEW_SECRET, "PRIVATE KEY"):
        assert secret not in told


async def test_an_act_says_what_was_made_and_what_changed(book):
    account = an_account()
    await book.store.add_account(account)
    assert await book.last() == ("account created", "a1", {"name": "Account"})
    await put(book.store, replace(account, rate_limit=0, name="New"))
    changed = {"rate_limit": [60, 0], "name": ["Account", "New"]}
    assert await book.last() == ("account updated", "a1", changed)
    await add_bot(book.store, "st-1")
    assert await book.last() == ("bot created", "st-1", {"accountId": "a1", "name": "Bot"})
    await put(book.store, replace(BOT, personal_data="masked", retention_days=30))
    changed = {"personal_data": ["verbatim", "masked"], "retention_days": [None, 30]}
    assert await book.last() == ("bot updated", "st-1", changed)
    await book.store.add_app(an_app(bots=("st-1",)))
    made = {"accountId": "a1", "name": "App", "algorithm": "HS256", "bots": ["st-1"]}
    scopes = {"scopes": ["SmartAssist Analytics", "Session Events"]}
    assert await book.last() == ("app created", "cs-1", made | scopes)
    await book.store.delete_app("cs-1")
    assert await book.last() == ("app deleted", "cs-1", {})


async def test_a_change_of_a_secret_shows_without_it(book):
    await add_bot(book.store, "st-1")
    await book.store.add_app(an_app())
    await put(book.store, replace(an_app(), keys=(AppKey(NEW_SECRET),)))
    replaced = {"keys": [[{"until": None}], [{"until": None}]]}
    assert await book.last() == ("app updated", "cs-1", replaced)
    rotated = (AppKey(SECRET), AppKey(NEW_SECRET, until=9))
    await put(book.store, replace(an_app(), keys=rotated))
    both = [{"until": None}, {"until": 9}]
    assert await book.last() == ("app updated", "cs-1", {"keys": [[{"until": None}], both]})


async def test_a_change_that_changes_nothing_is_an_act_too(book):
    await book.store.add_account(an_account())
    await put(book.store, an_account())
    assert await book.last() == ("account updated", "a1", {})


async def test_a_change_that_fails_is_none(book):
    store = book.store
    await add_bot(store, "st-1")
    await store.add_app(an_app(bots=("st-1",)))
    before = await book.total()
    for change in (
        store.add_account(an_account()),
        store.add_bot(BOT),
        store.add_bot(replace(BOT, bot_id="st-2", account_id="unknown")),
        store.add_app(an_app()),
        store.add_app(an_app("cs-2", bots=("unknown",))),
        put(store, an_account("unknown")),
        put(store, replace(BOT, bot_id="unknown")),
        put(store, an_app("unknown")),
        put(store, an_app(bots=("unknown",))),
        store.delete_account("a1"),
        store.delete_account("unknown"),
        store.delete_bot("st-1"),
        store.delete_bot("unknown"),
        store.delete_app("unknown"),
    ):
        with pytest.raises(StoreError):
            await change
    assert await book.total() == before


async def test_an_act_that_cannot_be_written_undoes_its_change(book):
    def fail():
        raise OSError("no clock")

    book.store._acting = Acting("me", fail)
    before = await book.store.registry_revision()
    with pytest.raises(OSError, match="no clock"):
        await book.store.add_account(an_account())
    assert await book.store.account("a1") is None
    assert await book.store.registry_revision() == before


async def test_what_is_no_change_of_the_registry_can_be_written_down(book):
    await book.store.add_act("erasure done", "whole store", {"user": "p-1", "sessions": 3})
    assert await book.last() == ("erasure done", "whole store", {"user": "p-1", "sessions": 3})


async def test_acts_are_counted_for_good(book):
    assert await book.store.count_acts() == {}
    for _ in range(3):
        await book.store.add_account(an_account())
        await book.store.delete_account("a1")
    assert await book.store.count_acts() == {"account created": 3, "account deleted": 3}


async def test_each_process_acts_under_its_own_name(address, tmp_path):
    for who in ("me", "you"):
        store = await open_store(address, tmp_path, acting=Acting(who, lambda: 1))
        await store.add_account(an_account(who))
        acts = await store.acts(10)
        await store.close()
    assert [(act.who, act.subject) for act in acts] == [("you", "you"), ("me", "me")]
