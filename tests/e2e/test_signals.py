"""What callers are told of their rate, and what the operator finds by a request's id."""

import pytest

from .calling import call, curl, eventually
from .server import events_path, realtime
from .wire import finished

RATE_LIMITED = (
    "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."
)
RATE_HEADERS = {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after"}


@pytest.fixture
def limited(server):
    """An app of an account with the published limit, and a bot."""
    account = server.account()
    return server.caller(account), server.bot(account)


def test_sixty_calls_a_minute_are_answered(server, limited):
    caller, bot = limited
    for remaining in range(59, -1, -1):
        answer = server.latest(bot, caller)
        assert answer.status == 200
        assert answer.headers["ratelimit-limit"] == "60"
        assert answer.headers["ratelimit-remaining"] == str(remaining)
        assert 0 < int(answer.headers["ratelimit-reset"]) <= 61
        assert "retry-after" not in answer.headers
    refused = curl("--request", "POST", server.address + realtime(bot), *as_curl(caller))
    assert (refused.status, refused.error) == (429, (RATE_LIMITED, 429))
    assert refused.headers["ratelimit-limit"] == "60"
    assert refused.headers["ratelimit-remaining"] == "0"
    assert 0 < int(refused.headers["retry-after"]) <= 61
    assert refused.headers["ratelimit-reset"] == refused.headers["retry-after"]
    line = server.log_line(refused.request_id)
    assert line["check"] == "rate limit"
    # Events in are never counted, and refused calls change nothing.
    assert server.send(bot, caller, [finished()]).status == 200
    assert server.latest(bot, caller).status == 429


def test_refused_tokens_and_events_in_are_not_counted(server, limited):
    caller, bot = limited
    assert server.latest(bot, caller).headers["ratelimit-remaining"] == "59"
    assert server.latest(bot, caller, auth=caller.token[:-6] + "AAAAAA").status == 401
    sent = server.send(bot, caller, [finished()])
    assert not RATE_HEADERS & sent.headers.keys()
    assert server.latest(bot, caller).headers["ratelimit-remaining"] == "58"


def test_two_apps_of_an_account_share_its_limit(server):
    account = server.account("--rate-limit", "2")
    one, other = server.caller(account), server.caller(account)
    bot = server.bot(account)
    answers = [server.latest(bot, caller).status for caller in (one, other, one)]
    assert answers == [200, 200, 429]


def test_an_unlimited_account_has_no_rate_headers(server, caller, shared_bot):
    answers = [server.latest(shared_bot, caller) for _ in range(70)]
    assert {answer.status for answer in answers} == {200}
    assert not any(RATE_HEADERS & answer.headers.keys() for answer in answers)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", realtime("{bot}")),
        ("DELETE", realtime("{bot}")),
        ("GET", events_path("{bot}")),
        ("POST", realtime("nobody")),
        ("POST", events_path("{bot}")),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/nothing/here"),
        ("POST", "/healthz"),
    ],
)
def test_every_answer_has_a_request_id_of_its_own_and_a_log_line(
    server, caller, shared_bot, method, path
):
    path = path.format(bot=shared_bot)
    one, other = (call(server.port, method, path, caller.headers) for _ in range(2))
    assert one.request_id != other.request_id
    line = server.log_line(one.request_id)
    assert (line["method"], line["status"]) == (method, one.status)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"auth": ""}, ("no token", "send a JWT in the auth header")),
        ({"auth": "nonsense"}, ("token", "three parts")),
        ({"auth": "{forged}"}, ("signature", "sign with the client secret")),
        ({"accountId": "another"}, ("account", "accountId")),
        ({"Authorization": "Bearer {forged}"}, ("headers", "send one")),
    ],
)
def test_the_log_says_which_check_failed_and_how_to_mend_it(
    server, caller, shared_bot, headers, said
):
    forged = caller.token[:-6] + "AAAAAA"
    filled = {name: value.format(forged=forged) for name, value in headers.items()}
    answer = server.latest(shared_bot, caller, **filled)
    assert answer.status == 401
    line = server.log_line(answer.request_id)
    check, mend = said
    assert line["check"] == check
    assert mend in line["mend"]
    log = server.log.read_text()
    for secret in (caller.token, forged, caller.client_secret, caller.token.rpartition(".")[2]):
        assert secret not in log
        assert secret.encode() not in answer.body


def test_metrics_count_requests_refusals_and_events(server, caller, shared_bot):
    server.send(shared_bot, caller, [finished()])
    server.latest(shared_bot, caller)
    server.latest(shared_bot, caller, auth="nonsense")

    def all_counted():
        lines = call(server.port, "GET", "/metrics").body.decode().splitlines()
        counted = {line.rpartition(" ")[0] for line in lines if not line.endswith(" 0.0")}
        return counted >= {
            'intentlive_requests_total{route="intentrealtimedata",status="200"}',
            'intentlive_refusals_total{check="token"}',
            "intentlive_events_accepted_total",
        }

    eventually(all_counted)


def as_curl(caller):
    return [
        part for name, value in caller.headers.items() for part in ("--header", f"{name}: {value}")
    ]
