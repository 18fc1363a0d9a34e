"""The endpoint, in process: which calls reach it, who may call it, and what it shows when."""

import pytest

from .server import ANALYTICS, NOON_MS, SENDER, UNKNOWN_CALLER, event, problem, running, token

KEYS = [
    *("intent", "ANI", "DNI", "channel", "startTime", "endTime"),
    *("status", "timeHandled", "deflectedTo", "userId", "sessionId"),
]
PATHS = [
    "/api/public/bot/bot/intentrealtimedata",
    "/api/public/bot/bot//intentrealtimedata",
    "//api///public//bot////bot//intentrealtimedata",
    "/api/public/bot/bot/intentrealtimedata/",
    "/api/public/bot/bot/intentrealtimedata///",
    "/API/Public/BOT/bot/IntentRealTimeData",
    "/api/public/bot/%62ot/intentrealtimedata",
    "/api/public/bot/bot/intentrealtimedata?anything=1",
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", PATHS)
async def test_slashes_letter_case_and_method_do_not_matter(server, method, path):
    answer = await server.http.request(
        method, f"http://server{path}", headers={"auth": token("cs-app")}
    )
    assert (answer.status_code, answer.content) == (200, b"[]")
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "path",
    [
        "/api/public/bot/intentrealtimedata",
        "/api/public/bot//intentrealtimedata",
        "/api/public/bot/bot/intentrealtimedata/more",
        "/x/api/public/bot/bot/intentrealtimedata",
        "/api/public/bot/bot/intentrealtimedatas",
    ],
)
async def test_other_paths_are_unknown(server, path):
    answer = await server.http.get(f"http://server{path}", headers={"auth": token("cs-app")})
    assert (answer.status_code, answer.json()) == (404, problem("Not Found", 404))


async def test_the_bot_id_keeps_its_letter_case(server):
    answer = await server.latest("BOT")
    assert (answer.status_code, answer.json()) == (400, problem("Invalid StreamId", 400))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "ANYTHING"])
async def test_the_method_is_checked_before_the_token(server, method):
    url = "/api/public/bot/bot/intentrealtimedata"
    answer = await server.http.request(method, url)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert answer.json() == problem("Method Not Allowed", 405)


@pytest.mark.parametrize("body", [b"", b"{}", b"{", b"\xff" * 65_536])
async def test_body_content_type_and_format_are_ignored(server, body):
    headers = {"content-type": "no/such;type", "format": "XML", "cache-control": "no-cache"}
    answer = await server.latest(method="POST", content=body, headers=headers)
    assert (answer.status_code, answer.content) == (200, b"[]")


async def test_a_large_body_is_refused_even_before_the_token(server):
    answer = await server.latest(method="POST", content=b"x" * 65_537, headers={"auth": "none"})
    assert (answer.status_code, answer.json()) == (
        413,
        problem("The body is larger than 64 KiB", 413),
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {token('cs-app')}", "auth": ""},
        {"Authorization": f"bearer  {token('cs-app')}", "AUTH": token("cs-app")},
        {"accountId": "acc"},
        {"accountid": ""},
        {"authorization": "Basic eDp5"},
    ],
)
async def test_ways_to_say_who_calls(server, headers):
    answer = await server.latest(headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"auth": ""},
        {"auth": "", "authorization": "Bearer "},
        {"auth": token("cs-app", secret="another-secret-of-the-same-length-or-so")},
        {"auth": token("cs-unknown")},
        {"authorization": f"Bearer {token('cs-app', secret='x' * 40)}"},
        {"accountId": "other"},
        {"accountId": "ACC"},
    ],
)
async def test_strangers_learn_nothing(server, headers):
    answer = await server.latest(headers=headers)
    assert (answer.status_code, answer.json()) == (401, UNKNOWN_CALLER)
    assert answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"


async def test_what_is_no_token_is_said_to_be_none(server):
    answer = await server.latest(headers={"auth": "letmein"})
    assert (answer.status_code, answer.json()) == (401, problem("Invalid JWT token", 4002))


async def test_a_server_may_require_the_account_header(tmp_path):
    async with running(tmp_path, require_account_id=True) as server:
        without = await server.latest()
        assert (without.status_code, without.json()) == (401, UNKNOWN_CALLER)
        assert (await server.latest(headers={"accountId": "acc"})).status_code == 200


async def test_an_app_without_the_scope_is_told_so(server):
    await server.add_app("cs-sender", scopes=(SENDER,))
    answer = await server.latest(app="cs-sender")
    assert (answer.status_code, answer.json()) == (
        401,
        problem("Permission denied. Scope is incorrect!", 4002),
    )


async def test_an_unknown_bot_depends_on_what_the_app_is_bound_to(server):
    await server.add_app("cs-bound", scopes=(ANALYTICS,), bots=("bot",))
    bound = await server.latest("no-bot", app="cs-bound")
    free = await server.latest("no-bot")
    assert (bound.status_code, bound.json()) == (401, UNKNOWN_CALLER)
    assert (free.status_code, free.json()) == (400, problem("Invalid StreamId", 400))


async def test_the_bot_of_another_account_looks_like_an_unknown_one(server):
    await server.add_account("other", bot="theirs")
    answer = await server.latest("theirs")
    assert (answer.status_code, answer.json()) == (400, problem("Invalid StreamId", 400))


async def test_a_finished_session_is_shown_with_the_eleven_keys(server):
    await server.send(
        event("session.started", seconds=-60, channel="rtm", ANI="+1", DNI="me@x", userId="u-1"),
        event("intent.identified", seconds=-50, event_id="2", intent="Café ☕"),
        event("flow.completed", seconds=-10, event_id="3"),
    )
    answer = await server.latest()
    assert "Café ☕" in answer.text  # in UTF-8, not escaped
    (record,) = answer.json()
    assert list(record) == KEYS
    assert record == {
        "intent": ["Café ☕"],
        "ANI": "+1",
        "DNI": "me@x",
        "channel": "rtm",
        "startTime": "2022-01-06T11:59:00.000+00:00",
        "endTime": "2022-01-06T11:59:50.000+00:00",
        "status": "completed",
        "timeHandled": "50s",
        "deflectedTo": None,
        "userId": "u-1",
        "sessionId": "s-1",
    }


async def test_only_the_latest_25_are_shown_newest_first(server):
    order = [f"s-{number:02}" for number in range(30)]
    await server.send(
        *(event("session.ended", id_, -seconds) for seconds, id_ in enumerate(order, start=2))
    )
    shown = [record["sessionId"] for record in (await server.latest()).json()]
    assert shown == order[:25]


async def test_an_idle_session_appears_by_the_clock_alone(server):
    server.clock.move(seconds=10)
    await server.send(event("message.received", seconds=10))
    assert (await server.latest()).json() == []
    server.clock.now = NOON_MS + (10 + 15 * 60) * 1000 - 1
    assert (await server.latest()).json() == []
    server.clock.move(ms=1)
    (record,) = (await server.latest()).json()
    assert (record["status"], record["endTime"]) == ("Dropoff", "2022-01-06T12:15:10.000+00:00")


async def test_a_session_that_goes_on_is_taken_back(server):
    await server.send(event("flow.completed", seconds=-5))
    assert len((await server.latest()).json()) == 1
    await server.send(event("message.received", seconds=-1, event_id="2"))
    assert (await server.latest()).json() == []


async def test_a_rendering_at_hand_is_counted_as_a_hit(server):
    async def views():
        hit = await server.metric("intentlive_latest_views_total", cache="hit")
        return hit, await server.metric("intentlive_latest_views_total", cache="miss")

    assert await views() == (0, 0)
    await server.latest()
    assert await views() == (0, 1)
    await server.latest()
    await server.latest()
    assert await views() == (2, 1)
    await server.send(event("flow.completed"))
    await server.latest()
    assert await views() == (2, 2)
