"""What every store gives to another, and takes over from it."""

import msgspec
import pytest

from intentlive.core.errors import StillInUse, StoreError
from intentlive.core.session import ERASED, fold
from intentlive.ports import Act, ServerKey, UsedToken
from tests.contract.conftest import an_account
from tests.stores import open_store, revision, use_token
from tests.wire import event

FAR = 10**13
KEY = b"k" * 32


def sessions(*ids):
    return fold([event("message.received", 0, subject=id_) for id_ in ids])


def an_act(time, subject="a1"):
    return Act(
        time, "someone else", "account created", subject, {"name": "Ünïcode", "n": [1, None]}
    )


async def test_sessions_come_page_by_page_by_code_point(store, bot):
    states = sessions("b", "a", "z", "ä", "\U0001f600", "B") | {"c": ERASED}
    await store.merge({"st-1": states})
    order = ["B", "a", "b", "c", "z", "ä", "\U0001f600"]
    assert await store.sessions_after("st-1", "", 100) == [(id_, states[id_]) for id_ in order]
    first = await store.sessions_after("st-1", "", 3)
    assert [id_ for id_, _ in first] == order[:3]
    then = await store.sessions_after("st-1", first[-1][0], 3)
    assert [id_ for id_, _ in then] == order[3:6]
    assert await store.sessions_after("st-1", order[-1], 3) == []
    assert await store.sessions_after("st-unknown", "", 3) == []


async def test_sessions_are_found_by_their_ids(store, bot):
    states = sessions("a", "b", "c")
    await store.merge({"st-1": states})
    assert await store.sessions("st-1", ["c", "a", "x"]) == {id_: states[id_] for id_ in "ac"}
    assert await store.sessions("st-1", []) == {}
    assert await store.count_sessions("st-1") == 3
    assert await store.count_sessions("st-2") == 0


async def test_a_session_that_cannot_be_read_is_named(store, bot, by_hand, address):
    await store.merge({"st-1": sessions("a", "odd")})
    literal = "x'63'" if address.startswith("sqlite") else "'\\x63'"
    by_hand(f"UPDATE sessions SET state = {literal} WHERE session_id = 'odd'")
    for ask in (store.sessions_after("st-1", "", 9), store.sessions("st-1", ["odd"])):
        with pytest.raises(StoreError, match=r"session odd of bot st-1: .*intentlive store check"):
            await ask


async def test_a_revision_is_lifted_and_never_lowered(store, bot):
    before = await revision(store)
    await store.lift_revision("st-1", before + 100)
    assert await revision(store) == before + 100
    await store.lift_revision("st-1", before)
    assert await revision(store) == before + 100
    assert await store.merge({"st-1": sessions("a")}) == {"st-1": before + 101}
    await store.lift_revision("st-unknown", 5)


async def test_used_tokens_come_page_by_page(store):
    tokens = [
        UsedToken(app, bytes([n]) * 32, FAR + n) for app in ("cs-1", "cs-2") for n in (9, 200)
    ]
    for token in reversed(tokens):
        await use_token(store, *msgspec.structs.astuple(token))
    assert await store.used_tokens(None, 100) == tokens
    for number, token in enumerate(tokens):
        assert await store.used_tokens(token, 2) == tokens[number + 1 : number + 3]


async def test_acts_come_oldest_first_and_are_adopted_once(store):
    await store.add_account(an_account())
    ((number, own),) = await store.acts_after(0, 10)
    others = [an_act(time) for time in (3, 1, 2)]
    for _ in range(2):
        await store.adopt_acts(others[:2])
    await store.adopt_acts([*others, own])
    await store.add_account(an_account("a2"))
    found = await store.acts_after(0, 10)
    assert [act for _, act in found[:4]] == [own, *others]
    assert found[4][1].subject == "a2"
    numbers = [number for number, _ in found]
    assert numbers == sorted(set(numbers))
    assert await store.acts_after(number, 2) == found[1:3]
    assert [act for _, act in reversed(found)] == list(await store.acts(10))


async def test_server_keys_are_adopted_by_a_store_that_has_none(store, address, tmp_path):
    old = ServerKey("k1", "-----BEGIN PRIVATE KEY-----1", 1, until=FAR)
    new = ServerKey("k2", "-----BEGIN PRIVATE KEY-----2", 2)
    assert await store.adopt_server_keys([]) == []
    assert await store.adopt_server_keys([new, old]) == []
    assert await store.server_keys(now=0) == [new, old]
    assert await store.adopt_server_keys([new, old]) == []
    other = ServerKey("k3", "-----BEGIN PRIVATE KEY-----3", 3)
    assert await store.adopt_server_keys([other, old]) == [other]
    assert await store.server_keys(now=0) == [new, old]
    assert [act.act for act in await store.acts(10)] == ["keys copied"]
    again = await open_store(address, tmp_path)
    assert await again.server_keys(now=0) == [new, old]
    await again.close()


async def test_an_empty_store_takes_over_a_key_of_pseudonyms(store, address, tmp_path):
    before = await store.pseudonym("ada")
    await store.adopt_pseudonym_key(KEY)
    assert store.pseudonym_key() == KEY
    assert await store.pseudonym("ada") != before
    await store.adopt_pseudonym_key(bytes(32))
    await store.adopt_pseudonym_key(KEY)
    again = await open_store(address, tmp_path)
    assert again.pseudonym_key() == KEY
    assert await again.pseudonym("ada") == await store.pseudonym("ada")
    await again.close()


@pytest.mark.parametrize("delete", [False, True])
async def test_a_store_in_use_keeps_its_key_of_pseudonyms(store, delete):
    await store.add_account(an_account())
    if delete:
        await store.delete_account("a1")  # its acts may hold pseudonyms
    before = store.pseudonym_key()
    with pytest.raises(StillInUse, match="another key"):
        await store.adopt_pseudonym_key(KEY)
    assert store.pseudonym_key() == before
    await store.adopt_pseudonym_key(before)
