"""A second opinion on tokens, written from the RFCs with nothing but primitives."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, cast

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from fuzz.forging import NOW, SERVER_KEY
from intentlive.ports import App

LEEWAY = 60
_DIGESTS = {"HS256": "sha256", "HS512": "sha512"}
_HASHES = {"RS256": SHA256(), "RS512": SHA512()}
_GCM_KEYS = {"A128GCM": 16, "A256GCM": 32}
_PRIVATE = cast(RSAPrivateKey, load_pem_private_key(SERVER_KEY.private.encode(), None))
_OAEP = padding.OAEP(padding.MGF1(SHA1()), SHA1(), None)  # RFC 7518, 4.3


def is_genuine(token: str, app: App) -> bool:
    """Whether a token was made by who holds the app's key, and counts now."""
    if token.count(".") == 4:
        token = _opened(token)
    signing_input, _, signature = token.rpartition(".")
    header, payload = (_object(part) for part in signing_input.split("."))
    names = [name for name in ("appId", "iss", "kore_iss") if name in payload]
    return (
        header["alg"] == app.algorithm
        and "crit" not in header
        and header.get("b64", True) is True
        and payload[names[0]] == app.client_id
        and _is_signed(signing_input.encode("ascii"), _bytes(signature), app)
        and payload.get("exp", NOW) + LEEWAY > NOW
        and all(payload.get(name, NOW) - LEEWAY <= NOW for name in ("nbf", "iat"))
    )


def _is_signed(signing_input: bytes, signature: bytes, app: App) -> bool:
    (key,) = app.keys
    if app.algorithm in _DIGESTS:
        expected = hmac.digest(key.text.encode(), signing_input, _DIGESTS[app.algorithm])
        return hmac.compare_digest(signature, expected)
    public = cast(RSAPublicKey, load_pem_public_key(key.text.encode()))
    try:
        public.verify(signature, signing_input, padding.PKCS1v15(), _HASHES[app.algorithm])
    except InvalidSignature:
        return False
    return True


def _opened(token: str) -> str:
    first, *rest = token.split(".")
    header = _object(first)
    encrypted_key, vector, ciphertext, tag = (_bytes(each) for each in rest)
    assert header["alg"] == "RSA-OAEP"
    assert not {"zip", "crit"} & header.keys()
    assert len(tag) == 16
    key = _PRIVATE.decrypt(encrypted_key, _OAEP)
    extra = first.encode("ascii")
    if header["enc"] in _GCM_KEYS:
        assert (len(key), len(vector)) == (_GCM_KEYS[header["enc"]], 12)
        try:
            return AESGCM(key).decrypt(vector, ciphertext + tag, extra).decode("ascii")
        except InvalidTag:
            raise AssertionError("the tag is wrong") from None
    assert header["enc"] == "A128CBC-HS256"
    assert (len(key), len(vector)) == (32, 16)
    signed = extra + vector + ciphertext + (8 * len(extra)).to_bytes(8)
    assert hmac.digest(key[:16], signed, "sha256")[:16] == tag, "the tag is wrong"
    decryptor = Cipher(algorithms.AES(key[16:]), modes.CBC(vector)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    return (unpadder.update(padded) + unpadder.finalize()).decode("ascii")


def _object(segment: str) -> dict[str, Any]:
    pairs = json.loads(_bytes(segment), object_pairs_hook=_unique)
    assert isinstance(pairs, dict)
    return pairs


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), "a name occurs twice"
    return dict(pairs)


def _bytes(segment: str) -> bytes:
    content = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    assert urlsafe_b64encode(content).rstrip(b"=").decode() == segment, "not the one spelling"
    return content
