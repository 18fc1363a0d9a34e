"""The published endpoint, called as its reference prints the call."""

import json
from pathlib import Path

import pytest

from .calling import call, curl, unavailable
from .server import realtime
from .wire import event, finished, new_session

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
MORNING = "2022-01-06T09:{minute:02}:00.000+00:00"

IGNORED_BODIES = {
    "truncated JSON": '{"sessionId": [',
    "not text": "\x01\x02\x7f",
    "a form": "limit=1&offset=9",
    "JSON": '{"limit": 1}',
}


@pytest.fixture(scope="module")
def url(server, caller, shared_bot):
    """The endpoint of a bot with two sessions."""
    sent = server.send(shared_bot, caller, [finished(), finished()])
    assert sent.json == {"accepted": 2, "rejected": []}
    return server.address + realtime(shared_bot)


@pytest.fixture(scope="module")
def reference_headers(caller):
    """The headers of the reference's sample request, as curl takes them."""
    return as_curl(
        {
            "auth": caller.token,
            "cache-control": "no-cache",
            "postman-token": "2f5f7d0a-2b40-8a86-b4c2-93a1fbf2b1d0",
            "Format": "application/json",
            "accountId": caller.account_id,
        }
    )


@pytest.fixture(scope="module")
def expected(url, reference_headers):
    """What the reference's sample request is answered."""
    answer = curl("--location", "--request", "POST", url, *reference_headers)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.json) == 2
    return answer.body


def as_curl(headers):
    return [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]


def body_for(*arguments):
    answer = curl("--location", *arguments)
    assert answer.status == 200, answer.body
    return answer.body


def test_get_with_the_double_slash_of_the_reference(url, reference_headers, expected):
    doubled = url.replace("/intentrealtimedata", "//intentrealtimedata")
    assert body_for("--request", "GET", doubled, *reference_headers) == expected


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "spell",
    [
        lambda url: url,
        lambda url: url + "/",
        lambda url: url + "///",
        lambda url: url.replace("/api/public/bot/", "//api///public//bot////"),
        lambda url: url.replace("intentrealtimedata", "///IntentRealTimeData"),
        lambda url: url.replace("/api/public/bot", "/API/Public/BOT"),
    ],
)
def test_slashes_and_letter_case_of_the_path_do_not_matter(
    url, reference_headers, expected, method, spell
):
    assert body_for("--request", method, spell(url), *reference_headers) == expected


@pytest.mark.parametrize("letters", [str.lower, str.upper, str.title])
def test_letter_case_of_header_names_does_not_matter(url, caller, expected, letters):
    headers = {letters(name): value for name, value in caller.headers.items()}
    assert body_for(url, *as_curl(headers)) == expected


def test_the_account_may_be_left_out(url, caller, expected):
    assert body_for(url, "--header", f"auth: {caller.token}") == expected


def test_authorization_bearer_works_as_well(url, caller, expected):
    bearer = f"Authorization: Bearer {caller.token}"
    assert body_for(url, "--header", bearer) == expected
    assert body_for(url, "--header", bearer, "--header", f"auth: {caller.token}") == expected


def test_two_different_tokens_are_refused(url, caller):
    headers = {"auth": caller.token, "Authorization": "Bearer " + caller.token[:-4] + "AAAA"}
    answer = curl(url, *as_curl(headers))
    assert (answer.status, answer.error) == (401, ("Invalid SDK credentials", 4002))


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("body", IGNORED_BODIES.values(), ids=IGNORED_BODIES)
def test_the_body_is_ignored(url, reference_headers, expected, method, body):
    sent = ("--request", method, "--data-raw", body)
    assert body_for(url, *reference_headers, *sent) == expected


@pytest.mark.parametrize(
    "content_type", ["text/xml", "application/json", "nonsense", "Content-Type;"]
)
def test_the_content_type_is_ignored(url, reference_headers, expected, content_type):
    header = content_type if content_type.endswith(";") else f"Content-Type: {content_type}"
    sent = ("--request", "POST", "--data-raw", "{", "--header", header)
    assert body_for(url, *reference_headers, *sent) == expected


@pytest.mark.parametrize("framing", ["Content-Length", "chunked"])
def test_a_body_over_64_kib_is_refused(url, reference_headers, expected, tmp_path, framing):
    def post(size):
        body = tmp_path / "body"
        body.write_bytes(b"x" * size)
        chunked = ("--header", "transfer-encoding: chunked") if framing == "chunked" else ()
        sent = ("--request", "POST", "--data-binary", f"@{body}")
        return curl(url, *reference_headers, *sent, *chunked)

    assert post(64 * 1024).body == expected
    refused = post(64 * 1024 + 1)
    assert (refused.status, refused.error[1]) == (413, 413)


def test_the_published_sample_comes_out_of_events(server, caller, bot):
    if not DATA.is_dir():
        unavailable("the published sample is not beside the repository (shared/data)")
    sample = json.loads((DATA / "published-sample.json").read_bytes(), object_pairs_hook=dict)
    chat, voice = sample
    voice["sessionId"] = chat["sessionId"].replace("xxxx", "wwww")  # printed with the same one
    start, end = chat["startTime"], chat["endTime"]
    address = {key: chat[key] for key in ("ANI", "DNI", "channel", "userId")}
    events = [
        event("session.started", chat["sessionId"], start, **address),
        event("intent.identified", chat["sessionId"], start, intent=chat["intent"][0]),
        event(
            "intent.identified",
            chat["sessionId"],
            "2022-01-06T14:07:30.000Z",
            intent=chat["intent"][1],
        ),
        event("session.deflected", chat["sessionId"], "2022-01-06T15:07:58.999+01:00", to="rtm"),
        event("session.ended", chat["sessionId"], end),
    ]
    address = {key: voice[key] for key in ("ANI", "DNI", "channel", "userId")}
    events += [
        event("session.started", voice["sessionId"], start, **address),
        event("message.received", voice["sessionId"], "2022-01-06T14:10:00+00:00"),
        event("session.transferred", voice["sessionId"], "2022-01-06T14:20:16.185+00:00"),
        event("queue.abandoned", voice["sessionId"], end),
    ]
    assert server.send(bot, caller, events).json == {"accepted": 9, "rejected": []}
    answer = server.latest(bot, caller)
    in_order = json.loads(answer.body, object_pairs_hook=list)
    assert in_order == [list(record.items()) for record in (chat, voice)]


def test_of_30_sessions_the_latest_25_in_order(server, caller, bot):
    events = [finished(f"session-{n:02}", MORNING.format(minute=n)) for n in range(30)]
    assert server.send(bot, caller, events).status == 200
    assert server.listed(bot, caller) == [f"session-{n:02}" for n in range(29, 4, -1)]


def test_ties_go_by_session_id_descending(server, caller, bot):
    noon = "2022-01-06T12:00:00.5{digit}Z"
    events = [finished(f"s{n}", noon.format(digit=9 - n)) for n in range(9)]
    assert server.send(bot, caller, events).status == 200
    # They differ in the hundredths: the latest end is that of s0.
    assert server.listed(bot, caller) == [f"s{n}" for n in range(9)]
    same = [finished(f"t{n:02}", f"2022-01-06T13:00:00.000{n % 10}Z") for n in range(30)]
    assert server.send(bot, caller, same).status == 200
    assert server.listed(bot, caller) == [f"t{n:02}" for n in range(29, 4, -1)]


def test_open_and_developer_sessions_do_not_appear(server, caller, bot):
    hidden, shown = new_session(), new_session()
    events = [
        finished(hidden, developer=True),
        finished(shown),
        event("message.received", new_session()),
    ]
    assert server.send(bot, caller, events).json["accepted"] == 3
    assert server.listed(bot, caller) == [shown]


def test_an_empty_bot_answers_an_empty_array(server, bot, reference_headers):
    assert body_for(server.address + realtime(bot), *reference_headers) == b"[]"


def test_a_session_is_in_the_answer_at_once(server, caller, bot):
    for _ in range(20):
        session = new_session()
        assert server.send(bot, caller, [finished(session)]).status == 200
        assert session in server.listed(bot, caller)


def test_paths_may_hold_a_percent_encoded_bot(server, caller):
    bot = server.bot(caller.account_id, "--bot-id", f"my:bot-ä{new_session()[:6]}")
    encoded = bot.replace(":", "%3A").replace("ä", "%C3%A4")
    answer = call(server.port, "GET", realtime(encoded), caller.headers)
    assert (answer.status, answer.body) == (200, b"[]")
