"""Stores as the tests open them."""

from intentlive import stores
from intentlive.ports import Account, Acting, Bot, UsedToken

SOMEONE = Acting("someone", lambda: 1_700_000_000_000)


async def open_store(url, folder, *, acting=SOMEONE, **more):
    """The store at `url`, in a folder, used by someone at a time that stands still."""
    return await stores.open_store(url, data_dir=folder, acting=acting, **more)


async def put(store, thing):
    """Replace an account, a bot or an app as a whole."""
    if isinstance(thing, Account):
        return await store.update_account(thing.account_id, lambda _: thing)
    if isinstance(thing, Bot):
        return await store.update_bot(thing.bot_id, lambda _: thing)
    return await store.update_app(thing.client_id, lambda _: thing)


async def revision(store, bot_id="st-1"):
    """The revision of one bot that there is."""
    return (await store.revisions([bot_id]))[bot_id]


async def use_token(store, client_id, digest, until):
    """Use up one token's id."""
    (is_first,) = await store.use_tokens([UsedToken(client_id, digest, until)])
    return is_first
