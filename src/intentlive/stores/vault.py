"""Secrets at rest: sealed with AES-256-GCM by a key that lies elsewhere than the store."""

import os
import secrets
from base64 import b64decode, b64encode
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from intentlive.core.errors import AlreadyExists, SecretsLocked
from intentlive.stores.files import made_aside

_KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = b"\x01"
_OTHERS = 0o077


class Vault:
    """Seals and opens values under one key; each is bound to the `place` that it is kept in."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, place: str) -> bytes:
        """A version byte, for whoever changes this, a nonce, and the value encrypted."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, place.encode())

    def unseal(self, sealed: bytes, place: str) -> bytes:
        """The inverse of `seal`; SecretsLocked under another key, for another place, or changed."""
        if sealed[:1] != _VERSION:
            raise SecretsLocked("a newer release sealed this secret: run that release")
        nonce, encrypted = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, encrypted, place.encode())
        except (InvalidTag, ValueError) as error:
            raise SecretsLocked(
                "the secrets of this store cannot be opened with this key: give the key that it "
                "was made with, by --secrets-key-file or INTENTLIVE_SECRETS_KEY"
            ) from error


class KeyPlace(Struct, frozen=True):
    """Where the key is: `text` (from the environment) if given, else in `file`."""

    file: Path
    text: str | None = None

    def __repr__(self) -> str:
        """Without the key."""
        return f"KeyPlace({str(self.file)!r})"

    def read(self) -> bytes:
        """The key; SecretsLocked if it is missing, open to others, or none."""
        if self.text is not None:
            return _decoded(self.text, "INTENTLIVE_SECRETS_KEY")
        try:
            if os.name == "posix" and self.file.stat().st_mode & _OTHERS:
                raise SecretsLocked(f"{self.file} is open to others: chmod 600 {self.file}")
            return _decoded(self.file.read_text(encoding="ascii"), str(self.file))
        except FileNotFoundError:
            raise SecretsLocked(
                f"the key of this store's secrets is not at {self.file}: put it back, or name its "
                "place by --secrets-key-file"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise SecretsLocked(f"{self.file} cannot be read as a key: {error}") from error

    def read_or_make(self) -> bytes:
        """The key; a new one in its file if there is none."""
        if self.text is None and not self.file.exists():
            try:
                _make(self.file)
            except OSError as error:
                raise SecretsLocked(f"{self.file} cannot be made: {error.strerror}") from error
        return self.read()


def _make(file: Path) -> None:
    with (
        suppress(AlreadyExists),  # another process has made one, which is as good
        made_aside(file) as made,
        made.open("w", encoding="ascii") as opened,
    ):
        opened.write(b64encode(secrets.token_bytes(_KEY_BYTES)).decode() + "\n")
        opened.flush()
        os.fsync(opened.fileno())


def _decoded(text: str, where: str) -> bytes:
    try:
        key = b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise SecretsLocked(
            f"{where} holds no key: it must be {_KEY_BYTES} bytes in base64, as "
            f"openssl rand -base64 {_KEY_BYTES} makes them"
        )
    return key
