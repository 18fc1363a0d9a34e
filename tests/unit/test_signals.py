"""The metrics themselves: their names and labels, and that senders cannot multiply them."""

import json
import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from intentlive.signals import Signals, Tally, Worker, forget_worker

NOW = 1_641_470_400_000


@pytest.fixture
def signals():
    return Signals()


def value(signals, name, **labels):
    return signals.registry.get_sample_value(name, labels)


def names(signals):
    return {metric.name for metric in signals.registry.collect()}


def test_every_metric_has_the_products_prefix_and_a_help_text(signals):
    for metric in signals.registry.collect():
        assert metric.name.startswith("intentlive_")
        assert metric.documentation


def test_there_are_the_metrics_that_dashboards_are_built_on(signals):
    assert names(signals) == {
        "intentlive_administrative_acts",
        "intentlive_sessions_purged",
        "intentlive_requests",
        "intentlive_refusals",
        "intentlive_events_accepted",
        "intentlive_events_rejected",
        "intentlive_commit_seconds",
        "intentlive_commits_failed",
        "intentlive_queue_depth",
        "intentlive_source_lag_seconds",
        "intentlive_latest_views",
        "intentlive_open_sessions",
    }


def test_both_ways_of_a_view_are_there_from_the_start(signals):
    for cache in ("hit", "miss"):
        assert value(signals, "intentlive_latest_views_total", cache=cache) == 0


def test_requests_are_counted_by_route_and_status(signals):
    for route, status in (("events", 200), ("events", 200), ("events", 401), ("/healthz", 200)):
        signals.count_request(route, status)
    counted = [
        value(signals, "intentlive_requests_total", route=route, status=status)
        for route, status in (("events", "200"), ("events", "401"), ("/healthz", "200"))
    ]
    assert counted == [2, 1, 1]


def test_each_answer_shows_what_was_counted_up_to_then_and_nothing_twice(signals):
    for expected in (1, 2, 3):
        signals.count_request("events", 200)
        signals.count_view("hit")
        for _ in range(2):
            text = generate_latest(signals.registry).decode().splitlines()
            assert f'intentlive_requests_total{{route="events",status="200"}} {expected}.0' in text
            assert f'intentlive_latest_views_total{{cache="hit"}} {expected}.0' in text


def test_a_tally_tells_what_it_counted_once():
    registry = CollectorRegistry()
    tally = Tally(Counter("things", "Things", ["a", "b"], registry=registry))
    for labels in (("x", "y"), ("x", "z"), ("x", "y")):
        tally.count(*labels)
    told = [registry.get_sample_value("things_total", {"a": "x", "b": b}) for b in ("y", "z")]
    assert told == [None, None]
    for _ in range(2):
        tally.tell()
        told = [registry.get_sample_value("things_total", {"a": "x", "b": b}) for b in ("y", "z")]
        assert told == [2, 1]
    tally.count("x", "z")
    tally.tell()
    assert registry.get_sample_value("things_total", {"a": "x", "b": "z"}) == 2


def test_rejected_events_are_counted_by_reason(signals):
    signals.count_rejected({"time": 2, "data": 1})
    signals.count_rejected({"time": 3})
    signals.count_rejected({})
    assert value(signals, "intentlive_events_rejected_total", reason="time") == 5
    assert value(signals, "intentlive_events_rejected_total", reason="data") == 1


def test_the_lag_of_a_source_is_its_latest(signals):
    signals.source_lags.observe("urn:a", 5, NOW)
    signals.source_lags.observe("urn:b", 7.5, NOW)
    signals.source_lags.observe("urn:a", -1, NOW)
    assert value(signals, "intentlive_source_lag_seconds", source="urn:a") == -1
    assert value(signals, "intentlive_source_lag_seconds", source="urn:b") == 7.5


def test_only_the_first_hundred_sources_get_a_series(signals):
    for number in range(1_000):
        signals.source_lags.observe(f"urn:{number}", number, NOW)
    (lag,) = (m for m in signals.registry.collect() if m.name == "intentlive_source_lag_seconds")
    assert len(lag.samples) == 101
    assert value(signals, "intentlive_source_lag_seconds", source="(other sources)") == 999
    signals.source_lags.observe("urn:0", 42, NOW)
    assert value(signals, "intentlive_source_lag_seconds", source="urn:0") == 42


def test_names_from_senders_cannot_break_the_text_format(signals):
    signals.source_lags.observe('a"} 1\nintentlive_open_sessions 5\n#\\', 1, NOW)
    lines = generate_latest(signals.registry).decode().splitlines()
    assert [line for line in lines if line.startswith("intentlive_open_sessions ")] == [
        "intentlive_open_sessions 0.0"
    ]


def test_two_servers_in_one_process_count_apart(signals):
    other = Signals()
    signals.events_accepted.inc(3)
    assert value(other, "intentlive_events_accepted_total") == 0


def test_a_source_that_is_quiet_is_no_news_any_more():
    signals = Signals()
    signals.source_lags.observe("urn:history", 1e9, NOW)
    signals.source_lags.observe("urn:live", 1, NOW + 600_000)
    signals.source_lags.forget_quiet(NOW + 600_001)
    assert lag(signals, "urn:history") is None
    assert lag(signals, "urn:live") == 1


def lag(signals, source):
    name = "intentlive_source_lag_seconds"
    return signals.registry.get_sample_value(name, {"source": source})


WORK = """
import json, resource, sys
from pathlib import Path
from prometheus_client import CollectorRegistry, Counter, generate_latest
from intentlive.signals import Signals, Worker

does = json.loads(sys.argv[3])
if "no_room" in does:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, -1))
signals = Signals(Worker(int(sys.argv[1]), Path(sys.argv[2])))
for route in does.get("requests", ()):
    signals.count_request(route, 200)
    signals.count_view("hit")
for source, seconds in does.get("lags", {}).items():
    signals.source_lags.observe(source, seconds, does.get("at", 0))
signals.tell()
for route in does.get("requests_later", ()):
    signals.count_request(route, 200)
if "now" in does:
    signals.source_lags.forget_quiet(does["now"])
    signals.source_lags.tell()
signals.commit_seconds.observe(0.02)
signals.queue_depth.inc(does.get("waiting", 0))
signals.in_store.open_sessions, signals.in_store.acts = 7, {"app updated": 3}
if does.get("is_asked", True):
    sys.stdout.buffer.write(generate_latest(signals.registry))
"""


@pytest.fixture
def work(tmp_path):
    """Be a worker for a moment; gives what it would answer to /metrics, by metric and labels."""

    def run(number, **does):
        command = [sys.executable, "-W", "error", "-c", WORK, str(number), str(tmp_path)]
        done = subprocess.run([*command, json.dumps(does)], capture_output=True, check=True)
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(done.stdout.decode())
            for sample in family.samples
        }

    return run


def test_workers_count_together(work):
    work(1, requests=["events", "events", "/healthz"])
    told = work(2, requests=["events"])
    assert told["intentlive_requests_total", "events", "200"] == 3
    assert told["intentlive_requests_total", "/healthz", "200"] == 1
    assert told["intentlive_commit_seconds_count",] == 2
    assert told["intentlive_commit_seconds_bucket", "0.025"] == 2
    assert told["intentlive_commit_seconds_bucket", "0.01"] == 0


def test_workers_tell_of_the_same_metrics_as_one_process(work):
    alone = Signals()
    alone.count_request("events", 200)
    alone.commit_seconds.observe(0.02)
    alone.source_lags.observe("urn:a", 1, NOW)
    alone.in_store.acts = {"app updated": 3}
    samples = {
        (sample.name, *sample.labels.values())
        for metric in alone.registry.collect()
        for sample in metric.samples
    }
    assert set(work(1, requests=["events"], lags={"urn:a": 1})) == samples


def test_what_a_worker_has_counted_the_others_learn_though_it_is_never_asked(work):
    work(1, requests=["events", "events"], is_asked=False)
    told = work(2)
    assert told["intentlive_requests_total", "events", "200"] == 2
    assert told["intentlive_latest_views_total", "hit"] == 2


def test_a_worker_that_is_asked_tells_what_it_counted_since_it_told_the_others(work):
    told = work(1, requests=["events"], requests_later=["events", "/healthz"])
    assert told["intentlive_requests_total", "events", "200"] == 2
    assert told["intentlive_requests_total", "/healthz", "200"] == 1


def test_what_the_store_has_counted_is_not_counted_once_a_worker(work):
    work(1)
    told = work(2)
    assert told["intentlive_open_sessions",] == 7
    assert told["intentlive_administrative_acts_total", "app updated"] == 3


def test_who_takes_the_place_of_a_worker_goes_on_with_its_counters(work, tmp_path):
    work(1, requests=["events"], waiting=5)
    work(2, waiting=1)
    forget_worker(Worker(1, tmp_path))
    told = work(1, requests=["events"], waiting=2)
    assert told["intentlive_requests_total", "events", "200"] == 2
    assert told["intentlive_queue_depth",] == 3  # of those that live


def test_of_lags_the_latest_is_told_as_long_as_its_worker_lives(work, tmp_path):
    work(1, lags={"urn:a": 3600, "urn:b": -2}, at=1)
    told = work(2, lags={"urn:a": 4}, at=2)
    assert told["intentlive_source_lag_seconds", "urn:a"] == 4
    assert told["intentlive_source_lag_seconds", "urn:b"] == -2
    assert work(3, lags={"urn:a": 7})["intentlive_source_lag_seconds", "urn:a"] == 4
    forget_worker(Worker(1, tmp_path))
    forget_worker(Worker(2, tmp_path))
    told = work(4)
    assert told["intentlive_source_lag_seconds", "urn:a"] == 7
    assert ("intentlive_source_lag_seconds", "urn:b") not in told


def test_what_workers_count_in_has_its_room_from_the_start(work, tmp_path):
    work(1, requests=["events"])
    files = [path.stat() for path in tmp_path.glob("*_1.db")]
    assert len(files) == 3
    for file in files:
        assert file.st_blocks * 512 >= file.st_size  # no hole that a full disk could not fill


def test_without_room_to_count_a_worker_says_so(work, tmp_path):
    with pytest.raises(subprocess.CalledProcessError) as caught:
        work(1, no_room=True)
    assert caught.value.returncode == 1  # and no signal
    assert b"no room to count" in caught.value.stderr
    assert ("intentlive_queue_depth",) in work(1)  # as soon as there is some


def test_a_source_that_is_quiet_with_one_worker_is_told_by_none(work):
    work(1, lags={"urn:history": 1e9}, now=600_001)
    assert ("intentlive_source_lag_seconds", "urn:history") not in work(2)


def test_a_worker_that_never_was_can_be_forgotten(tmp_path):
    forget_worker(Worker(1, tmp_path))
