"""`intentlive token`: what it makes the server takes, what is refused it explains."""

import base64
import json
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .server import Caller


@pytest.fixture(scope="module")
def account(caller):
    return caller.account_id


class Keys(NamedTuple):
    """The files of a generated pair of keys."""

    private: str
    public: str


@pytest.fixture(scope="module")
def make_keys(tmp_path_factory):
    def make(bits=2048):
        folder = tmp_path_factory.mktemp("keys")
        key = rsa.generate_private_key(65537, bits)
        pem = serialization.Encoding.PEM
        private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        public = serialization.PublicFormat.SubjectPublicKeyInfo
        keys = Keys(str(folder / "private"), str(folder / "public"))
        Path(keys.private).write_bytes(key.private_bytes(pem, *private))
        Path(keys.public).write_bytes(key.public_key().public_bytes(pem, public))
        return keys

    return make


@pytest.fixture
def explained(server):
    """Which check a token fails."""

    def explain(token, *options):
        done = server.run("token", "check", token, *options, "--json")
        assert (done.returncode, done.stderr) == (1, "")
        found = json.loads(done.stdout)
        assert found["accepted"] is False
        assert found["mend"]
        return found["check"]

    return explain


def payload_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_minted_tokens(server, caller):
    assert payload_of(caller.token) == {"sub": caller.client_id, "appId": caller.client_id}
    expiring = payload_of(server.token(caller.client_id, caller.client_secret, "--ttl", "90"))
    assert expiring["exp"] - expiring["iat"] == 90
    secret = f"--client-secret={caller.client_secret}"
    printed = server.json("token", "mint", "--client-id", caller.client_id, secret)
    assert printed == {"token": caller.token}


@pytest.mark.parametrize("secret", ["-a secret that begins so", "--a secret that begins so"])
def test_a_secret_may_begin_with_a_dash(server, secret):
    options = ("--client-id", "cs-1", "--client-secret")
    assert server.ok("token", "mint", *options, secret).count(".") == 2


def test_an_accepted_token(server, caller, shared_bot):
    found = server.json(
        *("token", "check", caller.token, "--bot", shared_bot),
        *("--account-id", caller.account_id),
    )
    assert found == {
        "accepted": True,
        "clientId": caller.client_id,
        "accountId": caller.account_id,
        "scopes": ["SmartAssist Analytics", "Session Events"],
        "bots": None,
        "expires": None,
    }
    expiring = server.token(caller.client_id, caller.client_secret, "--ttl", "90")
    assert server.json("token", "check", expiring)["expires"].endswith("+00:00")
    assert caller.client_id in server.ok("token", "check", caller.token)


def test_the_explanation_as_text(server, caller):
    done = server.run("token", "check", caller.token[:-6] + "AAAAAA")
    assert (done.returncode, done.stdout) == (1, "")
    assert "'signature' failed; sign with the client secret" in done.stderr
    assert caller.token[:-6] not in done.stderr


def test_refused_tokens_are_explained(server, caller, shared_bot, explained, sign):
    mine = {"appId": caller.client_id}
    assert explained("nonsense") == "token"
    assert explained(sign(caller, mine, "HS512")) == "algorithm"
    assert explained(sign(caller, {"appId": "cs-nobody"})) == "client"
    assert explained(sign(caller, mine | {"exp": 1.5})) == "exp"
    assert explained(sign(caller, mine | {"nbf": 4102444800})) == "nbf"
    assert explained(caller.token, "--account-id", "f" * 24) == "account"
    assert explained(caller.token, "--bot", "st-nobody") == "bot"


def test_refused_for_the_app_that_sent_them(server, caller, shared_bot, explained):
    bound = server.caller(caller.account_id, "--bot", shared_bot, "--require-exp")
    assert explained(bound.token) == "exp"
    expiring = server.token(bound.client_id, bound.client_secret, "--ttl", "90")
    assert explained(expiring, "--bot", "st-other") == "bot"


def test_hs512(server, account, shared_bot):
    scope = ("--scope", "SmartAssist Analytics")
    options = ("--account", account, *scope, "--algorithm", "HS512")
    client, secret = server.json("app", "create", "App", *options).values()
    token = server.token(client, secret, "--algorithm", "HS512")
    app = Caller(account, client, secret, token)
    assert server.latest(shared_bot, app).status == 200
    wrong = app._replace(token=server.token(client, secret))
    assert server.latest(shared_bot, wrong).status == 401


@pytest.mark.parametrize("algorithm", ["RS256", "RS512"])
def test_a_pair_of_keys(server, account, shared_bot, make_keys, algorithm):
    keys, others = make_keys(), make_keys()
    options = ("--account", account, "--scope", "SmartAssist Analytics", "--algorithm", algorithm)
    created = server.json("app", "create", "App", *options, "--public-key", keys.public)
    assert list(created) == ["clientId"]
    client = created["clientId"]

    def status(private, *more):
        minting = ("token", "mint", "--client-id", client, "--private-key", private, *more)
        token = server.ok(*minting).strip()
        return server.latest(shared_bot, Caller(account, client, "", token)).status

    assert status(keys.private, "--algorithm", algorithm) == 200
    assert status(others.private, "--algorithm", algorithm) == 401
    server.ok("app", "update", client, "--public-key", others.public)
    assert server.json("app", "show", client)["algorithm"] == algorithm


def test_the_public_key_is_no_secret_to_sign_with(server, account, shared_bot, make_keys):
    keys = make_keys()
    scope = ("--scope", "SmartAssist Analytics")
    options = ("--account", account, *scope, "--algorithm", "RS256", "--public-key", keys.public)
    client = server.json("app", "create", "App", *options)["clientId"]
    secret = f"--client-secret={Path(keys.public).read_text()}"
    done = server.run("token", "mint", "--client-id", client, secret)
    assert done.returncode in (0, 1)  # a good library does not even sign with it
    forged = Caller(account, client, "", done.stdout.strip() or "e30.e30.AAAA")
    assert server.latest(shared_bot, forged).status == 401


@pytest.fixture
def files(make_keys, tmp_path):
    """Files by name: keys that fit, and some that do not."""
    keys, small = make_keys(), make_keys(1024)
    nonsense, binary = tmp_path / "nonsense", tmp_path / "binary"
    nonsense.write_text("no key")
    binary.write_bytes(b"\xff\xfe\x00")
    own = {"nonsense": str(nonsense), "binary": str(binary), "small": small.public}
    return keys._asdict() | own


def complains(server, *arguments):
    """A command that must fail says so in one line."""
    done = server.run(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("intentlive: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["private", "small", "nonsense", "binary"])
def test_what_is_no_public_key(server, account, files, name):
    create = ("app", "create", "App", "--account", account, "--scope", "Bot Sessions")
    complains(server, *create, "--algorithm", "RS256", "--public-key", files[name])


@pytest.mark.parametrize("options", [("--algorithm", "RS256"), ("--public-key", "{public}")])
def test_algorithm_and_key_belong_together(server, account, files, options):
    create = ("app", "create", "App", "--account", account, "--scope", "Bot Sessions")
    complains(server, *create, *(option.format(**files) for option in options))


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--client-secret", "s", "--private-key", "{private}"),
        ("--private-key", "{public}"),
        ("--private-key", "{nonsense}"),
        ("--private-key", "{binary}"),
        ("--client-secret", "s", "--algorithm", "RS256"),
    ],
)
def test_what_no_token_can_be_made_with(server, files, options):
    mint = ("token", "mint", "--client-id", "c")
    complains(server, *mint, *(option.format(**files) for option in options))
