"""Callers' personal data: who is meant by it, and what is shown of it.

`ANI`, `DNI` and `userId` of a session go out as they are, masked, or under a pseudonym.
"""

import hashlib
import hmac
import re
from typing import Literal, TypeAlias

from msgspec import Struct

from intentlive.core.session import State

PersonalData: TypeAlias = Literal["verbatim", "masked", "pseudonym"]

_TELEPHONE = re.compile(r"\+?[0-9][0-9 ().-]+")
_DOMAIN = re.compile(r"[\w-]+(\.[\w-]+)*\.[^\W\d_]{2,}")
_HIDDEN = "***"


class Disguise(Struct, frozen=True):
    """How a bot's personal data are shown; `key` makes its pseudonyms, and no other bot's."""

    mode: PersonalData
    key: bytes

    def __repr__(self) -> str:
        """Without the key."""
        return f"Disguise({self.mode!r})"

    def of(self, value: str | None) -> str | None:
        """What is shown of one value; the same for the same value."""
        if value is None or self.mode == "verbatim":
            return value
        return masked(value) if self.mode == "masked" else pseudonym(value, self.key)


VERBATIM = Disguise("verbatim", b"")


class Person(Struct, frozen=True):
    """Someone by the values that name them in sessions; any one of them is enough."""

    user_id: str | None = None
    ani: str | None = None
    dni: str | None = None

    def is_in(self, state: State) -> bool:
        """Whether a session holds one of these values."""
        marks = (state.user_id, state.ANI, state.DNI)
        held = [tuple(None if mark is None else mark.value for mark in marks)]
        if state.recorded is not None:
            record = state.recorded.value
            held.append((record.user_id, record.ANI, record.DNI))
        wanted = (self.user_id, self.ani, self.dni)
        return any(
            mine is not None and mine == theirs
            for values in held
            for mine, theirs in zip(wanted, values, strict=True)
        )


def masked(value: str) -> str:
    """Enough of a value to tell it from others at a glance, too little to call or write to.

    A telephone number of twelve characters or more keeps its first five and last three
    (`+1265***865`), an e-mail address its first character and its domain, anything else at most
    its first and last two.
    """
    name, at, domain = value.rpartition("@")
    if name and _DOMAIN.fullmatch(domain):
        return name[:1] + _HIDDEN + at + domain
    if len(value) >= 12 and _TELEPHONE.fullmatch(value):
        return value[:5] + _HIDDEN + value[-3:]
    return value[:2] + _HIDDEN + value[-2:] if len(value) >= 8 else _HIDDEN


def pseudonym(value: str, key: bytes) -> str:
    """A name that is stable under `key` and tells nothing without it: `p-` and 24 hex digits."""
    return "p-" + hmac.digest(key, value.encode(), hashlib.sha256).hex()[:24]
