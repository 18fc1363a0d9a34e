"""Copies what one store holds into another, and compares the two.

What the target has stays: sessions are joined, all else is left as it is there, and what was
deleted there is not brought back. So everything can be repeated: stopped anywhere and started
again, it ends the same. What was deleted in the source since an earlier copy is told, not deleted.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct, structs

from intentlive.core import reading
from intentlive.core.errors import NotFound
from intentlive.core.record import record
from intentlive.core.session import State, join
from intentlive.ports import Act, Bot, Latest, UsedToken
from intentlive.upkeep import KeptStore

_PAGE = 1_000

Item = TypeVar("Item", bound=Struct)


class Copy:
    """Brings what `source` holds to `target`; `clock` gives ms since 1970."""

    def __init__(self, source: KeptStore, target: KeptStore, clock: Callable[[], int]) -> None:
        self._source = source
        self._target = target
        self._clock = clock

    async def registry(self) -> Sequence[str]:
        """Copy keys, acts, accounts, bots, apps, used tokens; gives what the target has otherwise.

        StillInUse if the target's pseudonyms are made with another key than the source's.
        """
        source, target = self._source, self._target
        await target.adopt_pseudonym_key(source.pseudonym_key())
        deleted = await _deleted(target)
        async for acts in _acts(source):
            await target.adopt_acts([act for _, act in acts])
        told = [
            f"key {key.key_id}: left out, for the target has keys of its own"
            for key in await target.adopt_server_keys(await source.server_keys(now=0))
        ]
        for account in await source.accounts():
            id_ = account.account_id
            there = await target.account(id_)
            told += await _adopt(f"account {id_}", account, there, target.add_account, deleted)
        for bot in await source.bots():
            id_ = bot.bot_id
            told += await _adopt(f"bot {id_}", bot, await target.bot(id_), target.add_bot, deleted)
        for app in await source.apps():
            id_ = app.client_id
            told += await _adopt(f"app {id_}", app, await target.app(id_), target.add_app, deleted)
        async for tokens in _used_tokens(source):
            await target.use_tokens(tokens)
        return told + await self._left_over()

    async def _left_over(self) -> list[str]:
        """What was deleted in the source and is older than that in the target.

        In the order in which it can be deleted there.
        """
        here, there = await _things(self._source), await _things(self._target)
        deleted = await _deleted(self._source)
        return [
            f"{name}: deleted in the source, still in the target: "
            f"intentlive {name.replace(' ', ' delete ', 1)}"
            for name, created in there.items()
            if name not in here and created <= deleted.get(name, -1)
        ]

    async def bots(self) -> Sequence[Bot]:
        """The bots of the source that there are in the target, as they are there."""
        here = {bot.bot_id for bot in await self._source.bots()}
        return [bot for bot in await self._target.bots() if bot.bot_id in here]

    async def sessions(self, bot: Bot) -> AsyncIterator[int]:
        """Join the sessions of a bot into the target's; gives how many were seen, step by step."""
        async for page in _sessions(self._source, bot.bot_id):
            oldest = bot.oldest_kept(self._clock())
            states = {id_: state for id_, state in page if _is_kept(state, bot, oldest)}
            if bot.bot_id not in await self._target.merge({bot.bot_id: states}):
                raise NotFound(f"bot {bot.bot_id} was deleted in the target: start again")
            yield len(page)
        for revision in (await self._source.revisions([bot.bot_id])).values():
            await self._target.lift_revision(bot.bot_id, revision)

    async def differences(self, bot: Bot) -> AsyncIterator[tuple[int, Sequence[str]]]:
        """Compare the sessions of a bot; gives how many were seen, and what differs, step by step.

        The target may know more, and need not have what the bot keeps no longer there.
        """
        # As of 1970, when none had ended: how the sessions of a bot are read and shown.
        here = await self._source.latest(bot.bot_id, now=0, limit=1)
        there = await self._target.latest(bot.bot_id, now=0, limit=1)
        if here is None or there is None:
            raise NotFound(f"bot {bot.bot_id} was deleted: start again")
        async for page in _sessions(self._source, bot.bot_id):
            found = await self._target.sessions(bot.bot_id, [id_ for id_, _ in page])
            oldest = bot.oldest_kept(self._clock())
            told = [
                f"session {id_} of bot {bot.bot_id}: {what}"
                for id_, state in page
                if _is_kept(state, bot, oldest)
                and (what := _difference(id_, state, here, found.get(id_), there))
            ]
            yield len(page), told


def _difference(
    id_: str, state: State, here: Latest, found: State | None, there: Latest
) -> str | None:
    """What is wrong with a session as it is `found` in the target, if anything is."""
    if found is None:
        return "not in the target"
    if found != state:
        return None if join(found, state) == found else "the target knows less of it"
    if state.erased:
        return None
    is_read_alike = record(id_, state, here.rules, here.disguise) == record(
        id_, found, there.rules, there.disguise
    )
    return None if is_read_alike else "the target reads or shows it otherwise"


def _is_kept(state: State, bot: Bot, oldest: int | None) -> bool:
    """Whether a session would stay, were it brought to its bot."""
    end = reading.end_time(state, bot.rules)
    return oldest is None or end is None or end >= oldest


async def _adopt(
    name: str,
    item: Item,
    there: Item | None,
    add: Callable[[Item], Awaitable[None]],
    deleted: Mapping[str, int],
) -> list[str]:
    """Add what is not there; gives what there is to tell."""
    if there is not None:
        fields = [
            each for each in structs.asdict(item) if getattr(item, each) != getattr(there, each)
        ]
        return [f"{name}: {', '.join(fields)} otherwise in the target, left so"] if fields else []
    if name in deleted:
        return [f"{name}: left out, for it was deleted in the target"]
    try:
        await add(item)
    except NotFound as error:
        return [f"{name}: left out, for {error}"]
    return []


async def _things(store: KeptStore) -> dict[str, int]:
    """When what there is was made; by names such as `bot st-1`, each before what it belongs to."""
    return (
        {f"app {app.client_id}": app.created for app in await store.apps()}
        | {f"bot {bot.bot_id}": bot.created for bot in await store.bots()}
        | {f"account {each.account_id}": each.created for each in await store.accounts()}
    )


async def _deleted(store: KeptStore) -> dict[str, int]:
    """When what was deleted and not made again was deleted; by names such as `bot st-1`."""
    latest: dict[str, Act] = {}
    async for acts in _acts(store):
        for _, act in acts:
            kind, _, done = act.act.partition(" ")
            name = f"{kind} {act.subject}"
            if done in ("created", "deleted") and (
                name not in latest or latest[name].time <= act.time
            ):
                latest[name] = act
    return {name: act.time for name, act in latest.items() if act.act.endswith(" deleted")}


async def _acts(store: KeptStore) -> AsyncIterator[Sequence[tuple[int, Act]]]:
    number = 0
    while acts := await store.acts_after(number, _PAGE):
        yield acts
        number = acts[-1][0]


async def _used_tokens(store: KeptStore) -> AsyncIterator[Sequence[UsedToken]]:
    last: UsedToken | None = None
    while tokens := await store.used_tokens(last, _PAGE):
        yield tokens
        last = tokens[-1]


async def _sessions(store: KeptStore, bot_id: str) -> AsyncIterator[Sequence[tuple[str, State]]]:
    after = ""
    while page := await store.sessions_after(bot_id, after, _PAGE):
        yield page
        after = page[-1][0]
