"""Bodies of events: what is taken is whole, and both ways of reading a body agree.

The first byte of an input chooses the media type, the encoding, and whether old events are kept.
"""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from fuzz.house import NOW_MS
from intentlive.api.encodings import decode_content
from intentlive.api.errors import Problem, problem_for
from intentlive.api.events import MAX_BODY
from intentlive.core.errors import TooManyEvents, UnreadableBody
from intentlive.core.events import SessionEvent
from intentlive.core.personal import VERBATIM, Disguise
from intentlive.core.reading import BotRules
from intentlive.core.record import record, render
from intentlive.core.session import State, decode_state, encode_state, fold, join, observe
from intentlive.ingest import cloudevents
from intentlive.ingest.cloudevents import (
    BATCH,
    MAX_AHEAD_MS,
    MEDIA_TYPES,
    NDJSON,
    SINGLE,
    Parsed,
    parse_events,
)

ENCODINGS = ("", "gzip", "zstd")
OLDEST_MS = NOW_MS - 90 * 24 * 3600 * 1000
MOST_LOOKED_AT = 20
DISGUISES = (VERBATIM, Disguise("masked", b"key"), Disguise("pseudonym", b"key"))


def choice(media_type: str, encoding: str = "", *, keeps_all: bool = True) -> bytes:
    """The first byte of an input."""
    place = MEDIA_TYPES.index(media_type) + 3 * ENCODINGS.index(encoding) + 9 * (not keeps_all)
    return bytes([ord("A") + place])


def test_one(data: bytes) -> None:
    """Read one body."""
    if not data:
        return
    place = (data[0] - ord("A")) % 18
    media_type, encoding = MEDIA_TYPES[place % 3], ENCODINGS[place // 3 % 3]
    oldest = OLDEST_MS if place // 9 else None
    try:
        body = decode_content(encoding, data[1:], MAX_BODY)
        assert len(body) <= MAX_BODY
        parsed = parse_events(media_type, body, NOW_MS, oldest)
    except (UnreadableBody, TooManyEvents, Problem) as error:
        check_problem(problem_for(error))
        return
    check_answer(parsed, item_count(media_type, body))
    check_both_ways(media_type, body, oldest, parsed)
    for event in parsed.events[:MOST_LOOKED_AT]:
        check_event(event, oldest)
    for session_id, state in fold(parsed.events).items():
        check_state(session_id, state)


def check_problem(problem: Problem) -> None:
    """Fail unless a body's refusal is one that can be sent."""
    assert problem.status in (412, 413), problem.status
    json.loads(problem.body())
    for name, value in problem.headers:
        assert value.decode("ascii").isprintable(), (name, value)


def item_count(media_type: str, body: bytes) -> int | None:
    """How many items a body has, counted in another way; None if that cannot tell."""
    if media_type == NDJSON:
        return sum(1 for line in body.split(b"\n") if line.strip(b" \t\r"))
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):  # numbers of too many digits
        return None
    return len(value) if media_type == BATCH else 1


def check_answer(parsed: Parsed, count: int | None) -> None:
    """Fail unless every item of a body is accounted for, in an answer that can be sent."""
    taken, rejected = len(parsed.events), parsed.rejected
    assert count is None or taken + len(rejected) == count, (taken, rejected, count)
    assert sum(parsed.reasons.values()) == len(rejected)
    places = [each.index for each in rejected]
    assert places == sorted(set(places)) and set(places) <= set(range(taken + len(rejected)))
    assert all(flaw.code in (412, 425) for each in rejected for flaw in each.errors)
    answer = msgspec.json.encode({"accepted": taken, "rejected": rejected})
    assert json.loads(answer)["accepted"] == taken


def check_both_ways(media_type: str, body: bytes, oldest: int | None, parsed: Parsed) -> None:
    """Fail unless a body is read alike in one go and one by one, and each line alike alone."""
    if not parsed.rejected:
        span = cloudevents._Span(oldest or 0, NOW_MS + MAX_AHEAD_MS)
        explained = cloudevents._parse_one_by_one(media_type, body, span)
        assert (list(parsed.events), parsed.rejected) == (explained.events, explained.rejected)
    if media_type == NDJSON:
        lines = [line for line in body.split(b"\n") if line.strip(b" \t\r")]
        alone = [event for line in lines[:MOST_LOOKED_AT] for event in read_alone(line, oldest)]
        assert list(parsed.events[: len(alone)]) == alone


def read_alone(line: bytes, oldest: int | None) -> list[SessionEvent]:
    """The event of a line, if it is taken by itself."""
    try:
        return list(parse_events(SINGLE, line, NOW_MS, oldest).events)
    except UnreadableBody:
        return []


def check_event(event: SessionEvent, oldest: int | None) -> None:
    """Fail unless an event holds nothing that cannot be kept."""
    assert (oldest or 0) <= event.time <= NOW_MS + MAX_AHEAD_MS
    for text in texts(msgspec.to_builtins(event, enc_hook=int)):
        assert "\0" not in text
        text.encode("utf-8")
    state = observe(event)
    assert join(state, state) == join(state, State()) == state


def texts(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts(inner)


def check_state(session_id: str, state: State) -> None:
    """Fail unless a state can be stored and shown."""
    assert decode_state(encode_state(state)) == state
    for disguise in DISGUISES:
        (shown,) = json.loads(render([record(session_id, state, BotRules(), disguise)]))
        assert shown["sessionId"] == session_id and len(shown) == 11
