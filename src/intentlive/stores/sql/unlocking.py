"""The key that opens a store's secrets, proved at the start."""

import secrets
from typing import NamedTuple

from intentlive.stores.sql.statements import Statements
from intentlive.stores.vault import KeyPlace, Vault

PSEUDONYMS = "pseudonyms"
"""The name of the sealed key that pseudonyms are made with."""


class Unlocked(NamedTuple):
    """The vault of a store, and the key of its pseudonyms."""

    vault: Vault
    pseudonyms: bytes


def unlock(run: Statements, place: KeyPlace) -> Unlocked:
    """Open what the store has sealed, or seal the first of it; SecretsLocked."""
    kept = run.value("sealed", name=PSEUDONYMS)
    if kept is not None:
        vault = Vault(place.read())
        return Unlocked(vault, vault.unseal(kept, PSEUDONYMS))
    vault, pseudonyms = Vault(place.read_or_make()), secrets.token_bytes(32)
    run.run("seal", name=PSEUDONYMS, value=vault.seal(pseudonyms, PSEUDONYMS))
    return Unlocked(vault, pseudonyms)


def app_place(client_id: str) -> str:
    """Where an app's keys are kept, which they are sealed for."""
    return f"app {client_id}"
