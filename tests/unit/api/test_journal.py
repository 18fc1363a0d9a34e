"""What is recorded of requests: that a line of one that comes again is as that of any other."""

import re

import pytest
from structlog.testing import capture_logs

from intentlive.api.journal import Entry, Journal, new_request_id
from intentlive.signals import Signals


@pytest.fixture
def signals():
    return Signals()


@pytest.fixture
def journal(signals):
    with capture_logs() as lines:
        made = Journal(signals)
        made.lines = lines
        yield made


def entry(status=200, **noted):
    made = Entry("events")
    made.status = status
    made.noted = noted
    return made


def requests(signals, status):
    labels = {"route": "events", "status": status}
    return signals.registry.get_sample_value("intentlive_requests_total", labels)


def test_a_request_id_is_24_hex_digits_and_never_comes_again():
    made = [new_request_id() for _ in range(10_000)]
    assert all(re.fullmatch("[0-9a-f]{24}", each) for each in made)
    assert len(set(made)) == len(made)


def test_a_request_is_counted_and_leaves_a_line(journal, signals):
    recorded = entry(202, bot_id="b", account_id="a")
    journal.record("POST", recorded)
    assert requests(signals, "202") == 1
    (line,) = journal.lines
    assert 0 <= line.pop("ms") <= recorded.ms
    assert line == {
        "log_level": "info",
        "event": "request",
        "method": "POST",
        "route": "events",
        "status": 202,
        "bot_id": "b",
        "account_id": "a",
        "request_id": recorded.request_id,
    }


def test_a_refused_request_is_counted_by_its_check_too_and_is_a_warning(journal, signals):
    journal.record("POST", entry(401, check="scope", mend="give it"))
    (line,) = journal.lines
    assert (line["log_level"], line["check"], line["mend"]) == ("warning", "scope", "give it")
    assert requests(signals, "401") == 1
    refusals = signals.registry.get_sample_value("intentlive_refusals_total", {"check": "scope"})
    assert refusals == 1


def test_who_left_before_an_answer_is_recorded_as_that(journal, signals):
    journal.record("POST", Entry("events"))
    assert journal.lines[0]["status"] == 499
    assert requests(signals, "499") == 1


@pytest.mark.parametrize("status", [200, 304])
def test_one_like_another_is_told_likewise(journal, signals, status):
    numbers = []
    for _ in range(3):
        like = entry(status, bot_id="b", account_id="a", client_id="c")
        numbers.append(like.request_id)
        journal.record("GET", like)
    assert [line.pop("request_id") for line in journal.lines] == numbers
    assert all(line.pop("ms") >= 0 for line in journal.lines)
    assert journal.lines[0] == journal.lines[1] == journal.lines[2]
    assert requests(signals, str(status)) == 3


def test_what_differs_is_told_of_each(journal):
    likely = [
        ("GET", entry(200, bot_id="b", accepted=1)),
        ("POST", entry(200, bot_id="b", accepted=1)),
        ("GET", entry(304, bot_id="b", accepted=1)),
        ("GET", entry(200, bot_id="c", accepted=1)),
        ("GET", entry(200, bot_id="b", accepted=2)),
    ]
    for method, each in likely * 2:
        journal.record(method, each)
    told = [(line["method"], line["status"], line["bot_id"]) for line in journal.lines]
    wanted = [(method, each.status, each.noted["bot_id"]) for method, each in likely]
    assert told == wanted * 2
    assert [line["accepted"] for line in journal.lines] == [1, 1, 1, 1, 2] * 2


def test_the_lines_that_are_remembered_are_bounded(journal, monkeypatch):
    monkeypatch.setattr("intentlive.api.journal._MAX_LINES", 3)
    for number in [*range(9), 0]:
        journal.record("GET", entry(bot_id=number))
    assert [line["bot_id"] for line in journal.lines] == [*range(9), 0]
    assert len(journal._lines) <= 3


def test_its_time_is_told_in_milliseconds(journal):
    slow = entry()
    slow.began -= 2
    journal.record("GET", slow)
    assert 2000 <= journal.lines[0]["ms"] < 60_000
