"""Which of two events is the later one when their times are equal."""

import pytest

from intentlive.core.events import EVENT_TYPES
from intentlive.core.session import join, observe
from tests.wire import FINISHED, event, of, state_of


@pytest.mark.parametrize(
    ("loser", "winner"),
    [
        # by time, then by id as text, then by type, then by the value's JSON
        (of("session.deflected", 1, "9", to="z"), of("session.deflected", 2, "1", to="a")),
        (of("session.deflected", 1, "10", to="z"), of("session.deflected", 1, "9", to="a")),
        (of("session.deflected", 1, "\uffff"), of("session.deflected", 1, "\U0001f600", to="a")),
        (of("session.deflected", 1, to="sms"), of("session.deflected", 1, to="whatsapp")),
        (of("session.deflected", 1, to="sms!"), of("session.deflected", 1, to="sms")),
        (of("session.deflected", 1, to="smsX"), of("session.deflected", 1, to='sms"')),
        (of("session.deflected", 1, to="\uffff"), of("session.deflected", 1, to="\U0001f600")),
    ],
)
def test_ties_of_one_register_go_by_the_key(loser, winner):
    for told in ([loser, winner], [winner, loser]):
        assert state_of(*told).deflected.value == winner.data.to
    assert join(observe(loser), observe(winner)).deflected == observe(winner).deflected


@pytest.mark.parametrize(
    ("loser", "winner"),
    [
        ("flow.completed", "flow.failed"),
        ("task.completed", "task.failed"),
        ("flow.failed", "intent.unidentified"),
        ("intent.unidentified", "queue.abandoned"),
        ("queue.abandoned", "session.deflected"),
        ("session.deflected", "session.transferred"),
        ("session.transferred", "task.completed"),
    ],
)
def test_ties_of_the_outcome_go_by_the_types_text(loser, winner):
    for told in ([loser, winner], [winner, loser]):
        assert EVENT_TYPES[state_of(*map(of, told)).outcome.kind] == winner


def test_ties_of_two_records_go_by_their_canonical_json():
    # "ANI" comes before "DNI" whatever their order on the wire, text before null
    one = event("session.recorded", record=FINISHED | {"DNI": "9", "ANI": "1"})
    other = event("session.recorded", record={"ANI": "2", "DNI": "1"} | FINISHED | {"ANI": None})
    assert state_of(one, other).recorded == state_of(other, one).recorded
    assert state_of(one, other).recorded.value.ANI is None


@pytest.mark.parametrize(
    ("key", "other"),
    [
        ("intent", ["Book a Ticket"]),
        ("intent", []),
        ("ANI", "+1"),
        ("DNI", None),
        ("channel", "ivr"),
        ("startTime", "2022-01-06T14:07:08.186+00:00"),
        ("endTime", "2022-01-06T14:44:17.528+00:00"),
        ("status", "Dropoff"),
        ("timeHandled", "13m: 9s"),
        ("deflectedTo", "sms"),
        ("userId", None),
    ],
)
def test_every_key_of_a_record_can_decide_a_tie(key, other):
    one = event("session.recorded", record=FINISHED)
    another = event("session.recorded", record=FINISHED | {key: other})
    assert state_of(one, another) == state_of(another, one)


def test_the_keys_of_records_are_compared_in_sorted_order():
    one = event("session.recorded", record=FINISHED | {"intent": ["a"], "ANI": "z"})
    other = event("session.recorded", record=FINISHED | {"intent": ["z"], "ANI": "a"})
    for told in ([one, other], [other, one]):
        assert state_of(*told).recorded.value.ANI == "z"


def test_records_are_compared_with_their_times_as_printed():
    early = event("session.recorded", record=FINISHED | {"startTime": "1970-01-01T00:00:05Z"})
    late = event("session.recorded", record=FINISHED)
    for told in ([early, late], [late, early]):
        assert state_of(*told).recorded.value.start_time == late.data.record.startTime


def test_what_is_printed_alike_is_no_tie():
    one = FINISHED | {"deflectedTo": ""}
    other = FINISHED | {"deflectedTo": None, "endTime": "2022-01-06T14:44:17.5279Z"}
    assert observe(event("session.recorded", record=one)) == observe(
        event("session.recorded", record=other)
    )


@pytest.mark.parametrize("field", ["channel", "ANI", "DNI"])
def test_ties_of_the_earliest_go_by_the_key_too(field):
    told = [
        of("message.sent", 1, "2", **{field: "a"}),
        of("message.sent", 1, "10", **{field: "z"}),
        of("session.started", 1, "10", **{field: "a"}),
        of("message.sent", 1, "10", **{field: "z!"}),
    ]
    for state in (state_of(*told), state_of(*reversed(told))):
        assert getattr(state, field).value == "z!"


def test_ties_of_intents_go_by_the_key_too():
    told = [
        of("intent.identified", 1, "2", intent="first by name"),
        of("intent.identified", 1, "10", intent="second"),
        of("intent.identified", 1, "10", intent="second!"),
    ]
    for state in (state_of(*told), state_of(*reversed(told))):
        assert [mark.value for mark in state.intents] == ["second!", "second", "first by name"]
