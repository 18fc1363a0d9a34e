"""What is recorded of requests: that a line of one that comes again is as that of any other."""

import re
from time import perf_counter

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
def test_one_that_comes_again_is_recorded_as_the_first(journal, signals, status):
    first = entry(status, bot_id="b", account_id="a", client_id="c")
    journal.record("GET", first)
    repeating = journal.repeating("GET", first)
    repeating.record(status, "an-id", perf_counter())
    before, after = journal.lines
    assert after["ms"] >= 0
    assert after["request_id"] == "an-id"
    for line in (before, after):
        del line["ms"], line["request_id"]
    assert after == before
    assert requests(signals, str(status)) == 2


def test_its_answer_may_be_another_each_time(journal, signals):
    repeating = journal.repeating("GET", entry(200, bot_id="b"))
    for status in (304, 200, 304):
        repeating.record(status, "an-id", perf_counter())
    assert [line["status"] for line in journal.lines] == [304, 200, 304]
    assert (requests(signals, "200"), requests(signals, "304")) == (1, 2)


def test_its_time_is_told_in_milliseconds(journal):
    journal.repeating("GET", entry()).record(200, "an-id", perf_counter() - 2)
    assert 2000 <= journal.lines[0]["ms"] < 60_000
