"""Stores as the tests open them."""

from intentlive import stores
from intentlive.ports import Acting

SOMEONE = Acting("someone", lambda: 1_700_000_000_000)


async def open_store(url, folder, *, acting=SOMEONE, **more):
    """The store at `url`, in a folder, used by someone at a time that stands still."""
    return await stores.open_store(url, data_dir=folder, acting=acting, **more)
