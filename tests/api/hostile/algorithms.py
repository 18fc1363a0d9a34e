"""Tokens that choose their algorithm: none, another, or a secret where a public key belongs."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from tests.unit.auth.signing import PUBLIC, part

from .making import ALGORITHMS, BAD, HS256, HS512, RS256, RS512, Hostile, by_rsa, forged

ALG = "RFC 7515, 4.1.1: alg must be there, be understood, and be spelled as registered"
CHOSEN = "RFC 8725, 3.1: the algorithm is fixed for the key, and no other may be used"
VALID = "RFC 7515, 5.2: a token whose signature does not validate must be rejected"
UNSECURED = "RFC 7518, 3.6: unsecured tokens are not accepted unless an application asks for it"
NOTHING = b"\x00"


def unsigned(name, aim=HS256, signature=""):
    return f"{part({'alg': name})}.{part({'appId': aim})}.{signature}"


def by_ed25519(aim=HS256):
    text = unsigned("EdDSA", aim)[:-1]
    return f"{text}.{part(Ed25519PrivateKey.generate().sign(text.encode()))}"


def in_der(form):
    key = load_pem_public_key(PUBLIC.encode())
    return key.public_bytes(Encoding.DER, form)


def of_another_algorithm(aim, algorithm):
    if algorithm.startswith("HS"):
        return forged(aim, header={"alg": algorithm}, algorithm=algorithm)
    return by_rsa(aim, {}, algorithm=algorithm)


UNSIGNED = [
    *(
        Hostile(f"alg-{name}", HS256, lambda name=name: unsigned(name), BAD, "algorithm", UNSECURED)
        for name in ("none", "None", "NONE", "nOnE", "noNe", " none", "none\u0000")
    ),
    *(
        Hostile(
            f"alg-none-for-{aim}", aim, lambda aim=aim: unsigned("none", aim), BAD, "algorithm", ALG
        )
        for aim in (HS512, RS256, RS512)
    ),
    Hostile(
        "alg-none-signed",
        HS256,
        lambda: forged(header={"alg": "none"}),
        BAD,
        "algorithm",
        "RFC 7518, 3.6: the signature of an unsecured token must be empty",
    ),
]


PAIRS = [
    Hostile(
        f"{algorithm.lower()}-for-{aim}",
        aim,
        lambda aim=aim, algorithm=algorithm: of_another_algorithm(aim, algorithm),
        BAD,
        "algorithm",
        CHOSEN,
    )
    for aim, registered in ALGORITHMS.items()
    for algorithm in ALGORITHMS.values()
    if algorithm != registered
]


UNHEARD_OF = [
    *(
        Hostile(
            f"alg-{label}",
            HS256,
            lambda header=header: forged(header=header),
            BAD,
            "algorithm",
            ALG,
        )
        for label, header in {
            "missing": {"typ": "JWT"},
            "null": {"alg": None},
            "number": {"alg": 256},
            "true": {"alg": True},
            "list": {"alg": ["HS256"]},
            "object": {"alg": {"HS256": 1}},
            "empty": {"alg": ""},
            "unknown": {"alg": "HS257"},
            "lower-case": {"alg": "hs256"},
            "with-space": {"alg": "HS256 "},
            "in-another-case": {"ALG": "HS256"},
        }.items()
    ),
    Hostile(
        "alg-hs384",
        HS256,
        lambda: forged(header={"alg": "HS384"}, algorithm="HS384"),
        BAD,
        "algorithm",
        CHOSEN,
    ),
    Hostile(
        "alg-es256-all-zero",
        HS256,
        lambda: unsigned("ES256", signature=part(NOTHING * 64)),
        BAD,
        "algorithm",
        CHOSEN,
    ),
    Hostile(
        "alg-ps256",
        RS256,
        lambda: by_rsa(RS256, {}, algorithm="PS256"),
        BAD,
        "algorithm",
        CHOSEN,
    ),
    Hostile("alg-eddsa", HS256, by_ed25519, BAD, "algorithm", CHOSEN),
]


CONFUSED = [
    Hostile(
        f"hmac-by-public-key-{label}",
        RS256,
        lambda key=key: forged(RS256, key=key, header={"alg": "HS256"}),
        BAD,
        "algorithm",
        CHOSEN,
    )
    for label, key in {
        "pem": PUBLIC,
        "pem-without-last-newline": PUBLIC.rstrip("\n"),
        "pem-with-crlf": PUBLIC.replace("\n", "\r\n"),
        "der": in_der(PublicFormat.SubjectPublicKeyInfo),
        "pkcs1-der": in_der(PublicFormat.PKCS1),
    }.items()
] + [
    Hostile(
        "hs512-by-public-key-pem",
        RS512,
        lambda: forged(RS512, key=PUBLIC, header={"alg": "HS512"}, algorithm="HS512"),
        BAD,
        "algorithm",
        CHOSEN,
    ),
    Hostile(
        "hmac-by-public-key-called-rs256",
        RS256,
        lambda: forged(RS256, key=PUBLIC, header={"alg": "RS256"}),
        BAD,
        "signature",
        VALID,
    ),
]

TABLE = [*UNSIGNED, *PAIRS, *UNHEARD_OF, *CONFUSED]
