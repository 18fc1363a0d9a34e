"""The real application behind a connection: known requests get what any other request would."""

import asyncio
import json
import re
from typing import NamedTuple

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from intentlive.app import serving
from intentlive.auth.gate import RECHECK_MS
from intentlive.auth.tokens import mint
from intentlive.latest import RECHECK_MS as VIEW_RECHECK_MS
from intentlive.ports import AppKey
from tests.stores import put
from tests.unit.api.house import House, feed

from .server import ANALYTICS, NOON_MS, SECRET, UNKNOWN_CALLER, event, problem, running, token
from .test_rate_limit import LIMITED

NUMBER = "+12655551865"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def left(self):
        return int(self.headers["ratelimit-remaining"])


class Asking:
    """One connection to a server; `usual` counts the requests that the application was given."""

    def __init__(self, server):
        self.server = server
        self.usual = 0
        self.house = House(application=self)
        self.connection = self.house.open()

    async def __call__(self, scope, receive, send):
        self.usual += 1
        await self.server.front(scope, receive, send)

    async def ask(self, request):
        """Send the bytes of one request."""
        transport, tasks = self.connection.transport, self.house.state.tasks
        transport.written = b""
        feed(self.connection, request)
        while tasks:
            await asyncio.wait(tasks)
            await asyncio.sleep(0)
        head, _, body = transport.written.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        return Answer(int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body)


def request(method, path, body=None, **headers):
    lines = [f"{method} /api/public/bot/{path} HTTP/1.1", "host: here"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [] if body is None else [f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def get(app="cs-app", *, bot="bot", method="GET", **headers):
    return request(method, f"{bot}/intentrealtimedata", **{"auth": token(app)} | headers)


def post(*events, app="cs-app"):
    media = "application/cloudevents-batch+json"
    body = json.dumps(events).encode()
    return request("POST", "bot/events", body, auth=token(app), content_type=media)


@pytest.fixture
async def asking(server):
    return Asking(server)


def another(server):
    """Another process on the same store."""
    return serving(server.store, clock=server.clock, monotonic=server.monotonic, shares_limits=True)


def requests_counted(server, status, route="intentrealtimedata"):
    return server.metric("intentlive_requests_total", route=route, status=str(status))


VARIES = re.compile(r"x-request-id|ratelimit-.*")


def lasting(answer):
    headers = {name: each for name, each in answer.headers.items() if not VARIES.fullmatch(name)}
    return answer.status, list(answer.headers), headers, answer.body


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("headers", [{}, {"accept_encoding": "gzip"}, {"if_none_match": "*"}])
async def test_the_same_question_has_the_same_answer(server, asking, method, headers):
    await server.send(event("flow.completed", seconds=-5))
    first, *others = [await asking.ask(get(method=method, **headers)) for _ in range(4)]
    assert first.status == (304 if "if_none_match" in headers else 200)
    for answer in others:
        assert lasting(answer) == lasting(first)
    answers = [first, *others]
    assert [answer.left for answer in answers] == [59, 58, 57, 56]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 4
    assert asking.usual == 1


async def test_what_is_at_hand_is_answered_in_the_turn_it_came_in(asking):
    await asking.ask(get())
    asking.connection.transport.written = b""
    feed(asking.connection, get())
    assert asking.connection.transport.written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert asking.connection.transport.written.endswith(b"\r\n\r\n[]")


async def test_events_sent_again_have_the_same_answer(asking):
    bad = event("flow.completed") | {"id": ""}
    batch = post(event("flow.completed"), bad)
    first, *others = [await asking.ask(batch) for _ in range(4)]
    assert (first.status, first.json["accepted"], len(first.json["rejected"])) == (200, 1, 1)
    for answer in others:
        assert lasting(answer) == lasting(first)
    assert len({answer.headers["x-request-id"] for answer in [first, *others]}) == 4
    assert asking.usual == 1


@pytest.mark.parametrize(
    ("unanswered", "status"),
    [
        (get(auth="none"), 401),
        (get(accountId="other"), 401),
        (get(bot="no-bot"), 400),
        (get(method="PUT"), 405),
        (request("POST", "bot/events", b"[", auth=token("cs-app"), content_type="x"), 415),
        (post().replace(b"[]", b"[1"), 412),
        (request("GET", "bot/nope", auth=token("cs-app")), 404),
    ],
)
async def test_what_is_not_answered_well_is_not_remembered(asking, unanswered, status):
    for number in range(1, 4):
        assert (await asking.ask(unanswered)).status == status
        assert asking.usual == number


# The limit of an account


async def test_known_requests_count_once_each_and_the_one_over_the_limit_is_refused(server, asking):
    assert [(await asking.ask(get())).left for _ in range(60)] == list(range(59, -1, -1))
    for _ in range(3):
        refused = await asking.ask(get())
        assert (refused.status, refused.json, refused.left) == (429, LIMITED, 0)
        assert refused.headers["retry-after"] == refused.headers["ratelimit-reset"] == "60"
    server.monotonic.move(seconds=60)
    assert (await asking.ask(get())).left == 59
    assert asking.usual == 1


async def test_a_request_counts_once_though_the_answer_has_to_be_looked_up(server, asking):
    await asking.ask(get())
    for left in range(58, 48, -2):
        server.clock.move(ms=VIEW_RECHECK_MS)  # asked whether it has changed
        assert (await asking.ask(get())).left == left
        await server.send(event("flow.completed", event_id=str(left)))  # made anew
        assert (await asking.ask(get())).left == left - 1
    server.clock.move(ms=RECHECK_MS)  # asked whether the caller may
    assert (await asking.ask(get())).left == 48
    assert asking.usual == 1


async def test_known_requests_count_once_where_all_processes_count_together(tmp_path):
    async with running(tmp_path, shares_limits=True) as server, another(server) as other:
        both = Asking(server), Asking(other)
        answers = [await both[number % 2].ask(get()) for number in range(62)]
        assert [answer.status for answer in answers] == [200] * 60 + [429] * 2
        assert [asking.usual for asking in both] == [1, 1]


async def test_events_are_not_counted(asking):
    for _ in range(3):
        sent = await asking.ask(post(event("flow.completed")))
        assert "ratelimit-limit" not in sent.headers
    assert (await asking.ask(get())).left == 59


async def test_without_a_limit_there_are_no_numbers(tmp_path):
    async with running(tmp_path, rate_limit=0) as server:
        asking = Asking(server)
        for _ in range(70):
            answer = await asking.ask(get())
            assert (answer.status, "ratelimit-limit" in answer.headers) == (200, False)


async def test_a_limit_that_is_changed_counts_for_known_requests(server, asking):
    await asking.ask(get())
    account = await server.store.account("acc")
    await put(server.store, replace(account, rate_limit=2))
    server.clock.move(ms=RECHECK_MS)
    answers = [await asking.ask(get()) for _ in range(2)]
    assert [(answer.status, answer.left) for answer in answers] == [(200, 0), (429, 0)]


# What is recorded


async def test_each_known_request_leaves_one_line_and_is_counted_once(server, asking):
    tag = (await asking.ask(get())).headers["etag"]
    told = {"GET": get(if_none_match=tag), "POST": get(method="POST")}
    for known in told.values():
        await asking.ask(known)
    before = [await requests_counted(server, status) for status in (200, 304)]
    with capture_logs() as lines:
        answers = [await asking.ask(known) for known in told.values()]
    assert [answer.status for answer in answers] == [304, 200]
    for line, answer, method in zip(lines, answers, told, strict=True):
        assert line.pop("ms") >= 0
        assert line == {
            "event": "request",
            "log_level": "info",
            "method": method,
            "route": "intentrealtimedata",
            "status": answer.status,
            "bot_id": "bot",
            "account_id": "acc",
            "client_id": "cs-app",
            "request_id": answer.headers["x-request-id"],
        }
    after = [await requests_counted(server, status) for status in (200, 304)]
    assert after == [count + 1 for count in before]


async def test_a_known_head_that_is_refused_says_why_in_the_log(server, asking):
    await asking.ask(get())
    await server.store.delete_app("cs-app")
    server.clock.move(ms=RECHECK_MS)
    with capture_logs() as lines:
        answer = await asking.ask(get())
    (line,) = lines
    assert (line["log_level"], line["status"], line["check"]) == ("warning", 401, "client")
    assert line["request_id"] == answer.headers["x-request-id"]
    assert await server.metric("intentlive_refusals_total", check="client") == 1
    assert asking.usual == 1


async def test_known_events_leave_one_line_with_their_numbers(server, asking):
    await asking.ask(post(event("flow.completed", "s-1")))
    with capture_logs() as lines:
        answer = await asking.ask(post(event("flow.completed", "s-2")))
    (line,) = lines
    assert (line["accepted"], line["rejected"], line["status"]) == (1, 0, 200)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert await requests_counted(server, 200, "events") == 2
    assert await server.metric("intentlive_events_accepted_total") == 2


async def test_each_answer_with_sessions_is_a_hit_or_a_miss(server, asking):
    async def views():
        name = "intentlive_latest_views_total"
        return [await server.metric(name, cache=cache) for cache in ("hit", "miss")]

    await asking.ask(get())
    assert await views() == [0, 1]
    for _ in range(3):
        await asking.ask(get())
    assert await views() == [3, 1]
    server.clock.move(ms=VIEW_RECHECK_MS)
    await asking.ask(get())
    assert await views() == [4, 1]
    for _ in range(70):  # of which 55 are within the limit, and the others are shown nothing
        await asking.ask(get())
    assert await views() == [59, 1]


# What is true when


async def test_what_was_acknowledged_is_in_the_very_next_known_answer(server, asking):
    for number in range(100):
        server.monotonic.move(seconds=2)
        sent = await asking.ask(post(event("flow.completed", f"s-{number:03}", number / 1000)))
        assert sent.json == {"accepted": 1, "rejected": []}
        server.clock.now = max(server.clock.now, NOON_MS + number)
        answer = await asking.ask(get())
        assert answer.json[0]["sessionId"] == f"s-{number:03}"
        assert (await asking.ask(get())).body == answer.body
    assert asking.usual == 2


async def test_what_another_process_stored_is_in_a_known_answer_soon(server, asking):
    assert (await asking.ask(get())).json == []
    async with another(server) as other:
        await Asking(other).ask(post(event("flow.completed")))
    server.clock.move(ms=VIEW_RECHECK_MS)
    assert len((await asking.ask(get())).json) == 1


async def test_a_session_that_ends_by_itself_is_in_a_known_answer(server, asking):
    await server.send(event("message.received"))
    assert (await asking.ask(get())).json == []
    server.clock.move(seconds=15 * 60)
    assert len((await asking.ask(get())).json) == 1
    assert asking.usual == 1


# Who may ask, and for what


async def is_refused(server, asking, known):
    """Whether a request that was known is refused as soon as a change may be noticed."""
    server.clock.move(ms=RECHECK_MS)
    answer = await asking.ask(known)
    return (answer.status, answer.json) == (401, UNKNOWN_CALLER)


@pytest.mark.parametrize("known", [get(), post(event("flow.completed"))], ids=["GET", "POST"])
async def test_a_deleted_app_is_refused_though_its_requests_are_known(server, asking, known):
    for _ in range(2):
        assert (await asking.ask(known)).status == 200
    await server.store.delete_app("cs-app")
    assert await is_refused(server, asking, known)
    assert asking.usual == 1


@pytest.mark.parametrize("known", [get(), post(event("flow.completed"))], ids=["GET", "POST"])
async def test_a_changed_secret_refuses_known_requests(server, asking, known):
    await asking.ask(known)
    app = await server.store.app("cs-app")
    await put(server.store, replace(app, keys=(AppKey("a secret that was changed"),)))
    assert await is_refused(server, asking, known)


async def test_an_app_that_lost_its_scope_is_refused_known_requests(server, asking):
    await asking.ask(get())
    app = await server.store.app("cs-app")
    await put(server.store, replace(app, scopes=("Session Events",)))
    server.clock.move(ms=RECHECK_MS)
    answer = await asking.ask(get())
    expected = problem("Permission denied. Scope is incorrect!", 4002)
    assert (answer.status, answer.json) == (401, expected)


async def test_an_app_that_is_bound_to_another_bot_is_refused_known_requests(server, asking):
    await server.add_app("cs-free")
    await asking.ask(get())
    bot = await server.store.bot("bot")
    await server.store.add_bot(replace(bot, bot_id="other"))
    app = await server.store.app("cs-app")
    await put(server.store, replace(app, bots=("other",)))
    server.clock.move(ms=RECHECK_MS)
    assert (await asking.ask(get("cs-free"))).status == 200  # so the bot is at hand
    for known in (get(), get(), post(event("flow.completed"))):
        answer = await asking.ask(known)
        assert (answer.status, answer.json) == (401, UNKNOWN_CALLER)


async def test_a_deleted_bot_is_unknown_though_its_requests_are_known(server, asking):
    await server.send(event("flow.completed"))
    assert len((await asking.ask(get())).json) == 1
    await server.store.delete_bot("bot")
    server.clock.move(ms=RECHECK_MS)
    answer = await asking.ask(get())
    assert (answer.status, answer.json) == (400, problem("Invalid StreamId", 400))


async def test_a_known_token_ends_by_the_clock(server, asking):
    ends = mint("cs-app", SECRET, "HS256", now=NOON_MS // 1000, ttl=10)
    known = get(auth=ends)
    await asking.ask(known)
    server.clock.now = NOON_MS + 70_000 - 1  # a minute is forgiven
    for _ in range(2):
        assert (await asking.ask(known)).status == 200
    server.clock.move(ms=1)
    answer = await asking.ask(known)
    assert (answer.status, answer.json) == (401, UNKNOWN_CALLER)
    assert asking.usual == 1


async def test_a_token_that_counts_once_does_so_though_its_request_is_known(server, asking):
    await server.add_app("cs-once", enforce_jti=True)
    now = server.clock.now // 1000
    once = mint("cs-once", SECRET, "HS256", now=now, ttl=60, token_id="1")
    assert (await asking.ask(get(auth=once))).status == 200
    for _ in range(2):
        answer = await asking.ask(get(auth=once))
        message = "error verifying the jwt: possibly a replay"
        assert (answer.status, answer.json) == (401, problem(message, 401))


async def test_who_may_see_personal_data_and_who_may_not_are_never_mixed_up(server, asking):
    await server.add_app("cs-sees", scopes=(ANALYTICS, "Personal Data"))
    bot = await server.store.bot("bot")
    await put(server.store, replace(bot, personal_data="masked"))
    server.clock.move(ms=RECHECK_MS)
    await server.send(event("flow.completed", ANI=NUMBER))
    both = {"cs-sees": [NUMBER], "cs-app": ["+1265***865"]}
    for turn in range(4):
        for app, expected in both.items():
            for headers in ({}, {"accept_encoding": "br"}):
                answer = await asking.ask(get(app, **headers))
                assert [record["ANI"] for record in answer.json] == expected
        await server.send(event("message.sent", seconds=-1 - turn, event_id=str(turn)))
    assert asking.usual == 4
    tags = [(await asking.ask(get(app))).headers["etag"] for app in both]
    for app, tag in zip(both, reversed(tags), strict=True):
        assert (await asking.ask(get(app, if_none_match=tag))).status == 200


async def test_the_bots_of_two_accounts_are_never_mixed_up(server, asking):
    await server.add_account("other", bot="theirs")
    await server.add_app("cs-theirs", account="other")
    await server.send(event("flow.completed"))
    for _ in range(3):
        assert len((await asking.ask(get())).json) == 1
        assert (await asking.ask(get("cs-theirs", bot="theirs"))).json == []
        assert (await asking.ask(get("cs-theirs"))).status == 400
        assert (await asking.ask(get(bot="theirs"))).status == 400
