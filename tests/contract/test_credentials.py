"""What every store does with ids of tokens, and with the server's own keys."""

import asyncio

import msgspec
import pytest

from intentlive.ports import ServerKey
from tests.stores import use_token

DIGEST, OTHER = b"d" * 32, b"o" * 32
FAR = 10**13
replace = msgspec.structs.replace


def a_key(key_id, created):
    return ServerKey(key_id, f"-----BEGIN PRIVATE KEY-----\n{key_id}", created)


async def test_an_id_is_used_once(store):
    assert not await store.is_used("cs-1", DIGEST)
    assert await use_token(store, "cs-1", DIGEST, 100)
    assert await store.is_used("cs-1", DIGEST)
    assert not await use_token(store, "cs-1", DIGEST, 100)
    assert not await use_token(store, "cs-1", DIGEST, FAR)


async def test_looking_uses_nothing(store):
    for _ in range(2):
        assert not await store.is_used("cs-1", DIGEST)
    assert await use_token(store, "cs-1", DIGEST, 100)


async def test_ids_are_of_an_app(store):
    assert await use_token(store, "cs-1", DIGEST, 100)
    assert not await store.is_used("cs-2", DIGEST)
    assert not await store.is_used("cs-1", OTHER)
    assert await use_token(store, "cs-2", DIGEST, 100)
    assert await use_token(store, "cs-1", OTHER, 100)


async def test_of_two_processes_one_uses_an_id(two_stores):
    uses = [use_token(store, "cs-1", DIGEST, 100) for store in two_stores * 10]
    assert sorted(await asyncio.gather(*uses)) == [False] * 19 + [True]
    assert all([await store.is_used("cs-1", DIGEST) for store in two_stores])


async def test_only_what_is_over_is_forgotten_and_so_many_at_once(store):
    for number in range(5):
        await use_token(store, "cs-1", b"%032d" % number, 100 + number)
    assert await store.forget_used_tokens(100, 10) == 0
    assert await store.forget_used_tokens(104, 3) == 3
    assert await store.forget_used_tokens(104, 3) == 1
    assert await store.forget_used_tokens(104, 3) == 0
    assert await store.is_used("cs-1", b"%032d" % 4)
    assert await use_token(store, "cs-1", b"%032d" % 0, FAR)


async def test_a_server_begins_without_keys(store):
    assert list(await store.server_keys(0)) == []


async def test_keys_come_back_as_they_were_the_newest_first(store):
    old, new = a_key("k-b", 1), a_key("k-a", 2)
    await store.add_server_key(old, others_until=0)
    assert list(await store.server_keys(5)) == [old]
    await store.add_server_key(new, others_until=50)
    assert list(await store.server_keys(49)) == [new, replace(old, until=50)]
    assert list(await store.server_keys(50)) == [new]
    assert list(await store.server_keys(FAR)) == [new]


async def test_a_key_that_is_being_given_up_gets_no_second_life(store):
    for number, until in ((1, 0), (2, 100), (3, 500)):
        await store.add_server_key(a_key(f"k-{number}", number), others_until=until)
    keys = {key.key_id: key.until for key in await store.server_keys(10)}
    assert keys == {"k-3": None, "k-2": 500, "k-1": 100}
    await store.add_server_key(a_key("k-4", 4), others_until=50)
    keys = {key.key_id: key.until for key in await store.server_keys(10)}
    assert keys == {"k-4": None, "k-3": 50, "k-2": 50, "k-1": 50}


async def test_a_private_key_that_is_over_is_not_kept(store):
    for number, created, until in ((1, 1, 0), (2, 2, 100), (3, 99, 500), (4, 100, 500)):
        await store.add_server_key(a_key(f"k-{number}", created), others_until=until)
        kept = [key.key_id for key in await store.server_keys(0)]
        assert ("k-1" in kept) == (created < 100)


async def test_a_new_key_is_noticed_by_another_process(two_stores):
    one, other = two_stores
    before = await other.registry_revision()
    await one.add_server_key(a_key("k", 1), others_until=0)
    assert await other.registry_revision() > before
    assert list(await other.server_keys(1)) == [a_key("k", 1)]


async def test_using_ids_does_not_change_the_registry(store):
    before = await store.registry_revision()
    await use_token(store, "cs-1", DIGEST, 100)
    await store.forget_used_tokens(FAR, 10)
    assert await store.registry_revision() == before


@pytest.mark.parametrize("value", ["u-1", "", "ü\u0000"])
async def test_a_name_for_someone_is_the_same_in_every_process_and_tells_nothing(two_stores, value):
    one, other = two_stores
    assert await one.pseudonym(value) == await other.pseudonym(value)
    assert await one.pseudonym(value) != await one.pseudonym(value + "x")
