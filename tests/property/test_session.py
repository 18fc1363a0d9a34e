"""The laws of the session algebra, and its readings against a brute-force oracle."""

from collections.abc import Iterable
from functools import reduce

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intentlive.core import reading
from intentlive.core.errors import UnknownStateVersion
from intentlive.core.events import AnyEvent, SessionEvent
from intentlive.core.personal import VERBATIM
from intentlive.core.reading import BotRules
from intentlive.core.record import record, render
from intentlive.core.registers import MAX_INTENTS
from intentlive.core.session import (
    ERASED,
    State,
    decode_state,
    encode_state,
    fold,
    join,
    observe,
)
from intentlive.core.times import parse_instant

from .histories import SUBJECT, histories, idle_timeouts, many_intents, short_histories
from .oracle import read

_decoder = msgspec.json.Decoder(AnyEvent, dec_hook=lambda _type, value: parse_instant(value))

examples = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # it goes by the clock
    max_examples=250,
)
few_examples = settings(examples, max_examples=60)
many_examples = settings(examples, max_examples=1_000)


def decoded(history: list[dict]) -> list[SessionEvent]:
    return [_decoder.decode(msgspec.json.encode(event)) for event in history]


def joined(some: Iterable[State]) -> State:
    return reduce(join, some, State())


def state_of(history: list[dict]) -> State:
    return joined(observe(event) for event in decoded(history))


states = (
    short_histories.map(state_of)
    | short_histories.map(state_of)
    | many_intents().map(state_of)
    | st.sampled_from([State(), ERASED])
)


@examples
@given(states, states)
def test_join_is_commutative(a, b):
    assert join(a, b) == join(b, a)


@examples
@given(states, states, states)
def test_join_is_associative(a, b, c):
    assert join(join(a, b), c) == join(a, join(b, c))


@examples
@given(states)
def test_join_is_idempotent(a):
    assert join(a, a) == a


@examples
@given(states)
def test_the_empty_state_is_the_identity(a):
    assert join(a, State()) == join(State(), a) == a


@examples
@given(states, states)
def test_what_was_joined_already_adds_nothing(a, b):
    both = join(a, b)
    assert join(both, a) == join(both, b) == both


@few_examples
@given(many_intents(), many_intents(), many_intents())
def test_join_is_associative_beyond_the_intents_that_are_kept(a, b, c):
    a, b, c = state_of(a), state_of(b), state_of(c)
    assert join(join(a, b), c) == join(a, join(b, c))
    assert len(join(a, b).intents) == MAX_INTENTS


@st.composite
def retold(draw) -> tuple[list[dict], list[dict]]:
    """A history, and the same events in another order with some of them repeated."""
    history = draw(histories)
    order = draw(st.randoms(use_true_random=False))
    again = history + order.choices(history, k=draw(st.integers(0, len(history))))
    order.shuffle(again)
    return history, again


@examples
@given(retold(), idle_timeouts())
def test_order_and_repetition_change_nothing(told, timeouts):
    history, again = told
    rules = BotRules(idle_timeouts=tuple(timeouts))
    state, other = fold(decoded(history))[SUBJECT], fold(decoded(again))[SUBJECT]
    assert other == state
    assert msgspec.json.encode(other) == msgspec.json.encode(state)
    assert record(SUBJECT, other, rules, VERBATIM) == record(SUBJECT, state, rules, VERBATIM)


@examples
@given(histories, st.data())
def test_replicas_that_saw_different_parts_converge(history, data):
    parts = data.draw(st.lists(st.integers(0, 2), min_size=len(history), max_size=len(history)))
    replicas = [
        state_of([event for event, part in zip(history, parts, strict=True) if part != replica])
        for replica in range(2)
    ]
    assert joined(replicas) == joined(reversed(replicas)) == state_of(history)


@many_examples
@given(histories, idle_timeouts())
def test_a_state_reads_as_its_events_do(history, timeouts):
    rules, state = BotRules(idle_timeouts=tuple(timeouts)), state_of(history)
    expected = read(history, timeouts)
    shown = msgspec.json.decode(render([record(SUBJECT, state, rules, VERBATIM)]))
    assert shown == [expected.record]
    assert list(shown[0]) == list(expected.record)
    assert reading.end_time(state, rules) == expected.end_time
    assert reading.is_listed(state) == expected.listed
    assert reading.is_silent(state) == expected.silent


@examples
@given(histories, histories, idle_timeouts())
def test_what_is_erased_stays_erased(before, after, timeouts):
    erased = join(join(state_of(before), ERASED), state_of(after))
    expected = read(before + after, timeouts, erased=True)
    assert erased == ERASED
    assert expected.record is None
    assert reading.end_time(erased, BotRules()) == expected.end_time
    assert reading.is_listed(erased) == expected.listed


@examples
@given(states)
def test_a_stored_state_is_read_back_as_it_was(state):
    stored = encode_state(state)
    assert decode_state(stored) == state
    assert encode_state(decode_state(stored)) == stored


@examples
@given(short_histories, histories)
def test_a_state_that_was_stored_joins_like_a_fresh_one(before, after):
    stored = decode_state(encode_state(state_of(before)))
    assert join(stored, state_of(after)) == join(state_of(before), state_of(after))


@pytest.mark.parametrize("version", [version for version in range(256) if version != 1])
def test_a_version_that_this_release_does_not_know_is_refused(version):
    with pytest.raises(UnknownStateVersion, match=f"{version:02x}"):
        decode_state(bytes([version]) + encode_state(State())[1:])
