"""Tokens that count once ("Enforce JTI"), in one process and in two."""

import asyncio

import msgspec
import pytest

from intentlive.auth.encryption import encrypt, jwk_set
from intentlive.auth.gate import RECHECK_MS, Gate
from intentlive.auth.tokens import mint
from intentlive.core.errors import Refusal, StoreUnavailable
from intentlive.ports import ServerKey
from tests.contract.conftest import SECRET, add_bot, an_app
from tests.stores import open_store, put

from .signing import PRIVATE, signed
from .test_gate import ANALYTICS, EVENTS, World

replace = msgspec.structs.replace
TOO_LONG = 'error verifying the jwt: if "jti" claim "exp" must be <= 1 hour(s)'
REPLAY = "error verifying the jwt: possibly a replay"
HOUR = 3600


class Once(World):
    """One whose app `cs-1` lets tokens count once, and `cs-2` too; `cs-free` does not."""

    def token(self, jti="one", *, client_id="cs-1", ttl=300, secret=SECRET):
        now = self.now // 1000
        return mint(client_id, secret, "HS256", now=now, ttl=ttl, token_id=jti)

    def claiming(self, **claims):
        payload = {"appId": "cs-1", "exp": self.now // 1000 + 300} | claims
        kept = {name: value for name, value in payload.items() if value is not ...}
        return signed(kept, key=SECRET)


@pytest.fixture
async def world(tmp_path):
    store = await open_store("sqlite:x.db", tmp_path)
    await add_bot(store, "st-1")
    for client_id in ("cs-1", "cs-2"):
        await store.add_app(replace(an_app(client_id), enforce_jti=True))
    await store.add_app(an_app("cs-free"))
    yield Once(store)
    await store.close()


async def test_a_token_counts_once(world):
    token = world.token()
    await world.call(token=token)
    for _ in range(2):
        refusal = await world.refusal(token=token)
        assert (refusal.status, refusal.code, refusal.message) == (401, 401, REPLAY)
        assert refusal.check == "replay"
    await world.call(token=world.token("two"))


async def test_of_many_at_the_same_moment_in_two_processes_one_is_admitted(world, tmp_path):
    second = await open_store("sqlite:x.db", tmp_path)
    gates = [world.gate, Once(second).gate]
    calls = [gate.authenticate(world.token(), None) for gate in gates * 10]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    await second.close()
    refused = [each for each in outcomes if isinstance(each, Refusal)]
    assert len(refused) == len(outcomes) - 1
    assert {each.message for each in refused} == {REPLAY}


async def test_a_used_token_stays_used_when_the_store_is_opened_again(world, tmp_path):
    token = world.token()
    await world.call(token=token)
    await world.store.close()
    world.store = await open_store("sqlite:x.db", tmp_path)
    world.gate = world.make_gate()
    assert (await world.refusal(token=token)).check == "replay"


@pytest.mark.parametrize(
    ("call", "check"),
    [
        ({"scope": "Bot Sessions"}, "scope"),
        ({"bot": "st-x"}, "bot"),
        ({"account_id": "a2"}, "account"),
    ],
)
async def test_a_token_is_used_up_whatever_the_request_then_gets(world, call, check):
    token = world.token()
    assert (await world.refusal(token=token, **call)).check == check
    assert (await world.refusal(token=token)).check == "replay"


async def test_a_token_that_does_not_verify_uses_nothing_up(world):
    now = world.now // 1000
    for token, check in [
        (world.token(secret="another client secret"), "signature"),
        (world.token(ttl=-60), "exp"),
        (world.claiming(jti="one", nbf=now + 61), "nbf"),
        (world.claiming(jti="one", exp=now + 2 * HOUR), "jti"),
    ]:
        assert (await world.refusal(token=token)).check == check
    await world.call(token=world.token())


async def test_apps_do_not_use_up_each_others_ids(world):
    await world.call(token=world.token())
    await world.call(token=world.token(client_id="cs-2"))
    assert (await world.refusal(token=world.token())).check == "replay"


async def test_an_app_without_the_switch_ignores_ids(world):
    for claims in ({"jti": "one"}, {"jti": 5}, {"jti": None, "exp": ...}, {"jti": "a", "exp": 9e9}):
        token = world.claiming(appId="cs-free", **claims)
        await world.call(token=token)
        await world.call(token=token)
    await world.call(token=world.token())


async def test_either_name_will_do_and_they_mean_the_same(world):
    await world.call(token=world.claiming(kore_jti="one"))
    assert (await world.refusal(token=world.claiming(jti="one"))).check == "replay"
    await world.call(token=world.claiming(jti="two", kore_jti="one"))


@pytest.mark.parametrize("claims", [{}, {"jti": None}, {"jti": 5}, {"jti": ""}, {"kore_jti": ""}])
async def test_a_token_without_an_id_is_refused(world, claims):
    refusal = await world.refusal(token=world.claiming(**claims))
    assert (refusal.status, refusal.code) == (401, 4002)
    assert (refusal.message, refusal.check) == ("Invalid SDK credentials", "jti")


@pytest.mark.parametrize("exp", [..., HOUR + 61, HOUR + 60.001, 2 * HOUR, 10**9])
async def test_it_must_end_within_an_hour(world, exp):
    claims = {"exp": exp if exp is ... else world.now / 1000 + exp}
    refusal = await world.refusal(token=world.claiming(jti="one", **claims))
    assert (refusal.status, refusal.code, refusal.message) == (401, 401, TOO_LONG)
    await world.call(token=world.claiming(jti="one", exp=world.now / 1000 + HOUR + 60))


async def test_looking_uses_nothing_up(world):
    looking = Gate(
        world.store, lambda: world.now, lambda: None, require_account_id=False, looks=True
    )
    for _ in range(3):
        await world.call(token=world.token(), gate=looking)
    await world.call(token=world.token())
    assert (await world.refusal(token=world.token(), gate=looking)).check == "replay"


async def test_a_call_that_was_admitted_is_not_admitted_unasked(world):
    token = world.token()
    await world.call(token=token)
    assert world.gate.admitted(token, None, ANALYTICS, "st-1") is None
    assert world.gate.admitted(token, None, EVENTS, "st-1") is None
    assert not world.gate._grants


async def test_the_switch_counts_for_tokens_that_were_admitted_before(world):
    token = world.token(client_id="cs-free")
    await world.call(token=token)
    await put(world.store, replace(an_app("cs-free"), enforce_jti=True))
    world.now += RECHECK_MS
    await world.call(token=token)
    assert (await world.refusal(token=token)).check == "replay"


async def test_an_id_is_forgotten_only_when_its_token_is_over_everywhere(world):
    token = world.token(ttl=300)
    await world.call(token=token)
    end = world.now + 300_000
    world.now = end + 59_999  # the last moment of the token, by our clock
    assert await world.store.forget_used_tokens(world.now, 10) == 0
    assert (await world.refusal(token=token)).check == "replay"
    world.now = end + 60_000
    assert (await world.refusal(token=token)).check == "exp"
    assert await world.store.forget_used_tokens(end + HOUR * 1000, 10) == 0
    assert await world.store.forget_used_tokens(end + HOUR * 1000 + 1, 10) == 1


async def test_what_is_encrypted_anew_is_still_the_same_token(world):
    key = ServerKey("k", PRIVATE, 1)
    await world.store.add_server_key(key, others_until=0)
    await put(world.store, replace(an_app(), enforce_jti=True, enforce_jwe=True))
    (jwk,) = jwk_set([key])["keys"]
    await world.call(token=encrypt(world.token(), jwk, "A128GCM"))
    again = encrypt(world.token(), jwk, "A256GCM")
    assert (await world.refusal(token=again)).check == "replay"


async def test_nobody_is_admitted_while_uses_cannot_be_written_down(world):
    use = world.store.use_tokens
    away = [True]

    async def fail(uses):
        if away:
            raise StoreUnavailable("away")
        return await use(uses)

    world.store.use_tokens = fail
    gate = world.make_gate()
    with pytest.raises(StoreUnavailable):
        await world.call(gate=gate)
    away.clear()
    await world.call(gate=gate)
