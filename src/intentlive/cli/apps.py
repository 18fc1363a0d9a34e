"""`intentlive app`: the clients that may call."""

import secrets
from functools import partial
from typing import Annotated

import msgspec
from cyclopts import App as Command
from cyclopts import Parameter
from cyclopts.types import ExistingFile

from intentlive.auth.tokens import (
    check_secret,
    signs_with_secret,
)
from intentlive.cli.appkeys import key_for, need_server_key, rotated
from intentlive.cli.options import Overlap, check_id
from intentlive.cli.output import AsJson, Item, confirm, show, show_all
from intentlive.cli.stores import listed, must_exist, opened
from intentlive.core import ids
from intentlive.core.errors import IntentLiveError
from intentlive.core.times import format_instant
from intentlive.ports import Algorithm, App, Scope
from intentlive.settings import StoreSettings

app = Command(name="app", help="Apps: clients with a secret or key, scopes and bots.")


def _by_comma(_type: object, value: str, delimiter: str | None = None) -> list[str]:  # noqa: ARG001 - the library's signature
    """Scopes hold spaces, so that in the environment a comma parts them."""
    return [part.strip() for part in value.split(",")]


def _check_secret(_type: object, value: str | None) -> None:
    if value is not None:
        check_secret(value)


ClientSecret = Annotated[str, Parameter(validator=_check_secret, allow_leading_hyphen=True)]
ClientId = Annotated[str, Parameter(help="The app's client id.")]
_SEVERAL = Parameter(negative=(), env_var_split=_by_comma)
Scopes = Annotated[
    list[Scope],
    _SEVERAL,
    Parameter(name="--scope", help="What it may do; repeat for several."),
]
Bots = Annotated[
    list[str],
    _SEVERAL,
    Parameter(name="--bot", help="Bind it to this bot only; repeat for several."),
]
PublicKey = Annotated[
    ExistingFile, Parameter(help="RSA public key (PEM) of an RS256 or RS512 app.")
]
RequireExp = Annotated[bool, Parameter(help="Refuse tokens that never expire.")]
EnforceJti = Annotated[
    bool, Parameter(help="A token counts once: it needs a JWT id and an exp within the hour.")
]
EnforceJwe = Annotated[
    bool, Parameter(help="Tokens must come encrypted for this server (/.well-known/jwks.json).")
]


@app.command
async def create(
    name: str,
    /,
    *,
    account: Annotated[str, Parameter(help="The id of the account that it belongs to.")],
    scope: Scopes,
    bot: Bots = [],  # noqa: B006 - read only
    algorithm: Algorithm = "HS256",
    public_key: PublicKey | None = None,
    require_exp: RequireExp = False,
    enforce_jti: EnforceJti = False,
    enforce_jwe: EnforceJwe = False,
    client_id: Annotated[str | None, Parameter(validator=check_id)] = None,
    client_secret: ClientSecret | None = None,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """Make an app and print its client id and secret; the secret is shown only here.

    With the ids and the secret of a hosted app, its clients work here unchanged.

    Parameters
    ----------
    name: str
        What people call it.
    algorithm: Algorithm
        The one algorithm that its tokens are signed with.
    client_id: str
        Bring an id of your own, unique in the store, instead of a new one.
    client_secret: str
        Bring a secret of your own (HS256, HS512; best in INTENTLIVE_CLIENT_SECRET).
    """
    key = key_for(algorithm, client_secret, public_key)
    async with opened(at) as store:
        made = App(
            client_id=client_id or ids.client_id(secrets.token_bytes(16)),
            account_id=account,
            name=name,
            algorithm=algorithm,
            keys=(key,),
            scopes=tuple(scope),
            bots=tuple(bot) or None,
            require_exp=require_exp,
            created=await store.time(),
            enforce_jti=enforce_jti,
            enforce_jwe=enforce_jwe,
        )
        if enforce_jwe:
            await need_server_key(store)
        await store.add_app(made)
    shown = {"clientId": made.client_id}
    if signs_with_secret(algorithm) and client_secret is None:
        shown["clientSecret"] = key.text
    show(shown, as_json=json)


@app.command(name="list")
async def list_(
    *, account: str | None = None, json: AsJson = False, at: StoreSettings = StoreSettings()
) -> None:
    """List the apps of all accounts, or of one.

    Parameters
    ----------
    account: str
        Only the apps of this account.
    """
    items = [_item(found) for found in await listed(at, lambda store: store.apps(account))]
    none = "No apps yet: intentlive app create --account A --scope S NAME"
    show_all(items, as_json=json, none=none)


@app.command(name="show")
async def show_(
    client_id: ClientId, /, *, json: AsJson = False, at: StoreSettings = StoreSettings()
) -> None:
    """Show one app, without its secret."""
    async with opened(at) as store:
        show(_item(must_exist(await store.app(client_id), "app", client_id)), as_json=json)


@app.command
async def update(
    client_id: ClientId,
    /,
    *,
    name: str | None = None,
    scope: Scopes | None = None,
    bot: Bots | None = None,
    whole_account: Annotated[bool, Parameter(negative=())] = False,
    public_key: PublicKey | None = None,
    require_exp: RequireExp | None = None,
    enforce_jti: EnforceJti | None = None,
    enforce_jwe: EnforceJwe | None = None,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """Change an app; scopes and bots given replace those it has.

    Parameters
    ----------
    whole_account: bool
        Bind it to the whole account instead of some bots.
    """
    if whole_account and bot:
        raise IntentLiveError("choose --bot or --whole-account")

    def change(found: App) -> App:
        changed = msgspec.structs.replace(
            found,
            name=found.name if name is None else name,
            scopes=tuple(scope) if scope else found.scopes,
            bots=None if whole_account else tuple(bot) if bot else found.bots,
            require_exp=found.require_exp if require_exp is None else require_exp,
            enforce_jti=found.enforce_jti if enforce_jti is None else enforce_jti,
            enforce_jwe=found.enforce_jwe if enforce_jwe is None else enforce_jwe,
        )
        if public_key is None:
            return changed
        return msgspec.structs.replace(changed, keys=(key_for(found.algorithm, None, public_key),))

    async with opened(at) as store:
        if enforce_jwe:
            await need_server_key(store)
        changed = await store.update_app(client_id, change)
    show(_item(changed), as_json=json)


@app.command
async def rotate(
    client_id: ClientId,
    /,
    *,
    overlap: Overlap = 24 * 3600,
    client_secret: ClientSecret | None = None,
    public_key: PublicKey | None = None,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """Give an app a new secret or key, and print the secret; the old one counts for a day more.

    With --overlap 0 every token signed with the old one is refused within a second.

    Parameters
    ----------
    client_secret: str
        Bring a secret of your own (HS256, HS512; best in INTENTLIVE_CLIENT_SECRET).
    """

    def change(now: int, found: App) -> App:
        key = key_for(found.algorithm, client_secret, public_key)
        return rotated(found, key, now, now + overlap * 1000)

    async with opened(at) as store:
        now = await store.time()
        changed = await store.update_app(client_id, partial(change, now))
    shown = {"clientId": client_id}
    if signs_with_secret(changed.algorithm) and client_secret is None:
        shown["clientSecret"] = changed.keys[0].text
    if changed.keys[1:]:
        shown["oldUntil"] = format_instant(now + overlap * 1000)
    show(shown, as_json=json)


@app.command
async def delete(
    client_id: ClientId, /, *, yes: bool = False, at: StoreSettings = StoreSettings()
) -> None:
    """Delete an app; its tokens are refused within a second.

    Parameters
    ----------
    yes: bool
        Do not ask.
    """
    confirm(f"Delete app {client_id}?", yes=yes)
    async with opened(at) as store:
        await store.delete_app(client_id)


def _item(found: App) -> Item:
    return {
        "clientId": found.client_id,
        "accountId": found.account_id,
        "name": found.name,
        "algorithm": found.algorithm,
        "scopes": list(found.scopes),
        "bots": None if found.bots is None else list(found.bots),
        "requireExp": found.require_exp,
        "enforceJti": found.enforce_jti,
        "enforceJwe": found.enforce_jwe,
        "keys": [
            "current" if key.until is None else f"until {format_instant(key.until)}"
            for key in found.keys
        ],
        "created": format_instant(found.created),
    }
