"""Which tokens are an app's: its one algorithm, its key, its times, each name once."""

import pytest

from intentlive.auth.tokens import mint, read_claims

from .signing import (
    CLAIMS,
    NOW,
    OTHER_PRIVATE,
    PUBLIC,
    accept,
    app,
    part,
    refusal,
    refused_by,
    signed,
    signing_key,
    with_claim,
)

ALGORITHMS = ("HS256", "HS512", "RS256", "RS512")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_minted_token_is_accepted(algorithm):
    never_expires = mint("cs-app", signing_key(algorithm), algorithm, now=NOW, ttl=None)
    claims = accept(never_expires, app(algorithm))
    assert (claims.client_id, claims.exp, claims.iat, claims.nbf) == ("cs-app", None, None, None)
    expires = mint("cs-app", signing_key(algorithm), algorithm, now=NOW, ttl=300)
    claims = accept(expires, app(algorithm))
    assert (claims.exp, claims.iat) == (NOW + 300, NOW)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("registered", ALGORITHMS)
def test_only_the_apps_own_algorithm_counts(algorithm, registered):
    token = mint("cs-app", signing_key(algorithm), algorithm, now=NOW, ttl=None)
    if algorithm == registered:
        accept(token, app(registered))
    else:
        assert refused_by(token, app(registered)) == "algorithm"


@pytest.mark.parametrize("rewrite", [str, str.strip, lambda pem: pem.replace("\n", "")])
def test_the_public_key_is_no_secret_to_sign_with(rewrite):
    key = rewrite(PUBLIC)
    assert refused_by(signed(key=key), app("RS256")) == "algorithm"
    pretending = signed(key=key, header={"alg": "RS256"})
    assert refused_by(pretending, app("RS256")) == "signature"


@pytest.mark.parametrize("name", ["none", "None", "hs256", "", "HS384", None, 5, ["HS256"], {}])
def test_a_token_cannot_choose_another_algorithm(name):
    unsigned = f"{part({'alg': name})}.{part(CLAIMS)}."
    assert refused_by(unsigned) == refused_by(unsigned, app("RS256")) == "algorithm"
    assert refused_by(signed(header={"alg": name})) == "algorithm"


def test_a_token_without_any_algorithm_is_refused():
    assert refused_by(signed(header={"typ": "JWT"})) == "algorithm"


@pytest.mark.parametrize(
    "token",
    [
        signed(key="another-secret-of-good-length-0123456789"),
        signed(digest="sha512"),
        signed()[:-1],
        signed() + "A",
        signed() + "=",
        signed() + "\n",
        signed().rpartition(".")[0] + ".",
        signed().rpartition(".")[0] + ".!",
        f"{part({'alg': 'HS256'})}.{part(CLAIMS | {'sub': 'x'})}.{signed().rpartition('.')[2]}",
    ],
)
def test_a_signature_that_does_not_fit_is_refused(token):
    assert refused_by(token) == "signature"


@pytest.mark.parametrize("algorithm", ["RS256", "RS512"])
def test_another_private_key_does_not_fit(algorithm):
    token = mint("cs-app", OTHER_PRIVATE, algorithm, now=NOW, ttl=None)
    assert refused_by(token, app(algorithm)) == "signature"


@pytest.mark.parametrize(
    "more",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": ["unheard-of"], "unheard-of": True},
        {"crit": "exp"},
    ],
)
def test_what_a_token_calls_critical_must_be_understood(more):
    assert refused_by(signed(header={"alg": "HS256"} | more)) == "crit"


def test_a_payload_that_calls_itself_unencoded_is_refused():
    refusal(signed(header={"alg": "HS256", "crit": ["b64"], "b64": False}))


def test_keys_in_the_header_are_never_used():
    own = "a-key-that-the-token-brings-along-0123456789"
    header = {"alg": "HS256", "jwk": {"kty": "oct", "k": part(own.encode())}}
    assert refused_by(signed(header=header, key=own)) == "signature"


@pytest.mark.parametrize(
    ("payload", "client"),
    [
        ({"appId": "a"}, "a"),
        ({"iss": "i"}, "i"),
        ({"kore_iss": "k"}, "k"),
        ({"iss": "i", "appId": "a"}, "a"),
        ({"kore_iss": "k", "appId": "a", "iss": "i"}, "a"),
        ({"kore_iss": "k", "iss": "i"}, "i"),
        ({"appId": "a", "iss": None, "aud": 5, "sub": []}, "a"),
    ],
)
def test_the_client_is_named_by_app_id_before_iss_before_kore_iss(payload, client):
    assert read_claims(signed(payload)).client_id == client


@pytest.mark.parametrize(
    "payload",
    [{}, {"appid": "a"}, {"sub": "a"}, {"appId": 5}, {"appId": ["a"]}]
    + [{"appId": name, "iss": "i"} for name in (None, "", False)],
)
def test_a_token_that_names_no_client_is_refused(payload):
    assert refused_by(signed(payload)) == "client"


@pytest.mark.parametrize(
    ("name", "value", "since", "until"),
    [
        ("exp", "1000", None, 1060),
        ("exp", "1000.75", None, 1060.75),
        ("exp", "1e3", None, 1060),
        ("nbf", "1000", 940, None),
        ("nbf", "1000.25", 940.25, None),
        ("iat", "1000", 940, None),
        ("iat", "1000.25", 940.25, None),
    ],
)
def test_times_are_enforced_to_a_minute(name, value, since, until):
    token = with_claim(name, value)
    if until is not None:
        accept(token, now=until - 0.001)
        assert refused_by(token, now=until) == name
    if since is not None:
        accept(token, now=since)
        assert refused_by(token, now=since - 0.001) == name


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value",
    [
        *("null", '"9999999999"', '""', "true", "false", "[]", "{}"),
        *("1e999", "-1e999"),
    ],
)
def test_a_time_that_is_no_number_is_refused(name, value):
    assert refused_by(with_claim(name, value)) == name


@pytest.mark.parametrize("name", ["exp", "jti", "anything"])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_in_json_is_refused_anywhere(name, value):
    refused = refusal(with_claim(name, value))
    assert (refused.message, refused.check) == ("Invalid SDK credentials", "number")


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("huge", ["1e308", "9" * 400, "18446744073709551616"])
def test_times_beyond_all_calendars_are_refused(name, huge):
    assert refused_by(with_claim(name, huge)) == name
    assert refused_by(with_claim(name, f"-{huge}")) == name


def test_an_exp_in_milliseconds_is_a_far_one():
    accept(with_claim("exp", str(NOW * 1000)))


def test_an_app_may_require_that_tokens_expire():
    assert refused_by(signed(), app(require_exp=True)) == "exp"
    accept(with_claim("exp", str(NOW)), app(require_exp=True))


@pytest.mark.parametrize(
    "token",
    [
        signed(b'{"appId":"cs-app","appId":"cs-app"}'),
        signed(b'{"appId":"cs-other","appId":"cs-app"}'),
        signed(b'{"appId":"cs-app","exp":1,"exp":9999999999}'),
        signed(b'{"appId":"cs-app","x":{"a":1,"a":1}}'),
        signed(header=b'{"alg":"none","alg":"HS256"}'),
        signed(header=b'{"alg":"HS256","\\u0061lg":"HS256"}'),
    ],
)
def test_a_name_that_occurs_twice_is_refused(token):
    assert refused_by(token) == "duplicate key"


@pytest.mark.parametrize("more", [{"ver": "1.0"}, {"appId": "x"}, {"kid": "k"}, {"b64": True}])
def test_header_parameters_that_nobody_knows_are_ignored(more):
    token = signed(header={"alg": "HS256", "typ": "JWT"} | more)
    accept(token)


@pytest.mark.parametrize("client", ["\ud800", "a b", "a\n", "x" * 129, "a\u200b"])
def test_a_client_id_is_a_visible_text(client):
    assert refused_by(signed({"appId": client})) == "client"
