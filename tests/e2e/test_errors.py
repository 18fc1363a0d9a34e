"""Every row of the table of errors, over a real socket."""

import base64
import json
import sqlite3
import time

import pytest

from .calling import call, curl
from .faults import no_space_left
from .server import events_path, realtime
from .wire import BATCH, NDJSON, body_of, finished, new_session

CREDENTIALS = ("Invalid SDK credentials", 4002)
NO_TOKEN = ("Invalid JWT token", 4002)
SCOPE = ("Permission denied. Scope is incorrect!", 4002)
UNKNOWN_BOT = ("Invalid StreamId", 400)
ARGUMENTS = ("Validation errors/ Invalid arguments", 412)

NOT_TOKENS = ["nonsense", "a.b", "a.b.c", "...", "e30.e30", "e30=.e30=.e30=", "W10.W10.AAAA"]


@pytest.fixture(scope="module")
def reader(server, caller):
    """An app that may read only."""
    return server.caller(caller.account_id, scopes=["SmartAssist Analytics"])


@pytest.fixture(scope="module")
def writer(server, caller):
    """An app that may send events only."""
    return server.caller(caller.account_id, scopes=["Session Events"])


@pytest.fixture(scope="module")
def strange_account(server):
    """Another account."""
    return server.account()


@pytest.fixture(scope="module")
def strange_bot(server, strange_account):
    """Its bot."""
    return server.bot(strange_account)


@pytest.fixture(scope="module")
def bound(server, caller, shared_bot):
    """An app that is bound to one bot, and whose tokens must expire."""
    made = server.caller(caller.account_id, "--bot", shared_bot, "--require-exp")
    expiring = server.token(made.client_id, made.client_secret, "--ttl", "3600")
    return made, made._replace(token=expiring)


@pytest.fixture(scope="module", params=["intentrealtimedata", "events"])
def ask(request, server, shared_bot):
    """Ask one of the two calls, with a body that would be right for either."""

    def send(headers, bot=shared_bot, method="POST"):
        path = f"/api/public/bot/{bot}/{request.param}"
        return call(server.port, method, path, {"content-type": BATCH} | headers, b"[]")

    return send


def check(answer, status, error):
    assert (answer.status, answer.error) == (status, error)
    assert answer.request_id


def token_with(payload, header=None):
    """A token that nobody signed."""
    parts = [header or {"alg": "HS256", "typ": "JWT"}, payload]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts]
    return b".".join(part.rstrip(b"=") for part in [*encoded, b"AAAA"]).decode()


@pytest.mark.parametrize("headers", [{}, {"auth": ""}, {"Authorization": "Basic dTpw"}])
def test_no_token(ask, headers):
    check(ask(headers), 401, CREDENTIALS)


@pytest.mark.parametrize("text", NOT_TOKENS)
def test_what_is_no_token(ask, text):
    check(ask({"auth": text}), 401, NO_TOKEN)


def test_a_bearer_prefix_in_the_auth_header_is_no_token(ask, caller):
    check(ask({"auth": f"Bearer {caller.token}"}), 401, NO_TOKEN)


def test_bad_signature(ask, caller):
    signed, _, _ = caller.token.rpartition(".")
    check(ask({"auth": f"{signed}.AAAA"}), 401, CREDENTIALS)
    check(ask({"auth": f"{signed}."}), 401, CREDENTIALS)


def test_the_secret_of_another_app(ask, caller, reader, sign):
    check(ask({"auth": sign(reader, {"appId": caller.client_id})}), 401, CREDENTIALS)


def test_wrong_algorithm(ask, caller, sign):
    other = sign(caller, {"appId": caller.client_id}, "HS512")
    check(ask({"auth": other}), 401, CREDENTIALS)


@pytest.mark.parametrize("algorithm", ["none", "None", "RS256", "", None, 5])
def test_the_token_never_chooses_its_algorithm(ask, caller, algorithm):
    unsigned = token_with({"appId": caller.client_id}, {"alg": algorithm})
    check(ask({"auth": unsigned}), 401, CREDENTIALS)
    check(ask({"auth": unsigned.removesuffix("AAAA")}), 401, CREDENTIALS)


@pytest.mark.parametrize("payload", [{"appId": "cs-nobody"}, {"appId": None}, {"appId": 5}, {}])
def test_unknown_app(ask, payload):
    check(ask({"auth": token_with(payload)}), 401, CREDENTIALS)


@pytest.mark.parametrize(
    "times",
    [
        {"exp": 1641478028.185},
        {"exp": 0},
        {"nbf": 4102444800},
        {"iat": 4102444800.5},
        {"exp": None},
        {"exp": "4102444800"},
        {"exp": True},
        {"exp": float("nan")},
        {"nbf": float("inf")},
    ],
    ids=str,
)
def test_expired_not_yet_valid_and_times_that_are_none(ask, caller, times, sign):
    check(ask({"auth": sign(caller, {"appId": caller.client_id, **times})}), 401, CREDENTIALS)


def test_times_that_hold_are_accepted(ask, caller, sign):
    now = time.time()
    for times in ({}, {"exp": now + 600.5}, {"exp": now - 30}, {"nbf": now + 30, "iat": now + 30}):
        assert ask({"auth": sign(caller, {"appId": caller.client_id, **times})}).status == 200


@pytest.mark.parametrize("name", ["iss", "kore_iss"])
def test_the_newer_names_of_the_client(ask, caller, sign, name):
    assert ask({"auth": sign(caller, {name: caller.client_id})}).status == 200
    both = {"appId": "cs-nobody", name: caller.client_id}
    check(ask({"auth": sign(caller, both)}), 401, CREDENTIALS)


def test_duplicate_keys_in_a_token(ask, caller, sign):
    twice = f'{{"appId":"cs-nobody","appId":"{caller.client_id}"}}'
    check(ask({"auth": sign(caller, twice)}), 401, CREDENTIALS)


def test_a_token_without_exp_where_it_is_required(ask, bound):
    endless, expiring = bound
    check(ask(endless.headers), 401, CREDENTIALS)
    assert ask(expiring.headers).status == 200


def test_wrong_account(ask, caller, strange_account):
    for account in ("f" * 24, strange_account):
        check(ask({"auth": caller.token, "accountId": account}), 401, CREDENTIALS)


def test_lacking_scope(server, shared_bot, reader, writer):
    check(server.latest(shared_bot, writer), 401, SCOPE)
    check(server.send(shared_bot, reader, [finished()]), 401, SCOPE)


def test_bot_of_an_app_that_is_bound_to_bots(ask, bound, bot, strange_bot):
    _, expiring = bound
    assert ask(expiring.headers).status == 200
    for other in (bot, "st-nobody", strange_bot):
        check(ask(expiring.headers, other), 401, CREDENTIALS)


def test_unknown_bot_of_an_app_that_is_bound_to_the_account(ask, caller, strange_bot):
    for other in ("st-nobody", "%00", "x" * 128, strange_bot):
        check(ask(caller.headers, other), 400, UNKNOWN_BOT)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_another_method_is_refused_before_the_token(ask, method):
    answer = ask({"auth": "nonsense"}, method=method)
    check(answer, 405, ("Method Not Allowed", 405))
    assert answer.headers["allow"] in ("GET, POST", "POST")


def test_a_head_request_has_no_body(server, shared_bot, caller):
    answer = call(server.port, "HEAD", realtime(shared_bot), caller.headers)
    assert (answer.status, answer.body) == (405, b"")


def test_events_are_only_posted(server, shared_bot):
    answer = call(server.port, "GET", events_path(shared_bot))
    check(answer, 405, ("Method Not Allowed", 405))
    assert answer.headers["allow"] == "POST"


def test_a_body_that_cannot_be_parsed(server, shared_bot, caller):
    session = new_session()
    truncated = body_of([finished(session), finished()])[:-9]
    check(server.send(shared_bot, caller, truncated), 412, ARGUMENTS)
    assert session not in server.listed(shared_bot, caller)


def test_too_many_events_and_too_large_a_body(server, shared_bot, caller):
    line = body_of([finished()])[1:-1] + b"\n"
    answer = server.send(shared_bot, caller, line * 10_001, NDJSON)
    assert (answer.status, answer.error[1]) == (413, 413)
    answer = curl(
        *("--request", "POST", server.address + realtime(shared_bot)),
        *("--header", f"auth: {caller.token}", "--data-raw", "x" * 70_000),
    )
    assert (answer.status, answer.error[1]) == (413, 413)


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "", "nonsense"])
def test_unsupported_content_type(server, shared_bot, caller, content_type):
    answer = server.send(shared_bot, caller, [finished()], content_type)
    assert (answer.status, answer.error[1]) == (415, 415)
    assert "application/cloudevents+json" in answer.error[0]


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/api/public", "/api/public/bot/b/nothing", "/api/public/bot"]
)
def test_unknown_path(server, caller, path):
    answer = call(server.port, "GET", path, caller.headers)
    check(answer, 404, ("Not Found", 404))


def test_a_fault_of_the_server_tells_nothing_and_is_logged(own):
    server, caller, bot = own
    assert server.send(bot, caller, [finished()]).status == 200
    with sqlite3.connect(server.store_file) as store:
        store.execute("UPDATE sessions SET state = x'ff'")
    store.close()
    answer = server.latest(bot, caller)
    assert (answer.status, answer.error) == (500, ("Internal server error", 500))
    assert server.log_line(answer.request_id)["check"] == "fault"
    assert call(server.port, "GET", "/healthz").status == 200


def test_the_store_takes_no_writes(own):
    server, caller, bot = own
    events = [finished() for _ in range(3000)]
    with no_space_left(server):
        answer = server.send(bot, caller, events)
        assert (answer.status, answer.error[1]) == (503, 503)
        assert int(answer.headers["retry-after"]) > 0
        assert server.log_line(answer.request_id)["check"] == "store"
    assert server.send(bot, caller, events).json == {"accepted": 3000, "rejected": []}
