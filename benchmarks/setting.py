"""What is measured: a store with one tenant in it, and events that look like a real bot's."""

import asyncio
import sys
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from random import Random
from typing import TypeAlias

import msgspec

from intentlive.auth.tokens import mint
from intentlive.core import ids
from intentlive.core.reading import BotRules
from intentlive.core.session import State, fold
from intentlive.ingest.cloudevents import NDJSON, parse_events
from intentlive.ports import Account, Acting, App, AppKey, Bot, Store
from intentlive.simulation.traffic import Event, traffic
from intentlive.stores import open_store

STORE = "sqlite:intentlive.db"
EVENTS_A_BATCH = 1_000
SESSIONS_A_MINUTE = 2_000  # a very large contact centre: 2.9 million sessions a day
UNMEASURED = 100_000  # events until as many sessions end as begin
ACCOUNT_ID = ids.account_id(b"benchmark")
BOT_ID = ids.bot_id(b"benchmark")
_SECRET = "benchmark" * 5
NO_LIMIT_IN_PRACTICE = 1_000_000_000  # 0 would switch the counting off
_HOUR_MS = 3600 * 1000
_encoder = msgspec.json.Encoder()


Batch: TypeAlias = list[Event]
ALL_ACCEPTED = {"accepted": EVENTS_A_BATCH, "rejected": []}
"""What a whole batch is answered with."""


def serve_command(folder: Path, workers: int = 1) -> list[str]:
    """The server on the store in `folder`, with its lines as JSON."""
    options = ["--data-dir", str(folder), "--log-format", "json", "--workers", str(workers)]
    return [sys.executable, "-m", "intentlive", "serve", *options]


def headers() -> dict[str, str]:
    """What a caller of the tenant's bot sends."""
    return {"auth": token("benchmark"), "accountId": ACCOUNT_ID}


def token(name: str, secret: str = _SECRET) -> str:
    """A token of the app of a tenant."""
    client_id, now = ids.client_id(name.encode()), int(time.time())
    return mint(client_id, secret, "HS256", now=now, ttl=24 * 3600)


def latest_path(name: str) -> str:
    """Where the latest sessions of a tenant's bot are asked for."""
    return path_of(ids.bot_id(name.encode()), "intentrealtimedata")


def path_of(bot_id: str, call: str) -> str:
    """Where a bot is asked for something, or told."""
    return f"/api/public/bot/{bot_id}/{call}"


def make_traffic(count: int, a_batch: int = EVENTS_A_BATCH) -> list[Batch]:
    """Whole batches of `count` events, all of the past."""
    start = time.time_ns() // 1_000_000 - _HOUR_MS
    endless = traffic(Random(25), start, SESSIONS_A_MINUTE, by_hour=False)
    events = list(islice(endless, UNMEASURED, UNMEASURED + count))
    return [events[i : i + a_batch] for i in range(0, count, a_batch)]


def encode(batch: Batch) -> bytes:
    """As the body of a request, in NDJSON."""
    return _encoder.encode_lines(batch)


def states_of(batch: Batch) -> dict[str, State]:
    """What a batch tells, by session."""
    now = time.time_ns() // 1_000_000
    return fold(parse_events(NDJSON, encode(batch), now).events)


def write_bodies(folder: Path, bodies: Iterable[bytes]) -> None:
    """A file a body, in a folder made for them."""
    folder.mkdir()
    for number, body in enumerate(bodies):
        (folder / f"{number:06}").write_bytes(body)


def read_bodies(folder: Path) -> list[bytes]:
    """What was written there."""
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def prepare(folder: Path, batches: Iterable[Batch]) -> None:
    """A store in `folder` with the tenant, and with what `batches` tell of its bot."""
    asyncio.run(_prepare(folder, batches))


async def open_at(folder: Path, now: int, url: str = STORE) -> Store:
    """The store in a folder, or elsewhere with its key there."""
    return await open_store(url, data_dir=folder, acting=Acting("benchmark", lambda: now))


async def add_tenant(store: Store, account: Account, name: str = "benchmark") -> None:
    """An account with a bot and an app, whose ids are made of its name."""
    await store.add_account(account)
    bot_id = ids.bot_id(name.encode())
    await add_bot(store, account, bot_id)
    await add_app(store, account, name, (bot_id,))


async def add_bot(store: Store, account: Account, bot_id: str) -> None:
    """A bot of an account."""
    await store.add_bot(Bot(bot_id, account.account_id, "Benchmark", BotRules(), account.created))


async def add_app(store: Store, account: Account, name: str, bots: tuple[str, ...] | None) -> None:
    """An app whose id is made of a name; bound to the whole account if `bots` is None."""
    await store.add_app(
        App(
            client_id=ids.client_id(name.encode()),
            account_id=account.account_id,
            name="Benchmark",
            algorithm="HS256",
            keys=(AppKey(_SECRET),),
            scopes=("SmartAssist Analytics", "Session Events"),
            bots=bots,
            require_exp=False,
            created=account.created,
        )
    )


async def _prepare(folder: Path, batches: Iterable[Batch]) -> None:
    now = time.time_ns() // 1_000_000
    store = await open_at(folder, now)
    try:
        await add_tenant(store, Account(ACCOUNT_ID, "Benchmark", NO_LIMIT_IN_PRACTICE, now))
        for batch in batches:
            await store.merge({BOT_ID: states_of(batch)})
    finally:
        await store.close()
