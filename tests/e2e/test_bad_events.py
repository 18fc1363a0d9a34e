"""Events that are not what they should be: each is told, and its good neighbours are stored."""

import json

import pytest

from .wire import event, finished, moment, new_session

pytestmark = pytest.mark.usefixtures("the_server_goes_on")


@pytest.fixture
def rejected(send, listed):
    """What is said of a bad event; its good neighbours are stored."""

    def sent(bad):
        first, last = new_session(), new_session()
        text = bad if isinstance(bad, str) else json.dumps(bad)
        neighbours = [json.dumps(finished(session)) for session in (first, last)]
        body = f"[{neighbours[0]},{text},{neighbours[1]}]".encode()
        answer = send(body)
        assert answer.status == 200, answer.body
        assert answer.json["accepted"] == 2
        assert {first, last} <= set(listed())
        (rejection,) = answer.json["rejected"]
        assert rejection["index"] == 1
        return rejection

    return sent


def changed(event_kind="message.received", without=(), /, **attributes):
    """An event that is right but for these attributes."""
    right = event(event_kind, new_session())
    return {key: value for key, value in (right | attributes).items() if key not in without}


@pytest.mark.parametrize("attribute", ["specversion", "id", "source", "type", "subject", "time"])
def test_a_missing_attribute_is_named(rejected, attribute):
    rejection = rejected(changed("message.received", (attribute,)))
    (error,) = rejection["errors"]
    assert error["code"] == 412
    assert attribute in error["msg"]


WRONG = {
    "an event that is a text": ('"event"', "object"),
    "an event that is null": (None, "object"),
    "an event that is an array": ([], "object"),
    "a number for an id": (changed(id=5), "id"),
    "an empty id": (changed(id=""), "id"),
    "an id too long": (changed(id="x" * 257), "id"),
    "null for a source": (changed(source=None), "source"),
    "another version": (changed(specversion="0.3"), "1.0"),
    "a space in a subject": (changed(subject="a b"), "visible"),
    "a subject too long": (changed(subject="x" * 129), "visible"),
    "a number for a type": (changed(type=5), "type"),
    "data that is a text": (changed(data="x"), "data"),
    "a number for a text": (changed(data={"ANI": 4912345}), "ANI"),
    "a number for a channel": (changed(data={"channel": 1.5}), "channel"),
    "a text too long": (changed(data={"userId": "x" * 257}), "userId"),
    "a text for a boolean": (changed(data={"developer": "yes"}), "developer"),
    "no intent": (changed("intent.identified", data={}), "intent"),
    "no data for an intent": (changed("intent.identified"), "data"),
    "an empty intent": (changed("intent.identified", data={"intent": ""}), "intent"),
    "too sure": (changed("intent.identified", data={"intent": "a", "confidence": 2}), "confidence"),
    "no channel to deflect to": (changed("session.deflected", data={"to": None}), "to"),
    "no record": (changed("session.recorded", data={}), "record"),
    "half a record": (changed("session.recorded", data={"record": {"intent": []}}), "record"),
    "NUL in an id": (changed(id="a\0b"), "id"),
    "NUL in a subject": (changed(subject="a\0b"), "subject"),
    "NUL in a text": (changed(data={"DNI": "\0"}), "DNI"),
    "a lone surrogate in an id": (changed(id="a\ud800"), "id"),
    "a lone surrogate in a subject": (changed(subject="\udfff"), "subject"),
    "a lone surrogate in a text": (changed(data={"DNI": "\ud83d"}), "DNI"),
    "a lone surrogate in a type": (changed(type="\ud83d"), "type"),
    "a time without an offset": (changed(time="2022-01-06T14:07:08.185"), "offset"),
    "a date alone": (changed(time="2022-01-06"), "time"),
    "a time that is a number": (changed(time=1641478028185), "time"),
    "no such day": (changed(time="2022-02-30T00:00:00Z"), "time"),
    "the year 0": (changed(time="0000-01-01T00:00:00Z"), "time"),
    "the year 10000": (changed(time="10000-01-01T00:00:00Z"), "time"),
    "before 1970": (changed(time="1969-12-31T23:59:59.999Z"), "1970"),
    "before 1970 by its offset": (changed(time="1970-01-01T00:00:00+01:00"), "1970"),
    "an infinite confidence": (
        json.dumps(changed("intent.identified", data={"intent": "a", "confidence": 7})).replace(
            '"confidence": 7', '"confidence": 1e400'
        ),
        "confidence",
    ),
}


@pytest.mark.parametrize(("bad", "named"), WRONG.values(), ids=WRONG)
def test_a_bad_event_is_told_and_spoils_no_other(rejected, bad, named):
    rejection = rejected(bad)
    (error,) = rejection["errors"]
    assert error["code"] == 412
    assert named in error["msg"]
    readable = isinstance(bad, dict) and isinstance(bad["id"], str) and "surrogate" not in str(bad)
    if readable and len(bad["id"]) < 257 and bad["id"].isascii():
        assert rejection["id"] == bad["id"]


@pytest.mark.parametrize("kind", ["session.finished", "Session.Started", "", "x" * 5000, "\0"])
def test_an_unknown_type_is_rejected_by_its_name(rejected, kind):
    (error,) = rejected(changed(type=kind))["errors"]
    assert "type" in error["msg"]
    assert ascii(kind)[:60] in error["msg"]
    assert "session.started" in error["msg"]
    assert len(error["msg"]) < 1000


def test_an_event_six_minutes_ahead_may_come_again_later(rejected):
    (error,) = rejected(changed(time=moment(360)))["errors"]
    assert error["code"] == 425
    assert "again later" in error["msg"]


IGNORED = {
    "300 levels": "[" * 300 + "]" * 300,
    "NUL": '"\\u0000"',
    "a lone surrogate": '"\\ud800"',
    "a lone surrogate in a key": '{"\\udc00": 1}',
    "1e400": "1e400",
    "a number of 5,000 digits": "9" * 5000,
    "an attribute twice": '1, "unknown": 2',
}


@pytest.mark.parametrize("where", ["event", "data"])
@pytest.mark.parametrize("spoiled", [False, True], ids=["alone", "beside a bad event"])
@pytest.mark.parametrize("value", IGNORED.values(), ids=IGNORED)
def test_what_is_unknown_is_ignored_whatever_it_holds(send, listed, where, spoiled, value):
    session = new_session()
    good = json.dumps(finished(session, channel="rtm"))
    place = '"data": {' if where == "data" else '{"specversion"'
    inserted = (
        f'{place}"unknown": {value}, '
        if where == "data"
        else f'{{"unknown": {value}, "specversion"'
    )
    good = good.replace(place, inserted, 1)
    bad = "5" if spoiled else json.dumps(finished())
    answer = send(f"[{good},{bad}]".encode())
    assert answer.status == 200, answer.body
    assert answer.json["accepted"] == (1 if spoiled else 2)
    assert session in listed()


@pytest.mark.parametrize("key", ["\\u0000", "\\ud800", "\\udc00\\ud800", ""])
@pytest.mark.parametrize("spoiled", [False, True], ids=["alone", "beside a bad event"])
def test_unknown_keys_are_ignored_whatever_their_name(send, key, spoiled):
    good = json.dumps(finished(channel="rtm"))
    good = good.replace('{"specversion"', f'{{"{key}": 1, "specversion"')
    good = good.replace('"data": {', f'"data": {{"{key}": 1, ')
    bad = "5" if spoiled else json.dumps(finished())
    answer = send(f"[{good},{bad}]".encode())
    assert answer.status == 200, answer.body
    assert answer.json["accepted"] == (1 if spoiled else 2)
