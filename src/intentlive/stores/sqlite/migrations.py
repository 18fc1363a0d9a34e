"""From whatever schema a file has to this release's, and the key that opens its secrets."""

import secrets
from typing import NamedTuple

import msgspec

from intentlive.core.errors import StoreTooNew
from intentlive.ports import AppKey
from intentlive.stores import sql
from intentlive.stores.sqlite.connection import Connection
from intentlive.stores.vault import KeyPlace, Vault

_SQL = sql.queries("sqlite")
_PSEUDONYMS = "pseudonyms"
_LIES_OPEN = "lies open"
_SEALS_SECRETS = 2  # the migration after which secrets are sealed


class Unlocked(NamedTuple):
    """The vault of a store, the key of its pseudonyms, and whether old secrets lie in its file.

    They do from the migration that seals them until the file has been written anew.
    """

    vault: Vault
    pseudonyms: bytes
    lies_open: bool


def migrate(connection: Connection, place: KeyPlace) -> Unlocked:
    """Bring a file's tables up to date and open its secrets; StoreTooNew, SecretsLocked."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    scripts = sql.migrations("sqlite")
    if version > len(scripts):
        raise StoreTooNew(
            f"the store has schema {version}, this release knows {len(scripts)}: "
            "run the release that made it, or a newer one"
        )
    for number, script in enumerate(scripts[version:], start=version + 1):
        for statement in script.split(";\n"):
            connection.execute(statement)
        if number == _SEALS_SECRETS:
            _seal_secrets(connection, place)
    if version < len(scripts):
        connection.execute(f"PRAGMA user_version = {len(scripts)}")
    lies_open = connection.execute(_SQL["sealed"], {"name": _LIES_OPEN}).fetchone() is not None
    return Unlocked(*_unlock(connection, place), lies_open)


def note_scrubbed(connection: Connection) -> None:
    """Note that what lay open is written over."""
    connection.execute(_SQL["forget_sealed"], {"name": _LIES_OPEN})


def app_place(client_id: str) -> str:
    """Where an app's keys are kept, which they are sealed for."""
    return f"app {client_id}"


def _unlock(connection: Connection, place: KeyPlace) -> tuple[Vault, bytes]:
    kept = connection.execute(_SQL["sealed"], {"name": _PSEUDONYMS}).fetchone()
    if kept is not None:
        vault = Vault(place.read())
        return vault, vault.unseal(kept[0], _PSEUDONYMS)
    vault, pseudonyms = Vault(place.read_or_make()), secrets.token_bytes(32)
    sealed = {"name": _PSEUDONYMS, "value": vault.seal(pseudonyms, _PSEUDONYMS)}
    connection.execute(_SQL["seal"], sealed)
    return vault, pseudonyms


def _seal_secrets(connection: Connection, place: KeyPlace) -> None:
    """Seal what release 0.1.0 kept readable."""
    apps = connection.execute("SELECT client_id, coalesce(secret, public_key) FROM apps").fetchall()
    if apps:
        vault, _ = _unlock(connection, place)
        for client_id, text in apps:
            plain = msgspec.json.encode([AppKey(text)])
            sealed = vault.seal(plain, app_place(client_id))
            connection.execute(_SQL["seal_app"], {"client_id": client_id, "keys": sealed})
        connection.execute(_SQL["seal"], {"name": _LIES_OPEN, "value": b""})
