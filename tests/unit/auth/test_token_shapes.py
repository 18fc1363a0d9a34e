"""What is no token at all, and keys that cannot be used."""

import warnings

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import RSAKey

from intentlive.auth.tokens import check_public_key, mint

from .signing import CLAIMS, NOW, PRIVATE, PUBLIC, SECRET, part, refusal, signed

HEADER, PAYLOAD, SIGNATURE = signed().split(".")


@pytest.mark.parametrize(
    "token",
    ["", "x", "letmein", ".", "..", "...", "a.b", "a.b.c", "é.a.b", "\0.a.b", "a b.c.d"]
    + [f"{HEADER}.{PAYLOAD}", f"{HEADER}.{PAYLOAD}.{SIGNATURE}.", f"Bearer {signed()}"]
    + [f"{HEADER}.{bad}.{SIGNATURE}" for bad in ("", "=", PAYLOAD + "=", PAYLOAD + "+", "a")]
    + [f"{HEADER}.{PAYLOAD[:-4]}.{SIGNATURE}", f" {signed()}", f"{HEADER}\n.{PAYLOAD}.{SIGNATURE}"]
    + [
        f"{part(header)}.{part(payload)}.{SIGNATURE}"
        for header, payload in [
            ([], CLAIMS),
            ("x", CLAIMS),
            (b"", CLAIMS),
            (b"\xff", CLAIMS),
            (b"[" * 100_000, CLAIMS),
            ({"alg": "HS256"}, [CLAIMS]),
            ({"alg": "HS256"}, None),
            ({"alg": "HS256"}, b"{}{}"),
            ({"alg": "HS256"}, b"\xef\xbb\xbf{}"),
            ({"alg": "HS256"}, b'{"appId":"cs-app","exp":%b}' % (b"9" * 5_000)),
        ]
    ],
)
def test_what_is_no_token_is_called_so(token):
    refused = refusal(token)
    assert (refused.message, refused.check) == ("Invalid JWT token", "token")


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        pytest.param(PUBLIC, "RS256", id="a public key"),
        (SECRET, "RS256"),
        ("", "HS256"),
        ("", "RS512"),
        (SECRET[:15], "HS512"),
    ],
)
def test_a_key_that_cannot_sign_mints_nothing(key, algorithm):
    with pytest.raises(ValueError, match=r".") as refused:
        mint("cs-app", key, algorithm, now=NOW, ttl=None)
    assert not key or key not in str(refused.value)


def test_a_public_rsa_key_of_2048_bits_will_do():
    check_public_key(PUBLIC)


def small_key():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return RSAKey.generate_key(1024).as_pem(private=False).decode()


@pytest.mark.parametrize(
    "pem",
    [PRIVATE, "", "x", SECRET, PUBLIC[:100]],
    ids=["private", "empty", "text", "secret", "truncated"],
)
def test_anything_else_is_no_public_key(pem):
    with pytest.raises(ValueError, match=r"."):
        check_public_key(pem)


def test_a_key_of_1024_bits_is_too_small():
    with pytest.raises(ValueError, match="2,048 bits"):
        check_public_key(small_key())


def test_a_key_of_another_kind_is_no_rsa_key():
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = curve.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(ValueError, match=r"."):
        check_public_key(pem)
