"""Encrypted tokens: JWE in compact form around a signed one, and the server's keys for them.

RSA-OAEP only. RSA1_5, which the platform publishes too, gives itself away by how it fails
(RFC 8725, 3.2); compressed tokens could be bombs (RFC 8725, 3.6).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, TypeAlias, get_args

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from intentlive.auth.compact import check_header, decoded, is_canonical, json_object, refused
from intentlive.ports import ServerKey

ALGORITHM: Final = "RSA-OAEP"
Encoding: TypeAlias = Literal["A128CBC-HS256", "A128GCM", "A256GCM"]
ENCODINGS: Final = get_args(Encoding)

MAX_SERVER_KEYS: Final = 8
"""How many may count at one time: a token that does not name its key is tried with each."""

_KEY_BITS = 3072
_TAG_BYTES = 16
_REGISTRY = jwe.JWERegistry(algorithms=[ALGORITHM, *ENCODINGS], strict_check_header=False)


def is_encrypted(token: str) -> bool:
    """Whether a token has the form of an encrypted one."""
    return token.count(".") == 4


def new_server_key(now: int) -> ServerKey:
    """A private key for this server; `now` in ms."""
    key = RSAKey.generate_key(_KEY_BITS)
    return ServerKey(key.thumbprint(), key.as_pem(private=True).decode(), now)


def prepare(keys: Sequence[ServerKey]) -> None:
    """Read private keys in advance: it takes some hundred ms each, and is remembered."""
    for key in keys:
        _private_key(key)


def jwk_set(keys: Sequence[ServerKey]) -> dict[str, object]:
    """What clients encrypt with (RFC 7517): public keys, the newest first."""
    named = [(key.key_id, _private_key(key).as_dict(private=False)) for key in keys]
    uses = {"use": "enc", "alg": ALGORITHM}
    return {"keys": [public | uses | {"kid": key_id} for key_id, public in named]}


def encrypt(token: str, jwk: dict[str, object], encoding: Encoding) -> str:
    """Wrap a signed token for the server of a JWK; ValueError if that is no RSA key."""
    header: dict[str, object] = {"alg": ALGORITHM, "enc": encoding, "cty": "JWT"}
    if "kid" in jwk:
        header["kid"] = jwk["kid"]
    try:
        key = RSAKey.import_key({name: str(jwk[name]) for name in ("kty", "n", "e")})
        return jwe.encrypt_compact(header, token, key, registry=_REGISTRY)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"this is no RSA public key of a JWK Set: {error!r}") from error


def decrypt(token: str, keys: Sequence[ServerKey]) -> tuple[str, ServerKey]:
    """The signed token inside an encrypted one, and the key that opened it; Refusal."""
    first, *rest = token.split(".")
    header = json_object(first)
    check_header(header)
    if header.get("alg") != ALGORITHM or header.get("enc") not in ENCODINGS:
        encodings = " or ".join(ENCODINGS)
        raise refused("encryption", f"encrypt with alg {ALGORITHM} and enc {encodings}")
    if "zip" in header:
        raise refused("encryption", "send encrypted tokens uncompressed, without zip")
    fitting = [key for key in keys if header.get("kid") in (None, key.key_id)]
    if not fitting:
        raise refused("encryption", "no key of that kid: fetch /.well-known/jwks.json again")
    if all(map(is_canonical, rest)) and len(decoded(rest[-1])) == _TAG_BYTES:
        for key in fitting:
            inner = _opened(token, key)
            if inner is not None:
                return inner, key
    raise refused("encryption", "encrypt a signed JWT with the newest key of this server")


def _opened(token: str, key: ServerKey) -> str | None:
    try:
        plain = jwe.decrypt_compact(token, _private_key(key), registry=_REGISTRY).plaintext
        return None if plain is None else plain.decode("ascii")
    except (JoseError, ValueError):
        return None


@lru_cache(maxsize=2 * MAX_SERVER_KEYS)
def _private_key(key: ServerKey) -> RSAKey:
    return RSAKey.import_key(key.private)
