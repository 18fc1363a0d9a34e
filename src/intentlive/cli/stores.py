"""Opening the store that the options name, for the time of one command."""

import os
import pwd
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from intentlive.cli.output import complain
from intentlive.clock import wall_clock
from intentlive.core.errors import NotFound
from intentlive.ports import Acting, Store
from intentlive.settings import StoreSettings
from intentlive.stores import open_store
from intentlive.upkeep import KeptStore

Item = TypeVar("Item")


@asynccontextmanager
async def opened(
    settings: StoreSettings, *, make: bool = False, upgrade: bool = False
) -> AsyncIterator[KeptStore]:
    """The store; closed on leaving.

    A command that only looks does not `make` one: a mistyped folder should be told, not filled.
    Tables that all machines share are brought up to date by the one that is to `upgrade` them.
    """
    try:
        store = await open_store(
            settings.store,
            data_dir=settings.data_dir,
            acting=Acting(_who(), wall_clock),
            key=settings.secrets_key,
            key_file=settings.secrets_key_file,
            make=make,
            upgrade=upgrade,
        )
    except NotFound as error:
        mend = "name it by --data-dir or --store, or make one with intentlive account create NAME"
        raise NotFound(f"{error}: {mend}") from error
    try:
        yield store
    finally:
        await store.close()


def _who() -> str:
    """Who runs this command, for the audit: the user, and who became that user by sudo."""
    uid = os.getuid()  # and not the environment, where anyone may call themselves anything
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's user without a name
        user = f"uid {uid}"
    by = os.environ.get("SUDO_USER") if uid == 0 else None
    return f"{by} as {user}@{socket.gethostname()}" if by else f"{user}@{socket.gethostname()}"


async def listed(
    settings: StoreSettings, ask: Callable[[Store], Awaitable[Sequence[Item]]]
) -> Sequence[Item]:
    """What a store lists; of a store that is not there, nothing, and a note to people."""
    try:
        async with opened(settings) as store:
            return await ask(store)
    except NotFound as error:
        complain(str(error))
        return []


def must_exist(found: Item | None, kind: str, id_: str) -> Item:
    """What was found under an id; NotFound, which says where to look, if it is nothing."""
    if found is None:
        raise NotFound(f"there is no {kind} {id_}: see intentlive {kind} list")
    return found
