"""Keys that are changed while tokens made with the old ones are about: an app's, the server's."""

import msgspec
import pytest

from intentlive.auth.encryption import encrypt, jwk_set
from intentlive.auth.gate import RECHECK_MS
from intentlive.ports import AppKey, ServerKey
from tests.contract.conftest import SECRET, add_bot, an_app
from tests.stores import open_store, put

from .signing import OTHER_PRIVATE, PRIVATE
from .test_gate import ANALYTICS, World

replace = msgspec.structs.replace
NEW_SECRET = "a new client secret of the usual length"
OLD_KEY, NEW_KEY = ServerKey("k-old", PRIVATE, 1), ServerKey("k-new", OTHER_PRIVATE, 2)


class Encrypting(World):
    """One that has an app `cs-jwe`, whose tokens come encrypted, beside `cs-1`."""

    def encrypted(self, key, client_id="cs-jwe", **named):
        (jwk,) = jwk_set([key])["keys"]
        return encrypt(self.token(client_id), jwk | named, "A128GCM")

    async def published(self):
        return [key.key_id for key in await self.gate.server_keys()]


@pytest.fixture
async def world(tmp_path):
    store = await open_store("sqlite:x.db", tmp_path)
    await add_bot(store, "st-1")
    await store.add_app(an_app())
    await store.add_app(replace(an_app("cs-jwe"), enforce_jwe=True))
    await store.add_server_key(OLD_KEY, others_until=0)
    yield Encrypting(store)
    await store.close()


async def test_both_secrets_count_until_the_old_ones_end(world):
    until = world.now + 100
    await world.call()
    keys = (AppKey(NEW_SECRET), AppKey(SECRET, until))
    await put(world.store, replace(an_app(), keys=keys))
    world.gate = world.make_gate()
    old, new = world.token(), world.token(secret=NEW_SECRET)
    await world.call(token=old)
    await world.call(token=new)
    world.now = until - 1
    assert world.gate.admitted(old, None, ANALYTICS, "st-1") is not None
    world.now = until
    assert world.gate.admitted(old, None, ANALYTICS, "st-1") is None
    assert (await world.refusal(token=old)).check == "signature"
    await world.call(token=new)


async def test_a_secret_that_is_over_counts_no_more_though_it_is_the_only_one(world):
    await put(world.store, replace(an_app(), keys=(AppKey(SECRET, world.now),)))
    assert (await world.refusal()).check == "signature"


async def test_an_app_without_keys_admits_nobody(world):
    await put(world.store, replace(an_app(), keys=()))
    assert (await world.refusal()).check == "signature"


async def test_the_earlier_end_of_token_and_secret_counts(world):
    keys = (AppKey(SECRET, world.now + 10 * 60_000),)
    await put(world.store, replace(an_app(), keys=keys))
    grant = await world.call(token=world.token(ttl=100))
    assert grant.until == world.now + 160_000
    grant = await world.call(token=world.token(ttl=3600))
    assert grant.until == world.now + 10 * 60_000


async def test_encrypted_and_signed_tokens_do_not_pass_for_each_other(world):
    await world.call(token=world.encrypted(OLD_KEY))
    assert (await world.refusal(token=world.token("cs-jwe"))).check == "encryption"
    assert (await world.refusal(token=world.encrypted(OLD_KEY, "cs-1"))).check == "encryption"


async def test_two_keys_of_the_server_count_during_a_rotation(world):
    until = world.now + 100
    old = world.encrypted(OLD_KEY)
    await world.store.add_server_key(NEW_KEY, others_until=until)
    assert await world.published() == ["k-new", "k-old"]
    await world.call(token=old)
    new = world.encrypted(NEW_KEY)
    await world.call(token=new)
    world.now = until - 1
    assert world.gate.admitted(old, None, ANALYTICS, "st-1") is not None
    world.now = until
    assert world.gate.admitted(old, None, ANALYTICS, "st-1") is None
    assert (await world.refusal(token=old)).check == "encryption"
    assert await world.published() == ["k-new"]
    await world.call(token=new)


async def test_a_key_given_up_at_once_is_refused_soon_though_the_call_was_admitted(world):
    token = world.encrypted(OLD_KEY)
    await world.call(token=token)
    await world.store.add_server_key(NEW_KEY, others_until=world.now)
    world.now += RECHECK_MS
    assert (await world.refusal(token=token)).check == "encryption"


async def test_a_token_for_the_wrong_kid_is_refused_though_a_key_would_open_it(world):
    await world.store.add_server_key(NEW_KEY, others_until=world.now + 100)
    assert (await world.refusal(token=world.encrypted(OLD_KEY, kid="k-new"))).check == "encryption"
    assert (await world.refusal(token=world.encrypted(OLD_KEY, kid="k-none"))).check == "encryption"


async def test_the_first_key_counts_at_once(tmp_path):
    store = await open_store("sqlite:keyless.db", tmp_path)
    await add_bot(store, "st-1")
    await store.add_app(replace(an_app("cs-jwe"), enforce_jwe=True))
    world = Encrypting(store)
    assert await world.published() == []
    assert (await world.refusal(token=world.encrypted(NEW_KEY))).check == "encryption"
    await store.add_server_key(NEW_KEY, others_until=0)
    world.now += RECHECK_MS
    await world.call(token=world.encrypted(NEW_KEY))
    await store.close()


async def test_the_switch_counts_for_calls_that_were_admitted_before(world):
    token = world.token()
    await world.call(token=token)
    await put(world.store, replace(an_app(), enforce_jwe=True))
    world.now += RECHECK_MS
    assert (await world.refusal(token=token)).check == "encryption"
