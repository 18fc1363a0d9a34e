"""When a session ended, how, and how long its flow handled it."""

import pytest

from intentlive.core import reading
from intentlive.core.reading import BotRules
from intentlive.core.session import ERASED, State
from tests.wire import FINISHED, FINISHED_END_MS, event, ms, state_of

RULES = BotRules()
IDLE = 15 * 60  # seconds, the published default


def started(time=0, **data):
    return event("session.started", time, **data)


def heard(time):
    return event("message.received", time)


def said(time):
    return event("message.sent", time)


def intent(time):
    return event("intent.identified", time, intent="Book a Flight")


def deflected(time, to="rtm"):
    return event("session.deflected", time, to=to)


def transferred(time):
    return event("session.transferred", time, to="sales")


def happened(event_type, time):
    return event(event_type, time)


GOOD = [
    happened("task.completed", 10),
    happened("flow.completed", 10),
    deflected(10),
    transferred(10),
]
BAD = [
    happened("task.failed", 10),
    happened("flow.failed", 10),
    happened("intent.unidentified", 10),
    happened("queue.abandoned", 10),
]


# Handed over


@pytest.mark.parametrize(
    ("told", "left_at"),
    [
        ([started(), heard(5)], None),
        ([started(), deflected(10)], 10),
        ([started(), transferred(10)], 10),
        ([intent(5), deflected(10)], 10),
        ([intent(10), deflected(10)], 10),
        ([intent(10.001), deflected(10)], None),
        ([deflected(10), transferred(20)], 20),
        ([transferred(10), deflected(20)], 20),
        ([deflected(10), intent(15), transferred(20)], 20),
        ([deflected(10), transferred(20), intent(25)], None),
        ([deflected(10), intent(15), deflected(20)], 20),
        ([transferred(10), heard(20), said(30)], 10),
    ],
)
def test_a_contact_is_handed_over_until_the_flow_acts_again(told, left_at):
    expected = None if left_at is None else ms(left_at)
    assert reading.handed_over_at(state_of(*told)) == expected


@pytest.mark.parametrize(
    "event_type",
    ["intent.unidentified", "task.completed", "task.failed", "flow.completed", "flow.failed"],
)
def test_every_act_of_the_flow_takes_the_contact_back(event_type):
    state = state_of(transferred(10), happened(event_type, 11))
    assert reading.handed_over_at(state) is None
    assert reading.time_handled(state) == 1_000


# When it ended


@pytest.mark.parametrize(
    ("told", "end"),
    [
        # left idle
        ([started()], IDLE),
        ([started(), heard(5), said(7)], 7 + IDLE),
        ([started(), happened("task.completed", 5)], 5 + IDLE),
        ([started(), happened("flow.failed", 5)], 5 + IDLE),
        ([started(), happened("queue.abandoned", 5)], 5 + IDLE),
        # handed over: the last activity, however long the human talks
        ([started(), deflected(10)], 10),
        ([started(), transferred(10), heard(2000), said(2001)], 2001),
        # handed over and returned
        ([started(), transferred(10), intent(20)], 20 + IDLE),
        # the flow ran to its end
        ([heard(5), happened("flow.completed", 10)], 10),
        ([heard(10), happened("flow.completed", 10)], 10),
        ([happened("flow.completed", 10)], 10),
        ([heard(5), happened("flow.completed", 10), said(11)], 11),
        ([happened("flow.completed", 10), heard(10.001)], 10.001 + IDLE),
        ([happened("flow.completed", 10), intent(12)], 12 + IDLE),
        ([happened("flow.completed", 10), happened("task.completed", 12)], 12 + IDLE),
        ([happened("flow.completed", 10), happened("queue.abandoned", 12)], 12 + IDLE),
        # ended
        ([started(), heard(5), happened("session.ended", 20)], 20),
        ([happened("session.ended", 20), heard(25)], 25),
        ([happened("session.ended", 20), transferred(25), heard(30)], 30),
        ([happened("session.ended", 20), happened("session.ended", 40), heard(25)], 40),
        ([happened("session.ended", 20)], 20),
    ],
)
def test_when_a_session_ends(told, end):
    assert reading.end_time(state_of(*told), RULES) == ms(end)


def test_a_recorded_session_ended_when_its_record_says():
    recorded = event("session.recorded", 9000, record=FINISHED)
    assert reading.end_time(state_of(recorded), RULES) == FINISHED_END_MS
    told = [heard(8000), happened("session.ended", 9001), recorded]
    assert reading.end_time(state_of(*told), RULES) == FINISHED_END_MS


@pytest.mark.parametrize("state", [State(), ERASED])
def test_of_nothing_there_is_no_end(state):
    assert reading.end_time(state, RULES) is None
    assert reading.time_handled(state) == 0


# The idle timeout


def test_the_idle_timeout_is_15_minutes_unless_set():
    assert RULES.idle_timeout_at(ms(0)) == 900_000
    assert not RULES.skip_silent


@pytest.mark.parametrize(
    ("last_activity", "timeout"),
    [(99.999, 60), (100, 30), (199.999, 30), (200, 3_600), (5000, 3_600)],
)
def test_the_idle_timeout_is_the_one_in_force_at_the_last_activity(last_activity, timeout):
    rules = BotRules(idle_timeouts=((0, 60), (ms(100), 30), (ms(200), 3_600)))
    state = state_of(started(), heard(last_activity))
    assert reading.end_time(state, rules) == ms(last_activity + timeout)


def test_before_the_first_timeout_was_set_the_first_is_in_force():
    rules = BotRules(idle_timeouts=((ms(100), 30), (ms(200), 60)))
    assert rules.idle_timeout_at(ms(0)) == 30_000


# How it ended


@pytest.mark.parametrize("outcome", GOOD)
@pytest.mark.parametrize("before", BAD)
def test_a_good_outcome_at_last_makes_it_completed(outcome, before):
    assert reading.status(state_of(started(), outcome)) == "completed"
    earlier = happened(str(before.__struct_config__.tag), 9)
    assert reading.status(state_of(outcome, earlier, heard(20))) == "completed"


@pytest.mark.parametrize("outcome", BAD)
def test_a_bad_outcome_at_last_makes_it_a_dropoff(outcome):
    assert reading.status(state_of(started(), outcome)) == "Dropoff"
    for good in ("task.completed", "flow.completed"):
        assert reading.status(state_of(happened(good, 9), outcome, heard(20))) == "Dropoff"
    assert reading.status(state_of(deflected(8), transferred(9), outcome)) == "Dropoff"


def test_no_outcome_makes_it_a_dropoff():
    told = [started(), heard(1), intent(2), said(3), happened("session.ended", 4)]
    assert reading.status(state_of(*told)) == "Dropoff"
    assert reading.status(State()) == "Dropoff"


# How long its flow handled it


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ([started()], 0),
        ([started(), heard(50)], 50),
        ([started(), heard(50), happened("session.ended", 90)], 50),
        ([started(), transferred(50), heard(90)], 50),
        ([started(), deflected(50), transferred(60), heard(90)], 60),
        ([started(), transferred(50), intent(70), said(90)], 90),
        ([started(), intent(50), deflected(50), said(90)], 50),
        ([happened("session.ended", 20)], 0),
        ([happened("session.ended", 20), said(30)], 10),
    ],
)
def test_how_long_the_flow_handled_it(told, seconds):
    assert reading.time_handled(state_of(*told)) == seconds * 1000


# Who is shown


@pytest.mark.parametrize("told", [heard(1), intent(1), *GOOD, *BAD])
def test_user_activity_or_an_outcome_breaks_the_silence(told):
    assert not reading.is_silent(state_of(started(), told))


def test_without_either_it_is_silent():
    assert reading.is_silent(state_of(started(), said(1), happened("session.ended", 2)))


def test_a_record_made_elsewhere_is_not_silent():
    assert not reading.is_silent(state_of(event("session.recorded", record=FINISHED)))


def test_developers_and_the_erased_are_not_listed():
    assert reading.is_listed(state_of(started(), heard(1)))
    assert not reading.is_listed(state_of(started(), event("message.sent", 9, developer=True)))
    assert not reading.is_listed(ERASED)
