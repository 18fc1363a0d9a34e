"""Who is admitted, who is not, and how soon a change of that counts."""

import asyncio

import msgspec
import pytest

from intentlive.auth.gate import RECHECK_MS, Gate
from intentlive.auth.tokens import mint
from intentlive.core.errors import Refusal, StoreUnavailable
from intentlive.ports import AppKey
from tests.contract.conftest import SECRET, add_bot, an_app
from tests.stores import open_store, put

ANALYTICS, EVENTS = "SmartAssist Analytics", "Session Events"
replace = msgspec.structs.replace


class World:
    def __init__(self, store):
        self.store = store
        self.now = 1_700_000_000_000
        self.changes = 0
        self.gate = self.make_gate()

    def make_gate(self, require_account_id=False, **options):
        return Gate(
            self.store,
            lambda: self.now,
            self.on_change,
            require_account_id=require_account_id,
            **options,
        )

    def on_change(self):
        self.changes += 1

    def token(self, client_id="cs-1", secret=SECRET, ttl=None):
        return mint(client_id, secret, "HS256", now=self.now // 1000, ttl=ttl)

    async def call(self, token=None, account_id=None, scope=ANALYTICS, bot="st-1", gate=None):
        """As the routes do: what was admitted before, or the whole way."""
        gate, token = gate or self.gate, token or self.token()
        admitted = gate.admitted(token, account_id, scope, bot)
        if admitted is not None:
            return admitted[0]
        grant = await gate.authenticate(token, account_id)
        await gate.authorize(grant, scope, bot)
        return grant

    async def refusal(self, **call):
        with pytest.raises(Refusal) as caught:
            await self.call(**call)
        return caught.value


@pytest.fixture
async def world(tmp_path):
    store = await open_store("sqlite:x.db", tmp_path)
    await add_bot(store, "st-1")
    await add_bot(store, "st-2")
    await add_bot(store, "st-foreign", account_id="a2")
    await store.add_app(an_app())
    await store.add_app(an_app("cs-bound", bots=("st-1",)))
    yield World(store)
    await store.close()


async def test_an_app_of_the_account_may_call_its_bots(world):
    grant = await world.call(account_id="a1", bot="st-2")
    assert (grant.account.account_id, grant.app.client_id) == ("a1", "cs-1")


async def test_no_token(world):
    with pytest.raises(Refusal) as caught:
        await world.gate.authenticate(None, None)
    assert (caught.value.message, caught.value.check) == ("Invalid SDK credentials", "no token")


@pytest.mark.parametrize(
    ("call", "check"),
    [
        ({"account_id": "a2"}, "account"),
        ({"bot": "st-2", "bound": True}, "bot"),
        ({"bot": "st-foreign", "bound": True}, "bot"),
    ],
)
async def test_refusals_that_tell_a_stranger_nothing(world, call, check):
    if call.pop("bound", False):
        call["token"] = world.token("cs-bound")
    refusal = await world.refusal(**call)
    assert (refusal.status, refusal.code) == (401, 4002)
    assert (refusal.message, refusal.check) == ("Invalid SDK credentials", check)


async def test_an_unknown_client_and_a_wrong_secret_look_the_same(world):
    unknown = await world.refusal(token=world.token("cs-unknown"))
    wrong = await world.refusal(token=world.token(secret="another client secret"))
    assert (unknown.status, unknown.message, unknown.code) == (
        wrong.status,
        wrong.message,
        wrong.code,
    )
    assert (unknown.check, wrong.check) == ("client", "signature")


@pytest.mark.parametrize("bot", ["st-unknown", "st-foreign"])
async def test_an_account_wide_app_and_a_bot_that_is_not_there(world, bot):
    refusal = await world.refusal(bot=bot)
    assert (refusal.status, refusal.code, refusal.message) == (400, 400, "Invalid StreamId")


async def test_scope_comes_before_the_bot(world):
    await put(world.store, replace(an_app(), scopes=(EVENTS,)))
    for bot in ("st-1", "st-unknown"):
        refusal = await world.refusal(bot=bot)
        assert refusal.message == "Permission denied. Scope is incorrect!"
        assert (refusal.status, refusal.code) == (401, 4002)


async def test_the_account_header_can_be_required(world):
    strict = world.make_gate(require_account_id=True)
    assert (await world.refusal(gate=strict)).check == "account"
    await world.call(gate=strict, account_id="a1")


async def test_a_token_expires_though_it_was_accepted_before(world):
    token = world.token(ttl=10)
    await world.call(token=token)
    world.now += 69_000
    await world.call(token=token)
    world.now += 1_000
    assert (await world.refusal(token=token)).check == "exp"


async def test_a_new_app_counts_at_once(world):
    assert (await world.refusal(token=world.token("cs-new"))).check == "client"
    await world.store.add_app(an_app("cs-new"))
    await world.call(token=world.token("cs-new"))


async def test_a_new_bot_counts_at_once(world):
    assert (await world.refusal(bot="st-new")).check == "bot"
    await add_bot(world.store, "st-new")
    await world.call(bot="st-new")


async def test_a_deleted_app_is_refused_soon(world):
    await world.call()
    await world.store.delete_app("cs-1")
    world.now += RECHECK_MS
    assert (await world.refusal()).check == "client"


async def test_a_changed_secret_refuses_tokens_that_were_accepted_before(world):
    token = world.token()
    await world.call(token=token)
    await put(world.store, replace(an_app(), keys=(AppKey("a changed client secret"),)))
    world.now += RECHECK_MS
    assert (await world.refusal(token=token)).check == "signature"
    await world.call(token=world.token(secret="a changed client secret"))


async def test_a_narrowed_app_loses_its_bots_soon(world):
    await world.call(bot="st-2")
    await put(world.store, an_app(bots=("st-1",)))
    world.now += RECHECK_MS
    assert (await world.refusal(bot="st-2")).check == "bot"


async def test_changes_are_announced_once_each(world):
    await world.call()
    world.now += RECHECK_MS
    await world.call()
    seen = world.changes
    await world.store.delete_app("cs-bound")
    world.now += RECHECK_MS
    await world.call()
    assert world.changes == seen + 1


async def test_an_app_read_while_the_registry_changed_is_not_remembered(world):
    """The read began before the change was noticed, and came back after it."""
    find = world.store.app

    async def slow_find(client_id):
        found = await find(client_id)
        world.store.app = find
        await put(world.store, replace(an_app(), keys=(AppKey("a changed client secret"),)))
        world.now += RECHECK_MS
        await world.gate.authenticate(world.token("cs-bound"), None)
        return found

    await world.gate.authenticate(world.token("cs-bound"), None)
    world.store.app = slow_find
    await world.gate.authenticate(world.token(), None)
    assert (await world.refusal()).check == "signature"


async def test_memory_is_bounded(world, monkeypatch):
    monkeypatch.setattr("intentlive.auth.grants._MAX_GRANTS", 3)
    for ttl in range(1, 10):
        await world.call(token=world.token(ttl=ttl))
    assert len(world.gate._grants) == 3


async def test_nobody_is_admitted_on_what_was_true_while_the_registry_cannot_be_read(world):
    await world.call()
    read = world.store.registry_revision

    async def fail():
        raise StoreUnavailable("away")

    world.store.registry_revision = fail
    world.now += RECHECK_MS
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await world.call()
    world.store.registry_revision = read
    await world.call()


async def test_calls_at_one_time_ask_for_changes_once(world):
    asked, read = [], world.store.registry_revision

    async def counted_read():
        asked.append(1)
        return await read()

    world.store.registry_revision = counted_read
    await asyncio.gather(*[world.call() for _ in range(20)])
    assert len(asked) == 1


async def test_what_was_admitted_is_known_without_asking_and_nothing_else(world):
    token = world.token()
    asked = (token, None, ANALYTICS, "st-1")
    assert world.gate.admitted(*asked) is None
    grant = await world.call(token=token)
    assert world.gate.admitted(*asked) == (grant, await world.store.bot("st-1"))
    for other in (
        (world.token(ttl=9), None, ANALYTICS, "st-1"),
        (token, "a1", ANALYTICS, "st-1"),
        (token, None, "Bot Sessions", "st-1"),  # the app has no such scope
        (token, None, ANALYTICS, "st-2"),
        (None, None, ANALYTICS, "st-1"),
    ):
        assert world.gate.admitted(*other) is None
    world.now += RECHECK_MS
    assert world.gate.admitted(*asked) is None


async def test_an_app_of_many_tokens_loses_its_own_admissions_and_no_others(world, monkeypatch):
    monkeypatch.setattr("intentlive.auth.grants._MAX_GRANTS_AN_APP", 3)
    await world.call(token=(other := world.token("cs-bound")))
    for ttl in range(1, 9):
        await world.call(token=world.token(ttl=ttl))
    assert len(world.gate._grants) <= 4
    assert world.gate.admitted(other, None, ANALYTICS, "st-1") is not None


async def test_a_very_long_token_is_checked_each_time(world):
    long = mint("cs-1", SECRET, "HS256", now=0, ttl=None, token_id="x" * 6_000)
    await world.call(token=long)
    assert world.gate.admitted(long, None, ANALYTICS, "st-1") is None


async def test_changes_are_looked_for_ahead_and_nobody_waits(world):
    token = world.token()
    await world.call(token=token)
    looks, look = asyncio.Event(), world.store.registry_revision

    async def noted():
        looks.set()
        return await look()

    world.store.registry_revision = noted
    assert world.gate.admitted(token, None, ANALYTICS, "st-1") is not None
    assert not looks.is_set()
    world.now += RECHECK_MS - 1
    assert world.gate.admitted(token, None, ANALYTICS, "st-1") is not None
    await looks.wait()
