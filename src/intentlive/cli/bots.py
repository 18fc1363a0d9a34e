"""`intentlive bot`: the bots of an account."""

import secrets
from functools import partial
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from intentlive.cli.options import check_id
from intentlive.cli.output import AsJson, Item, confirm, show, show_all
from intentlive.cli.stores import listed, must_exist, opened
from intentlive.core import ids
from intentlive.core.personal import PersonalData
from intentlive.core.reading import DEFAULT_IDLE_TIMEOUT, BotRules
from intentlive.core.times import format_instant
from intentlive.ports import Bot
from intentlive.settings import StoreSettings

bot = App(name="bot", help="Bots: each has sessions of its own.")

_FOURTEEN_DAYS = 14 * 24 * 3600  # seconds, as it is given; the next in days, likewise
_TEN_YEARS = 3650

BotId = Annotated[str, Parameter(help="The bot's id.")]
IdleTimeout = Annotated[
    int,
    Parameter(
        validator=Number(gte=1, lte=_FOURTEEN_DAYS),
        help="Seconds without activity after which a session counts as ended (1 s to 14 days).",
    ),
]
SkipSilent = Annotated[
    bool, Parameter(help="Leave out sessions in which the user did nothing and nothing came of it.")
]
Shown = Annotated[
    PersonalData,
    Parameter(
        name="--personal-data",
        help="How ANI, DNI and userId are shown to apps without the scope Personal Data.",
    ),
]
Retention = Annotated[
    int,
    Parameter(
        validator=Number(gte=0, lte=_TEN_YEARS),
        help="Days after which ended sessions are deleted (up to ten years); 0 keeps them.",
    ),
]


@bot.command
async def create(
    name: str,
    /,
    *,
    account: Annotated[str, Parameter(help="The id of the account that it belongs to.")],
    idle_timeout: IdleTimeout = DEFAULT_IDLE_TIMEOUT,
    skip_silent: SkipSilent = False,
    personal_data: Shown = "verbatim",
    retention: Retention = 0,
    bot_id: Annotated[str | None, Parameter(validator=check_id)] = None,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """Make a bot and print its id.

    Parameters
    ----------
    name: str
        What people call it.
    bot_id: str
        Bring an id of your own, unique in the store, instead of a new one.
    """
    async with opened(at) as store:
        made = Bot(
            bot_id or ids.bot_id(secrets.token_bytes(16)),
            account,
            name,
            BotRules(((0, idle_timeout),), skip_silent),
            await store.time(),
            personal_data,
            retention or None,
        )
        await store.add_bot(made)
    show({"botId": made.bot_id}, as_json=json)


@bot.command(name="list")
async def list_(
    *, account: str | None = None, json: AsJson = False, at: StoreSettings = StoreSettings()
) -> None:
    """List the bots of all accounts, or of one.

    Parameters
    ----------
    account: str
        Only the bots of this account.
    """
    items = [_item(found) for found in await listed(at, lambda store: store.bots(account))]
    show_all(items, as_json=json, none="No bots yet: intentlive bot create --account A NAME")


@bot.command(name="show")
async def show_(
    bot_id: BotId, /, *, json: AsJson = False, at: StoreSettings = StoreSettings()
) -> None:
    """Show one bot."""
    async with opened(at) as store:
        show(_item(must_exist(await store.bot(bot_id), "bot", bot_id)), as_json=json)


@bot.command
async def update(
    bot_id: BotId,
    /,
    *,
    name: str | None = None,
    idle_timeout: IdleTimeout | None = None,
    skip_silent: SkipSilent | None = None,
    personal_data: Shown | None = None,
    retention: Retention | None = None,
    yes: bool = False,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """Change a bot; a new idle timeout counts from now on, sessions before keep the old one.

    Parameters
    ----------
    yes: bool
        Do not ask before sessions are deleted, for a retention.
    """

    def change(now: int, found: Bot) -> Bot:
        rules = found.rules
        if idle_timeout is not None:
            since = (now, idle_timeout)
            rules = msgspec.structs.replace(rules, idle_timeouts=(*rules.idle_timeouts, since))
        if skip_silent is not None:
            rules = msgspec.structs.replace(rules, skip_silent=skip_silent)
        return msgspec.structs.replace(
            found,
            name=found.name if name is None else name,
            rules=rules,
            personal_data=personal_data or found.personal_data,
            retention_days=found.retention_days if retention is None else retention or None,
        )

    if retention:
        past = f"Delete sessions of {bot_id} {retention} days after their end, past ones, too?"
        confirm(past, yes=yes)
    async with opened(at) as store:
        changed = await store.update_bot(bot_id, partial(change, await store.time()))
    show(_item(changed), as_json=json)


@bot.command
async def delete(
    bot_id: BotId, /, *, yes: bool = False, at: StoreSettings = StoreSettings()
) -> None:
    """Delete a bot with all its sessions.

    Parameters
    ----------
    yes: bool
        Do not ask.
    """
    confirm(f"Delete bot {bot_id} and all its sessions?", yes=yes)
    async with opened(at) as store:
        await store.delete_bot(bot_id)


def _item(found: Bot) -> Item:
    return {
        "botId": found.bot_id,
        "accountId": found.account_id,
        "name": found.name,
        "idleTimeout": found.rules.idle_timeouts[-1][1],
        "skipSilent": found.rules.skip_silent,
        "personalData": found.personal_data,
        "retention": found.retention_days or 0,
        "created": format_instant(found.created),
    }
