"""Alive, ready, counted and described; and one shape for every error of every route."""

import asyncio
import math
import re
from collections import Counter

import pytest
from structlog.testing import capture_logs

from intentlive.api.operations import operations
from intentlive.core.errors import StoreUnavailable

from .server import BrokenStore, event, problem, running
from .test_realtime import KEYS

PLAIN_ROUTES = {"intentrealtimedata": ("GET", "POST"), "events": ("POST",)}
HEX = re.compile(r"[0-9a-f]{24}")


def routes_behind():
    """Path and methods of every route of the application behind the plain ones."""
    app = operations(None, None)
    return {route.path: route.methods for route in app.routes}


def is_problem(answer, status):
    (error,) = answer.json()["errors"]
    assert answer.status_code == error["code"] == status
    assert list(answer.json()) == ["errors"]
    assert list(error) == ["msg", "code"]
    assert answer.headers["content-type"] == "application/json"
    assert HEX.fullmatch(answer.headers["x-request-id"])


def test_there_are_the_routes_that_an_operator_expects():
    assert {"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"} <= set(routes_behind())


@pytest.mark.parametrize("path", routes_behind())
async def test_a_wrong_method_has_the_same_shape_on_every_route(server, path):
    answer = await server.http.delete(path)
    is_problem(answer, 405)
    assert set(answer.headers["allow"].split(", ")) == routes_behind()[path]


@pytest.mark.parametrize("path", PLAIN_ROUTES)
async def test_the_plain_routes_share_that_shape(server, path):
    answer = await server.http.delete(f"/api/public/bot/bot/{path}")
    is_problem(answer, 405)
    assert answer.headers["allow"] == ", ".join(PLAIN_ROUTES[path])


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/", "/nope", "/api/public/bot/bot/nope", "/api/public/bot", "/docs/no"]
)
async def test_unknown_paths_share_that_shape(server, method, path):
    is_problem(await server.http.request(method, path), 404)


@pytest.mark.parametrize(
    "path", [*routes_behind(), "/api/public/bot/bot/intentrealtimedata", "/no"]
)
async def test_every_answer_has_a_request_id_of_its_own(server, path):
    ids = [(await server.http.get(path)).headers.get_list("x-request-id") for _ in range(2)]
    assert all(len(each) == 1 and HEX.fullmatch(each[0]) for each in ids)
    assert ids[0] != ids[1]


async def test_alive(server):
    answer = await server.http.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_ready_as_long_as_the_store_takes_writes(tmp_path):
    broken = []

    def wrap(store):
        broken.append(BrokenStore(store, None, "probe"))
        return broken[0]

    async with running(tmp_path, wrap=wrap) as server:
        ready = await server.http.get("/readyz")
        assert (ready.status_code, ready.text) == (200, "ready\n")
        broken[0].error = StoreUnavailable("sessions.db: disk I/O error")
        server.monotonic.move(seconds=1)
        unready = await server.http.get("/readyz")
        assert unready.status_code == 503
        assert "sessions.db: disk I/O error" in unready.text


async def test_answers_are_counted_by_route_and_status(server):
    await server.latest()
    await server.latest(headers={"auth": ""})
    await server.send(event("message.received"))
    await server.http.get("/healthz")
    await server.http.get("/nope")
    metrics = await server.metrics()
    counted = {
        (labels["route"], labels["status"]): value
        for (name, pairs), value in metrics.items()
        if name == "intentlive_requests_total" and (labels := dict(pairs))
    }
    assert counted == {
        ("intentrealtimedata", "200"): 1,
        ("intentrealtimedata", "401"): 1,
        ("events", "200"): 1,
        ("/healthz", "200"): 1,
        ("unknown", "404"): 1,
    }
    assert metrics["intentlive_refusals_total", (("check", "no token"),)] == 1


async def test_open_sessions_are_counted_at_the_time_of_the_question(server):
    await server.send(event("message.received"), event("message.received", "s-2", event_id="2"))
    assert await server.metric("intentlive_open_sessions") == 2
    server.clock.move(seconds=900)
    server.monotonic.move(seconds=5)
    assert await server.metric("intentlive_open_sessions") == 0


async def test_however_many_ask_the_store_is_asked_once_a_moment(tmp_path):
    asked = Counter()

    class Counting(BrokenStore):
        def __getattr__(self, name):
            asked[name] += 1
            return super().__getattr__(name)

    async with running(tmp_path, wrap=lambda store: Counting(store, None)) as server:
        for _ in range(3):
            await asyncio.gather(*[server.http.get(path) for path in ("/metrics", "/readyz") * 20])
    assert asked["open_sessions"] == 1


async def test_a_server_whose_last_transaction_failed_is_not_ready(tmp_path):
    broken = []

    def wrap(store):
        broken.append(BrokenStore(store, StoreUnavailable("disk is full"), "merge"))
        return broken[0]

    async with running(tmp_path, wrap=wrap) as server:
        await server.send(event("flow.completed"))
        unready = await server.http.get("/readyz")
        assert (unready.status_code, "disk is full" in unready.text) == (503, True)
        broken[0].error = None
        await server.send(event("flow.completed"))
        assert (await server.http.get("/readyz")).status_code == 200


async def test_metrics_answer_though_the_store_does_not(tmp_path):
    def wrap(store):
        return BrokenStore(store, StoreUnavailable("gone"), "open_sessions")

    async with running(tmp_path, wrap=wrap) as server:
        count = await server.metric("intentlive_open_sessions")
        assert math.isnan(count)


async def test_a_refusal_leaves_a_line_that_says_why_under_its_id(server):
    with capture_logs() as lines:
        answer = await server.latest("no-bot", headers={"accountId": "acc"})
    (line,) = lines
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (line["event"], line["log_level"]) == ("request", "warning")
    named = {"bot_id": "no-bot", "client_id": "cs-app", "account_id": "acc", "check": "bot"}
    assert named.items() <= line.items()
    assert line["mend"] == "there is no such bot in the app's account"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("registry_revision", "/api/public/bot/bot/intentrealtimedata"),
        ("registry_revision", "/api/public/bot/bot/events"),
        ("probe", "/readyz"),
        ("open_sessions", "/metrics"),
    ],
)
async def test_what_nobody_foresaw_is_500_and_in_the_log_under_the_same_id(tmp_path, method, path):
    def wrap(store):
        return BrokenStore(store, RuntimeError("a secret of the inside"), method)

    async with running(tmp_path, wrap=wrap) as server:
        with capture_logs() as lines:
            answer = await server.http.request("POST" if "events" in path else "GET", path)
    is_problem(answer, 500)
    assert answer.json() == problem("Internal server error", 500)
    fault, request = lines
    assert fault["request_id"] == request["request_id"] == answer.headers["x-request-id"]
    assert (fault["event"], fault["log_level"], fault["exc_info"]) == ("fault", "error", True)
    assert (request["status"], request["check"]) == (500, "fault")
    assert "a secret of the inside" in request["mend"]


async def document(server):
    return (await server.http.get("/openapi.json")).json()


async def test_the_document_describes_the_plain_routes(server):
    paths = (await document(server))["paths"]
    described = {path: set(operations) for path, operations in paths.items()}
    for name, methods in PLAIN_ROUTES.items():
        verbs = {method.lower() for method in methods}
        assert described[f"/api/public/bot/{{BotID}}/{name}"] == verbs


async def test_every_operation_has_an_answer_a_summary_and_an_id_of_its_own(server):
    operations = [
        each for path in (await document(server))["paths"].values() for each in path.values()
    ]
    assert all("200" in each["responses"] and each["summary"] for each in operations)
    assert len({each["operationId"] for each in operations}) == len(operations)


async def test_operations_under_api_describe_their_errors(server):
    for path, verbs in (await document(server))["paths"].items():
        for each in verbs.values() if path.startswith("/api/") else ():
            schema = each["responses"]["default"]["content"]["application/json"]["schema"]
            assert list(schema["properties"]["errors"]["items"]["properties"]) == ["msg", "code"]


async def test_records_are_described_by_the_eleven_keys_in_order(server):
    described = await document(server)
    records = described["paths"]["/api/public/bot/{BotID}/intentrealtimedata"]["get"]
    schema = records["responses"]["200"]["content"]["application/json"]["schema"]
    assert (schema["type"], schema["maxItems"]) == ("array", 25)
    name = schema["items"]["$ref"].rpartition("/")[2]
    record = described["components"]["schemas"][name]
    assert list(record["properties"]) == record["required"] == KEYS


async def test_every_reference_of_the_document_leads_somewhere(server):
    text = (await server.http.get("/openapi.json")).text
    known = (await document(server))["components"]["schemas"]
    assert set(re.findall(r'"#/components/schemas/(\w+)"', text)) <= set(known)
