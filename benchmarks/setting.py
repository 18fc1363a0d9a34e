"""What is measured: a store with one tenant in it, and events that look like a real bot's."""

import asyncio
import time
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from intentlive.auth.tokens import mint
from intentlive.core import ids
from intentlive.core.reading import BotRules
from intentlive.core.session import fold
from intentlive.ingest.cloudevents import NDJSON, parse_events
from intentlive.ports import Account, Acting, App, AppKey, Bot, Store
from intentlive.simulation.traffic import traffic
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


class Traffic(NamedTuple):
    """Events in batches of NDJSON, and how much their sessions overlap."""

    batches: list[bytes]
    sessions_a_batch: float


def serve_command(folder: Path, workers: int = 1) -> list[str]:
    """The server on the store in `folder`, with its lines as JSON."""
    options = ["--data-dir", str(folder), "--log-format", "json", "--workers", str(workers)]
    return ["-m", "intentlive", "serve", *options]


def headers() -> dict[str, str]:
    """What a caller of the tenant's bot sends."""
    return {"auth": token("benchmark"), "accountId": ACCOUNT_ID}


def token(name: str, secret: str = _SECRET) -> str:
    """A token of the app of a tenant."""
    client_id, now = ids.client_id(name.encode()), int(time.time())
    return mint(client_id, secret, "HS256", now=now, ttl=24 * 3600)


def latest_path(name: str) -> str:
    """Where the latest sessions of a tenant's bot are asked for."""
    return f"/api/public/bot/{ids.bot_id(name.encode())}/intentrealtimedata"


def make_traffic(count: int) -> Traffic:
    """Whole batches of `count` events, all of the past."""
    start = time.time_ns() // 1_000_000 - _HOUR_MS
    endless = traffic(Random(25), start, SESSIONS_A_MINUTE, by_hour=False)
    events = list(islice(endless, UNMEASURED, UNMEASURED + count))
    some = [events[i : i + EVENTS_A_BATCH] for i in range(0, count, EVENTS_A_BATCH)]
    subjects = [len({event["subject"] for event in batch}) for batch in some]
    encoder = msgspec.json.Encoder()
    return Traffic([encoder.encode_lines(batch) for batch in some], sum(subjects) / len(subjects))


def batches_of(events: Path, size: int = EVENTS_A_BATCH) -> list[bytes]:
    """The batches of a file that holds one event a line."""
    lines = events.read_bytes().splitlines(keepends=True)
    return [b"".join(lines[i : i + size]) for i in range(0, len(lines), size)]


def prepare(folder: Path, batches: list[bytes]) -> None:
    """A store in `folder` with the tenant, and with what `batches` tell of its bot."""
    asyncio.run(_prepare(folder, batches))


async def open_at(folder: Path, now: int, url: str = STORE) -> Store:
    """The store in a folder, or elsewhere with its key there."""
    return await open_store(url, data_dir=folder, acting=Acting("benchmark", lambda: now))


async def add_tenant(store: Store, account: Account, name: str = "benchmark") -> None:
    """An account with a bot and an app, whose ids are made of its name."""
    bot_id, now = ids.bot_id(name.encode()), account.created
    await store.add_account(account)
    await store.add_bot(Bot(bot_id, account.account_id, "Benchmark", BotRules(), now))
    await store.add_app(
        App(
            client_id=ids.client_id(name.encode()),
            account_id=account.account_id,
            name="Benchmark",
            algorithm="HS256",
            keys=(AppKey(_SECRET),),
            scopes=("SmartAssist Analytics", "Session Events"),
            bots=(bot_id,),
            require_exp=False,
            created=now,
        )
    )


async def _prepare(folder: Path, batches: list[bytes]) -> None:
    now = time.time_ns() // 1_000_000
    store = await open_at(folder, now)
    try:
        await add_tenant(store, Account(ACCOUNT_ID, "Benchmark", NO_LIMIT_IN_PRACTICE, now))
        for body in batches:
            await store.merge({BOT_ID: fold(parse_events(NDJSON, body, now).events)})
    finally:
        await store.close()
