"""The real application on a real store file, without a network, at a time that the test sets."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from intentlive.app import serving
from intentlive.auth.tokens import mint
from intentlive.core.reading import BotRules
from intentlive.ports import Account, App, AppKey, Bot
from tests.stores import open_store

NOON_MS = 1_641_470_400_000  # 2022-01-06T12:00:00Z
SECRET = "the-secret-of-every-app-in-these-tests"
ANALYTICS, SENDER = "SmartAssist Analytics", "Session Events"


class Clock:
    """Gives ms, and stands still until it is moved."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now

    def move(self, *, seconds=0.0, ms=0):
        self.now += round(seconds * 1000) + ms


class BrokenStore:
    """A store of which some methods raise `error`, as long as there is one."""

    def __init__(self, store, error, *methods):
        self._store = store
        self._methods = methods
        self.error = error

    def __getattr__(self, name):
        method = getattr(self._store, name)
        if name not in self._methods:
            return method

        async def may_fail(*arguments):
            if self.error:
                raise self.error
            return await method(*arguments)

        return may_fail


class Server:
    """A server with the account `acc`, its bot `bot` and the app `cs-app`, which may do all."""

    def __init__(self, front, store, clock, monotonic):
        self.front = front
        self.store = store
        self.clock = clock
        self.monotonic = monotonic
        transport = httpx.ASGITransport(front)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://server")

    async def add_app(
        self, client_id, *, account="acc", scopes=(ANALYTICS, SENDER), bots=None, **more
    ):
        await self.store.add_app(
            App(client_id, account, "", "HS256", (AppKey(SECRET),), scopes, bots, False, 0, **more)
        )
        self.clock.move(seconds=1)  # a server notices within a second

    async def add_account(self, account_id, *, rate_limit=60, event_limit=0, bot=None):
        await self.store.add_account(Account(account_id, "", rate_limit, 0, event_limit))
        if bot is not None:
            await self.store.add_bot(Bot(bot, account_id, "", BotRules(), 0))

    async def latest(self, bot="bot", *, method="GET", app="cs-app", headers=(), **request):
        """Call the endpoint as an app."""
        url = f"/api/public/bot/{bot}/intentrealtimedata"
        sent = {"auth": token(app)} | dict(headers)
        return await self.http.request(method, url, headers=sent, **request)

    async def send(self, *events, bot="bot", app="cs-app"):
        """Send events as one batch."""
        return await self.send_raw(msgspec.json.encode(events), bot=bot, app=app)

    async def send_raw(
        self, body, media="application/cloudevents-batch+json", *, bot="bot", app="cs-app", **more
    ):
        """Send a body of any type; `more` are headers, with _ for -."""
        headers = {"auth": token(app), "content-type": media}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        url = f"/api/public/bot/{bot}/events"
        return await self.http.post(url, content=body, headers=headers)

    async def metrics(self):
        """Every sample of `/metrics`: (name, sorted labels) → value."""
        text = (await self.http.get("/metrics")).text
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def metric(self, name, **labels):
        """One sample of `/metrics`; None if it is not there."""
        return (await self.metrics()).get((name, tuple(sorted(labels.items()))))


@asynccontextmanager
async def running(tmp_path, *, wrap=lambda store: store, rate_limit=60, **options):
    """A server on a new store, which `wrap` may put something around."""
    store = await open_store("sqlite:sessions.db", tmp_path)
    clock, monotonic = Clock(NOON_MS), Clock(5_000)
    try:
        wrapped = wrap(store)
        async with serving(wrapped, clock=clock, monotonic=monotonic, **options) as application:
            server = Server(application.front, store, clock, monotonic)
            await server.add_account("acc", rate_limit=rate_limit, bot="bot")
            await server.add_app("cs-app")
            clock.now = NOON_MS
            yield server
            await server.http.aclose()
    finally:
        await store.close()


def token(client_id, *, secret=SECRET):
    return mint(client_id, secret, "HS256", now=0, ttl=None)


def event(event_type, subject="s-1", seconds=0.0, event_id="1", **data):
    """One event in wire form, so many seconds after noon."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "urn:test",
        "type": event_type,
        "subject": subject,
        "time": at(seconds),
        "data": data,
    }


def at(seconds):
    """The time so many seconds after noon, as it is written."""
    moment = datetime.fromtimestamp(NOON_MS / 1000, UTC) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds")


def problem(message, code):
    """The body of every answer that is not 200."""
    return {"errors": [{"msg": message, "code": code}]}


UNKNOWN_CALLER = problem("Invalid SDK credentials", 4002)
