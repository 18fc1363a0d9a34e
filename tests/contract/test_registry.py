"""What every store does with accounts, bots and apps."""

import asyncio

import msgspec
import pytest

from intentlive.core.errors import AlreadyExists, NotFound, StillInUse
from intentlive.core.reading import BotRules
from intentlive.core.session import fold
from intentlive.ports import AppKey, Bot
from tests.contract.conftest import add_bot, an_account, an_app
from tests.stores import put, revision
from tests.wire import NOON_MS, event

replace = msgspec.structs.replace


async def test_accounts_come_back_as_they_were_in_order_of_creation(store):
    second, first = an_account("a1", created=5), an_account("a2", created=4)
    for account in (second, first):
        await store.add_account(account)
    assert list(await store.accounts()) == [first, second]
    assert await store.account("a1") == second
    assert await store.account("unknown") is None


async def test_bots_come_back_as_they_were(store):
    rules = BotRules(((0, 900), (12, 1)), skip_silent=True)
    one = await add_bot(store, "st-1", rules)
    other = await add_bot(store, "st-2", account_id="a2")
    assert await store.bot("st-1") == one
    assert await store.bot("unknown") is None
    assert list(await store.bots()) == [one, other]
    assert list(await store.bots("a2")) == [other]


async def test_apps_come_back_as_they_were(store):
    await add_bot(store, "st-1")
    whole = an_app()
    bound = replace(
        an_app("cs-2", bots=("st-1",)),
        algorithm="RS512",
        keys=(AppKey("PEM"), AppKey("OLD PEM", until=9)),
        require_exp=True,
        enforce_jti=True,
        enforce_jwe=True,
    )
    for app in (whole, bound):
        await store.add_app(app)
    assert await store.app("cs-1") == whole
    assert await store.app("unknown") is None
    assert list(await store.apps()) == [whole, bound]
    assert list(await store.apps("a1")) == [whole, bound]
    assert list(await store.apps("a2")) == []


async def test_changes_replace_what_was_there(store):
    bot = await add_bot(store, "st-1")
    app = an_app()
    await store.add_app(app)
    account = replace(an_account(), name="New", rate_limit=0)
    bot = replace(bot, name="New", rules=BotRules(((0, 900), (5, 60)), True))
    app = replace(app, name="New", scopes=("Bot Sessions",), bots=("st-1",), require_exp=True)
    await put(store, account)
    await put(store, bot)
    await put(store, app)
    assert await store.account("a1") == account
    assert await store.bot("st-1") == bot
    assert await store.app("cs-1") == app


async def test_ids_are_unique(store):
    bot = await add_bot(store, "st-1")
    await store.add_account(an_account("a2"))
    await store.add_app(an_app())
    with pytest.raises(AlreadyExists, match="a1"):
        await store.add_account(an_account())
    with pytest.raises(AlreadyExists, match="st-1"):
        await store.add_bot(replace(bot, account_id="a2"))
    with pytest.raises(AlreadyExists, match="cs-1"):
        await store.add_app(an_app())


async def test_what_is_named_must_exist(store):
    await add_bot(store, "st-1")
    await add_bot(store, "st-foreign", account_id="a2")
    unknown = Bot("st-x", "no-account", "Bot", BotRules(), 1)
    for call in (
        store.add_bot(unknown),
        store.add_app(an_app(account_id="no-account")),
        store.add_app(an_app(bots=("st-1", "st-foreign"))),
        put(store, an_account("no-account")),
        put(store, unknown),
        put(store, an_app("cs-unknown")),
        store.delete_account("no-account"),
        store.delete_bot("st-x"),
        store.delete_app("cs-unknown"),
    ):
        with pytest.raises(NotFound):
            await call
    assert list(await store.apps()) == []


async def test_what_is_in_use_stays(store):
    await add_bot(store, "st-1")
    await store.add_app(an_app(bots=("st-1",)))
    with pytest.raises(StillInUse, match="bots or apps"):
        await store.delete_account("a1")
    with pytest.raises(StillInUse, match="st-1"):
        await store.delete_bot("st-1")
    await store.delete_app("cs-1")
    await store.delete_bot("st-1")
    await store.delete_account("a1")
    assert list(await store.accounts()) == []


async def test_a_deleted_bot_takes_its_sessions_along_and_no_others(store):
    states = fold([event("session.ended", 0, subject="s")])
    await add_bot(store, "st-1")
    await add_bot(store, "st-2")
    await store.merge({"st-1": states, "st-2": states})
    await store.delete_bot("st-1")
    assert await store.merge({"st-1": states}) == {}
    again = await add_bot(store, "st-1")
    assert list((await store.latest(again.bot_id, NOON_MS, 25)).sessions) == []
    assert dict((await store.latest("st-2", NOON_MS, 25)).sessions) == states


async def test_every_change_raises_the_registrys_revision_and_sessions_do_not(store):
    bot, app = Bot("st-1", "a1", "Bot", BotRules(), 1), an_app()
    seen = [await store.registry_revision()]
    for call in (
        store.add_account(an_account()),
        put(store, an_account()),
        store.add_bot(bot),
        put(store, bot),
        store.add_app(app),
        put(store, app),
        store.delete_app("cs-1"),
        store.delete_bot("st-1"),
        store.delete_account("a1"),
    ):
        await call
        seen.append(await store.registry_revision())
    assert seen == sorted(set(seen))
    await add_bot(store, "st-2")
    before = await store.registry_revision()
    await store.merge({"st-2": fold([event("session.ended", 0)])})
    assert await store.registry_revision() == before


async def test_changes_are_seen_by_another_process(two_stores):
    one, other = two_stores
    before = await other.registry_revision()
    await one.add_account(an_account())
    assert await other.registry_revision() > before
    assert await other.account("a1") == an_account()


async def test_a_refused_deletion_changes_nothing(store):
    await add_bot(store, "st-1")
    await store.merge({"st-1": fold([event("session.ended", 0, subject="s")])})
    before = await revision(store)
    await store.add_app(an_app(bots=("st-1",)))
    with pytest.raises(StillInUse):
        await store.delete_bot("st-1")
    assert await revision(store) == before
    await store.delete_app("cs-1")
    await store.delete_bot("st-1")
    assert await store.revisions(["st-1"]) == {}


async def test_revisions_grow_across_bots_of_one_id(store):
    await add_bot(store, "st-1")
    old = (await store.merge({"st-1": fold([event("session.ended", 0)])}))["st-1"]
    await store.delete_bot("st-1")
    await store.add_bot(Bot("st-1", "a1", "Bot", BotRules(), created=1_000))
    assert await revision(store) > old


async def test_two_updates_at_one_time_lose_nothing(two_stores):
    """Someone renames an app while another revokes its secret."""
    one, other = two_stores
    await one.add_account(an_account())
    await one.add_app(an_app())
    new = AppKey("a new client secret")
    changes = [
        one.update_app("cs-1", lambda app: replace(app, name="New name")),
        other.update_app("cs-1", lambda app: replace(app, keys=(new,))),
    ]
    await asyncio.gather(*changes)
    for store in two_stores:
        app = await store.app("cs-1")
        assert (app.name, app.keys) == ("New name", (new,))


async def test_an_update_that_fails_changes_nothing(store):
    await store.add_account(an_account())
    revision = await store.registry_revision()

    def fail(_account):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.update_account("a1", fail)
    assert await store.account("a1") == an_account()
    assert await store.registry_revision() == revision
