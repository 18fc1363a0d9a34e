"""A store copied to another, of its own kind and of any other."""

import secrets

import msgspec
import pytest

from intentlive.copying import Copy
from intentlive.core.errors import StillInUse
from intentlive.core.personal import Person
from intentlive.core.reading import BotRules
from intentlive.core.session import ERASED, fold
from intentlive.ports import DAY_MS, Acting, AppKey, Bot, ServerKey, UsedToken
from tests.contract.conftest import BACKENDS, SECRET, an_account, an_app
from tests.stores import open_store, put, revision, use_token
from tests.wire import NOON_MS, event, ms, of

FAR = 10**13
MANY = 2_500
replace = msgspec.structs.replace


class Ticking:
    """A clock that moves on with every look."""

    def __init__(self, now=1_700_000_000_000):
        self.now = now

    def __call__(self):
        self.now += 1
        return self.now


CLOCK = Ticking()


async def open_as(who, address, folder):
    return await open_store(address, folder, acting=Acting(who, CLOCK))


@pytest.fixture
async def source(address, tmp_path):
    opened = await open_as("me", address, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
def target_kind(address):
    """The other kind, unless a test says otherwise."""
    return BACKENDS[address.startswith("sqlite")]


@pytest.fixture
def target_address(request, target_kind):
    if target_kind == "sqlite":
        return "sqlite:target.db"
    postgres = request.getfixturevalue("postgres")
    return postgres.database(f"target-{secrets.token_hex(8)}")


@pytest.fixture
async def target(target_address, tmp_path):
    folder = tmp_path / "elsewhere"  # with a key of its own
    opened = await open_as("copier", target_address, folder)
    yield opened
    await opened.close()


def states(*ids, time=0):
    return fold([event("flow.completed", time, subject=id_, ANI=f"+1{id_}") for id_ in ids])


async def fill(store):
    """Something of everything; sessions enough for some pages."""
    await store.add_account(an_account())
    await store.add_account(replace(an_account("a2"), event_limit=7))
    await store.add_bot(Bot("st-1", "a1", "Bot", BotRules(((0, 9), (5, 60)), skip_silent=True), 1))
    await store.add_bot(Bot("st-2", "a1", "Other", BotRules(), 2, "pseudonym"))
    await store.add_bot(Bot("st-empty", "a2", "Empty", BotRules(), 3, "masked", 30))
    keys = (AppKey(SECRET), AppKey("another secret of the usual length", until=FAR))
    await store.add_app(replace(an_app(bots=("st-1",)), keys=keys, enforce_jti=True))
    await store.add_app(an_app("cs-2"))
    await store.add_server_key(ServerKey("k1", "-----BEGIN PRIVATE KEY-----", 1), others_until=5)
    await store.add_server_key(ServerKey("k2", "-----BEGIN PRIVATE KEY-----", 2), others_until=FAR)
    await use_token(store, "cs-1", b"d" * 32, FAR)
    every = [of(kind, 1, kind, userId="u") for kind in ("session.deflected", "session.recorded")]
    await store.merge({"st-1": states(*(f"s-{number:05}" for number in range(MANY)))})
    await store.merge({"st-1": fold(every) | {"gone": ERASED}})
    for time in range(9, -1, -1):  # its revision is raised more often than by a copy of it
        await store.merge({"st-2": states("ä", "\U0001f600", "a", time=time)})


async def run(source, target, clock=lambda: NOON_MS):
    """What is told of a whole copy: of the registry, and of sessions that differ."""
    copy = Copy(source, target, clock)
    told = list(await copy.registry())
    for bot in await copy.bots():
        assert sum([seen async for seen in copy.sessions(bot)]) == await source.count_sessions(
            bot.bot_id
        )
    return told, await differences(copy)


async def differences(copy):
    return [
        line
        for bot in await copy.bots()
        async for _, told in copy.differences(bot)
        for line in told
    ]


async def all_of(store):
    """Everything that a copy is to bring, but for the acts that it makes itself."""
    sessions = {
        bot.bot_id: await store.sessions_after(bot.bot_id, "", 10 * MANY)
        for bot in await store.bots()
    }
    acts = [act for _, act in await store.acts_after(0, 1000) if act.who == "me"]
    shown = [await store.latest(bot_id, FAR, 25) for bot_id in sessions]
    return (
        [await store.accounts(), await store.bots(), await store.apps(), sessions, acts],
        [(latest.sessions, latest.disguise) for latest in shown],
        [await store.server_keys(0), await store.used_tokens(None, 100), store.pseudonym_key()],
    )


@pytest.mark.parametrize("target_kind", BACKENDS)
async def test_everything_comes_over_and_again_changes_nothing(source, target):
    await fill(source)
    wanted = await all_of(source)
    for _ in range(2):
        assert await run(source, target) == ([], [])
        assert await all_of(target) == wanted
    assert await all_of(source) == wanted
    for bot_id in ("st-1", "st-2", "st-empty"):
        assert await revision(target, bot_id) >= await revision(source, bot_id)
    assert (await target.check_sessions("st-1", "", 10 * MANY, mend=False)).flaws == []
    await target.add_act("erasure done", "whole store", {})  # numbers go on
    assert (await target.acts(1))[0].act == "erasure done"


async def test_there_and_back(source, target, address, tmp_path):
    await fill(source)
    await run(source, target)
    await target.merge({"st-1": states("new")})
    assert await run(target, source) == ([], [])
    assert await source.sessions("st-1", ["new"]) == states("new")


async def test_what_the_target_knows_stays_and_joins(source, target):
    await fill(source)
    await run(source, target)
    newer = fold([event("session.transferred", 50, "t", subject="s-00001")])
    await target.merge({"st-1": newer | states("later")})
    await source.merge({"st-1": states("s-00001", "s-00002", time=-5)})
    assert await run(source, target) == ([], [])
    found = await target.sessions("st-1", ["s-00001", "s-00002", "later"])
    assert len(found) == 3
    assert (found["s-00001"].started, found["s-00001"].last_activity) == (ms(-5), ms(50))


async def test_differences_are_told(source, target):
    await fill(source)
    copy = Copy(source, target, lambda: NOON_MS)
    await copy.registry()
    await target.merge({"st-2": states("a", time=-5), "st-1": states("s-00007", time=-5)})
    told = await differences(copy)
    assert "session a of bot st-2: the target knows less of it" in told
    assert "session ä of bot st-2: not in the target" in told
    assert len(told) == MANY + 2 + 3
    await run(source, target)
    bot = await target.bot("st-2")
    await put(target, replace(bot, personal_data="verbatim", name="Renamed"))
    assert await run(source, target) == (
        ["bot st-2: name, personal_data otherwise in the target, left so"],
        [
            f"session {id_} of bot st-2: the target reads or shows it otherwise"
            for id_ in ("ä", "\U0001f600")  # of a, the target knows more
        ],
    )


async def test_what_is_otherwise_in_the_target_is_left_so(source, target):
    await fill(source)
    await run(source, target)
    app = replace(an_app("cs-2"), keys=(AppKey("a secret that was rotated"),))
    account = replace(an_account(), rate_limit=1)
    await put(target, app)
    await put(target, account)
    await target.add_server_key(ServerKey("k3", "-----BEGIN PRIVATE KEY-----", 3), others_until=5)
    await source.add_server_key(ServerKey("k4", "-----BEGIN PRIVATE KEY-----", 4), others_until=5)
    told, different = await run(source, target)
    assert different == []
    assert told == [
        "key k4: left out, for the target has keys of its own",
        "account a1: rate_limit otherwise in the target, left so",
        "app cs-2: keys otherwise in the target, left so",
    ]
    assert SECRET not in str(told)
    assert (await target.app("cs-2"), await target.account("a1")) == (app, account)


async def test_what_was_deleted_in_the_target_does_not_come_back(source, target):
    await fill(source)
    await run(source, target)
    await target.delete_app("cs-2")
    await target.delete_app("cs-1")
    await target.delete_bot("st-1")
    told, different = await run(source, target)
    assert (told[0], different) == ("bot st-1: left out, for it was deleted in the target", [])
    assert [line.split(":")[0] for line in told[1:]] == ["app cs-1", "app cs-2"]
    assert (await target.bot("st-1"), await target.apps()) == (None, [])
    await target.add_bot(await source.bot("st-1"))  # made again, so it was not meant
    told, different = await run(source, target)
    assert (len(told), different) == (2, [])
    assert await target.count_sessions("st-1") == await source.count_sessions("st-1")


async def test_what_was_deleted_in_the_source_since_is_told_until_it_is_deleted(source, target):
    await fill(source)
    await source.add_account(an_account("a3"))
    await run(source, target)
    await source.delete_account("a3")
    await source.delete_app("cs-1")
    await source.delete_bot("st-2")
    left = [
        f"{kind} {id_}: deleted in the source, still in the target: intentlive {kind} delete {id_}"
        for kind, id_ in (("app", "cs-1"), ("bot", "st-2"), ("account", "a3"))
    ]
    for _ in range(2):
        assert await run(source, target) == (left, [])
    await target.delete_app("cs-1")
    await target.delete_bot("st-2")
    assert await run(source, target) == (left[2:], [])
    await target.delete_account("a3")
    assert await run(source, target) == ([], [])
    await target.add_app(an_app("cs-1", created=CLOCK()))  # made again, so it is meant
    assert await run(source, target) == ([], [])


async def test_what_is_newer_in_the_source_is_told_while_the_target_has_the_old(source, target):
    await fill(source)
    await run(source, target)
    await put(source, replace(an_app("cs-2"), keys=(AppKey("a secret that was rotated"),)))
    await source.delete_app("cs-1")
    await source.add_app(an_app("cs-1", created=CLOCK()))
    told, different = await run(source, target)
    assert (sorted(line.split(": ")[0] for line in told), different) == (
        ["app cs-1", "app cs-2"],
        [],
    )
    assert "app cs-2: keys otherwise in the target, left so" in told
    assert all("keys" in line and "left so" in line for line in told)


async def test_what_was_deleted_and_made_again_in_the_source_comes_over(source, target):
    await fill(source)
    await source.delete_app("cs-2")
    await source.add_app(an_app("cs-2"))
    for _ in range(2):
        assert await run(source, target) == ([], [])
    assert await target.app("cs-2") == an_app("cs-2")


async def test_an_erased_session_stays_erased(source, target):
    await fill(source)
    await run(source, target)
    step = await target.erase("st-2", Person(None, "+1a", None), "", 100)
    assert step.erased == 1
    assert await run(source, target) == ([], [])
    assert await target.sessions("st-2", ["a"]) == {"a": ERASED}


async def test_what_a_bot_does_not_keep_any_more_is_not_brought_back(source, target):
    await fill(source)
    old, young = states("old", time=-90_000), states("young", time=-80_000)
    await source.merge({"st-2": old | young})
    await run(source, target)
    await put(target, replace(await target.bot("st-2"), retention_days=1))
    while await target.purge("st-2", NOON_MS - DAY_MS, 10):
        pass
    told, different = await run(source, target)
    assert (len(told), different) == (1, [])
    assert list(await target.sessions("st-2", ["old", "young"])) == ["young"]


async def test_a_target_with_pseudonyms_of_its_own_is_refused(source, target):
    await fill(source)
    await target.add_account(an_account("other"))
    with pytest.raises(StillInUse, match="another key"):
        await run(source, target)
    assert [account.account_id for account in await target.accounts()] == ["other"]
    assert await target.used_tokens(None, 9) == []
    assert await source.used_tokens(None, 9) == [UsedToken("cs-1", b"d" * 32, FAR)]
