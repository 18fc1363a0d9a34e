"""The metrics themselves: their names and labels, and that senders cannot multiply them."""

import pytest
from prometheus_client import generate_latest

from intentlive.signals import Signals

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


def test_rejected_events_are_counted_by_reason(signals):
    signals.count_rejected({"time": 2, "data": 1})
    signals.count_rejected({"time": 3})
    signals.count_rejected({})
    assert value(signals, "intentlive_events_rejected_total", reason="time") == 5
    assert value(signals, "intentlive_events_rejected_total", reason="data") == 1


def test_the_lag_of_a_source_is_its_latest(signals):
    signals.observe_lag("urn:a", 5, NOW)
    signals.observe_lag("urn:b", 7.5, NOW)
    signals.observe_lag("urn:a", -1, NOW)
    assert value(signals, "intentlive_source_lag_seconds", source="urn:a") == -1
    assert value(signals, "intentlive_source_lag_seconds", source="urn:b") == 7.5


def test_only_the_first_hundred_sources_get_a_series(signals):
    for number in range(1_000):
        signals.observe_lag(f"urn:{number}", number, NOW)
    (lag,) = (m for m in signals.registry.collect() if m.name == "intentlive_source_lag_seconds")
    assert len(lag.samples) == 101
    assert value(signals, "intentlive_source_lag_seconds", source="(other sources)") == 999
    signals.observe_lag("urn:0", 42, NOW)
    assert value(signals, "intentlive_source_lag_seconds", source="urn:0") == 42


def test_names_from_senders_cannot_break_the_text_format(signals):
    signals.observe_lag('a"} 1\nintentlive_open_sessions 5\n#\\', 1, NOW)
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
    signals.observe_lag("urn:history", 1e9, NOW)
    signals.observe_lag("urn:live", 1, NOW + 600_000)
    signals.forget_quiet_sources(NOW + 600_001)
    assert lag(signals, "urn:history") is None
    assert lag(signals, "urn:live") == 1


def lag(signals, source):
    name = "intentlive_source_lag_seconds"
    return signals.registry.get_sample_value(name, {"source": source})
