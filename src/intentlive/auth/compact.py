"""The parts of a token in compact form: base64url in its one spelling, JSON without doubles."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, NoReturn

from intentlive.core.errors import Refusal

INVALID_CREDENTIALS: Final = "Invalid SDK credentials"
INVALID_TOKEN: Final = "Invalid JWT token"  # noqa: S105 - a message, not a password

_SEGMENT = re.compile(r"[A-Za-z0-9_-]*")


def refused(check: str, mend: str) -> Refusal:
    """The refusal that tells a stranger nothing; the log gets `check` and `mend`."""
    return Refusal(INVALID_CREDENTIALS, check=check, mend=mend)


def not_a_token(mend: str) -> Refusal:
    """The refusal of what is no JWT at all."""
    return Refusal(INVALID_TOKEN, check="token", mend=mend)


def is_canonical(segment: str) -> bool:
    """Whether a segment is base64url (RFC 7515, 2) as everyone would write it.

    A last character may carry bits that mean nothing (RFC 4648, 3.5): two tokens would be one.
    """
    if not _SEGMENT.fullmatch(segment) or len(segment) % 4 == 1:
        return False
    return urlsafe_b64encode(decoded(segment)).rstrip(b"=").decode() == segment


def json_object(segment: str) -> dict[str, object]:
    """The JSON object that a segment holds; Refusal."""
    if not segment or not is_canonical(segment):
        raise not_a_token("header and payload must be base64url without padding")
    try:
        text = decoded(segment).decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_without_doubles, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise not_a_token("header and payload must be JSON objects") from error
    if not isinstance(value, dict):
        raise not_a_token("header and payload must be JSON objects")
    return value


def check_header(header: dict[str, object]) -> None:
    """Refuse a header that asks for extensions; Refusal.

    RFC 7515, 4.1.11: what is critical must be understood, and nothing is. RFC 7797, 3: `b64`.
    """
    if "crit" in header or header.get("b64", True) is not True:
        raise refused("crit", "make tokens without critical header extensions")


def decoded(segment: str) -> bytes:
    """The bytes of a canonical segment."""
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _refuse_constant(name: str) -> NoReturn:
    # RFC 8259, 6: numbers that cannot be written as digits are not permitted.
    raise refused("number", f"{name} is not a JSON number")


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # RFC 7515, 4: names must be unique; otherwise two readers may see two different tokens.
    names = dict(pairs)
    if len(names) != len(pairs):
        raise refused("duplicate key", "a name must occur once in the token's header and payload")
    return names
