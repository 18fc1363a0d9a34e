"""The application with a store in memory, asked in process; what it logs is kept."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Any, NamedTuple, TypeVar

import structlog

from intentlive.app import Running, serving
from intentlive.auth.tokens import mint
from intentlive.core.personal import VERBATIM
from intentlive.core.reading import BotRules
from intentlive.core.session import State, join_into
from intentlive.ports import Account, App, AppKey, Bot, Latest, Scope, ServerKey

NOW_MS = 1_700_000_000_000
SECRET = "the-secret-of-every-app-that-is-fuzzed"
SCOPES: tuple[Scope, ...] = ("SmartAssist Analytics", "Session Events")
ACCOUNTS = [Account(f"acc-{name}", "", 0, 0) for name in ("a", "b")]
BOTS = [Bot(f"bot-{each.account_id}", each.account_id, "", BotRules(), 0) for each in ACCOUNTS]
BOT = BOTS[0].bot_id


def _app(name: str, account: str = "acc-a", scopes: tuple[Scope, ...] = SCOPES, **more: Any) -> App:
    return App(name, account, "", "HS256", (AppKey(SECRET),), scopes, None, False, 0, **more)


APPS = [
    _app("cs-good"),
    _app("cs-foreign", "acc-b"),
    _app("cs-scope", scopes=("Bot Sessions",)),
    _app("cs-once", enforce_jti=True),
    _app("cs-jwe", enforce_jwe=True),
]
TOKENS = {
    each.client_id.removeprefix("cs-"): mint(each.client_id, SECRET, "HS256", now=0, ttl=None)
    for each in APPS
} | {
    "expired": mint("cs-good", SECRET, "HS256", now=0, ttl=60),
    "wrong": mint("cs-good", "a-secret-of-nobody", "HS256", now=0, ttl=None),
    "unknown": mint("cs-unknown", SECRET, "HS256", now=0, ttl=None),
}
Result = TypeVar("Result")


class MemoryStore:
    """As much of a store as calls need; keeps the last states of each bot only."""

    def __init__(self) -> None:
        self._states: dict[str, dict[str, State]] = {each.bot_id: {} for each in BOTS}
        self._revision = 1

    async def registry_revision(self) -> int:
        return 1

    async def account(self, account_id: str) -> Account | None:
        return next((each for each in ACCOUNTS if each.account_id == account_id), None)

    async def bot(self, bot_id: str, account_id: str) -> Bot | None:
        return next((b for b in BOTS if (b.bot_id, b.account_id) == (bot_id, account_id)), None)

    async def app(self, client_id: str) -> App | None:
        return next((each for each in APPS if each.client_id == client_id), None)

    async def server_keys(self, _now: int) -> list[ServerKey]:
        return []

    async def use_tokens(self, tokens: Sequence[object]) -> list[bool]:
        return [True for _ in tokens]

    async def forget_used_tokens(self, _now: int, _limit: int) -> int:
        return 0

    async def bots(self) -> list[Bot]:
        return BOTS

    async def merge(self, batch: Mapping[str, Mapping[str, State]]) -> dict[str, int]:
        self._revision += 1
        for bot_id, sessions in batch.items():
            kept = self._states[bot_id]
            for session_id, state in sessions.items():
                join_into(kept, session_id, state)
            while len(kept) > 25:
                del kept[next(iter(kept))]
        return dict.fromkeys(batch, self._revision)

    async def latest(self, bot_id: str, _now: int, limit: int) -> Latest:
        known = [(id_, state) for id_, state in self._states[bot_id].items() if not state.erased]
        return Latest(known[:limit], BotRules(), VERBATIM, None, self._revision)

    async def revisions(self, bot_ids: Sequence[str]) -> Mapping[str, int]:
        return dict.fromkeys(bot_ids, self._revision)

    async def probe(self) -> None:
        pass

    async def open_sessions(self, _now: int) -> int:
        return 0

    async def count_acts(self) -> dict[str, int]:
        return {}


class Answer(NamedTuple):
    """What the application said; `sent` are the parts of its body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> list[bytes]:
        """The values of a header."""
        return [value for each, value in self.headers if each == name]


class _Here(Executor):
    """Works at once, so that an input has the same end each time."""

    def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments, **named))
        except Exception as error:  # noqa: BLE001 - it goes to who waits
            done.set_exception(error)
        return done


class House:
    """A running application in an event loop that turns only while something is asked."""

    def __init__(self, opening: Callable[[], Coroutine[Any, Any, Any]] | None = None) -> None:
        self.loop = asyncio.new_event_loop()
        self.lines: list[dict[str, Any]] = []
        self.now = NOW_MS
        structlog.configure(processors=[self._keep], cache_logger_on_first_use=False)
        store: Any = self.run(opening()) if opening else MemoryStore()
        self._serving = serving(store, clock=self._clock)
        self.running: Running = self.run(self._serving.__aenter__())
        self.front = self.running.front
        self.front.routes["events"]._reader = _Here()  # type: ignore[attr-defined]

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Turn the loop until something is done."""
        return self.loop.run_until_complete(work)

    def ask(self, scope: dict[str, Any], body: bytes = b"") -> Answer:
        """Send one request; the lines that it leaves are the only ones afterwards."""
        self.lines.clear()
        return self.run(self._ask({"type": "http", "asgi": {"version": "3.0"}} | scope, body))

    async def _ask(self, scope: dict[str, Any], body: bytes) -> Answer:
        sent: list[Any] = []
        arriving = [body[:100], body[100:]]

        async def receive() -> dict[str, Any]:
            if not arriving:
                return {"type": "http.disconnect"}
            piece = arriving.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(arriving)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.front(scope, receive, send)
        start, *rest = sent
        headers = [(name.lower(), value) for name, value in start["headers"]]
        return Answer(start["status"], headers, b"".join(each.get("body", b"") for each in rest))

    def _clock(self) -> int:
        return self.now

    def _keep(self, _logger: object, level: str, line: dict[str, Any]) -> dict[str, Any]:
        self.lines.append({"level": level, **line})
        raise structlog.DropEvent
