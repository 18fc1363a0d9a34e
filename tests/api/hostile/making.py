"""What hostile tokens are made of: the apps that they are aimed at, honest tokens, and tools."""

import hmac
import json
import secrets
import warnings
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from joserfc import jwe, jws
from joserfc.jwk import RSAKey

from intentlive.auth.encryption import encrypt, jwk_set, new_server_key
from intentlive.auth.tokens import mint
from intentlive.ports import App, AppKey
from tests.api.server import ANALYTICS, NOON_MS, SENDER
from tests.unit.auth.signing import PRIVATE, PUBLIC, part

NOON = NOON_MS // 1000
SECRET = "the-secret-of-the-apps-that-are-attacked-01"
OTHER_SECRET = "the-secret-of-another-tenants-app-01234567"
GUESSED = "a-key-that-the-attacker-made-up-0123456789"

BAD, NO_JWT = "Invalid SDK credentials", "Invalid JWT token"
TOO_LONG = 'error verifying the jwt: if "jti" claim "exp" must be <= 1 hour(s)'
REPLAY = "error verifying the jwt: possibly a replay"
CODES = {BAD: 4002, NO_JWT: 4002, TOO_LONG: 401, REPLAY: 401}

HS256, HS512, RS256, RS512 = "cs-hs256", "cs-hs512", "cs-rs256", "cs-rs512"
JWE, JTI, OTHER = "cs-jwe", "cs-jti", "cs-other"
ALGORITHMS = {HS256: "HS256", HS512: "HS512", RS256: "RS256", RS512: "RS512"}
DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


class Hostile(NamedTuple):
    """A token that must be refused, in one respect only other than one that is accepted.

    `aim` is the app that it is for or would pass for; `rule` is what forbids it, and where that is
    written. `before` makes a token that is sent, and accepted, before it.
    """

    id: str
    aim: str
    make: Callable[[], str]
    msg: str
    check: str
    rule: str
    before: Callable[[], str] | None = None
    over_http: bool = True


def apps():
    """The apps that are aimed at; `OTHER` is another tenant's."""

    def app(client_id, account="acc", algorithm="HS256", key=SECRET, **more):
        scopes = (ANALYTICS, SENDER)
        return App(
            client_id, account, "", algorithm, (AppKey(key),), scopes, None, False, 0, **more
        )

    return [
        app(HS256),
        app(HS512, algorithm="HS512"),
        app(RS256, algorithm="RS256", key=PUBLIC),
        app(RS512, algorithm="RS512", key=PUBLIC),
        app(JWE, enforce_jwe=True),
        app(JTI, enforce_jti=True),
        app(OTHER, account="other", key=OTHER_SECRET),
    ]


@cache
def server_key():
    """The key that the attacked server opens encrypted tokens with."""
    return new_server_key(NOON_MS)


@cache
def server_jwk():
    """What the server publishes of it."""
    return jwk_set([server_key()])["keys"][0]


def honest(aim):
    """A token that the app aimed at may call with."""
    algorithm = ALGORITHMS.get(aim, "HS256")
    key = PRIVATE if algorithm.startswith("RS") else OTHER_SECRET if aim == OTHER else SECRET
    if aim == JTI:
        return single_use(jti=secrets.token_hex(8))
    made = mint(aim, key, algorithm, now=NOON, ttl=300)
    return encrypt(made, server_jwk(), "A256GCM") if aim == JWE else made


def mac(text, key=SECRET, algorithm="HS256"):
    """The signature of a text by HMAC; a key may be bytes."""
    key = key if isinstance(key, bytes) else key.encode()
    return part(hmac.digest(key, text.encode(), DIGESTS.get(algorithm, "sha256")))


def forged(aim=HS256, *, header=None, payload=None, key=SECRET, algorithm=None):
    """A token with any header and payload (a dict, or the very bytes), signed by HMAC."""
    algorithm = algorithm or ALGORITHMS.get(aim, "HS256")
    payload = {"appId": aim} if payload is None else payload
    text = f"{part({'alg': algorithm} if header is None else header)}.{part(payload)}"
    return f"{text}.{mac(text, key, algorithm)}"


def claiming(literal, aim=HS256):
    """A token with more in its payload, in the very JSON given."""
    return forged(aim, payload=b'{"appId":"%b",%b}' % (aim.encode(), literal.encode()))


def single_use(key=SECRET, **claims):
    """A token for the app whose tokens count once; a claim that is `...` is left out."""
    payload = {"appId": JTI, "exp": NOON + 300} | claims
    return forged(
        JTI, key=key, payload={name: value for name, value in payload.items() if value is not ...}
    )


def by_rsa(aim, header, private=PRIVATE, algorithm="RS256"):
    """A token that is signed by RSA."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jws.serialize_compact(
            {"alg": algorithm} | header,
            b'{"appId":"%b"}' % aim.encode(),
            RSAKey.import_key(private),
            registry=jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False),
        )


def parts(token):
    return token.split(".")


def with_part(token, place, content):
    """A token with another part in a place."""
    segments = parts(token)
    segments[place] = content(segments[place]) if callable(content) else content
    return ".".join(segments)


def resigned(place, content, aim=HS256):
    """An honest token with a part rewritten, and signed again by someone who has the secret."""
    text = with_part(forged(aim), place, content).rpartition(".")[0]
    return f"{text}.{mac(text)}"


def respelled(segment):
    """The same bytes in another spelling: with a last character whose spare bits are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(segment) % 4, "there are spare bits"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) + 1]


def with_spare_bits(content):
    """A JSON object whose base64url has spare bits in the last character."""
    raw = json.dumps(content).encode()
    return part(raw + b" " * (len(raw) % 3 == 0))


def sealed(inner=None, *, key=None, encoding="A128GCM", **header):
    """A five-part token by RSA-OAEP for the server, or whatever the header says; `...` leaves out.

    `inner` is an honest signed token of the app whose tokens come encrypted.
    """
    named = {"alg": "RSA-OAEP", "enc": encoding, "cty": "JWT", "kid": server_key().key_id} | header
    named = {name: value for name, value in named.items() if value is not ...}
    anything = jwe.JWERegistry(
        algorithms=[named["alg"], named["enc"], "DEF"], strict_check_header=False
    )
    public = key or RSAKey.import_key({name: server_jwk()[name] for name in ("kty", "n", "e")})
    return jwe.encrypt_compact(named, inner or forged(JWE), public, registry=anything)


def pretended(**header):
    """A five-part token whose header says anything, around noise of fitting lengths."""
    named = {"alg": "RSA-OAEP", "enc": "A128GCM", "kid": server_key().key_id} | header
    lengths = (0 if named["alg"] in ("dir", "ECDH-ES") else 384, 12, 64, 16)
    named = {name: value for name, value in named.items() if value is not ...}
    return ".".join([part(named), *(part(b"\x5a" * length) for length in lengths)])
