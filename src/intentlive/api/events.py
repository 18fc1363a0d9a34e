"""Events in: `POST …/events`, answered when what was accepted is durable."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import msgspec
import structlog

from intentlive.api.encodings import decode_content
from intentlive.api.errors import Problem, unavailable
from intentlive.api.http import Call, Response, json_response
from intentlive.auth.gate import Gate
from intentlive.auth.ratelimit import Limiter, Quota
from intentlive.core.errors import TooManyEvents, UnreadableBody
from intentlive.core.events import SessionEvent
from intentlive.core.session import State, fold
from intentlive.ingest.cloudevents import MEDIA_TYPES, Parsed, parse_events
from intentlive.intake import Intake
from intentlive.ports import Account
from intentlive.signals import Signals

MAX_BODY = 16 * 1024 * 1024
LARGE_BODY = 64 * 1024
MAX_IN_FLIGHT = 16 * MAX_BODY
"""Bytes of all bodies that are being read or wait to be stored; above it, 503."""

MAX_OF_AN_ACCOUNT = MAX_IN_FLIGHT // 4
"""Those of one account; likewise."""

_BYTES_AN_EVENT = 256
LATE_SECONDS = 60
_SECONDS_BETWEEN_LATE_LINES = 600
Work = TypeVar("Work")

_log = structlog.get_logger("intentlive.events")


class InFlight:
    """The bytes that requests hold in memory until they are answered.

    An account has a `share` of it at most, so that none can take the room of all others.
    """

    def __init__(self, capacity: int, share: int) -> None:
        self._capacity = capacity
        self._share = share
        self._held = 0
        self._held_for: Counter[str] = Counter()

    def hold(self, account_id: str) -> "Held":
        """Room for what one request of an account brings, empty at first."""
        return Held(self, account_id)

    def take(self, account_id: str, size: int) -> None:
        """Fill so many bytes; Problem (503) when there is no room."""
        theirs = self._held_for[account_id] + size
        if self._held + size > self._capacity or theirs > self._share:
            raise unavailable(
                "Too many events are waiting to be stored: send this again in a moment.",
                check="capacity",
                detail="bodies in flight fill the memory set aside for them",
            )
        self._held += size
        self._held_for[account_id] = theirs

    def give_back(self, account_id: str, size: int) -> None:
        """Have room for so many bytes again."""
        self._held -= size
        self._held_for[account_id] -= size
        if not self._held_for[account_id]:
            del self._held_for[account_id]


class Held:
    """The bytes of one request; given back on leaving it as a context manager."""

    def __init__(self, all_in_flight: InFlight, account_id: str) -> None:
        self._all = all_in_flight
        self._account_id = account_id
        self._size = 0

    def take(self, size: int) -> None:
        """Hold so many bytes more; Problem (503) when there is no room."""
        self._all.take(self._account_id, size)
        self._size += size

    def __enter__(self) -> Callable[[int], None]:
        return self.take

    def __exit__(self, *_: object) -> None:
        self._all.give_back(self._account_id, self._size)


class EventsIn:
    """`POST …/events`; `limiter` counts the events of accounts, `clock` gives ms since 1970."""

    name = "events"
    methods = ("POST",)

    def __init__(
        self,
        gate: Gate,
        limiter: Limiter,
        intake: Intake,
        clock: Callable[[], int],
        signals: Signals,
    ) -> None:
        self._gate = gate
        self._limiter = limiter
        self._intake = intake
        self._clock = clock
        self._signals = signals
        self._in_flight = InFlight(MAX_IN_FLIGHT, MAX_OF_AN_ACCOUNT)
        self._late_lines: dict[str, int] = {}
        # Large bodies are read beside the event loop, so that others need not wait for them, and
        # one at a time: more would only share the interpreter, and add up in memory.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="bodies")

    async def __call__(self, call: Call) -> Response:
        """Store the events of the body; a bad one is told in the answer and spoils no other."""
        grant = await self._gate.authenticate(call.head.token, call.head.account_id)
        call.note_grant(grant)
        bot = await self._gate.authorize(grant, "Session Events", call.head.bot_id)
        self._refuse_if_full(grant.account)  # then the body need not be read
        media_type = call.head.media_type
        if media_type not in MEDIA_TYPES:
            known = ", ".join(MEDIA_TYPES)
            raise Problem(415, f"Unsupported content type: send {known}", check="content type")
        account = grant.account
        with self._in_flight.hold(account.account_id) as take:
            raw = await call.body(MAX_BODY, take)
            encoding = call.head.header(b"content-encoding").strip().lower()
            body = raw
            if encoding:
                body = await self._aside(partial(decode_content, encoding, raw, MAX_BODY))
                take(max(0, len(body) - len(raw)))
            now = self._clock()
            read = partial(_read, media_type, body, now, bot.oldest_kept(now))
            try:
                parsed, states = await self._aside(read) if len(body) > LARGE_BODY else read()
            except (UnreadableBody, TooManyEvents):
                await self._charge(account, len(body) // _BYTES_AN_EVENT + 1)
                raise
            await self._count(account, len(parsed.events) + len(parsed.rejected))
            if states:
                await self._intake.submit(call.head.bot_id, states)
        self._observe(parsed.events, now)
        self._signals.count_rejected(parsed.reasons)
        accepted = len(parsed.events)
        call.noted |= {"accepted": accepted, "rejected": len(parsed.rejected)}
        answer = {"accepted": accepted, "rejected": parsed.rejected}
        return json_response(200, msgspec.json.encode(answer))

    def _refuse_if_full(self, account: Account) -> None:
        if account.event_limit:
            refusal = self._limiter.refusal(account.account_id, account.event_limit)
            if refusal is not None:
                raise _too_many(refusal)

    async def _count(self, account: Account, events: int) -> None:
        """Count events of an account that has a limit; Problem where they are too many."""
        limit = account.event_limit
        if not (limit and events):
            return
        if events > limit:
            message = f"More than the {limit:,} events a minute of this account: send them in parts"
            raise Problem(413, message, check="event limit", detail="or raise the event limit")
        quota = await self._limiter.take(account.account_id, limit, events)
        if not quota.allowed:
            raise _too_many(quota)

    async def _charge(self, account: Account, events: int) -> None:
        """Count what could not be read, by its size, as far as the limit goes."""
        if account.event_limit:
            take = partial(self._limiter.take, account.account_id, account.event_limit)
            quota = await take(min(events, account.event_limit))
            if not quota.allowed and quota.remaining:
                await take(quota.remaining)

    async def _aside(self, work: Callable[[], Work]) -> Work:
        return await asyncio.get_running_loop().run_in_executor(self._reader, work)

    def _observe(self, events: Sequence[SessionEvent], now: int) -> None:
        newest: dict[str, int] = {}
        for event in events:
            newest[event.source] = max(event.time, newest.get(event.source, 0))
        self._signals.events_accepted.inc(len(events))
        for source, time in newest.items():
            seconds = (now - time) / 1000
            self._signals.source_lags.observe(source, seconds, now)
            if seconds > LATE_SECONDS and self._may_tell(source, now):
                _log.warning(
                    "late source",
                    source=source if source.isprintable() else ascii(source),
                    lag_seconds=round(seconds),
                    mend="if these events are live, set the source's clock or send without delay",
                )

    def _may_tell(self, source: str, now: int) -> bool:
        told = self._late_lines.get(source)
        if told is not None and now - told < _SECONDS_BETWEEN_LATE_LINES * 1000:
            return False
        if len(self._late_lines) >= 1000:
            self._late_lines.clear()
        self._late_lines[source] = now
        return True


def _too_many(quota: Quota) -> Problem:
    return Problem(
        429,
        f"More than {quota.limit:,} events in a minute: send this again later",
        headers=((b"retry-after", b"%d" % quota.reset),),
        check="event limit",
        detail="send less often, or raise the account's event limit",
    )


def _read(
    media_type: str, body: bytes, now: int, oldest: int | None
) -> tuple[Parsed, Mapping[str, State]]:
    parsed = parse_events(media_type, body, now, oldest)
    return parsed, fold(parsed.events)
