"""`intentlive key`: the server's keys for encrypted tokens."""

from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.types import NonNegativeInt

from intentlive.auth.encryption import new_server_key
from intentlive.cli.output import AsJson, show, show_all
from intentlive.cli.stores import listed, opened
from intentlive.clock import wall_clock
from intentlive.core.times import format_instant
from intentlive.settings import StoreSettings

key = App(name="key", help="Keys: what clients encrypt tokens with, at /.well-known/jwks.json.")


@key.command
async def rotate(
    *,
    overlap: Annotated[
        NonNegativeInt, Parameter(help="Seconds that the keys until now go on to count.")
    ] = 7 * 24 * 3600,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """Make a new key; clients that still encrypt with an older one are served for a week more."""
    now = wall_clock()
    made = new_server_key(now)
    async with opened(at) as store:
        await store.add_server_key(made, others_until=now + overlap * 1000)
    show({"keyId": made.key_id}, as_json=json)


@key.command(name="list")
async def list_(*, json: AsJson = False, at: StoreSettings = StoreSettings()) -> None:
    """List the keys that count, the newest first."""
    items = [
        {
            "keyId": found.key_id,
            "created": format_instant(found.created),
            "until": None if found.until is None else format_instant(found.until),
        }
        for found in await listed(at, lambda store: store.server_keys(wall_clock()))
    ]
    show_all(items, as_json=json, none="No keys yet: intentlive key rotate makes one")
