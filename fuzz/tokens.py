"""Tokens: refused, or genuine in the eyes of a second, independent check."""

from fuzz import forging
from fuzz.forging import APPS, NOW, SECRET, SERVER_KEY
from fuzz.referee import is_genuine
from intentlive.auth import encryption, tokens
from intentlive.core.errors import Refusal
from intentlive.ports import App

mutate = forging.mutate


def test_one(data: bytes) -> None:
    """Judge one token, as it comes out of a header."""
    token = data.decode("latin-1")
    try:
        app = accepted(token)
    except Refusal as refusal:
        told = f"{refusal.message} {refusal.check} {refusal.mend}"
        assert refusal.status == 401 and told.isprintable()
        assert SECRET not in told and (len(token) < 40 or token not in told)
        return
    assert is_genuine(token, app), token


def accepted(token: str) -> App:
    """The app of a token that counts; Refusal. What `Gate` does, without a store."""
    signed = token
    if encryption.is_encrypted(token):
        signed, _ = encryption.decrypt(token, [SERVER_KEY])
    claims = tokens.read_claims(signed)
    app = APPS.get(claims.client_id)
    tokens.verify(signed, claims, app, NOW * 1000)
    assert app is not None, "a token without an app is never genuine"
    tokens.check_times(claims, app, NOW)
    assert tokens.end(claims) > NOW * 1000
    try:
        digest, until = tokens.check_single_use(claims, NOW)
        assert len(digest) == 32 and until > NOW * 1000
    except Refusal as refusal:
        assert refusal.check == "jti"
    return app


for _honest in forging.honest_tokens():
    accepted(_honest)  # otherwise a target that refuses everything would find nothing
