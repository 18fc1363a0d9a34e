"""`intentlive account`: tenants."""

import secrets
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from intentlive.cli.options import Limit, check_id
from intentlive.cli.output import AsJson, Item, confirm, show, show_all
from intentlive.cli.stores import listed, must_exist, opened
from intentlive.core import ids
from intentlive.core.times import format_instant
from intentlive.ports import DEFAULT_RATE_LIMIT, Account
from intentlive.settings import StoreSettings

account = App(name="account", help="Accounts: tenants, each with bots and apps of its own.")

AccountId = Annotated[str, Parameter(help="The account's id.")]
RateLimit = Annotated[
    Limit, Parameter(help="Requests a minute for all apps together; 0 is unlimited.")
]
EventLimit = Annotated[
    Limit, Parameter(help="Events a minute for all its bots together; 0 is unlimited.")
]


@account.command
async def create(
    name: str,
    /,
    *,
    rate_limit: RateLimit = DEFAULT_RATE_LIMIT,
    event_limit: EventLimit = 0,
    account_id: Annotated[str | None, Parameter(validator=check_id)] = None,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """Make an account and print its id; makes the store, too, if there is none.

    Parameters
    ----------
    name: str
        What people call it.
    account_id: str
        Bring an id of your own, unique in the store, instead of a new one.
    """
    id_ = account_id or ids.account_id(secrets.token_bytes(12))
    async with opened(at, make=True) as store:
        made = Account(id_, name, rate_limit, await store.time(), event_limit)
        await store.add_account(made)
    show({"accountId": id_}, as_json=json)


@account.command(name="list")
async def list_(*, json: AsJson = False, at: StoreSettings = StoreSettings()) -> None:
    """List all accounts."""
    items = [_item(found) for found in await listed(at, lambda store: store.accounts())]
    show_all(items, as_json=json, none="No accounts yet: intentlive account create NAME")


@account.command(name="show")
async def show_(
    account_id: AccountId, /, *, json: AsJson = False, at: StoreSettings = StoreSettings()
) -> None:
    """Show one account."""
    async with opened(at) as store:
        show(
            _item(must_exist(await store.account(account_id), "account", account_id)), as_json=json
        )


@account.command
async def update(
    account_id: AccountId,
    /,
    *,
    name: str | None = None,
    rate_limit: RateLimit | None = None,
    event_limit: EventLimit | None = None,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """Change an account's name or limits; running servers notice within a second."""

    def change(found: Account) -> Account:
        return msgspec.structs.replace(
            found,
            name=found.name if name is None else name,
            rate_limit=found.rate_limit if rate_limit is None else rate_limit,
            event_limit=found.event_limit if event_limit is None else event_limit,
        )

    async with opened(at) as store:
        changed = await store.update_account(account_id, change)
    show(_item(changed), as_json=json)


@account.command
async def delete(
    account_id: AccountId, /, *, yes: bool = False, at: StoreSettings = StoreSettings()
) -> None:
    """Delete an account that has no bots and apps any more.

    Parameters
    ----------
    yes: bool
        Do not ask.
    """
    confirm(f"Delete account {account_id}?", yes=yes)
    async with opened(at) as store:
        await store.delete_account(account_id)


def _item(found: Account) -> Item:
    return {
        "accountId": found.account_id,
        "name": found.name,
        "rateLimit": found.rate_limit,
        "eventLimit": found.event_limit,
        "created": format_instant(found.created),
    }
