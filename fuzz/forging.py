"""Honest tokens of every kind, and the ways to make others of them."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any, get_args

from joserfc import jws
from joserfc.jwk import RSAKey

from fuzz.keys import private_key, public_key
from fuzz.mutations import mutated
from intentlive.auth.encryption import ENCODINGS, encrypt, jwk_set
from intentlive.auth.tokens import mint, signs_with_secret
from intentlive.ports import Algorithm, App, AppKey, ServerKey

NOW = 1_700_000_000
SECRET = "the-secret-of-every-app-that-is-fuzzed"
SERVER_KEY = ServerKey("server", private_key("server"), 0)
(SERVER_JWK,) = jwk_set([SERVER_KEY])["keys"]  # type: ignore[misc]
_KEYS = {"public": public_key("app"), "private": private_key("app")}
_SIGNS = RSAKey.import_key(_KEYS["private"])


def _app(algorithm: Algorithm) -> App:
    key = SECRET if signs_with_secret(algorithm) else _KEYS["public"]
    name = f"cs-{algorithm.lower()}"
    return App(name, "acc", "", algorithm, (AppKey(key),), (), None, False, 0)


APPS = {app.client_id: app for app in map(_app, get_args(Algorithm))}
_VALUES: tuple[Any, ...] = (
    *("HS256", "HS384", "HS512", "RS256", "RS512", "PS256", "ES256", "none", "", "JWT", "dir"),
    *APPS,
    *(None, True, False, 0, -1, 1.5, 10**400, 1e308, [], {}, ["b64"], "\ud800", "é"),
    *(NOW, NOW - 61, NOW - 59, NOW + 60, NOW + 61, NOW + 3660, NOW + 3661, NOW * 1000),
    *("RSA-OAEP", "RSA1_5", "RSA-OAEP-256", "DEF", *ENCODINGS, "A192GCM", "server"),
)
_NAMES = (
    *("alg", "typ", "kid", "crit", "b64", "jwk", "jku", "x5c", "cty", "enc", "zip", "p2c"),
    *("appId", "iss", "kore_iss", "sub", "exp", "nbf", "iat", "jti", "kore_jti"),
)


@cache
def honest_tokens() -> list[str]:
    """A token of each algorithm, some that expire, and one of each encoding."""
    plain = [_minted(app, None) for app in APPS.values()]
    timed = [_minted(app, 3600, token_id="once") for app in APPS.values()]
    return plain + timed + [encrypt(plain[0], SERVER_JWK, encoding) for encoding in ENCODINGS]


def _minted(app: App, ttl: int | None, token_id: str | None = None) -> str:
    key = SECRET if signs_with_secret(app.algorithm) else _KEYS["private"]
    return mint(app.client_id, key, app.algorithm, now=NOW, ttl=ttl, token_id=token_id)


def mutate(data: bytes, random: Random) -> bytes:
    """Another token like this one."""
    is_honest = random.random() < 0.2  # or else inputs would soon be far from any token
    token = random.choice(honest_tokens()) if is_honest else data.decode("latin-1")
    parts = token.split(".")
    change = random.choice(_CHANGES)
    try:
        return change(parts, random).encode("latin-1")
    except (
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        RecursionError,
    ):  # none before
        return mutated(data, random)


def _json_edited(parts: list[str], random: Random) -> str:
    """A header or payload with a member set, renamed, doubled or gone, and mostly signed anew."""
    place = random.randrange(min(2, len(parts)))
    members = list(json.loads(_decoded(parts[place])).items())
    name, value = random.choice(_NAMES), random.choice(_VALUES)
    change = random.randrange(4)
    if change == 0 and members:
        members.pop(random.randrange(len(members)))
    elif change == 1 and members:
        at = random.randrange(len(members))
        members[at] = members[at][0], value
    else:
        members.insert(random.randint(0, len(members)), (name, value))
    text = ",".join(f"{json.dumps(key)}:{json.dumps(item)}" for key, item in members)
    parts[place] = _encoded(b"{%b}" % text.encode())
    return _signed_anew(parts, random)


def _bytes_edited(parts: list[str], random: Random) -> str:
    """Any segment with other bytes in it."""
    place = random.randrange(len(parts))
    parts[place] = _encoded(mutated(_decoded(parts[place]), random))
    return _signed_anew(parts, random) if random.random() < 0.5 else ".".join(parts)


def _respelled(parts: list[str], random: Random) -> str:
    """The same segments, written otherwise."""
    place = random.randrange(len(parts))
    segment = parts[place]
    at = random.randint(0, len(segment))
    odd = random.choice(("=", "==", "+", "/", " ", "\n", "\xa0", "A", ".", "%3D"))
    last = random.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    parts[place] = random.choice((segment[:at] + odd + segment[at:], segment[:-1] + last, ""))
    return ".".join(parts)


def _moved(parts: list[str], random: Random) -> str:
    """Segments swapped, dropped, or taken from another token."""
    others = random.choice(honest_tokens()).split(".")
    place = random.randrange(len(parts))
    parts[place] = random.choice(others)
    if random.random() < 0.3:
        parts.insert(place, random.choice(parts))
    if random.random() < 0.3:
        parts.pop(random.randrange(len(parts)))
    return ".".join(parts)


def _wrapped(parts: list[str], random: Random) -> str:
    """Encrypted for the server."""
    return encrypt(".".join(parts), SERVER_JWK, random.choice(ENCODINGS))


_CHANGES: tuple[Callable[[list[str], Random], str], ...] = (
    *(_json_edited, _json_edited, _json_edited, _bytes_edited, _respelled, _moved, _wrapped),
)


def _signed_anew(parts: list[str], random: Random) -> str:
    if len(parts) != 3:
        return ".".join(parts)
    text = f"{parts[0]}.{parts[1]}"
    algorithm = random.choice(("HS256", "HS512", "RS256", "RS512", "HS384", ""))
    if random.random() < 0.7:
        algorithm = str(json.loads(_decoded(parts[0]))["alg"])
    keys = (SECRET, SECRET, SECRET, *_KEYS.values(), "", "nobody's secret")
    if algorithm in ("HS256", "HS384", "HS512"):
        digest = algorithm.replace("HS", "sha")
        signature = hmac.digest(random.choice(keys).encode(), text.encode(), digest)
        return f"{text}.{_encoded(signature)}"
    if algorithm in ("RS256", "RS512"):
        signer = jws.JWSRegistry.algorithms[algorithm]
        return f"{text}.{_encoded(signer.sign(text.encode(), _SIGNS))}"
    return ".".join(parts)


def _decoded(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
