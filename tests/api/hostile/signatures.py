"""Tokens that bring their key, or name it, and signatures that are none."""

from base64 import b64encode
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from joserfc.jwk import RSAKey

from tests.unit.auth.signing import OTHER_PRIVATE, OTHER_PUBLIC, part

from .making import (
    BAD,
    GUESSED,
    HS256,
    HS512,
    OTHER,
    OTHER_SECRET,
    RS256,
    RS512,
    SECRET,
    Hostile,
    by_rsa,
    forged,
    honest,
    mac,
    respelled,
    with_part,
)

VALID = "RFC 7515, 5.2: a token whose signature does not validate must be rejected"
ORIGIN = "RFC 7515, 10.3: where a key comes from must be established"
RECEIVED = "RFC 8725, 3.10: what names or brings a key is not to be trusted"
NOTHING = b"\x00"


def own_certificate():
    key = load_pem_private_key(OTHER_PRIVATE.encode(), None)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "attacker")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1)
    made = made.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    made = made.not_valid_after(datetime(2040, 1, 1, tzinfo=UTC)).sign(key, hashes.SHA256())
    return b64encode(made.public_bytes(Encoding.DER)).decode()


def halved(signature):
    return signature[: len(signature) // 8 * 4]


BROUGHT_KEYS = [
    Hostile(
        f"own-{name}-{kind}-for-{aim}",
        aim,
        lambda aim=aim, name=name, value=value: (
            by_rsa(aim, {name: value() if callable(value) else value}, OTHER_PRIVATE)
            if aim == RS256
            else forged(aim, header={"alg": "HS256", name: value}, key=GUESSED)
        ),
        BAD,
        "signature",
        ORIGIN if name in ("jwk", "x5c") else RECEIVED,
    )
    for aim, name, kind, value in [
        (HS256, "jwk", "oct", {"kty": "oct", "k": part(GUESSED.encode())}),
        (RS256, "jwk", "rsa", lambda: RSAKey.import_key(OTHER_PUBLIC).as_dict()),
        (RS256, "jku", "address", "https://attacker.example/jwks.json"),
        (RS256, "x5u", "address", "https://attacker.example/chain.pem"),
        (RS256, "x5c", "chain", lambda: [own_certificate()]),
        (HS256, "kid", "address", "https://attacker.example/key"),
    ]
]


KEY_IDS = [
    Hostile(
        f"kid-{label}",
        HS256,
        lambda kid=kid, key=key: forged(header={"alg": "HS256", "kid": kid}, key=key),
        BAD,
        "signature",
        RECEIVED,
    )
    for label, kid, key in [
        ("dev-null", "../../../../../../dev/null", b""),
        ("dev-null-one-byte", "/dev/null", NOTHING),
        ("empty-file", "../../__init__.py", b""),
        ("sql-union", "x' UNION SELECT 'attacker", b"attacker"),
        ("sql-drop", "'; DROP TABLE apps; --", b""),
        ("command", "key.pem|id", b""),
        ("of-another-app", OTHER, OTHER_SECRET),
    ]
]


SIGNATURES = [
    Hostile(label, aim, make, BAD, "signature", rule)
    for label, aim, make, rule in [
        ("signature-empty", HS256, lambda: with_part(forged(), 2, ""), VALID),
        ("signature-empty-rsa", RS256, lambda: with_part(honest(RS256), 2, ""), VALID),
        ("signature-short-by-one", HS256, lambda: forged()[:-1], VALID),
        ("signature-long-by-one", HS256, lambda: forged() + "A", VALID),
        ("signature-repeated", HS256, lambda: with_part(forged(), 2, lambda s: s + s), VALID),
        ("signature-halved", HS256, lambda: with_part(forged(), 2, halved), VALID),
        ("signature-zero", HS256, lambda: with_part(forged(), 2, part(NOTHING * 32)), VALID),
        (
            "signature-zero-rsa",
            RS256,
            lambda: with_part(honest(RS256), 2, part(NOTHING * 256)),
            VALID,
        ),
        ("signature-one-rsa", RS256, lambda: with_part(honest(RS256), 2, part(b"\x01")), VALID),
        (
            "signature-of-another-token",
            HS256,
            lambda: with_part(forged(payload={"appId": HS256, "sub": "me"}), 2, mac("x.y")),
            VALID,
        ),
        (
            "signature-of-another-payload",
            RS256,
            lambda: with_part(honest(RS256), 1, part({"appId": RS256, "sub": "admin"})),
            VALID,
        ),
        (
            "signature-by-sha512",
            HS512,
            lambda: forged(HS512, algorithm="HS256", header={"alg": "HS512"}),
            VALID,
        ),
        (
            "signature-by-another-rsa-key",
            RS512,
            lambda: by_rsa(RS512, {}, OTHER_PRIVATE, "RS512"),
            VALID,
        ),
        ("secret-empty", HS256, lambda: forged(key=b""), VALID),
        ("secret-in-upper-case", HS256, lambda: forged(key=SECRET.upper()), VALID),
        (
            "secret-is-the-client-id",
            HS256,
            lambda: forged(key=HS256),
            "RFC 8725, 3.5: keys are no words that can be guessed",
        ),
        (
            "signature-respelled",
            HS256,
            lambda: with_part(forged(), 2, respelled),
            "RFC 4648, 3.5: spare bits are zero, or one signature would have four spellings",
        ),
        (
            "signature-respelled-rsa",
            RS256,
            lambda: with_part(honest(RS256), 2, respelled),
            "RFC 4648, 3.5: spare bits are zero, or one signature would have 16 spellings",
        ),
    ]
]

TABLE = [*BROUGHT_KEYS, *KEY_IDS, *SIGNATURES]
