"""Accounts, bots and apps as rows, and rows as accounts, bots and apps."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from intentlive.core.errors import NotFound
from intentlive.ports import Account, App, AppKey, Bot
from intentlive.stores.sql.sessions import decode_rules
from intentlive.stores.sql.statements import Row, Statements
from intentlive.stores.sql.unlocking import app_place
from intentlive.stores.vault import Vault

Item = TypeVar("Item")

_IN_JSON = ("scopes", "bots")
_SWITCHES = ("require_exp", "enforce_jti", "enforce_jwe")


def accounts(run: Statements, query: str, **wanted: object) -> list[Account]:
    """The accounts that a named query finds."""
    return msgspec.convert(run.named(query, **wanted), list[Account])


def account_row(account: Account) -> Row:
    """An account as its columns."""
    return msgspec.structs.asdict(account)


def bots(run: Statements, query: str, **wanted: object) -> list[Bot]:
    """The bots that a named query finds."""
    rows = run.named(query, **wanted)
    for row in rows:
        row["rules"] = decode_rules(str(row["idle_timeouts"]), bool(row["skip_silent"]))
    return msgspec.convert(rows, list[Bot])


def bot_row(bot: Bot) -> Row:
    """A bot as its columns."""
    row = msgspec.structs.asdict(bot)
    del row["rules"]
    timeouts = msgspec.json.encode(bot.rules.idle_timeouts).decode()
    return row | {"idle_timeouts": timeouts, "skip_silent": bot.rules.skip_silent}


def apps(run: Statements, vault: Vault, query: str, **wanted: object) -> list[App]:
    """The apps that a named query finds, with their keys opened."""
    rows = run.named(query, **wanted)
    for row in rows:
        row |= {key: msgspec.json.decode(str(row[key] or "null")) for key in _IN_JSON}
        row |= {key: bool(row[key]) for key in _SWITCHES}
        sealed = msgspec.convert(row["keys"], bytes)
        plain = vault.unseal(sealed, app_place(str(row["client_id"])))
        row["keys"] = msgspec.json.decode(plain, type=list[AppKey])
    return msgspec.convert(rows, list[App])


def app_row(app: App, vault: Vault) -> Row:
    """An app as its columns, with its keys sealed."""
    row = msgspec.structs.asdict(app)
    for key in _IN_JSON:
        row[key] = None if row[key] is None else msgspec.json.encode(row[key]).decode()
    row["keys"] = vault.seal(msgspec.json.encode(app.keys), app_place(app.client_id))
    return row


def only(found: Sequence[Item]) -> Item | None:
    """What was found under an id, if anything was."""
    return found[0] if found else None


def needed(found: Sequence[Item], what: str) -> Item:
    """What was found under an id; NotFound if nothing was."""
    if not found:
        raise NotFound(f"there is no {what}")
    return found[0]
