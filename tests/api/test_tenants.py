"""Tenants apart: every route of the running application, asked by those who may not."""

import pytest

from intentlive.core.reading import BotRules
from intentlive.core.session import fold
from intentlive.ports import Bot
from tests.wire import event as core_event

from .server import ANALYTICS, SECRET, SENDER, event, running, token

OPEN_TO_ALL = {
    *("/healthz", "/readyz", "/metrics", "/docs", "/docs/oauth2-redirect", "/openapi.json"),
    "/.well-known/jwks.json",
}
PERSON = "+12655551865"
BATCH = "application/cloudevents-batch+json"
INVALID = (401, "Invalid SDK credentials")
NO_SCOPE = (401, "Permission denied. Scope is incorrect!")
NO_STREAM = (400, "Invalid StreamId")


class Spied:
    """A store that notes what is asked of it."""

    def __init__(self, store):
        self._store = store
        self.asked = []

    def __getattr__(self, name):
        self.asked.append(name)
        return getattr(self._store, name)


@pytest.fixture
async def server(tmp_path):
    """Two tenants with a bot and a session each, and apps that may do too little."""
    spies = []

    def spied(store):
        spies.append(Spied(store))
        return spies[-1]

    async with running(tmp_path, wrap=spied, rate_limit=0) as made:
        await made.add_account("foreign", rate_limit=0, bot="foreign-bot")
        await made.store.add_bot(Bot("other-bot", "acc", "", BotRules(), 0))
        every = (ANALYTICS, SENDER, "Bot Sessions", "Personal Data")
        await made.add_app("cs-foreign", account="foreign", scopes=every)
        await made.add_app("cs-bound", scopes=every, bots=("other-bot",))
        await made.add_app("cs-without", scopes=())
        told = fold([core_event("flow.completed", subject="theirs", ANI=PERSON)])
        await made.store.merge({"bot": told})
        made.spy = spies[0]
        yield made


def guarded(server):
    """Every method and path that is not open to all, from the application's own tables."""
    for route in server.front.routes.values():
        for method in route.methods:
            yield method, f"/api/public/bot/{{bot}}/{route.name}"
    for route in server.front._behind.routes:
        if route.path not in OPEN_TO_ALL:
            for method in route.methods:
                yield method, route.path.replace("{BotID}", "{bot}")


async def ask(server, method, path, app, *, bot="bot", sent=None, **headers):
    body = [event("flow.completed", subject="injected", ANI="+1")] if method == "POST" else None
    if app is not None:
        headers["auth"] = sent or token(app)
    return await server.http.request(
        method, path.format(bot=bot), json=body, headers=headers | {"content-type": BATCH}
    )


async def everything(server):
    """All that the tenants have, as the store tells it."""
    store = server.spy._store
    return [await store.latest(bot.bot_id, server.clock(), 100) for bot in await store.bots()]


ATTEMPTS = [
    pytest.param(None, {}, INVALID, id="without a token"),
    pytest.param("cs-foreign", {}, NO_STREAM, id="another tenant's token"),
    pytest.param("cs-bound", {}, INVALID, id="a token bound to another bot"),
    pytest.param("cs-without", {}, NO_SCOPE, id="a token without the scope"),
    pytest.param("cs-unknown", {}, INVALID, id="an unknown app"),
    pytest.param("cs-app", {"sent": token("cs-app", secret=SECRET + "x")}, INVALID, id="forged"),
    pytest.param("cs-app", {"accountid": "foreign"}, INVALID, id="another account's id"),
    pytest.param("cs-foreign", {"accountid": "acc"}, INVALID, id="their account's id"),
]


@pytest.mark.parametrize(("app", "more", "expected"), ATTEMPTS)
async def test_no_route_answers_those_who_may_not(server, app, more, expected):
    before = await everything(server)
    tried = list(guarded(server))
    assert len(tried) >= 3
    for method, path in tried:
        answer = await ask(server, method, path, app, **more)
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["msg"]) == expected, (method, path)
        assert PERSON not in answer.text + str(answer.headers)
    assert await everything(server) == before


async def test_the_routes_do_answer_those_who_may(server):
    for method, path in guarded(server):
        answer = await ask(server, method, path, "cs-app")
        assert answer.status_code == 200, (method, path)


async def test_what_is_open_to_all_tells_nothing_of_a_tenant(server):
    for path in OPEN_TO_ALL:
        answer = await server.http.get(path)
        assert answer.status_code == 200, path
        for secret in (PERSON, SECRET, "theirs", "foreign-bot", "cs-foreign"):
            assert secret not in answer.text, path


@pytest.mark.parametrize("app", ["cs-app", "cs-bound"])
async def test_another_tenants_bot_takes_the_same_work_as_none_at_all(server, app):
    """Though its own tenant asks for it all the time."""

    async def work_for(bot):
        server.clock.move(seconds=0.01)
        await ask(
            server,
            "GET",
            "/api/public/bot/{bot}/intentrealtimedata",
            "cs-foreign",
            bot="foreign-bot",
        )
        server.spy.asked.clear()
        answer = await ask(server, "GET", "/api/public/bot/{bot}/intentrealtimedata", app, bot=bot)
        return answer.status_code, answer.json(), list(server.spy.asked)

    await work_for("foreign-bot")
    assert await work_for("foreign-bot") == await work_for("st-nowhere")


async def test_a_wrong_signature_takes_the_same_work_as_an_unknown_app(server):
    async def work_for(app, secret):
        sent = token(app, secret=secret)
        server.spy.asked.clear()
        answer = await ask(
            server, "GET", "/api/public/bot/{bot}/intentrealtimedata", app, sent=sent
        )
        return answer.status_code, answer.json(), list(server.spy.asked)

    await ask(server, "GET", "/api/public/bot/{bot}/intentrealtimedata", "cs-app")  # remembered
    wrong = await work_for("cs-app", SECRET + "x")
    assert wrong == await work_for("cs-unknown", SECRET)
    assert wrong[2] == ["app"]
