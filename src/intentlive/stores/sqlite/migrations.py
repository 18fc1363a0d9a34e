"""From whatever schema a file has to this release's, and the key that opens its secrets."""

from typing import NamedTuple

import msgspec

from intentlive.ports import AppKey
from intentlive.stores.sql.statements import Statements
from intentlive.stores.sql.unlocking import app_place, unlock
from intentlive.stores.sql.upgrading import Opened, upgrade
from intentlive.stores.vault import KeyPlace

_LIES_OPEN = "lies open"
_SEALS_SECRETS = 2  # the migration after which secrets are sealed


class OpenedFile(NamedTuple):
    """A file brought up to date, and whether secrets lie in it readable.

    They do from the migration that seals them until the file has been written anew.
    """

    opened: Opened
    lies_open: bool


def migrate(run: Statements, place: KeyPlace) -> OpenedFile:
    """Bring a file's tables up to date and open its secrets; StoreTooNew, SecretsLocked."""
    (found,) = run.execute("PRAGMA user_version").fetchone()

    def between(number: int) -> None:
        if number == _SEALS_SECRETS:
            _seal_secrets(run, place)

    schema = upgrade(run, "sqlite", found, between)
    if schema.now != found:
        run.execute(f"PRAGMA user_version = {schema.now}")
    opened = Opened(unlock(run, place), schema)
    return OpenedFile(opened, run.first("sealed", name=_LIES_OPEN) is not None)


def note_scrubbed(run: Statements) -> None:
    """Note that what lay open is written over."""
    run.run("forget_sealed", name=_LIES_OPEN)


def _seal_secrets(run: Statements, place: KeyPlace) -> None:
    """Seal what release 0.1.0 kept readable."""
    apps = run.execute("SELECT client_id, coalesce(secret, public_key) FROM apps").fetchall()
    if apps:
        vault = unlock(run, place).vault
        for client_id, text in apps:
            plain = msgspec.json.encode([AppKey(text)])
            run.run("seal_app", client_id=client_id, keys=vault.seal(plain, app_place(client_id)))
        run.run("seal", name=_LIES_OPEN, value=b"")
