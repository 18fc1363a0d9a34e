"""What each event says, and what is kept when two events speak of the same thing."""

import pytest

from intentlive.core.errors import UnknownStateVersion
from intentlive.core.events import EVENT_TYPES
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
from tests.wire import (
    FINISHED,
    FINISHED_END_MS,
    FINISHED_START_MS,
    SESSION,
    event,
    ms,
    of,
    state_of,
)

USER = {"message.received", "intent.identified", "intent.unidentified"}
FLOW = {
    *("intent.identified", "intent.unidentified"),
    *("task.completed", "task.failed", "flow.completed", "flow.failed"),
}
OUTCOMES = {
    *("task.completed", "flow.completed", "session.deflected", "session.transferred"),
    *("task.failed", "flow.failed", "intent.unidentified", "queue.abandoned"),
}
REGISTERS = {"deflected", "transferred", "ended", "recorded"}
CONTACT_FIELDS = {"channel": "channel", "ANI": "ANI", "DNI": "DNI", "userId": "user_id"}


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_each_type_moves_the_times_that_it_should(event_type):
    state = observe(of(event_type, 5))
    is_activity = event_type not in {"session.ended", "session.recorded"}
    assert state.started == ms(5)
    assert state.last_activity == (ms(5) if is_activity else None)
    assert state.last_user == (ms(5) if event_type in USER else None)
    assert state.last_flow == (ms(5) if event_type in FLOW else None)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_each_type_fills_the_registers_that_it_should(event_type):
    state = observe(of(event_type))
    assert (state.outcome is not None) == (event_type in OUTCOMES)
    assert (state.intents != ()) == (event_type == "intent.identified")
    filled = {name for name in REGISTERS if getattr(state, name) is not None}
    assert filled == {event_type.removeprefix("session.")} & REGISTERS
    assert not state.developer
    assert not state.erased


@pytest.mark.parametrize("name", ["started", "last_activity", "last_user", "last_flow"])
def test_the_start_is_the_earliest_time_and_the_lasts_are_the_latest(name):
    times = [30, 10, 20]
    state = state_of(*(of("intent.identified", time, str(time)) for time in times))
    assert getattr(state, name) == ms(10 if name == "started" else 30)


def test_an_end_alone_is_no_activity_but_it_is_the_start():
    state = state_of(of("session.ended", 3), of("session.recorded", 2))
    assert (state.started, state.last_activity) == (ms(2), None)


@pytest.mark.parametrize("field", ["channel", "ANI", "DNI"])
def test_the_earliest_event_that_carries_a_contact_field_gives_its_value(field):
    told = [
        of("session.started", 0),
        of("message.received", 10, **{field: ""}),
        of("message.sent", 20, **{field: None}),
        of("session.ended", 30, **{field: "first"}),
        of("message.sent", 40, **{field: "second"}),
    ]
    assert getattr(state_of(*told), CONTACT_FIELDS[field]).value == "first"
    assert getattr(state_of(*reversed(told)), CONTACT_FIELDS[field]).value == "first"


def test_the_latest_event_that_carries_a_user_id_gives_it():
    told = [
        of("session.started", 0, userId="u-1"),
        of("message.received", 10, userId="u-2"),
        of("message.sent", 20, userId=""),
        of("session.ended", 30, userId=None),
    ]
    assert state_of(*told).user_id.value == "u-2"
    assert state_of(*reversed(told)).user_id.value == "u-2"


@pytest.mark.parametrize("event_type", EVENT_TYPES)
@pytest.mark.parametrize("field", CONTACT_FIELDS)
def test_contact_fields_are_kept_from_any_event(event_type, field):
    state = observe(of(event_type, **{field: "x", "developer": True}))
    assert getattr(state, CONTACT_FIELDS[field]).value == "x"
    assert state.developer


@pytest.mark.parametrize("value", [None, False])
def test_one_developer_event_among_others_is_enough(value):
    told = [of("message.sent", 1, developer=value), of("message.sent", 2, developer=True)]
    assert state_of(*told).developer
    assert state_of(*reversed(told)).developer
    assert not state_of(told[0]).developer


def test_intents_are_distinct_and_in_the_order_of_their_first_identification():
    told = [
        of("intent.identified", 30, intent="Book a Flight"),
        of("intent.identified", 10, intent="Book a Ticket"),
        of("intent.identified", 20, intent="Book a Flight"),
        of("intent.identified", 40, intent="Book a Ticket"),
    ]
    kept = [(mark.value, mark.time) for mark in state_of(*told).intents]
    assert kept == [("Book a Ticket", ms(10)), ("Book a Flight", ms(20))]


def test_the_100_earliest_intents_are_kept():
    told = [of("intent.identified", number, intent=f"intent {number}") for number in range(103)]
    expected = [f"intent {number}" for number in range(100)]
    assert [mark.value for mark in state_of(*told).intents] == expected
    assert [mark.value for mark in state_of(*reversed(told)).intents] == expected
    assert MAX_INTENTS == 100


def test_an_intent_that_had_no_room_comes_back_when_it_was_identified_earlier():
    told = [of("intent.identified", 1 + number, intent=f"intent {number}") for number in range(101)]
    late = state_of(*told)
    assert "intent 100" not in {mark.value for mark in late.intents}
    earlier = join(late, state_of(of("intent.identified", 0, intent="intent 100")))
    assert [mark.value for mark in earlier.intents][:2] == ["intent 100", "intent 0"]
    assert len(earlier.intents) == MAX_INTENTS


def test_the_latest_of_each_register_keeps_its_value():
    told = [
        of("session.deflected", 5, to="rtm"),
        of("session.deflected", 4, to="sms"),
        of("session.transferred", 7, to="sales"),
        of("session.transferred", 6, to="service"),
        of("session.ended", 9, reason="userHangup"),
        of("session.ended", 8, reason="agentClosed"),
        of("session.recorded", 11, record=FINISHED | {"channel": "ivr"}),
        of("session.recorded", 10, record=FINISHED | {"channel": "sms"}),
    ]
    for state in (state_of(*told), state_of(*reversed(told))):
        assert (state.deflected.time, state.deflected.value) == (ms(5), "rtm")
        assert (state.transferred.time, state.transferred.value) == (ms(7), "sales")
        assert (state.ended.time, state.ended.value) == (ms(9), "userHangup")
        assert (state.recorded.time, state.recorded.value.channel) == (ms(11), "ivr")


@pytest.mark.parametrize("absent", [{}, {"to": None}, {"to": ""}])
def test_a_transfer_may_say_to_nobody(absent):
    assert observe(event("session.transferred", **absent)).transferred.value is None


@pytest.mark.parametrize("absent", [{}, {"reason": None}, {"reason": ""}])
def test_an_end_may_give_no_reason(absent):
    assert observe(event("session.ended", **absent)).ended.value is None


def test_a_recorded_session_keeps_the_record_with_its_times():
    kept = observe(event("session.recorded", record=FINISHED | {"DNI": ""})).recorded.value
    assert (kept.start_time, kept.end_time) == (FINISHED_START_MS, FINISHED_END_MS)
    assert (kept.intent, kept.ANI, kept.DNI) == (("Book a Flight",), "+126529865", None)
    assert (kept.status, kept.time_handled) == ("completed", "13m: 8s")


def test_erased_drops_everything_and_stays():
    known = state_of(of("intent.identified", channel="rtm"), of("session.recorded"))
    assert join(known, ERASED) == join(ERASED, known) == ERASED
    assert join(ERASED, State()) == State(erased=True)


def test_two_events_of_one_id_and_different_contents_are_two_events():
    state = state_of(
        of("intent.identified", 1, "same", intent="Book a Flight"),
        of("intent.identified", 1, "same", intent="Book a Ticket"),
        of("session.ended", 1, "same"),
    )
    assert [mark.value for mark in state.intents] == ["Book a Flight", "Book a Ticket"]
    assert state.ended is not None


def test_events_fold_by_session():
    of_one, of_other = of("message.sent", 1), of("message.sent", 2)
    elsewhere = type(of_other)(
        specversion="1.0", id="1", source="urn:test", subject="other", time=of_other.time
    )
    states = fold([of_one, elsewhere, of("session.started", 0)])
    assert set(states) == {SESSION, "other"}
    assert (states[SESSION].started, states[SESSION].last_activity) == (ms(0), ms(1))
    assert (states["other"].started, states["other"].last_activity) == (ms(2), ms(2))


def test_nothing_joined_is_the_empty_state():
    assert join(State(), State()) == State()


def test_a_stored_state_starts_with_its_version_and_reads_back():
    for state in (State(), ERASED, state_of(*map(of, EVENT_TYPES))):
        assert encode_state(state)[:1] == b"\x01"
        assert decode_state(encode_state(state)) == state


@pytest.mark.parametrize(("stored", "version"), [(b"", "none"), (b"\x02\x90", "02")])
def test_another_version_is_refused_with_what_to_do(stored, version):
    with pytest.raises(UnknownStateVersion, match=f"version {version}.* run the release"):
        decode_state(stored)
