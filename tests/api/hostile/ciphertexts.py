"""Encrypted tokens whose parts do not fit, and what must not be inside of one."""

from tests.unit.auth.signing import part

from .making import (
    BAD,
    GUESSED,
    HS256,
    JWE,
    NO_JWT,
    OTHER,
    OTHER_SECRET,
    SECRET,
    Hostile,
    forged,
    honest,
    respelled,
    sealed,
    server_key,
    with_part,
)

TAG = "RFC 7516, 5.2: what does not decrypt and verify must be rejected"
INNER = "RFC 7519, 7.2: what is nested is a JWT, and validated as one"
SWITCH = "RFC 8725, 3.12: one kind of token must not pass for another"
CANONICAL = "RFC 4648, 3.5: spare bits in the last character must be zero"
GCM_TAG = "RFC 7518, 5.3: the tag of AES GCM has 128 bits"
GCM_IV = "RFC 7518, 5.3: the IV of AES GCM has 96 bits"
CBC_TAG = "RFC 7518, 5.2.3: the tag of A128CBC-HS256 has 16 bytes"
CBC_ORDER = "RFC 7518, 5.2.2.2: the tag is checked before anything is decrypted"
ALL_SIGNED = "RFC 8725, 3.3: every signature of a nested token is validated"


def with_a_bit_flipped(segment):
    return ("B" if segment[0] == "A" else "A") + segment[1:]


def header(encoding):
    return part({"alg": "RSA-OAEP", "enc": encoding, "kid": server_key().key_id})


PIECES = [
    Hostile(f"jwe-{label}", JWE, make, BAD, "encryption", rule)
    for label, make, rule in [
        *(
            (
                f"{name}-flipped",
                lambda place=place: with_part(sealed(), place, with_a_bit_flipped),
                TAG,
            )
            for place, name in ((1, "encrypted-key"), (2, "iv"), (3, "ciphertext"), (4, "tag"))
        ),
        *(
            (f"{name}-empty", lambda place=place: with_part(sealed(), place, ""), TAG)
            for place, name in ((1, "encrypted-key"), (2, "iv"), (3, "ciphertext"), (4, "tag"))
        ),
        ("tag-of-12-bytes", lambda: with_part(sealed(), 4, lambda tag: tag[:16]), GCM_TAG),
        ("tag-of-4-bytes", lambda: with_part(sealed(), 4, lambda tag: tag[:6]), GCM_TAG),
        (
            "tag-of-cbc-halved",
            lambda: with_part(sealed(encoding="A128CBC-HS256"), 4, lambda tag: tag[:11]),
            CBC_TAG,
        ),
        (
            "tag-of-32-bytes",
            lambda: with_part(sealed(encoding="A128CBC-HS256"), 4, part(b"t" * 32)),
            CBC_TAG,
        ),
        (
            "tag-of-cbc-flipped",
            lambda: with_part(sealed(encoding="A128CBC-HS256"), 4, with_a_bit_flipped),
            TAG,
        ),
        (
            "ciphertext-of-cbc-flipped",
            lambda: with_part(sealed(encoding="A128CBC-HS256"), 3, with_a_bit_flipped),
            CBC_ORDER,
        ),
        ("encrypted-key-of-0-bytes-value", lambda: with_part(sealed(), 1, part(b"\0" * 384)), TAG),
        ("encrypted-key-too-long", lambda: with_part(sealed(), 1, part(b"k" * 1000)), TAG),
        ("encrypted-key-too-short", lambda: with_part(sealed(), 1, part(b"k" * 256)), TAG),
        ("iv-of-16-bytes", lambda: with_part(sealed(), 2, part(b"i" * 16)), GCM_IV),
        ("iv-of-1-byte", lambda: with_part(sealed(), 2, part(b"i")), GCM_IV),
        (
            "iv-of-12-bytes-for-cbc",
            lambda: with_part(sealed(encoding="A128CBC-HS256"), 2, part(b"i" * 12)),
            "RFC 7518, 5.2.2.1: the IV of AES CBC has 128 bits",
        ),
        (
            "enc-swapped",
            lambda: with_part(sealed(encoding="A128CBC-HS256"), 0, header("A256GCM")),
            TAG,
        ),
        (
            "header-rewritten",
            lambda: with_part(sealed(), 0, header("A128GCM")),
            "RFC 7516, 5.2: the header is authenticated with the ciphertext",
        ),
        ("tag-respelled", lambda: with_part(sealed(), 4, respelled), CANONICAL),
        (
            "iv-padded",
            lambda: with_part(sealed(encoding="A128CBC-HS256"), 2, lambda iv: iv + "=="),
            "RFC 7515, 2: base64url has no padding, line breaks or other characters",
        ),
        (
            "ciphertext-standard-base64",
            lambda: with_part(sealed(), 3, lambda text: text[:-4] + "+/+/"),
            "RFC 4648, 5: base64url has - and _, not + and /",
        ),
    ]
]


INNERS = [
    Hostile(f"jwe-inner-{label}", aim, make, msg, check, rule)
    for label, aim, make, msg, check, rule in [
        (
            "alg-none",
            JWE,
            lambda: sealed(f"{part({'alg': 'none'})}.{part({'appId': JWE})}."),
            BAD,
            "algorithm",
            ALL_SIGNED,
        ),
        (
            "wrong-secret",
            JWE,
            lambda: sealed(forged(JWE, key=GUESSED)),
            BAD,
            "signature",
            ALL_SIGNED,
        ),
        (
            "signature-empty",
            JWE,
            lambda: sealed(with_part(forged(JWE), 2, "")),
            BAD,
            "signature",
            ALL_SIGNED,
        ),
        (
            "by-another-tenant",
            JWE,
            lambda: sealed(forged(JWE, key=OTHER_SECRET)),
            BAD,
            "signature",
            "RFC 8725, 3.8: the key must be one of the issuer that the token names",
        ),
        ("of-another-app", HS256, lambda: sealed(forged(HS256)), BAD, "encryption", SWITCH),
        (
            "of-another-tenant",
            OTHER,
            lambda: sealed(forged(OTHER, key=OTHER_SECRET)),
            BAD,
            "encryption",
            SWITCH,
        ),
        ("encrypted-twice", JWE, lambda: sealed(sealed()), NO_JWT, "token", INNER),
        ("claims-unsigned", JWE, lambda: sealed('{"appId":"cs-jwe"}'), NO_JWT, "token", ALL_SIGNED),
        ("no-jwt", JWE, lambda: sealed("letmein"), NO_JWT, "token", INNER),
        ("not-ascii", JWE, lambda: sealed("l\u00e9tm\u00e9in"), BAD, "encryption", INNER),
        (
            "expired",
            JWE,
            lambda: sealed(forged(JWE, payload={"appId": JWE, "exp": 1})),
            BAD,
            "exp",
            "RFC 7519, 4.1.4: not accepted from exp on",
        ),
        (
            "crit",
            JWE,
            lambda: sealed(forged(JWE, header={"alg": "HS256", "crit": ["x"]})),
            BAD,
            "crit",
            "RFC 7515, 4.1.11: what is critical must be understood",
        ),
    ]
]


SPACED = [
    Hostile(
        f"jwe-space-in-{name}",
        JWE,
        lambda place=place: with_part(sealed(), place, lambda text: f"{text[:4]} {text[4:]}"),
        NO_JWT,
        "token",
        "RFC 7515, 2: base64url has no padding, line breaks or other characters",
    )
    for place, name in ((1, "encrypted-key"), (3, "ciphertext"), (4, "tag"))
]

SWITCHES = [
    Hostile(
        "jwe-enforced-and-signed-only",
        JWE,
        lambda: forged(JWE, key=SECRET),
        BAD,
        "encryption",
        SWITCH,
    ),
    Hostile(
        "jwe-not-enforced-and-encrypted",
        HS256,
        lambda: sealed(honest(HS256)),
        BAD,
        "encryption",
        SWITCH,
    ),
]

TABLE = [*PIECES, *INNERS, *SPACED, *SWITCHES]
