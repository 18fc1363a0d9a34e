"""With a buffer before the store: who was known goes on while the store is away, for a while."""

import asyncio

import pytest

from intentlive.auth.gate import RECHECK_MS
from intentlive.core.errors import Refusal, StoreUnavailable
from tests.contract.conftest import add_bot, an_app

from .test_gate import EVENTS, World, replace, world  # noqa: F401 - a fixture

PATIENCE_MS = 600_000


class Away:
    """Lets a store be away, as a whole."""

    def __init__(self, store):
        self._store = store
        self.is_away = False
        self.asked = 0

    def __getattr__(self, name):
        method = getattr(self._store, name)

        async def may_fail(*arguments):
            self.asked += 1
            if self.is_away:
                raise StoreUnavailable("no route to host")
            return await method(*arguments)

        return may_fail


class Patient(World):
    """A world whose gate has patience with its store."""

    def make_gate(self, **options):
        return super().make_gate(patience_ms=PATIENCE_MS, **options)

    async def send(self, token=None, bot="st-1"):
        """As events come in, which takes the whole way each time."""
        grant = await self.gate.authenticate(token or self.token(), None)
        await self.gate.authorize(grant, EVENTS, bot)
        return grant

    def leave(self, after=RECHECK_MS):
        self.store.is_away = True
        self.now += after


async def noticed(patient, seen):
    async with asyncio.timeout(30):
        while patient.changes == seen:  # noqa: ASYNC110 - a thread of the store is waited for
            await asyncio.sleep(0)


@pytest.fixture
async def patient(world):  # noqa: F811 - the fixture
    return Patient(Away(world.store))


async def test_who_was_known_goes_on_while_the_store_is_away(patient):
    await patient.send()
    patient.leave()
    for _ in range(5):
        await patient.send()
        await patient.call()
        patient.now += RECHECK_MS


async def test_patience_has_an_end(patient):
    await patient.send()
    patient.leave(PATIENCE_MS - 1)
    await patient.send()
    patient.now += 1
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await patient.send()
    patient.store.is_away = False
    await patient.send()


@pytest.mark.parametrize("unknown", ["token", "bot", "anything"])
async def test_what_was_not_known_is_not_taken(patient, unknown):
    await add_bot(patient.store, "st-new")
    await patient.store.add_app(an_app("cs-new"))
    if unknown != "anything":
        await patient.send()
    patient.leave()
    call = {"token": {"token": patient.token("cs-new")}, "bot": {"bot": "st-new"}}
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await patient.send(**call.get(unknown, {}))


async def test_a_wrong_token_gets_in_no_more_than_before(patient):
    await patient.send()
    patient.leave()
    with pytest.raises(StoreUnavailable):  # the app may have another secret by now
        await patient.send(token=patient.token(secret="another client secret"))
    with pytest.raises(Refusal) as caught:
        await patient.send(token="nonsense")
    assert caught.value.check == "token"


async def test_a_token_that_ends_meanwhile_is_refused(patient):
    token = patient.token(ttl=10)
    await patient.send(token)
    patient.leave(30_000)
    await patient.send(token)
    patient.now += 40_000 - 1  # up to the end of the leeway
    await patient.send(token)
    patient.now += 1
    with pytest.raises(Refusal) as caught:
        await patient.send(token)
    assert caught.value.check == "exp"


async def test_tokens_that_count_once_are_not_taken(patient):
    await patient.store.add_app(replace(an_app("cs-once"), enforce_jti=True, require_exp=True))
    patient.now += RECHECK_MS
    await patient.send()
    patient.leave()
    with pytest.raises(StoreUnavailable):
        await patient.send(patient.token("cs-once", ttl=300))


async def test_what_was_revoked_counts_as_soon_as_the_store_is_back(patient):
    await patient.send()
    patient.leave()
    await patient.send()
    patient.store.is_away = False
    await patient.store.delete_app("cs-1")
    patient.now += RECHECK_MS
    seen = patient.changes
    await patient.send()  # has it looked up, and does not wait
    await noticed(patient, seen)
    with pytest.raises(Refusal) as caught:
        await patient.send()
    assert caught.value.check == "client"


async def test_a_clock_that_was_set_back_is_no_reason_to_trust(patient):
    await patient.send()
    patient.leave(-10_000)
    with pytest.raises(StoreUnavailable):
        await patient.send()


async def test_nobody_waits_for_a_store_that_takes_long_to_say_no(patient):
    await patient.send()
    patient.leave()
    await patient.send()
    stuck = asyncio.Event()

    async def hang():
        await stuck.wait()
        raise StoreUnavailable("timed out")

    patient.store.registry_revision = hang
    patient.now += RECHECK_MS
    for _ in range(5):
        await patient.send()
    stuck.set()
