"""Tokens: JWS in compact form, as the platform's interface publishes them.

An app is registered for one algorithm; what the token says of its own algorithm never chooses.
"""

import json
import math
import re
import secrets
from base64 import urlsafe_b64decode
from typing import Final, get_args

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc import jws
from joserfc.errors import ExceededSizeError, JoseError
from joserfc.jwk import Key, OctKey, RSAKey
from msgspec import Struct

from intentlive.core import ids
from intentlive.core.errors import Refusal
from intentlive.ports import Algorithm, App

INVALID_CREDENTIALS: Final = "Invalid SDK credentials"
INVALID_TOKEN: Final = "Invalid JWT token"  # noqa: S105 - a message, not a password
LEEWAY_SECONDS: Final = 60
MIN_SECRET_LENGTH: Final = 16

# RFC 7515, 4: header parameters that nobody knows are ignored.
_REGISTRIES = {
    algorithm: jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    for algorithm in get_args(Algorithm)
}
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_CLIENT_CLAIMS = ("appId", "iss", "kore_iss")


class Claims(Struct, frozen=True):
    """What a token says, verified or not; times in seconds since 1970."""

    client_id: str
    algorithm: object
    exp: float | None
    nbf: float | None
    iat: float | None


def signs_with_secret(algorithm: Algorithm) -> bool:
    """Whether both sides share a secret; otherwise the server has a public key only."""
    return algorithm.startswith("HS")


def read_claims(token: str) -> Claims:
    """Read a token without believing it; Refusal if it is none, or names no client."""
    if " " in token:
        raise _not_a_token("send the token alone, without Bearer or spaces, in the auth header")
    segments = token.split(".")
    if len(segments) == 5:
        raise refused(
            "encryption", "this app's tokens are not encrypted: send the signed JWT (JWS)"
        )
    if len(segments) != 3:
        raise _not_a_token("send a JWT of three parts, without a Bearer prefix, in the auth header")
    header, payload = (_json_object(segment) for segment in segments[:2])
    if "crit" in header:  # RFC 7515, 4.1.11: what is critical must be understood; nothing is
        raise refused("crit", "make tokens without critical header extensions")
    client_id = next((payload[name] for name in _CLIENT_CLAIMS if name in payload), None)
    if not isinstance(client_id, str) or not ids.is_acceptable(client_id):
        raise refused("client", 'name the app in the payload, as {"appId": "cs-…"}')
    exp, nbf, iat = (_time_claim(payload, name) for name in ("exp", "nbf", "iat"))
    return Claims(client_id, header.get("alg"), exp, nbf, iat)


def verify(token: str, claims: Claims, app: App) -> None:
    """Check a token's algorithm and signature against its app; Refusal."""
    if claims.algorithm != app.algorithm:
        raise refused("algorithm", f"sign with {app.algorithm}, which the app is registered for")
    try:
        jws.deserialize_compact(token, _verification_key(app), registry=_REGISTRIES[app.algorithm])
    except ExceededSizeError as error:
        raise refused("size", "make a smaller token") from error
    except (JoseError, ValueError) as error:
        mend = "sign with the client secret (or private key) that belongs to this client id"
        raise refused("signature", mend) from error


def check_times(claims: Claims, app: App, now: float) -> None:
    """Check `exp`, `nbf` and `iat` where they are present, with a leeway; Refusal."""
    if claims.exp is None and app.require_exp:
        raise refused("exp", "this app requires exp: mint tokens that expire")
    if has_expired(claims, now):
        raise refused("exp", "the token has expired: mint a new one")
    for name, time in (("nbf", claims.nbf), ("iat", claims.iat)):
        if time is not None and now < time - LEEWAY_SECONDS:
            raise refused(name, f"{name} lies in the future: check the clock of the token's maker")


def has_expired(claims: Claims, now: float) -> bool:
    """Whether a token has an end, and it is past."""
    return claims.exp is not None and now >= claims.exp + LEEWAY_SECONDS


def mint(client_id: str, key: str, algorithm: Algorithm, *, now: int, ttl: int | None) -> str:
    """Make a token; `key` is the client secret or a private key (PEM), `now` and `ttl` seconds.

    ValueError if the key does not fit the algorithm.
    """
    payload: dict[str, object] = {"sub": client_id, "appId": client_id}
    if ttl is not None:
        payload |= {"iat": now, "exp": now + ttl}
    signed = json.dumps(payload, separators=(",", ":")).encode()
    header = {"alg": algorithm, "typ": "JWT"}
    if signs_with_secret(algorithm):
        check_secret(key)
    try:
        return jws.serialize_compact(header, signed, _key(algorithm, key), algorithms=[algorithm])
    except JoseError as error:
        raise ValueError(f"this key cannot sign {algorithm}: {error}") from error


def new_secret() -> str:
    """A client secret: as many characters as HS512 has bytes, none of them special to a shell."""
    return secrets.token_hex(32)


def check_secret(secret: str) -> None:
    """ValueError if a client secret is so short that it could be guessed."""
    if len(secret) < MIN_SECRET_LENGTH:
        raise ValueError(f"a client secret has at least {MIN_SECRET_LENGTH} characters")


def check_public_key(pem: str) -> None:
    """ValueError unless `pem` is an RSA public key of at least 2,048 bits."""
    if "PRIVATE KEY" in pem:
        raise ValueError("this is a private key: keep it, and give the public key")
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("this is not a public key in PEM form") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise ValueError("the key must be an RSA key of at least 2,048 bits")


def refused(check: str, mend: str) -> Refusal:
    """The refusal that tells a stranger nothing; the log gets `check` and `mend`."""
    return Refusal(INVALID_CREDENTIALS, check=check, mend=mend)


def _not_a_token(mend: str) -> Refusal:
    return Refusal(INVALID_TOKEN, check="token", mend=mend)


def _verification_key(app: App) -> Key:
    return _key(app.algorithm, (app.secret or app.public_key) or "")


def _key(algorithm: Algorithm, key: str) -> Key:
    return OctKey.import_key(key) if signs_with_secret(algorithm) else RSAKey.import_key(key)


def _json_object(segment: str) -> dict[str, object]:
    if not _SEGMENT.fullmatch(segment):
        raise _not_a_token("header and payload must be base64url without padding")
    try:
        decoded = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        value = json.loads(decoded.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise _not_a_token("header and payload must be JSON objects") from error
    if not isinstance(value, dict):
        raise _not_a_token("header and payload must be JSON objects")
    return value


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # RFC 7515, 4: names must be unique; otherwise two readers may see two different tokens.
    names = dict(pairs)
    if len(names) != len(pairs):
        raise refused("duplicate key", "a name must occur once in the token's header and payload")
    return names


def _time_claim(payload: dict[str, object], name: str) -> float | None:
    if name not in payload:
        return None
    value = payload[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused(name, f"{name} must be a number of seconds since 1970")
    if isinstance(value, float) and not math.isfinite(value):
        raise refused(name, f"{name} must be a finite number")
    return value
