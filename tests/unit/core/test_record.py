"""The eleven published keys."""

import msgspec
import pytest

from intentlive.core.personal import VERBATIM
from intentlive.core.reading import BotRules
from intentlive.core.record import record, render
from intentlive.core.session import ERASED, State
from tests.wire import FINISHED, SESSION, event, state_of

RULES = BotRules()
KEYS = [
    *("intent", "ANI", "DNI", "channel", "startTime", "endTime"),
    *("status", "timeHandled", "deflectedTo", "userId", "sessionId"),
]


def shown(*told, session_id=SESSION):
    """The record as a client reads it."""
    return msgspec.json.decode(render([record(session_id, state_of(*told), RULES, VERBATIM)]))[0]


def test_the_published_chat():
    told = [
        event(
            "session.started",
            "2022-01-06T14:07:08.185+00:00",
            ANI="st-bb0e8899-a753-568f-984f-3338de26xxxx",
            DNI="username@domain.com",
            channel="rtm",
            userId="u-6b184e56-ebe3-5acb-af3c-1e6bcb25xxxx",
        ),
        event("message.received", "2022-01-06T14:07:20Z"),
        event("intent.identified", "2022-01-06T14:07:20.5Z", intent="Book a Ticket"),
        event("message.sent", "2022-01-06T14:07:21Z"),
        event("intent.identified", "2022-01-06T19:37:40+05:30", intent="Book a Flight"),
        event("session.deflected", "2022-01-06T14:07:58.9Z", to="rtm"),
        event("message.received", "2022-01-06T14:20:00Z"),
        event("session.ended", "2022-01-06T14:44:17.5279Z", reason="agentClosed"),
    ]
    assert shown(*told, session_id="6364a8616d8e6a6a0effxxxx") == {
        "intent": ["Book a Ticket", "Book a Flight"],
        "ANI": "st-bb0e8899-a753-568f-984f-3338de26xxxx",
        "DNI": "username@domain.com",
        "channel": "rtm",
        "startTime": "2022-01-06T14:07:08.185+00:00",
        "endTime": "2022-01-06T14:44:17.527+00:00",
        "status": "completed",
        "timeHandled": "50s",
        "deflectedTo": "rtm",
        "userId": "u-6b184e56-ebe3-5acb-af3c-1e6bcb25xxxx",
        "sessionId": "6364a8616d8e6a6a0effxxxx",
    }


def test_the_published_call():
    told = [
        event(
            "session.started",
            "2022-01-06T14:07:08.185+00:00",
            ANI="+126529865",
            DNI="+126529865",
            channel="audiocodes",
        ),
        event("intent.unidentified", "2022-01-06T14:19:00Z"),
        event("session.transferred", "2022-01-06T14:20:16.185Z"),
        event("queue.abandoned", "2022-01-06T14:44:17.527Z"),
        event("session.ended", "2022-01-06T14:44:17Z", userId="u-6b184e56-xxxx"),
    ]
    assert shown(*told, session_id="6364a8616d8e6a6a0effxxxy") == {
        "intent": [],
        "ANI": "+126529865",
        "DNI": "+126529865",
        "channel": "audiocodes",
        "startTime": "2022-01-06T14:07:08.185+00:00",
        "endTime": "2022-01-06T14:44:17.527+00:00",
        "status": "Dropoff",
        "timeHandled": "13m: 8s",
        "deflectedTo": None,
        "userId": "u-6b184e56-xxxx",
        "sessionId": "6364a8616d8e6a6a0effxxxy",
    }


@pytest.mark.parametrize(
    "told", [event("session.started"), event("session.recorded", record=FINISHED)]
)
def test_the_keys_and_their_order(told):
    assert list(shown(told)) == KEYS


def test_what_is_not_known_is_null():
    record_of_a_hang_up = shown(event("session.started", 0), event("session.ended", 1))
    assert record_of_a_hang_up == {
        "intent": [],
        "ANI": None,
        "DNI": None,
        "channel": None,
        "startTime": "2022-01-06T12:00:00.000+00:00",
        "endTime": "2022-01-06T12:00:01.000+00:00",
        "status": "Dropoff",
        "timeHandled": "0s",
        "deflectedTo": None,
        "userId": None,
        "sessionId": SESSION,
    }


def test_an_end_alone_makes_a_record():
    alone = shown(event("session.ended", 5))
    assert alone["startTime"] == alone["endTime"] == "2022-01-06T12:00:05.000+00:00"
    assert (alone["status"], alone["timeHandled"]) == ("Dropoff", "0s")


def test_a_return_to_the_flow_still_shows_the_deflection():
    told = [
        event("session.deflected", 1, to="sms"),
        event("session.deflected", 2, to="whatsapp"),
        event("intent.identified", 3, intent="Book a Flight"),
    ]
    assert shown(*told)["deflectedTo"] == "whatsapp"


def test_a_transfer_is_no_deflection():
    assert shown(event("session.transferred", to="sales"))["deflectedTo"] is None


def test_a_record_made_elsewhere_is_taken_as_it_is():
    told = [
        event("session.started", 0, channel="sms", ANI="a", DNI="d", userId="u"),
        event("intent.identified", 1, intent="Other"),
        event("session.deflected", 2, to="sms"),
        event("session.recorded", 3, channel="sms", userId="u", record=FINISHED),
        event("session.ended", 90_000),
    ]
    assert shown(*told) == FINISHED | {"sessionId": SESSION}


def test_the_times_of_a_record_made_elsewhere_are_printed_our_way():
    made = {
        "startTime": "2022-01-06T19:37:08.185999+05:30",
        "endTime": "2022-01-06T14:44:17.527Z",
        "timeHandled": "61m:8s",
    }
    taken = shown(event("session.recorded", record=FINISHED | made))
    assert taken["startTime"] == "2022-01-06T14:07:08.185+00:00"
    assert taken["endTime"] == "2022-01-06T14:44:17.527+00:00"
    assert taken["timeHandled"] == "61m:8s"


@pytest.mark.parametrize("key", ["ANI", "DNI", "channel", "deflectedTo", "userId"])
def test_what_a_record_made_elsewhere_leaves_out_is_null(key):
    left_out = {name: value for name, value in FINISHED.items() if name != key}
    for made in (left_out, FINISHED | {key: None}, FINISHED | {key: ""}):
        assert shown(event("session.recorded", record=made))[key] is None


@pytest.mark.parametrize("state", [State(), ERASED])
def test_of_nothing_there_is_no_record(state):
    with pytest.raises(ValueError, match="nothing is known of session s1"):
        record("s1", state, RULES, VERBATIM)


def test_records_are_rendered_as_a_bare_array_in_utf_8():
    assert render([]) == b"[]"
    state = state_of(event("session.started", channel="é\U0001f600"))
    rendered = render([record("1", state, RULES, VERBATIM), record("2", state, RULES, VERBATIM)])
    assert rendered.startswith(b'[{"intent":[],"ANI":null,')
    assert '"channel":"é\U0001f600"'.encode() in rendered
    assert [each["sessionId"] for each in msgspec.json.decode(rendered)] == ["1", "2"]
