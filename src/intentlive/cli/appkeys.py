"""What apps are verified with: given or made, rotated; and the server's first own key."""

from pathlib import Path

import msgspec

from intentlive.auth.encryption import new_server_key
from intentlive.auth.tokens import check_public_key, new_secret, signs_with_secret
from intentlive.cli.options import read_pem
from intentlive.core.errors import IntentLiveError
from intentlive.ports import Algorithm, App, AppKey, Store


def key_for(algorithm: Algorithm, secret: str | None, path: Path | None) -> AppKey:
    """What an app is verified with: a public key from a file, or a secret, by default a new one."""
    if secret is not None and not signs_with_secret(algorithm):
        raise IntentLiveError(f"an app of algorithm {algorithm} has no client secret")
    if signs_with_secret(algorithm) != (path is None):
        needed = "no public key" if signs_with_secret(algorithm) else "--public-key FILE"
        raise IntentLiveError(f"an app of algorithm {algorithm} takes {needed}")
    if path is None:
        return AppKey(secret or new_secret())
    pem = read_pem(path)
    try:
        check_public_key(pem)
    except ValueError as error:
        raise IntentLiveError(f"{path}: {error}") from error
    return AppKey(pem)


async def need_server_key(store: Store) -> None:
    """Make the server's first key when the first app needs one."""
    now = await store.time()
    if not await store.server_keys(now):
        await store.add_server_key(new_server_key(now), others_until=now)


def rotated(app: App, key: AppKey, now: int, until: int) -> App:
    """The app with a new key; those that count `now` go on to `until` at most (ms)."""
    if key.text in [known.text for known in app.keys]:
        raise IntentLiveError("the app has this key already: nothing was changed")
    kept = [
        AppKey(old.text, until if old.until is None else min(old.until, until))
        for old in app.keys
        if until > now and (old.until is None or old.until > now)
    ]
    return msgspec.structs.replace(app, keys=(key, *kept))
