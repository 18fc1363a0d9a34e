"""The tenants of `fuzz.house` in a real store, and requests to them as a client prepares them."""

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec
import requests

from fuzz.forging import SERVER_KEY
from fuzz.house import ACCOUNTS, APPS, BOTS, NOW_MS
from fuzz.seeds import one_of_each
from intentlive.core.errors import StoreUnavailable
from intentlive.core.session import fold
from intentlive.ingest.cloudevents import NDJSON, parse_events
from intentlive.ports import Acting
from intentlive.stores import open_store

NARROW = 2  # questions, and events, a minute
OWN, OTHER = (each.bot_id for each in BOTS)


class Caller(NamedTuple):
    """Who calls which bot, and whether the store is away; None: whatever is generated."""

    token: str | None
    bot: str | None
    account: str | None = None
    store_is_away: bool = False


CALLERS = (
    Caller("good", OWN, "acc-a"),
    Caller("good", None),
    Caller("good", OWN),
    Caller("foreign", OTHER, "acc-b"),  # an account of narrow limits
    Caller("foreign", OWN, "acc-b"),
    Caller("good", OWN, "acc-a", store_is_away=True),
    Caller(None, OWN),
    *(Caller(name, OWN) for name in ("scope", "once", "jwe", "expired", "wrong", "unknown")),
)


class AwayNow:
    """A store that does not answer as long as it `is_away`."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.is_away = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def answer(*arguments: Any) -> Any:
            if self.is_away:
                raise StoreUnavailable("it is away")
            return await method(*arguments)

        return answer


async def open_tenants(folder: Path) -> AwayNow:
    """A new store in a folder; the limits of its second account are narrow."""
    acting = Acting("someone", lambda: NOW_MS)
    store = await open_store("sqlite:fuzz.db", data_dir=folder, acting=acting)
    wide, narrow = ACCOUNTS
    await store.add_account(wide)
    await store.add_account(msgspec.structs.replace(narrow, rate_limit=NARROW, event_limit=NARROW))
    for bot in BOTS:
        await store.add_bot(bot)
    for app in APPS:
        await store.add_app(app)
    await store.add_server_key(SERVER_KEY, 0)
    parsed = parse_events(NDJSON, b"\n".join(one_of_each()), NOW_MS)
    await store.merge({OWN: fold(parsed.events)})
    return AwayNow(store)


def asgi_request(sent: requests.PreparedRequest) -> tuple[dict[str, Any], bytes]:
    """The scope and the body that a server would make of a request."""
    parts = urlsplit(sent.url or "")
    headers = [(_raw(name).lower(), _raw(value)) for name, value in sent.headers.items()]
    scope = {
        "method": sent.method,
        "path": unquote(str(parts.path)),
        "raw_path": _raw(parts.path),
        "query_string": _raw(parts.query),
        "headers": headers,
    }
    body = sent.body or b""
    return scope, body.encode() if isinstance(body, str) else body


def _raw(text: str | bytes) -> bytes:
    """A header's text as bytes, without what no parser lets through."""
    content = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    return bytes(each for each in content if each not in b"\0\r\n")
