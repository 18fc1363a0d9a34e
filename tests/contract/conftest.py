import secrets

import pytest

from intentlive.core.reading import BotRules
from intentlive.ports import Account, App, AppKey, Bot
from tests.stores import open_store

SECRET = "a client secret of the usual length"
BACKENDS = ["sqlite", "postgresql"]


@pytest.fixture(params=BACKENDS)
def address(request):
    """A store of every backend that is not made yet: each test of this folder runs on all."""
    if request.param == "sqlite":
        return "sqlite:sessions.db"
    postgres = request.getfixturevalue("postgres")
    return postgres.database(f"store-{secrets.token_hex(8)}")


@pytest.fixture
async def store(address, tmp_path):
    opened = await open_store(address, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def two_stores(address, tmp_path):
    """The same store opened twice, as two processes would."""
    one, other = [await open_store(address, tmp_path) for _ in range(2)]
    yield one, other
    await one.close()
    await other.close()


@pytest.fixture
async def bot(store):
    return await add_bot(store, "st-1")


async def add_bot(store, bot_id, rules=None, account_id="a1"):
    """A bot in a store, with its account if that is not there."""
    if await store.account(account_id) is None:
        await store.add_account(an_account(account_id))
    added = Bot(bot_id, account_id, "Bot", rules or BotRules(), created=1)
    await store.add_bot(added)
    return added


def an_account(account_id="a1", created=1):
    return Account(account_id, "Account", rate_limit=60, created=created)


def an_app(client_id="cs-1", bots=None, account_id="a1", created=1):
    return App(
        client_id=client_id,
        account_id=account_id,
        name="App",
        algorithm="HS256",
        keys=(AppKey(SECRET),),
        scopes=("SmartAssist Analytics", "Session Events"),
        bots=bots,
        require_exp=False,
        created=created,
    )
