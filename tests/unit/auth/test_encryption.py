"""Encrypted tokens: made and opened, here and by cryptography alone, and the published keys."""

import json
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import SecurityWarning

from intentlive.auth.compact import decoded
from intentlive.auth.encryption import (
    ENCODINGS,
    decrypt,
    encrypt,
    is_encrypted,
    jwk_set,
    new_server_key,
)
from intentlive.core.errors import Refusal
from intentlive.ports import ServerKey

from .signing import OTHER_PRIVATE, PRIVATE, part, signed

OLD, NEW = ServerKey("k-old", PRIVATE, 1), ServerKey("k-new", OTHER_PRIVATE, 2)
PADDING = OAEP(MGF1(SHA1()), SHA1(), None)  # RFC 7518, 4.3: with the default parameters


def jwk(key):
    return jwk_set([key])["keys"][0]


def check_of(token, *keys):
    with pytest.raises(Refusal) as caught:
        decrypt(token, keys)
    told = f"{caught.value} {caught.value.check} {caught.value.mend}"
    assert not [each for each in token.split(".") if len(each) > 8 and each in told]
    return caught.value.check


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_is_encrypted_for_a_key_is_opened_by_it(encoding):
    token = encrypt(signed(), jwk(OLD), encoding)
    assert is_encrypted(token)
    assert decrypt(token, [OLD]) == (signed(), OLD)
    assert check_of(token, NEW) == check_of(token) == "encryption"


def test_a_published_key_needs_no_name():
    nameless = {name: value for name, value in jwk(OLD).items() if name != "kid"}
    assert decrypt(encrypt(signed(), nameless, "A128GCM"), [NEW, OLD]) == (signed(), OLD)


def test_there_are_the_three_published_encodings():
    assert ENCODINGS == ("A128CBC-HS256", "A128GCM", "A256GCM")


def made_elsewhere(private, **more):
    """An encrypted token by cryptography alone."""
    public = load_pem_private_key(private.encode(), None).public_key()
    content_key, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    header = part({"alg": "RSA-OAEP", "enc": "A128GCM"} | more)
    encrypted = AESGCM(content_key).encrypt(nonce, signed().encode(), header.encode())
    pieces = (public.encrypt(content_key, PADDING), nonce, encrypted[:-16], encrypted[-16:])
    return ".".join([header, *map(part, pieces)])


def test_a_token_of_another_maker_is_opened_by_each_key_that_it_may_be_for():
    for key in (OLD, NEW):
        assert decrypt(made_elsewhere(key.private), [NEW, OLD]) == (signed(), key)


def test_the_kid_chooses():
    token = made_elsewhere(PRIVATE, kid="k-old")
    assert decrypt(token, [NEW, OLD]) == (signed(), OLD)
    assert check_of(token, NEW) == "encryption"
    for wrong in ("k-new", "k", "", None, 5):
        assert check_of(made_elsewhere(PRIVATE, kid=wrong), NEW, OLD) == "encryption"


def test_header_parameters_that_nobody_knows_are_ignored():
    token = made_elsewhere(PRIVATE, typ="JWT", ver="1.0", iss="cs-1")
    assert decrypt(token, [OLD]) == (signed(), OLD)


@pytest.mark.parametrize(
    ("header", "mend"),
    [
        ({"alg": "RSA-OAEP-256"}, "alg RSA-OAEP and enc A128CBC-HS256 or A128GCM or A256GCM"),
        ({"enc": "A192GCM"}, "alg RSA-OAEP and enc A128CBC-HS256 or A128GCM or A256GCM"),
        ({"zip": "DEF"}, "uncompressed, without zip"),
        ({"kid": "k-none"}, "fetch /.well-known/jwks.json again"),
        ({"kid": "k-new"}, "with the newest key of this server"),
    ],
)
def test_the_log_is_told_what_to_mend(header, mend):
    with pytest.raises(Refusal) as caught:
        decrypt(made_elsewhere(PRIVATE, **header), [NEW, OLD])
    assert mend in caught.value.mend


def test_our_tokens_are_opened_by_another_reader():
    header, *pieces = encrypt(signed(), jwk(OLD), "A256GCM").split(".")
    content_key, nonce, encrypted, tag = map(decoded, pieces)
    private = load_pem_private_key(PRIVATE.encode(), None)
    opened = AESGCM(private.decrypt(content_key, PADDING))
    assert opened.decrypt(nonce, encrypted + tag, header.encode()).decode() == signed()
    assert json.loads(decoded(header)) == {
        "alg": "RSA-OAEP",
        "enc": "A256GCM",
        "cty": "JWT",
        "kid": "k-old",
    }


def test_what_is_published_is_public_and_newest_first():
    published = jwk_set([NEW, OLD])
    assert [key["kid"] for key in published["keys"]] == ["k-new", "k-old"]
    for key in published["keys"]:
        assert set(key) == {"kty", "n", "e", "use", "alg", "kid"}
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "enc", "RSA-OAEP")
    assert jwk_set([]) == {"keys": []}


def test_a_new_key_is_of_3072_bits_and_shows_no_secret():
    key = new_server_key(7)
    private = load_pem_private_key(key.private.encode(), None)
    assert (private.key_size, key.created, key.until) == (3072, 7, None)
    assert repr(key) == f"ServerKey({key.key_id!r})"
    assert decrypt(encrypt("a.b.c", jwk(key), "A128GCM"), [key]) == ("a.b.c", key)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "RSA", "n": "", "e": ""},
        {"kty": "EC", "n": "", "e": ""},
    ],
)
def test_what_is_no_rsa_key_encrypts_nothing(wrong):
    with pytest.raises(ValueError, match="no RSA public key"):
        encrypt(signed(), wrong, "A128GCM")


def test_a_small_key_encrypts_nothing():
    small = jwk(OLD) | {"n": part(b"\xff" * 128)}
    with pytest.warns(SecurityWarning), pytest.raises(ValueError, match="no RSA public key"):
        encrypt(signed(), small, "A128GCM")


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "a.b.c.d", "a.b.c.d.e.f"])
def test_other_numbers_of_parts_are_not_encrypted(token):
    assert not is_encrypted(token)
