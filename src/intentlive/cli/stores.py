"""Opening the store that the options name, for the time of one command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from intentlive.core.errors import NotFound
from intentlive.ports import Store
from intentlive.settings import StoreSettings
from intentlive.stores import open_store

Item = TypeVar("Item")


@asynccontextmanager
async def opened(settings: StoreSettings) -> AsyncIterator[Store]:
    """The store; closed on leaving."""
    store = await open_store(settings.store, settings.data_dir)
    try:
        yield store
    finally:
        await store.close()


def must_exist(found: Item | None, kind: str, id_: str) -> Item:
    """What was found under an id; NotFound, which says where to look, if it is nothing."""
    if found is None:
        raise NotFound(f"there is no {kind} {id_}: see intentlive {kind} list")
    return found
