"""Ids in the shapes that the platform publishes; the randomness comes in as an argument."""

from uuid import UUID, uuid5

MAX_LENGTH = 128
_NAMESPACE = UUID("b4a0f7a6-8d3c-5c55-9a3e-0b8c1d8a6f10")


def bot_id(seed: bytes) -> str:
    """A bot's id: `st-` and a UUID of version 5."""
    return f"st-{uuid5(_NAMESPACE, 'bot' + seed.hex())}"


def client_id(seed: bytes) -> str:
    """An app's (client's) id: `cs-` and a UUID of version 5."""
    return f"cs-{uuid5(_NAMESPACE, 'app' + seed.hex())}"


def user_id(seed: bytes) -> str:
    """A caller's id: `u-` and a UUID of version 5."""
    return f"u-{uuid5(_NAMESPACE, 'user' + seed.hex())}"


def account_id(seed: bytes) -> str:
    """An account's id: 24 hex digits, as sessions have them too."""
    return seed.hex()[:24].rjust(24, "0")


session_id = account_id


def is_acceptable(id_: str) -> bool:
    """Whether a text can be an id at all: 1 to 128 visible characters."""
    return 0 < len(id_) <= MAX_LENGTH and id_.isprintable() and " " not in id_
