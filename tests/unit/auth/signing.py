"""Tokens of every form, right and wrong, and what the server does with them."""

import hmac
import json
from base64 import urlsafe_b64encode

import pytest
from joserfc.jwk import RSAKey

from intentlive.auth.tokens import check_times, read_claims, verify
from intentlive.core.errors import Refusal
from intentlive.ports import App, AppKey

NOW = 1_700_000_000
SECRET = "a-secret-that-only-the-app-knows-0123456789"
KEYS = [RSAKey.generate_key(2048) for _ in range(2)]
PRIVATE, OTHER_PRIVATE = (key.as_pem(private=True).decode() for key in KEYS)
PUBLIC, OTHER_PUBLIC = (key.as_pem(private=False).decode() for key in KEYS)
CLAIMS = {"appId": "cs-app"}


def app(algorithm="HS256", *, require_exp=False):
    key = SECRET if algorithm.startswith("HS") else PUBLIC
    return App("cs-app", "acc", "", algorithm, (AppKey(key),), (), None, require_exp, 0)


def signing_key(algorithm):
    return SECRET if algorithm.startswith("HS") else PRIVATE


def part(content):
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(payload=b'{"appId":"cs-app"}', *, header=None, key=SECRET, digest="sha256"):
    """A token with any header and payload at all, signed by HMAC."""
    text = f"{part(header or {'alg': 'HS256'})}.{part(payload)}"
    return f"{text}.{part(hmac.digest(key.encode(), text.encode(), digest))}"


def with_claim(name, value):
    """A token with a claim in the very JSON given."""
    return signed(b'{"appId":"cs-app","%b":%b}' % (name.encode(), value.encode()))


def accept(token, accepting=None, *, now=NOW):
    """What the server does with a token, in its order."""
    accepting = accepting or app()
    claims = read_claims(token)
    verify(token, claims, accepting, now * 1000)
    check_times(claims, accepting, now)
    return claims


def refusal(token, accepting=None, *, now=NOW):
    """The refusal of a token, which must give away neither it nor the secret."""
    with pytest.raises(Refusal) as refused:
        accept(token, accepting, now=now)
    told = " ".join((refused.value.message, refused.value.check, refused.value.mend))
    for hidden in (SECRET, *(each for each in token.split(".") if len(each) > 8)):
        assert hidden not in told
    assert (refused.value.status, refused.value.code) == (401, 4002)
    return refused.value


def refused_by(token, accepting=None, *, now=NOW):
    return refusal(token, accepting, now=now).check
