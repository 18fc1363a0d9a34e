"""`intentlive store`: what keeps a store in order, and moves it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter
from cyclopts.types import ExistingFile

from intentlive.cli.output import AsJson, complain, progress, show
from intentlive.cli.stores import opened
from intentlive.clock import wall_clock
from intentlive.copying import Copy
from intentlive.ports import Bot
from intentlive.settings import StoreSettings
from intentlive.stores import key_file_of, shown
from intentlive.upkeep import Checked, KeptStore

store = cyclopts.App(name="store", help="The store: bring it up to date, check, back up, copy it.")

_AT_ONCE = 2_000


@store.command
async def migrate(*, json: AsJson = False, at: StoreSettings = StoreSettings()) -> None:
    """Bring the store's tables up to date, while servers go on with it.

    Servers of the release before go on, too, unless the notes on the new one say otherwise.
    """
    async with opened(at, upgrade=True) as found:
        schema = found.schema
    show({"store": shown(at.store), "from": schema.found, "to": schema.now}, as_json=json)


@store.command
async def check(
    *,
    fix: Annotated[bool, Parameter(negative=())] = False,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """Check that each session is stored as it reads; exit code 1 if something is wrong.

    Works beside running servers: what they are changing meanwhile is not wrong.

    Parameters
    ----------
    fix: bool
        Write what is wrong anew from what is right, and delete sessions of bots there are not.
        Exit code 1 only if something cannot be mended.
    """
    sessions, wrong, mended = 0, 0, 0
    async with opened(at) as found:
        for fault in await found.faults():
            complain(f"the file: {fault}")
            wrong += 1
        ids = [bot_id async for bot_id in _bot_ids(found)]
        total = sum([await found.count_sessions(bot_id) for bot_id in ids])
        with progress() as bar:
            task = bar.add_task("check", total=total)
            for bot_id in ids:
                async for page in _checked(found, bot_id, mend=fix):
                    for flaw in page.flaws:
                        complain(f"session {flaw.session_id} of bot {bot_id}: {flaw.what}")
                        mended += fix and flaw.can_be_mended
                    sessions += page.sessions
                    wrong += len(page.flaws)
                    bar.advance(task, page.sessions)
        bots = len(await found.bots())
        if mended:
            await found.add_act("sessions mended", "whole store", {"sessions": mended})
    show({"bots": bots, "sessions": sessions, "wrong": wrong, "mended": mended}, as_json=json)
    if wrong > mended:
        raise SystemExit(1)


@store.command
async def backup(
    file: Path, /, *, json: AsJson = False, at: StoreSettings = StoreSettings()
) -> None:
    """Copy the store, as it is at one moment, to a new file; servers go on meanwhile.

    The copy is read to its end and compared before it is there under its name.

    Parameters
    ----------
    file: Path
        Where the copy is to be. A file that is there is not written over.
    """
    async with opened(at) as found:
        sessions = await found.backup(file)
    show({"file": str(file), "sessions": sessions}, as_json=json)
    key = at.secrets_key_file or key_file_of(at.store, at.data_dir)
    place = "in INTENTLIVE_SECRETS_KEY" if at.secrets_key else f"at {key}"
    complain(f"the copy is of use only with its key, which is {place}: keep that elsewhere, too")


@store.command
async def copy(
    source: str,
    target: str,
    /,
    *,
    from_key_file: ExistingFile | None = None,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """Bring all that is in one store to another, and compare; exit code 1 if something differs.

    What is in the target stays, and joins. Stopped half-way, start it again.

    Parameters
    ----------
    source: str
        Address of the store to copy, such as sqlite:intentlive.db.
    target: str
        Address of the store to copy to; made if it is not there.
    from_key_file: Path
        The key to the source's secrets. Without it, the key is looked for as for any store: the one
        of --secrets-key-file or --secrets-key, which is for both then, or else in its usual place.
    """
    here = replace(at, store=source)
    if from_key_file is not None:
        here = replace(here, secrets_key=None, secrets_key_file=from_key_file)
    async with opened(here) as old, opened(replace(at, store=target), make=True) as new:
        copying = Copy(old, new, wall_clock)
        told = await copying.registry()
        for line in told:
            complain(line)
        sessions = await _copy_sessions(old, copying)
        different = len(told) + await _compare(old, copying)
        result = {"sessions": sessions, "different": different}
        await new.add_act("store copied", shown(source), result)
    show(result, as_json=json)
    if different:
        raise SystemExit(1)


async def _copy_sessions(old: KeptStore, copying: Copy) -> int:
    sessions = 0
    async for bot, advance in _bot_by_bot("copy", old, copying):
        async for seen in copying.sessions(bot):
            sessions += seen
            advance(seen)
    return sessions


async def _compare(old: KeptStore, copying: Copy) -> int:
    different = 0
    async for bot, advance in _bot_by_bot("compare", old, copying):
        async for seen, told in copying.differences(bot):
            for line in told:
                complain(line)
            different += len(told)
            advance(seen)
    return different


async def _bot_by_bot(
    what: str, old: KeptStore, copying: Copy
) -> AsyncIterator[tuple[Bot, Callable[[int], None]]]:
    """The bots that are copied, each with what moves the bar on by so many sessions."""
    bots = await copying.bots()
    total = sum([await old.count_sessions(bot.bot_id) for bot in bots])
    with progress() as bar:
        task = bar.add_task(what, total=total)
        for bot in bots:
            yield bot, partial(bar.advance, task)


async def _bot_ids(found: KeptStore) -> AsyncIterator[str]:
    """The ids under which sessions are stored."""
    bot_id = await found.next_bot("")
    while bot_id is not None:
        yield bot_id
        bot_id = await found.next_bot(bot_id)


async def _checked(found: KeptStore, bot_id: str, *, mend: bool) -> AsyncIterator[Checked]:
    """The sessions of a bot, page by page."""
    page = await found.check_sessions(bot_id, "", _AT_ONCE, mend=mend)
    while page.last is not None:
        yield page
        page = await found.check_sessions(bot_id, page.last, _AT_ONCE, mend=mend)
