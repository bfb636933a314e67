"""The metrics catalogue, and the only place that knows prometheus_client.

What comes in: facts of producers and consumers, and overviews of ledger and broker. What goes out:
`/metrics` on the configured address. Labels come from closed lists only.

Several processes of one machine share one endpoint: `up` sets PROMETHEUS_MULTIPROC_DIR for its
children, and `overview` serves the sum. A role that runs alone serves its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    multiprocess,
    start_http_server,
)

from ops.overview import Overview
from schemas.facts import (
    ApiCall,
    DeadLettered,
    Fact,
    PollDone,
    Published,
    Retried,
    Settled,
    SystemState,
    TransferEnded,
)

log = logging.getLogger(__name__)

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_CRITICAL = (1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 21600, 86400)


class Metrics:
    """One process's metrics. `observe` takes facts, `refresh` an overview."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r, se = self.registry, ("system", "entity")
        self._published = _counter("records_published", "Records published to a queue", se, r)
        self._transfers = _counter("transfers", "Ended transfers", (*se, "outcome"), r)
        self._duration = _histogram(
            "transfer_duration_seconds", "Time in the accounting system", se, _SECONDS, r
        )
        self._critical = _histogram(
            "critical_time_seconds", "Change in Membri to final status there", se, _CRITICAL, r
        )
        self._dead = _counter("dead_lettered", "Dead letters made", (*se, "reason"), r)
        self._retries = _counter("retries", "Records to be tried again", (*se, "reason"), r)
        self._replays = _counter("replays", "Dead letters replayed", ("outcome",), r)
        self._requests = _counter("api_requests", "Requests to outside systems", _SC, r)
        self._request_time = _histogram(
            "api_request_duration_seconds", "Their durations", ("system",), _SECONDS, r
        )
        self._throttled = _counter("api_throttled", "Requests refused for rate", ("system",), r)
        self._up = _gauge("system_up", "1 when the system takes records", _SCH, r)
        self._expiry = _gauge(
            "authorization_expiry_timestamp_seconds", "When a person must authorise again", _SCH, r
        )
        self._polled = _gauge("last_poll_timestamp_seconds", "Last pass over Membri", (), r)
        self._build = _gauge("build_info", "Always 1", ("version",), r)
        self._waiting = _gauge("waiting", "Records in the waiting room", ("reason", *_SCH), r)
        self._oldest_wait = _gauge(
            "oldest_waiting_timestamp_seconds", "Since when the oldest waits", _SCH, r
        )
        self._letters = _gauge("dead_letters", "Dead letters now", se, r)
        self._oldest_letter = _gauge(
            "oldest_dead_letter_timestamp_seconds", "First failure of the oldest", ("system",), r
        )
        self._mismatch = _gauge(
            "status_mismatch_records", "Dead letters less records in Erreur de transfert", (), r
        )
        self._unknown = _gauge("unknown_outcomes", "Records whose fate is unknown", _SCH, r)
        self._outbox = _gauge("outbox_pending", "Outcomes not yet published", _SCH, r)
        self._build.labels(version=_version()).set(1)

    def observe(self, fact: Fact) -> None:
        """Counts one fact."""
        match fact:
            case Published(system, entity, count):
                self._published.labels(system, entity).inc(count)
            case TransferEnded(system, entity, outcome, seconds):
                self._transfers.labels(system, entity, outcome).inc()
                if seconds:
                    self._duration.labels(system, entity).observe(seconds)
            case DeadLettered(system, name, reason):
                self._dead.labels(system, name, reason).inc()
            case Retried(system, entity, why):
                self._retries.labels(system, entity, why).inc()
            case Settled(system, entity, _, critical_s):
                if critical_s is not None:
                    self._critical.labels(system, entity).observe(critical_s)
            case ApiCall(system, code, seconds, throttled):
                self._requests.labels(system, code).inc()
                self._request_time.labels(system).observe(seconds)
                if throttled:
                    self._throttled.labels(system).inc()
            case SystemState(system, chapter, up, _, _, until):
                self._up.labels(system, chapter).set(1 if up else 0)
                if until is not None:
                    self._expiry.labels(system, chapter).set(until)
            case PollDone(at):
                self._polled.set(at)

    def replayed(self, outcome: str) -> None:
        """`outcome`: published, refused."""
        self._replays.labels(outcome).inc()

    def refresh(self, overview: Overview) -> None:
        """Sets the gauges that are read from the ledger and the broker."""
        for chapter in overview.chapters:
            names = (chapter.system, chapter.slug)
            for reason, count in chapter.waiting_by_reason().items():
                self._waiting.labels(reason, *names).set(count)
            self._oldest_wait.labels(*names).set(chapter.oldest_waiting_at or 0)
            self._unknown.labels(*names).set(chapter.unknown)
            self._outbox.labels(*names).set(chapter.outbox)
        for (system, entity), count in overview.dead_letters.items():
            self._letters.labels(system, entity).set(count)
        for system, at in overview.oldest_dead_letter.items():
            self._oldest_letter.labels(system).set(at)
        if overview.status_mismatch is not None:
            self._mismatch.set(overview.status_mismatch)


_SC = ("system", "code")
_SCH = ("system", "chapter")
PREFIX = "membri_sync_"


def _counter(name: str, text: str, labels: tuple[str, ...], r: CollectorRegistry) -> Counter:
    return Counter(PREFIX + name, text, labels, registry=r)


def _gauge(name: str, text: str, labels: tuple[str, ...], r: CollectorRegistry) -> Gauge:
    return Gauge(PREFIX + name, text, labels, registry=r, multiprocess_mode="mostrecent")


def _histogram(
    name: str,
    text: str,
    labels: tuple[str, ...],
    buckets: tuple[float, ...],
    r: CollectorRegistry,
) -> Histogram:
    return Histogram(PREFIX + name, text, labels, registry=r, buckets=buckets)


def _version() -> str:
    try:
        return metadata.version("membri-sync")
    except metadata.PackageNotFoundError:  # run from a checkout
        return "checkout"


def serve(metrics: Metrics, host: str, port: int) -> Callable[[], None]:
    """Serves this process's metrics, or, under `up`, those of all its processes.

    Returns how to stop. A port that is taken is said and left: metrics never stop a transfer.
    """
    if port == 0:
        return lambda: None
    registry = metrics.registry
    if folder := os.environ.get(MULTIPROCESS):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]  # the package leaves it untyped
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        log.warning("no metrics: %s:%s: %s", host, port, error.strerror or error)
        return lambda: None

    def stop() -> None:
        server.shutdown()
        thread.join(5)
        server.server_close()

    return stop


def fresh_folder(folder: Path) -> Path:
    """An empty folder for the shared metrics of the processes that `up` starts."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.db"):
        with contextlib.suppress(FileNotFoundError):
            old.unlink()
    return folder
