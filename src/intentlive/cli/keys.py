"""`intentlive key`: the server's keys for encrypted tokens."""

from collections.abc import Sequence

from cyclopts import App

from intentlive.auth.encryption import MAX_SERVER_KEYS, new_server_key
from intentlive.cli.options import Overlap
from intentlive.cli.output import AsJson, show, show_all
from intentlive.cli.stores import listed, opened
from intentlive.core.errors import IntentLiveError
from intentlive.core.times import format_instant
from intentlive.ports import ServerKey, Store
from intentlive.settings import StoreSettings

key = App(name="key", help="Keys: what clients encrypt tokens with, at /.well-known/jwks.json.")


@key.command
async def rotate(
    *,
    overlap: Overlap = 7 * 24 * 3600,
    json: AsJson = False,
    at: StoreSettings = StoreSettings(),
) -> None:
    """Make a new key; clients that still encrypt with an older one are served for a week more."""
    async with opened(at) as store:
        now = await store.time()
        made = new_server_key(now)
        if overlap and len(await store.server_keys(now)) >= MAX_SERVER_KEYS:
            raise IntentLiveError(
                f"{MAX_SERVER_KEYS} keys count already: rotate with --overlap 0, or wait for one's "
                "end (intentlive key list)"
            )
        await store.add_server_key(made, others_until=now + overlap * 1000)
    show({"keyId": made.key_id}, as_json=json)


async def _that_count(store: Store) -> Sequence[ServerKey]:
    return await store.server_keys(await store.time())


@key.command(name="list")
async def list_(*, json: AsJson = False, at: StoreSettings = StoreSettings()) -> None:
    """List the keys that count, the newest first."""
    items = [
        {
            "keyId": found.key_id,
            "created": format_instant(found.created),
            "until": None if found.until is None else format_instant(found.until),
        }
        for found in await listed(at, _that_count)
    ]
    show_all(items, as_json=json, none="No keys yet: intentlive key rotate makes one")
