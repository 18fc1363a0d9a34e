"""Opening the store that the options name, for the time of one command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from intentlive.ports import Store
from intentlive.settings import StoreSettings
from intentlive.stores import open_store


@asynccontextmanager
async def opened(settings: StoreSettings) -> AsyncIterator[Store]:
    """The store; closed on leaving."""
    store = await open_store(settings.store, settings.data_dir)
    try:
        yield store
    finally:
        await store.close()
