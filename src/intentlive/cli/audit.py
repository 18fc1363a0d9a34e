"""`intentlive audit` and `intentlive erase`: what was done, and a person's traces undone."""

from typing import Annotated

from cyclopts import Parameter
from cyclopts.types import PositiveInt

from intentlive import erasure
from intentlive.cli.output import AsJson, Item, complain, confirm, show, show_all
from intentlive.cli.stores import listed, must_exist, opened
from intentlive.core.errors import IntentLiveError
from intentlive.core.personal import Person
from intentlive.core.times import format_instant
from intentlive.ports import Act, Store
from intentlive.settings import StoreSettings


async def audit(
    *,
    limit: Annotated[PositiveInt, Parameter(help="How many acts, counted from the latest.")] = 100,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """List administrative acts, the latest first: who did what, and when."""
    items = [_item(act) for act in await listed(at, lambda store: store.acts(limit))]
    show_all(items, as_json=json, none="Nothing was done yet.")


async def erase(
    *,
    user: str | None = None,
    ani: str | None = None,
    dni: str | None = None,
    account: str | None = None,
    bot: str | None = None,
    yes: bool = False,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """Erase a person: every session that holds one of the values given, for good.

    The sessions leave every list, and events that are sent again do not bring them back. The
    store's files are then written anew, so that nothing is left in them. Backups are not reached.

    Parameters
    ----------
    user: str
        The person's userId, as the bot sent it.
    ani: str
        The person's address or number (ANI), as the bot sent it.
    dni: str
        The same where the channel has it as the dialled address (DNI), as some chats do.
    account: str
        Only in the bots of this account; without it, in the whole store.
    bot: str
        Only in this bot.
    yes: bool
        Do not ask.
    """
    person = Person(user or None, ani or None, dni or None)
    if person == Person():
        raise IntentLiveError("say who: --user, --ani or --dni, with the value to look for")
    confirm("Erase all sessions of this person, for good?", yes=yes)
    async with opened(at) as store:
        bots = await _bots(store, account, bot)
        erased = await erasure.erase(store, person, bots, where=bot or account or "whole store")
    show({"erased": erased}, as_json=json)
    complain("backups made before still hold what was erased: delete them, too")


async def _bots(store: Store, account: str | None, bot: str | None) -> list[str]:
    if account is not None:
        must_exist(await store.account(account), "account", account)
    if bot is not None:
        must_exist(await store.bot(bot, account), "bot", bot)
        return [bot]
    return [found.bot_id for found in await store.bots(account)]


def _item(act: Act) -> Item:
    return {
        "time": format_instant(act.time),
        "who": act.who,
        "act": act.act,
        "subject": act.subject,
        "detail": act.detail,
    }
