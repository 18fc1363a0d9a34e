"""What `intentlive demo` shows: a tenant of its own, with live simulated traffic."""

import json
import random
import secrets
import socket
import ssl
from collections.abc import Callable

from intentlive.app import Running
from intentlive.auth.tokens import mint, new_secret
from intentlive.cli.listening import address_of
from intentlive.cli.serving import Beside, run_server
from intentlive.cli.stores import opened
from intentlive.clock import wall_clock
from intentlive.core import ids
from intentlive.core.reading import BotRules
from intentlive.ports import DEFAULT_RATE_LIMIT, Account, App, AppKey, Bot
from intentlive.settings import ServerSettings, StoreSettings
from intentlive.simulation.player import play
from intentlive.simulation.traffic import traffic

DEMO_SESSIONS_A_MINUTE = 20.0
_DEMO_HISTORY_MS = 2 * 3600 * 1000


async def run_demo(
    at: StoreSettings,
    server: ServerSettings,
    listening: socket.socket,
    tls: ssl.SSLContext | None,
) -> None:
    """Make the tenant in an empty store, tell how to call it, and serve."""
    now = wall_clock()
    tenant = Account(
        ids.account_id(secrets.token_bytes(12)), "Demo account", DEFAULT_RATE_LIMIT, now
    )
    bot = Bot(ids.bot_id(secrets.token_bytes(16)), tenant.account_id, "Demo bot", BotRules(), now)
    secret = new_secret()
    app = App(
        client_id=ids.client_id(secrets.token_bytes(16)),
        account_id=tenant.account_id,
        name="Demo app",
        algorithm="HS256",
        keys=(AppKey(secret),),
        scopes=("SmartAssist Analytics", "Session Events"),
        bots=None,
        require_exp=False,
        created=now,
    )
    async with opened(at, make=True) as store:
        await store.add_account(tenant)
        await store.add_bot(bot)
        await store.add_app(app)
    token = mint(app.client_id, secret, "HS256", now=0, ttl=None)
    _introduce(address_of(listening, tls), tenant, bot, token)
    await run_server(at, server, listening, tls=tls, beside=_traffic(bot.bot_id))


def _traffic(bot_id: str) -> Beside:
    async def beside(running: Running, _stop: Callable[[], None]) -> None:
        start = wall_clock() - _DEMO_HISTORY_MS
        rng = random.Random()  # noqa: S311 - traffic, not secrets
        events = traffic(rng, start, DEMO_SESSIONS_A_MINUTE, by_hour=False)
        await play(events, lambda states: running.intake.submit(bot_id, states), wall_clock)

    return beside


def _introduce(address: str, tenant: Account, bot: Bot, token: str) -> None:
    calls = f"{address}/api/public/bot/{bot.bot_id}"
    now = """'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'"""  # the shell's, when the line is pasted
    event = {
        "specversion": "1.0",
        "id": "my-event-1",
        "source": "urn:my-bot",
        "type": "flow.completed",
        "subject": "my-session-1",
        "time": "TIME",
        "data": {"channel": "rtm", "userId": "u-me"},
    }
    body = json.dumps(event).replace("TIME", now)
    print(
        f"""IntentLive demo: a bot with live simulated traffic, on a throw-away store.

BOT={bot.bot_id}
TOKEN={token}

The latest 25 finished sessions; call it again and see new ones:

curl --location --request POST '{calls}/intentrealtimedata' \\
  --header 'auth: {token}' \\
  --header 'cache-control: no-cache' \\
  --header 'postman-token: {secrets.token_hex(16)}' \\
  --header 'Format: application/json' \\
  --header 'accountId: {tenant.account_id}'

A session of your own, finished by its first event; it is in the next answer:

curl --request POST '{calls}/events' \\
  --header 'auth: {token}' \\
  --header 'content-type: application/cloudevents+json' \\
  --data '{body}'

Metrics: {address}/metrics   Interface: {address}/docs   Stop with Ctrl-C.
""",
        flush=True,
    )
