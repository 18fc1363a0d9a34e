"""Tokens: JWS in compact form, as the platform's interface publishes them.

An app is registered for one algorithm; what the token says of its own algorithm never chooses.
"""

import hashlib
import json
import math
import secrets
from functools import cache
from typing import Final, get_args

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key, OctKey, RSAKey
from msgspec import Struct

from intentlive.auth.compact import check_header, is_canonical, json_object, not_a_token, refused
from intentlive.core import ids
from intentlive.core.errors import Refusal
from intentlive.ports import Algorithm, App, AppKey

LEEWAY_SECONDS: Final = 60
MIN_SECRET_LENGTH: Final = 16
MAX_SINGLE_USE_SECONDS: Final = 3600

# RFC 7515, 4: header parameters that nobody knows are ignored.
_REGISTRIES = {
    algorithm: jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    for algorithm in get_args(Algorithm)
}
_CLIENT_CLAIMS = ("appId", "iss", "kore_iss")
_LAST_TIME = 253_402_300_799_000  # the end of the year 9999, for those who write milliseconds


class Claims(Struct, frozen=True):
    """What a token says, verified or not; times in seconds since 1970.

    `token_id` is None where the token has none that could be used up.
    """

    client_id: str
    algorithm: object
    exp: float | None
    nbf: float | None
    iat: float | None
    token_id: str | None


def signs_with_secret(algorithm: Algorithm) -> bool:
    """Whether both sides share a secret; otherwise the server has a public key only."""
    return algorithm.startswith("HS")


def read_claims(token: str) -> Claims:
    """Read a signed token without believing it; Refusal if it is none, or names no client."""
    segments = token.split(".")
    if len(segments) != 3:
        raise not_a_token("send a JWT of three parts, without a Bearer prefix, in the auth header")
    header, payload = (json_object(segment) for segment in segments[:2])
    check_header(header)
    client_id = next((payload[name] for name in _CLIENT_CLAIMS if name in payload), None)
    if not isinstance(client_id, str) or not ids.is_acceptable(client_id):
        raise refused("client", 'name the app in the payload, as {"appId": "cs-…"}')
    exp, nbf, iat = (_time_claim(payload, name) for name in ("exp", "nbf", "iat"))
    return Claims(client_id, header.get("alg"), exp, nbf, iat, _token_id(payload))


def verify(token: str, claims: Claims, app: App | None, now: int) -> AppKey:
    """The key of an app that a token is signed with, at `now` (ms); Refusal.

    Takes as long for an app that is not there, or of another algorithm, as for a wrong signature:
    the token alone decides what is computed.
    """
    algorithm = next((each for each in get_args(Algorithm) if each == claims.algorithm), None)
    if app is None or app.algorithm != algorithm:
        if algorithm is not None:
            _is_signed(token, algorithm, _stand_in(algorithm))
        if app is None:
            raise refused("client", "there is no app of the client id that the token names")
        raise refused("algorithm", f"sign with {app.algorithm}, which the app is registered for")
    for key in app.keys:
        counts = key.until is None or now < key.until
        if counts and _is_signed(token, app.algorithm, key.text):
            return key
    mend = "sign with the client secret (or private key) that belongs to this client id"
    raise refused("signature", mend)


def check_times(claims: Claims, app: App, now: float) -> None:
    """Check `exp`, `nbf` and `iat` where they are present, with a leeway; Refusal."""
    if claims.exp is None and app.require_exp:
        raise refused("exp", "this app requires exp: mint tokens that expire")
    if now * 1000 >= end(claims):
        raise refused("exp", "the token has expired: mint a new one")
    for name, time in (("nbf", claims.nbf), ("iat", claims.iat)):
        if time is not None and now < time - LEEWAY_SECONDS:
            raise refused(name, f"{name} lies in the future: check the clock of the token's maker")


def end(claims: Claims) -> float:
    """When a token expires for us (ms since 1970); infinite for one that never does."""
    return math.inf if claims.exp is None else (claims.exp + LEEWAY_SECONDS) * 1000


def check_single_use(claims: Claims, now: float) -> tuple[bytes, int]:
    """What to remember of a token that counts once, and until when (ms); Refusal."""
    if claims.token_id is None:
        raise refused("jti", "this app's tokens count once: give each a jti of its own")
    if claims.exp is None or claims.exp > now + MAX_SINGLE_USE_SECONDS + LEEWAY_SECONDS:
        raise Refusal(
            'error verifying the jwt: if "jti" claim "exp" must be <= 1 hour(s)',
            check="jti",
            mend="this app's tokens count once: give them an exp at most 1 hour ahead",
            code=401,
        )
    # Longer than the token counts: another process's clock may be behind.
    until = int((claims.exp + MAX_SINGLE_USE_SECONDS) * 1000)
    return hashlib.sha256(claims.token_id.encode("utf-8", "surrogatepass")).digest(), until


def replayed() -> Refusal:
    """The refusal of a token that was used before."""
    return Refusal(
        "error verifying the jwt: possibly a replay",
        check="replay",
        mend="this app's tokens count once: mint one for every call",
        code=401,
    )


def mint(  # noqa: PLR0913 - all but the first three are keywords
    client_id: str,
    key: str,
    algorithm: Algorithm,
    *,
    now: int,
    ttl: int | None,
    token_id: str | None = None,
) -> str:
    """Make a token; `key` is the client secret or a private key (PEM), `now` and `ttl` seconds.

    ValueError if the key does not fit the algorithm.
    """
    payload: dict[str, object] = {"sub": client_id, "appId": client_id}
    if ttl is not None:
        payload |= {"iat": now, "exp": now + ttl}
    if token_id is not None:
        payload["jti"] = token_id
    signed = json.dumps(payload, separators=(",", ":")).encode()
    header = {"alg": algorithm, "typ": "JWT"}
    if signs_with_secret(algorithm):
        check_secret(key)
    try:
        return jws.serialize_compact(header, signed, _key(algorithm, key), algorithms=[algorithm])
    except (JoseError, TypeError) as error:  # TypeError: the key is encrypted
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


def _is_signed(token: str, algorithm: Algorithm, key: str) -> bool:
    try:
        jws.deserialize_compact(token, _key(algorithm, key), registry=_REGISTRIES[algorithm])
    except (JoseError, ValueError):
        return False
    return is_canonical(token.rpartition(".")[2])


def _key(algorithm: Algorithm, key: str) -> Key:
    return OctKey.import_key(key) if signs_with_secret(algorithm) else RSAKey.import_key(key)


@cache
def _stand_in(algorithm: Algorithm) -> str:
    """A key that nobody can sign with, as much work as a real one."""
    if signs_with_secret(algorithm):
        return new_secret()
    modulus = secrets.randbits(2048) | 1 << 2047 | 1  # of unknown factors, so that none can sign
    public = RSAPublicNumbers(65537, modulus).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _token_id(payload: dict[str, object]) -> str | None:
    name = "jti" if "jti" in payload else "kore_jti"
    value = payload.get(name)
    return value if isinstance(value, str) and value else None


def _time_claim(payload: dict[str, object], name: str) -> float | None:
    if name not in payload:
        return None
    value = payload[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refused(name, f"{name} must be a number of seconds since 1970")
    if abs(value) > _LAST_TIME:
        raise refused(name, f"{name} must be a time in seconds since 1970")
    return value
