"""What the operator sees: Prometheus metrics, all in one place."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    values,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from prometheus_client.values import MultiProcessValue

_MAX_SOURCES = 100
_QUIET_MS = 10 * 60 * 1000
_OTHER_SOURCES = "(other sources)"
_COUNTING_FILES = ("counter", "gauge_livesum", "histogram")
_ROOM = 1 << 16
"""Bytes of each from the start; some 400 routes with a status, before a file must grow."""

_COMMIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

disable_created_metrics()  # type: ignore[no-untyped-call]  # of use to OpenMetrics readers only


class Worker(NamedTuple):
    """Which of several workers a process is, and the folder in which they count together."""

    number: int
    folder: Path

    @property
    def lags(self) -> Path:
        """The file in which it tells the others how late its sources are."""
        return self.folder / f"lags-{self.number}.json"


def forget_worker(worker: Worker) -> None:
    """Drop what a worker that has ended said of its present; what it has counted stays."""
    mark_process_dead(worker.number, str(worker.folder))  # type: ignore[no-untyped-call]
    worker.lags.unlink(missing_ok=True)


class StoreCounts(Collector):
    """What the store has counted, by whichever process it was done."""

    def __init__(self) -> None:
        self.open_sessions = 0.0
        self.acts: Mapping[str, int] = {}

    def collect(self) -> Iterator[Metric]:
        """Open sessions; one counter of acts, with a sample for each kind."""
        name, what = "intentlive_open_sessions", "Sessions of all bots that have not ended"
        yield GaugeMetricFamily(name, what, self.open_sessions)
        name, what = "intentlive_administrative_acts", "Acts in the audit table, by kind"
        family = CounterMetricFamily(name, what, labels=["act"])
        for act, count in self.acts.items():
            family.add_metric([act], count)
        yield family


class Lag(NamedTuple):
    """How late a source was when it was last heard of (ms since 1970)."""

    seconds: float
    heard: int


class SourceLags(Collector):
    """How late the sources are: what this process has seen, and what other workers tell.

    No gauge of the library, which cannot take a label out again where workers count together.
    """

    def __init__(self, worker: Worker | None) -> None:
        self._worker = worker
        self._seen: dict[str, Lag] = {}
        self._told: dict[str, Lag] = {}

    def observe(self, source: str, seconds: float, now: int) -> None:
        """Note a lag in seconds, at `now` (ms).

        Only so many sources get a name of their own: each makes a time series, and the sender
        chooses it.
        """
        if source not in self._seen and len(self._seen) >= _MAX_SOURCES:
            source = _OTHER_SOURCES
        self._seen[source] = Lag(seconds, now)

    def forget_quiet(self, now: int) -> None:
        """Drop the sources that have not been heard of for a while: their lag is no news."""
        quiet = [source for source, (_, heard) in self._seen.items() if now - heard > _QUIET_MS]
        for source in quiet:
            del self._seen[source]

    def tell(self) -> None:
        """Let the other workers know."""
        if self._worker is None or self._seen == self._told:
            return
        aside = self._worker.lags.with_suffix(".new")
        aside.write_bytes(msgspec.json.encode(self._seen))
        aside.replace(self._worker.lags)
        self._told = dict(self._seen)

    def collect(self) -> Iterator[Metric]:
        """One gauge, a sample for each source: what the worker tells that heard of it last."""
        name = "intentlive_source_lag_seconds"
        what = "How far the newest event of a source's latest request lay behind its arrival"
        family = GaugeMetricFamily(name, what, labels=["source"])
        lags = dict(self._seen)
        for told in self._others():
            for source, lag in told.items():
                lags[source] = max(lag, lags.get(source, lag), key=lambda each: each.heard)
        for source, lag in lags.items():
            family.add_metric([source], lag.seconds)
        yield family

    def _others(self) -> Iterator[dict[str, Lag]]:
        if self._worker is None:
            return
        for file in set(self._worker.folder.glob("lags-*.json")) - {self._worker.lags}:
            with suppress(FileNotFoundError):  # its worker ended just now
                yield msgspec.json.decode(file.read_bytes(), type=dict[str, Lag])


class Tally:
    """Counts by label, and tells the library's counter when asked to.

    To the library it would mean a lock, or a place in a file, each time.
    """

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._counts: dict[tuple[str, ...], int] = {}

    def count(self, *labels: str) -> None:
        """Count one more."""
        self._counts[labels] = self._counts.get(labels, 0) + 1

    def tell(self) -> None:
        """Tell what has been counted since the last time."""
        counts, self._counts = self._counts, {}
        for labels, count in counts.items():
            self._counter.labels(*labels).inc(count)


class _Untold(Collector):
    """To be registered before all others: what they tell of is complete then."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    def collect(self) -> Iterator[Metric]:
        self._tell()
        return iter(())


class Signals:
    """The metrics of one server process, or of one `worker` and those beside it.

    `registry` tells of all of them. With a worker, metrics made from then on in this process are
    counted in files; OSError where there is no room for them.
    """

    def __init__(self, worker: Worker | None = None) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Untold(self._tell_counts))
        if worker is not None:
            _count_in_files(worker)
            MultiProcessCollector(self.registry, str(worker.folder))  # type: ignore[no-untyped-call]
        counted_by = None if worker else self.registry
        counter = partial(Counter, registry=counted_by)
        requests = counter("intentlive_requests", "Requests answered", ["route", "status"])
        self._requests = Tally(requests)
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
            registry=counted_by,
        )
        self.failed_commits = counter("intentlive_commits_failed", "Transactions that failed")
        self.queue_depth = Gauge(
            "intentlive_queue_depth",
            "Requests that wait for the next transaction",
            registry=counted_by,
            multiprocess_mode="livesum",
        )
        views = counter(
            "intentlive_latest_views",
            "Answers with the latest sessions, by whether a rendering was at hand",
            ["cache"],
        )
        for cache in ("hit", "miss"):
            views.labels(cache)  # told from the start
        self._views = Tally(views)
        self.sessions_purged = counter(
            "intentlive_sessions_purged",
            "Sessions deleted since they were past their bot's retention",
        )
        self.source_lags = SourceLags(worker)
        self.in_store = StoreCounts()
        self.registry.register(self.source_lags)
        self.registry.register(self.in_store)

    def count_request(self, route: str, status: int) -> None:
        """Count an answer."""
        self._requests.count(route, str(status))

    def count_view(self, cache: Literal["hit", "miss"]) -> None:
        """Count an answer with the latest sessions."""
        self._views.count(cache)

    def tell(self) -> None:
        """Let the other workers know; OSError where there is no room for it."""
        self._tell_counts()
        self.source_lags.tell()

    def _tell_counts(self) -> None:
        self._requests.tell()
        self._views.tell()

    def count_rejected(self, reasons: Mapping[str, int]) -> None:
        """Count events that were not taken."""
        for reason, count in reasons.items():
            self._events_rejected.labels(reason).inc(count)


def _count_in_files(worker: Worker) -> None:
    for kind in _COUNTING_FILES:
        path = worker.folder / f"{kind}_{worker.number}.db"
        try:  # the library makes it with holes, and a hole that finds no room ends the process
            with path.open("ab") as file:
                file.write(bytes(max(0, _ROOM - file.tell())))
        except OSError as error:
            what = f"no room to count: {error.strerror}"
            raise OSError(error.errno, what, str(path)) from error
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(worker.folder)
    # By number and not by process: who takes the place of a worker goes on with its counters.
    values.ValueClass = MultiProcessValue(lambda: worker.number)  # type: ignore[no-untyped-call]
