"""Encrypted tokens by the wrong algorithm, or for the wrong key."""

import warnings

from joserfc.jwk import OctKey, RSAKey

from tests.unit.auth.signing import OTHER_PUBLIC, part

from .making import (
    BAD,
    GUESSED,
    JWE,
    NO_JWT,
    Hostile,
    pretended,
    respelled,
    sealed,
    server_key,
    with_part,
)

ALG = "RFC 8725, 3.2: only algorithms that are fit for their use"
CHOSEN = "RFC 8725, 3.1: the algorithm is fixed for the key, and no other may be used"
TAG = "RFC 7516, 5.2: what does not decrypt and verify must be rejected"
ENC = "RFC 7516, 4.1.2: enc must be there, be understood, and be an AEAD algorithm"
KEY_ID = "RFC 8725, 3.10: what names or brings a key is not to be trusted"
CANONICAL = "RFC 4648, 3.5: spare bits in the last character must be zero"
ON_CURVE = "RFC 8725, 3.4: a key that is no point of the curve must be rejected"
UNCOMPRESSED = "RFC 8725, 3.6: nothing is compressed before it is encrypted"
CRITICAL = "RFC 7516, 4.1.13: what is critical must be understood"
UNIQUE = "RFC 7516, 4: names in the header must be unique"
HEADER = "RFC 7516, 5.2: the header must be a valid JSON object in UTF-8"
ALG_THERE = "RFC 7516, 4.1.1: alg must be there"


def quietly(**header):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sealed(**header)


def secret_key(length):
    return OctKey.import_key(GUESSED.encode()[:length])


def off_the_curve():
    """A key that is no point of P-256: of two such, a careless server gives its own away."""
    one = part(b"\0" * 31 + b"\1")
    return {"kty": "EC", "crv": "P-256", "x": one, "y": one}


ALGORITHMS = [
    Hostile(f"jwe-{label}", JWE, make, BAD, "encryption", rule)
    for label, make, rule in [
        ("rsa1-5", lambda: quietly(alg="RSA1_5"), ALG),
        ("rsa-oaep-256", lambda: sealed(alg="RSA-OAEP-256"), CHOSEN),
        ("dir", lambda: sealed(alg="dir", key=secret_key(16)), CHOSEN),
        ("a128kw", lambda: sealed(alg="A128KW", key=secret_key(16)), CHOSEN),
        (
            "a256gcmkw",
            lambda: pretended(alg="A256GCMKW", iv=part(b"i" * 12), tag=part(b"t" * 16)),
            CHOSEN,
        ),
        (
            "pbes2-ten-million-rounds",
            lambda: pretended(alg="PBES2-HS256+A128KW", p2s=part(b"salt" * 4), p2c=10_000_000),
            CHOSEN,
        ),
        ("ecdh-es-off-the-curve", lambda: pretended(alg="ECDH-ES", epk=off_the_curve()), ON_CURVE),
        (
            "ecdh-es-a128kw-off-the-curve",
            lambda: pretended(alg="ECDH-ES+A128KW", epk=off_the_curve()),
            ON_CURVE,
        ),
        ("alg-none", lambda: pretended(alg="none"), "RFC 7518, 4.1: none encrypts nothing"),
        ("alg-of-a-signature", lambda: pretended(alg="HS256"), CHOSEN),
        ("alg-missing", lambda: pretended(alg=...), ALG_THERE),
        ("alg-null", lambda: pretended(alg=None), ALG_THERE),
        ("alg-list", lambda: pretended(alg=["RSA-OAEP"]), ALG_THERE),
        (
            "alg-lower-case",
            lambda: pretended(alg="rsa-oaep"),
            "RFC 7516, 4.1.1: alg is spelled as registered",
        ),
        ("enc-a192gcm", lambda: sealed(encoding="A192GCM"), CHOSEN),
        ("enc-a256cbc-hs512", lambda: sealed(encoding="A256CBC-HS512"), CHOSEN),
        ("enc-missing", lambda: pretended(enc=...), ENC),
        ("enc-null", lambda: pretended(enc=None), ENC),
        ("enc-list", lambda: pretended(enc=["A128GCM"]), ENC),
        ("enc-without-authentication", lambda: pretended(enc="A128CBC"), ENC),
        ("zip-bomb", lambda: sealed(" " * 8_000_000, zip="DEF"), UNCOMPRESSED),
        ("zip", lambda: sealed(zip="DEF"), UNCOMPRESSED),
        ("zip-null", lambda: pretended(zip=None), "RFC 7516, 4.1.3: zip is a text"),
    ]
]

KEYS = [
    Hostile(f"jwe-{label}", JWE, make, BAD, "encryption", rule)
    for label, make, rule in [
        ("kid-unknown", lambda: sealed(kid="unknown"), KEY_ID),
        ("kid-path", lambda: sealed(kid="../../../../dev/null"), KEY_ID),
        ("kid-sql", lambda: sealed(kid="' OR '1'='1"), KEY_ID),
        ("kid-empty", lambda: sealed(kid=""), KEY_ID),
        ("kid-number", lambda: pretended(kid=0), "RFC 7516, 4.1.6: kid is a text"),
        (
            "kid-list",
            lambda: pretended(kid=[server_key().key_id]),
            "RFC 7516, 4.1.6: kid is a text",
        ),
        ("another-key", lambda: sealed(key=RSAKey.import_key(OTHER_PUBLIC)), TAG),
        ("another-key-no-kid", lambda: sealed(key=RSAKey.import_key(OTHER_PUBLIC), kid=...), TAG),
        (
            "own-jwk",
            lambda: sealed(
                key=RSAKey.import_key(OTHER_PUBLIC), jwk=RSAKey.import_key(OTHER_PUBLIC).as_dict()
            ),
            KEY_ID,
        ),
        (
            "own-jku",
            lambda: sealed(
                key=RSAKey.import_key(OTHER_PUBLIC), jku="https://attacker.example/jwks.json"
            ),
            KEY_ID,
        ),
    ]
]

HEADERS = [
    Hostile("jwe-crit", JWE, lambda: pretended(crit=["unheard-of"]), BAD, "crit", CRITICAL),
    Hostile("jwe-crit-empty", JWE, lambda: pretended(crit=[]), BAD, "crit", CRITICAL),
    Hostile(
        "jwe-twice-alg",
        JWE,
        lambda: with_part(sealed(), 0, part(b'{"alg":"RSA1_5","alg":"RSA-OAEP","enc":"A128GCM"}')),
        BAD,
        "duplicate key",
        UNIQUE,
    ),
    Hostile(
        "jwe-twice-enc",
        JWE,
        lambda: with_part(
            sealed(), 0, part(b'{"alg":"RSA-OAEP","enc":"A128GCM","\\u0065nc":"A256GCM"}')
        ),
        BAD,
        "duplicate key",
        UNIQUE,
    ),
    Hostile(
        "jwe-header-array", JWE, lambda: with_part(sealed(), 0, part([])), NO_JWT, "token", HEADER
    ),
    Hostile(
        "jwe-header-respelled",
        JWE,
        lambda: with_part(pretended(), 0, lambda _: respelled(part({"alg": "RSA-OAEP"}))),
        NO_JWT,
        "token",
        CANONICAL,
    ),
    Hostile("jwe-noise", JWE, lambda: "a.b.c.d.e", NO_JWT, "token", HEADER),
]

TABLE = [*ALGORITHMS, *KEYS, *HEADERS]
