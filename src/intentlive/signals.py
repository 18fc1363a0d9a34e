"""What the operator sees: Prometheus metrics, all in one place."""

from collections.abc import Iterator, Mapping
from functools import partial

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

_MAX_SOURCES = 100
_QUIET_MS = 10 * 60 * 1000
_OTHER_SOURCES = "(other sources)"
_COMMIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

disable_created_metrics()  # type: ignore[no-untyped-call]  # of use to OpenMetrics readers only


class Acts(Collector):
    """Administrative acts as the store has counted them, by whichever process they were done."""

    def __init__(self) -> None:
        self.counts: Mapping[str, int] = {}

    def collect(self) -> Iterator[Metric]:
        """One counter, a sample for each kind of act."""
        name, what = "intentlive_administrative_acts", "Acts in the audit table, by kind"
        family = CounterMetricFamily(name, what, labels=["act"])
        for act, count in self.counts.items():
            family.add_metric([act], count)
        yield family


class Signals:
    """The metrics of one server process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        self._requests = counter(
            "intentlive_requests",
            "Requests answered",
            ["route", "status"],
        )
        self._request_children: dict[tuple[str, int], Counter] = {}
        self.refusals = counter(
            "intentlive_refusals",
            "Calls refused, by the check that failed",
            ["check"],
        )
        self.events_accepted = counter("intentlive_events_accepted", "Events durably taken in")
        self._events_rejected = counter(
            "intentlive_events_rejected",
            "Events not taken, by reason",
            ["reason"],
        )
        self.commit_seconds = Histogram(
            "intentlive_commit_seconds",
            "Time of a transaction that stores sessions",
            buckets=_COMMIT_BUCKETS,
            registry=self.registry,
        )
        self.failed_commits = counter("intentlive_commits_failed", "Transactions that failed")
        self.queue_depth = gauge(
            "intentlive_queue_depth",
            "Requests that wait for the next transaction",
        )
        self._source_lag = gauge(
            "intentlive_source_lag_seconds",
            "How far the newest event of a source's latest request lay behind its arrival",
            ["source"],
        )
        self._sources: dict[str, int] = {}
        views = counter(
            "intentlive_latest_views",
            "Answers with the latest sessions, by whether a rendering was at hand",
            ["cache"],
        )
        self.view_hits, self.view_misses = views.labels("hit"), views.labels("miss")
        self.open_sessions = gauge(
            "intentlive_open_sessions",
            "Sessions of all bots that have not ended",
        )

        self.sessions_purged = counter(
            "intentlive_sessions_purged",
            "Sessions deleted since they were past their bot's retention",
        )
        self.acts = Acts()
        self.registry.register(self.acts)

    def count_request(self, route: str, status: int) -> None:
        """Count an answer."""
        child = self._request_children.get((route, status))
        if child is None:
            child = self._requests.labels(route, status)
            self._request_children[route, status] = child
        child.inc()

    def count_rejected(self, reasons: Mapping[str, int]) -> None:
        """Count events that were not taken."""
        for reason, count in reasons.items():
            self._events_rejected.labels(reason).inc(count)

    def observe_lag(self, source: str, seconds: float, now: int) -> None:
        """Note how late a source's newest event came, at `now` (ms).

        Only so many sources get a name of their own: each makes a time series, and the sender
        chooses it.
        """
        if source not in self._sources and len(self._sources) >= _MAX_SOURCES:
            source = _OTHER_SOURCES
        self._sources[source] = now
        self._source_lag.labels(source).set(seconds)

    def forget_quiet_sources(self, now: int) -> None:
        """Drop the lag of sources that have not been heard of for a while: it is no news."""
        for source, heard in list(self._sources.items()):
            if now - heard > _QUIET_MS:
                del self._sources[source]
                self._source_lag.remove(source)
