"""Batches as messages: nothing is lost on the way, and no message is too large for NATS."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentlive.buffers.messages import (
    MAX_BYTES,
    NOTHING,
    decode_batch,
    encode_batch,
)
from intentlive.core.errors import UnreadableMessage
from intentlive.core.registers import MAX_INTENTS
from intentlive.core.session import State, encode_state, fold, join_batches
from tests.property.histories import short_histories
from tests.wire import at, decode, event, state_of

examples = settings(derandomize=True, database=None, deadline=None, max_examples=60)
ids = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs"]), min_size=1, max_size=128)
states = short_histories.map(lambda history: state_of(*map(decode, history)))
batches = st.dictionaries(ids, st.dictionaries(ids, states, min_size=1, max_size=4), max_size=4)


def held_by(messages):
    return join_batches(map(decode_batch, messages))


@examples
@given(batches)
def test_a_batch_comes_out_as_it_went_in(batch):
    messages = list(encode_batch(batch))
    assert held_by(messages) == batch
    assert len(messages) == bool(batch)


@examples
@given(batches, st.integers(1, 3_000))
def test_split_anywhere_it_is_the_same_batch(batch, max_bytes):
    messages = list(encode_batch(batch, max_bytes))
    assert held_by(messages) == batch
    for message in messages:
        (sessions, *others) = decode_batch(message).values()
        assert len(message) <= max_bytes or (not others and len(sessions) == 1)


@examples
@given(batches)
def test_messages_may_come_in_any_order_and_more_than_once(batch):
    messages = list(encode_batch(batch, 500))
    assert held_by(messages[::-1] + messages) == batch


def test_many_sessions_make_as_few_messages_as_hold_them():
    batch = {bot: {f"s-{n}": State(started=n) for n in range(20_000)} for bot in ("a", "b")}
    messages = list(encode_batch(batch))
    assert held_by(messages) == batch
    assert max(map(len, messages)) <= MAX_BYTES
    assert len(messages) <= sum(map(len, messages)) // (MAX_BYTES // 3) + 1


def test_the_largest_state_there_is_fits_into_a_message():
    texts = ["\U0001f600" * 250 + f"{n:06}" for n in range(MAX_INTENTS)]
    contact = {"channel": texts[0], "ANI": texts[1], "DNI": texts[2], "userId": texts[3]}
    large = [
        event("intent.identified", n, text, intent=text, **contact) for n, text in enumerate(texts)
    ]
    times = {"startTime": at(0), "endTime": at(0), "timeHandled": "0s"}
    record = times | {"intent": texts, "status": "completed", "ANI": texts[1], "DNI": texts[2]}
    large += [
        event(kind, 500, texts[9], to=texts[5], reason=texts[6], record=record)
        for kind in (
            "session.deflected",
            "session.transferred",
            "session.ended",
            "session.recorded",
        )
    ]
    (state,) = fold(large).values()
    assert MAX_BYTES // 2 < len(encode_state(state)) < 320 * 1024
    (message,) = encode_batch({texts[7]: {texts[8]: state}})
    assert len(message) <= MAX_BYTES


def test_nothing_is_a_message_too():
    assert decode_batch(NOTHING) == {}


(WHOLE,) = encode_batch({"b": {"s": State(started=1)}})
NEWER_STATE = b"\x01" + msgspec.msgpack.encode({"b": {"s": b"\x02" + encode_state(State())}})


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x02" + WHOLE[1:],
        WHOLE[:-1],
        WHOLE + b"\x00",
        b"\x01",
        b"\x01" + msgspec.msgpack.encode([1]),
        b"\x01" + msgspec.msgpack.encode({"b": {"s": "text"}}),
        b"\x01" + msgspec.msgpack.encode({"b": {"s": b"\x01"}}),
        b"\x01" + msgspec.msgpack.encode({b"\xff": {}}),
        b"\x01\xa1\xff",
        NEWER_STATE,
    ],
    ids=repr,
)
def test_what_this_release_did_not_write_is_told(message):
    with pytest.raises(UnreadableMessage):
        decode_batch(message)


@examples
@given(st.binary(max_size=60))
def test_garbage_is_read_or_told_and_nothing_else(garbage):
    for message in (garbage, b"\x01" + garbage):
        with suppress(UnreadableMessage):
            decode_batch(message)
