"""The metrics catalogue, and the only place that knows prometheus_client.

What comes in: facts of producers and consumers, and overviews of ledger and broker. What goes out:
`/metrics` on the configured address. Labels come from closed lists only: a value that is on none
becomes `unknown`, so that no message can make the number of series grow.

Several processes of one machine share one endpoint: `up` sets PROMETHEUS_MULTIPROC_DIR for its
children, and `overview` serves the sum. A role that runs alone serves its own.
`ops/runbooks/metrics.md` is made from CATALOGUE (`python -m ops.metrics`).
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections import Counter as Counts
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    multiprocess,
    start_http_server,
    values,
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
from schemas.statuses import Entity
from schemas.systems import System
from schemas.wire.topology import UNKNOWN

log = logging.getLogger(__name__)

PREFIX = "membri_sync_"
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_CRITICAL = (1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 21600, 86400)

Kind = Literal["counter", "gauge", "histogram"]
_SE = ("system", "entity")
_SCH = ("system", "chapter")


@dataclass(frozen=True)
class Metric:
    """One metric as it is exported, without the prefix. Counters end in `_total`."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str
    buckets: tuple[float, ...] = ()


CATALOGUE = (
    Metric("records_published_total", "counter", _SE, "Records published to a queue."),
    Metric("transfers_total", "counter", (*_SE, "outcome"), "Transfers that ended, and how."),
    Metric(
        "transfer_duration_seconds",
        "histogram",
        _SE,
        "Time spent in the accounting system for one record.",
        _SECONDS,
    ),
    Metric(
        "critical_time_seconds",
        "histogram",
        _SE,
        "From the change in Membri to its final status there.",
        _CRITICAL,
    ),
    Metric(
        "waiting", "gauge", ("reason", *_SCH), "Records in the waiting room, by what they wait for."
    ),
    Metric(
        "oldest_waiting_timestamp_seconds",
        "gauge",
        _SCH,
        "Since when the oldest one waits; 0 when none does.",
    ),
    Metric("dead_lettered_total", "counter", (*_SE, "reason"), "Dead letters made."),
    Metric("dead_letters", "gauge", _SE, "Dead letters that lie in the queues now."),
    Metric(
        "oldest_dead_letter_timestamp_seconds",
        "gauge",
        ("system",),
        "First failure of the oldest dead letter; 0 when there is none.",
    ),
    Metric(
        "status_mismatch_records",
        "gauge",
        (),
        "Records in « Erreur de transfert » without a dead letter, or the other way round.",
    ),
    Metric("replays_total", "counter", ("outcome",), "Dead letters that were sent again."),
    Metric("retries_total", "counter", (*_SE, "reason"), "Records put back to be tried again."),
    Metric(
        "unknown_outcomes",
        "gauge",
        _SCH,
        "Records sent without a believable answer, being looked up before anything is sent again.",
    ),
    Metric("system_up", "gauge", _SCH, "1 when the accounting system takes records, else 0."),
    Metric(
        "authorization_expiry_timestamp_seconds",
        "gauge",
        _SCH,
        "When a person must have authorized us again.",
    ),
    Metric(
        "api_requests_total",
        "counter",
        ("system", "code"),
        "Requests to outside systems, by HTTP status, `error` or `timeout`.",
    ),
    Metric("api_request_duration_seconds", "histogram", ("system",), "Their durations.", _SECONDS),
    Metric("api_throttled_total", "counter", ("system",), "Requests refused for their rate."),
    Metric("last_poll_timestamp_seconds", "gauge", (), "When Membri was last read."),
    Metric("outbox_pending", "gauge", _SCH, "Outcomes not yet published."),
    Metric("build_info", "gauge", ("version",), "Always 1; its label is the version."),
)

_SYSTEMS = frozenset((*System, "reference", "membri"))
_ENTITIES = frozenset(Entity)
_WORDS = frozenset(("error", "timeout"))


class Metrics:
    """One process's metrics. `observe` takes facts, `refresh` an overview."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for one in CATALOGUE:
            self._register(one)
        self._gauges["build_info"].labels(_version()).set(1)
        # Not zero: nobody has compared yet.
        self._gauges["status_mismatch_records"].set(math.nan)

    def _register(self, one: Metric) -> None:
        name, registry = PREFIX + one.name, self.registry
        match one.kind:
            case "counter":
                counter = Counter(name, one.meaning, one.labels, registry=registry)
                self._counters[one.name] = counter
            case "gauge":
                self._gauges[one.name] = Gauge(
                    name, one.meaning, one.labels, registry=registry, multiprocess_mode="mostrecent"
                )
            case "histogram":
                self._histograms[one.name] = Histogram(
                    name, one.meaning, one.labels, registry=registry, buckets=one.buckets
                )

    def _add(self, name: str, *labels: str, count: int = 1) -> None:
        self._counters[name].labels(*labels).inc(count)

    def _time(self, name: str, *labels: str, seconds: float) -> None:
        self._histograms[name].labels(*labels).observe(seconds)

    def _set(self, name: str, *labels: str, value: float) -> None:
        gauge = self._gauges[name]
        (gauge.labels(*labels) if labels else gauge).set(value)

    def observe(self, fact: Fact) -> None:
        """Counts one fact."""
        match fact:
            case Published(system, entity, count):
                self._add("records_published_total", *_named(system, entity), count=count)
            case TransferEnded(system, entity, outcome, seconds):
                self._add("transfers_total", *_named(system, entity), outcome)
                if seconds:
                    labels = _named(system, entity)
                    self._time("transfer_duration_seconds", *labels, seconds=seconds)
            case DeadLettered(system, name, reason):
                self._add("dead_lettered_total", *_named(system, name), reason)
            case Retried(system, entity, why):
                self._add("retries_total", *_named(system, entity), why)
            case Settled(system, entity, _, critical_s) if critical_s is not None:
                self._time("critical_time_seconds", *_named(system, entity), seconds=critical_s)
            case ApiCall():
                self._called(fact)
            case SystemState(system, chapter, up, _, _, until):
                names = (_one(system, _SYSTEMS), chapter)
                self._set("system_up", *names, value=up)
                if until is not None:
                    self._set("authorization_expiry_timestamp_seconds", *names, value=until)
            case PollDone(at):
                self._set("last_poll_timestamp_seconds", value=at)

    def _called(self, call: ApiCall) -> None:
        system = _one(call.system, _SYSTEMS)
        self._add("api_requests_total", system, _code(call.code))
        self._time("api_request_duration_seconds", system, seconds=call.seconds)
        if call.throttled:
            self._add("api_throttled_total", system)

    def refresh(self, overview: Overview) -> None:
        """Sets the gauges that are read from the ledger and the broker."""
        for chapter in overview.chapters:
            names = (_one(chapter.system, _SYSTEMS), chapter.slug)
            for reason, count in chapter.waiting_by_reason().items():
                self._set("waiting", reason, *names, value=count)
            oldest = chapter.oldest_waiting_at or 0
            self._set("oldest_waiting_timestamp_seconds", *names, value=oldest)
            self._set("unknown_outcomes", *names, value=chapter.unknown)
            self._set("outbox_pending", *names, value=chapter.outbox)
        for (system, entity), count in overview.dead_letters.items():
            self._set("dead_letters", *_named(system, entity), value=count)
        for system in {system for system, _ in overview.dead_letters}:
            first = overview.oldest_dead_letter.get(system, 0)
            self._set("oldest_dead_letter_timestamp_seconds", _one(system, _SYSTEMS), value=first)
        if overview.status_mismatch is not None:
            self._set("status_mismatch_records", value=overview.status_mismatch)


def _one(value: str, known: Collection[str]) -> str:
    return value if value in known else UNKNOWN


def _named(system: str, entity: str) -> tuple[str, str]:
    return _one(system, _SYSTEMS), _one(entity, _ENTITIES)


def _code(code: str) -> str:
    http = len(code) == 3 and code.isascii() and code.isdigit() and "1" <= code[0] <= "5"
    return code if http else _one(code, _WORDS)


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


def count_replays(folder: Path, outcomes: Iterable[str]) -> None:
    """Counts replays, which a short-lived command makes, where `overview` sums them all up.

    `folder`: the shared metrics of the processes that `up` started; nothing when there is none.
    """
    counts = Counts(outcomes)
    if not counts or not folder.is_dir():
        return
    before = os.environ.get(MULTIPROCESS)
    os.environ[MULTIPROCESS] = str(folder)
    try:
        shared = values.MultiProcessValue()  # type: ignore[no-untyped-call]  # the package leaves it untyped
        name = PREFIX + "replays"
        meaning = _meaning("replays_total")
        for outcome, count in counts.items():
            series = shared("counter", name, f"{name}_total", ("outcome",), (outcome,), meaning)
            series.inc(count)
    finally:
        if before is None:
            del os.environ[MULTIPROCESS]
        else:
            os.environ[MULTIPROCESS] = before


def _meaning(name: str) -> str:
    return next(one.meaning for one in CATALOGUE if one.name == name)


def fresh_folder(folder: Path) -> Path:
    """An empty folder for the shared metrics of the processes that `up` starts."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.db"):
        with contextlib.suppress(FileNotFoundError):
            old.unlink()
    return folder


def as_markdown() -> str:
    """The catalogue as a page of `ops/runbooks`."""
    head = (
        "# Metrics\n\n"
        "Made from `ops/metrics.py` by `python -m ops.metrics`; a test compares the two.\n\n"
        "`up` and `demo` serve them on `[metrics] host` and `port`; a role that runs alone serves "
        "its own. Label values come from closed lists, `unknown` where a message names something "
        "else. Times are in seconds, timestamps in epoch seconds.\n\n"
        "| name | type | labels | meaning |\n| --- | --- | --- | --- |\n"
    )
    rows = [
        f"| `{PREFIX}{one.name}` | {one.kind} | "
        f"{' '.join(f'`{label}`' for label in one.labels)} | {one.meaning} |\n"
        for one in CATALOGUE
    ]
    return head + "".join(rows)


if __name__ == "__main__":
    print(as_markdown(), end="")
