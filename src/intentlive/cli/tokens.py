"""`intentlive token`: make tokens, and explain why one is or is not accepted."""

import secrets
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from cyclopts.types import ExistingFile, PositiveInt

from intentlive.auth.encryption import Encoding, encrypt
from intentlive.auth.gate import Gate
from intentlive.auth.tokens import mint as mint_token
from intentlive.cli.options import read_pem
from intentlive.cli.output import AsJson, complain, show
from intentlive.cli.stores import opened
from intentlive.clock import StoreClock, wall_clock
from intentlive.core.errors import IntentLiveError, Refusal
from intentlive.core.times import format_instant
from intentlive.ports import Algorithm
from intentlive.settings import StoreSettings

_SINGLE_USE_SECONDS = 300


class JwkSet(msgspec.Struct):
    """What a server publishes for clients to encrypt with."""

    keys: list[dict[str, object]]


token = App(name="token", help="Tokens: make one, check one.")


@token.command
def mint(
    *,
    client_id: str,
    client_secret: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    private_key: ExistingFile | None = None,
    algorithm: Algorithm | None = None,
    ttl: PositiveInt | None = None,
    single_use: Annotated[bool, Parameter(negative=())] = False,
    jwks: ExistingFile | None = None,
    encoding: Encoding = "A256GCM",
    json: AsJson = False,
    _at: StoreSettings = StoreSettings(),  # every command takes these
) -> None:
    """Make a token and print it; no store is needed or opened.

    Parameters
    ----------
    client_id: str
        The app's client id.
    client_secret: str
        The app's secret (HS256, HS512).
    private_key: Path
        The private key (PEM) that belongs to the app's public key (RS256, RS512).
    algorithm: Algorithm
        The app's algorithm: HS256 with a secret, RS256 with a key, unless you say otherwise.
    ttl: int
        Seconds until it expires; without it, the token never does, or within five minutes if it is
        for single use.
    single_use: bool
        Give it a JWT id of its own, for an app that enforces them.
    jwks: Path
        Encrypt it with the first key of this JWK Set, for an app that enforces it: a file with
        what the server has at /.well-known/jwks.json.
    encoding: Encoding
        The content encryption algorithm.
    """
    if (client_secret is None) == (private_key is None):
        raise IntentLiveError("give --client-secret (or INTENTLIVE_CLIENT_SECRET) or --private-key")
    key = client_secret or ""
    if private_key is not None:
        key = read_pem(private_key)
    chosen: Algorithm = algorithm or ("RS256" if private_key else "HS256")
    try:
        made = mint_token(
            client_id,
            key,
            chosen,
            now=wall_clock() // 1000,
            ttl=ttl or (_SINGLE_USE_SECONDS if single_use else None),
            token_id=secrets.token_hex(16) if single_use else None,
        )
        if jwks is not None:
            made = encrypt(made, _first_key(jwks), encoding)
    except ValueError as error:
        raise IntentLiveError(str(error)) from error
    if json:
        show({"token": made}, as_json=True)
    else:
        print(made)


@token.command
async def check(
    text: Annotated[str, Parameter(name="TOKEN")],
    /,
    *,
    bot: str | None = None,
    account_id: str | None = None,
    require_account_id: bool = False,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """Explain why a token is or is not accepted; exit code 1 if it is not.

    Parameters
    ----------
    text: str
        The token.
    bot: str
        Check that it may call for this bot, too.
    account_id: str
        Check it together with this accountId header.
    require_account_id: bool
        Check it as a server with this setting does.
    """
    async with opened(at) as store:
        clock = StoreClock(store.time)
        await clock.measure()
        gate = Gate(store, clock, lambda: None, require_account_id=require_account_id, looks=True)
        try:
            grant = await gate.authenticate(text.strip(), account_id)
            if bot is not None:
                await gate.check_bot(grant, bot)
        except Refusal as refusal:
            if json:
                why = {"accepted": False, "check": refusal.check, "mend": refusal.mend}
                show(why, as_json=True)
            else:
                complain(f"not accepted: check {refusal.check!r} failed; {refusal.mend}")
            raise SystemExit(1) from None
    accepted = {
        "accepted": True,
        "clientId": grant.app.client_id,
        "accountId": grant.account.account_id,
        "scopes": list(grant.app.scopes),
        "bots": None if grant.app.bots is None else list(grant.app.bots),
        "expires": _printed(grant.exp),
    }
    if not json:
        accepted["bots"] = accepted["bots"] or "the whole account"
        accepted["expires"] = accepted["expires"] or "never"
    show(accepted, as_json=json)


def _first_key(jwks: Path) -> dict[str, object]:
    try:
        found: JwkSet = msgspec.json.decode(jwks.read_bytes(), type=JwkSet)
        return found.keys[0]
    except (OSError, msgspec.DecodeError, IndexError) as error:
        raise IntentLiveError(f"{jwks} is no JWK Set with a key in it: {error}") from error


def _printed(exp: float | None) -> str | None:
    try:
        return None if exp is None else format_instant(int(exp * 1000))
    except OverflowError:  # after the year 9999
        return str(exp)
