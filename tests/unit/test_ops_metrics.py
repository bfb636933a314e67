"""Metrics: the catalogue of the contract, closed label values, one endpoint for many processes."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

import ops
from ops import metrics
from ops.metrics import CATALOGUE, PREFIX, Metrics
from ops.overview import ChapterOverview, Overview
from schemas.facts import (
    ApiCall,
    DeadLettered,
    PollDone,
    Published,
    Retried,
    Settled,
    SystemState,
    TransferEnded,
)
from schemas.reasons import Reason, WaitReason
from schemas.statuses import Entity

CONTRACT = {
    "records_published_total": ("counter", {"system", "entity"}),
    "transfers_total": ("counter", {"system", "entity", "outcome"}),
    "transfer_duration_seconds": ("histogram", {"system", "entity"}),
    "critical_time_seconds": ("histogram", {"system", "entity"}),
    "waiting": ("gauge", {"reason", "system", "chapter"}),
    "oldest_waiting_timestamp_seconds": ("gauge", {"system", "chapter"}),
    "dead_lettered_total": ("counter", {"system", "entity", "reason"}),
    "dead_letters": ("gauge", {"system", "entity"}),
    "oldest_dead_letter_timestamp_seconds": ("gauge", {"system"}),
    "status_mismatch_records": ("gauge", set()),
    "replays_total": ("counter", {"outcome"}),
    "retries_total": ("counter", {"system", "entity", "reason"}),
    "unknown_outcomes": ("gauge", {"system", "chapter"}),
    "system_up": ("gauge", {"system", "chapter"}),
    "authorization_expiry_timestamp_seconds": ("gauge", {"system", "chapter"}),
    "api_requests_total": ("counter", {"system", "code"}),
    "api_request_duration_seconds": ("histogram", {"system"}),
    "api_throttled_total": ("counter", {"system"}),
    "last_poll_timestamp_seconds": ("gauge", set()),
    "outbox_pending": ("gauge", {"system", "chapter"}),
    "build_info": ("gauge", {"version"}),
}
"""Names, types and labels that dashboards and alerts rely on."""

SYSTEM = "quickbooks_online"
CHAPTER = ChapterOverview(
    name="Montréal",
    slug="montreal",
    system=SYSTEM,
    queued=3,
    states={("done", "invoice"): 5, ("failed", "invoice"): 1},
    waiting={("account_to_verify", "account"): 2, ("account_to_verify", "invoice"): 3},
    oldest_waiting_at=1000.0,
    outbox=4,
    unknown=1,
    paused=None,
    serving="host:1",
)
OVERVIEW = Overview(
    (CHAPTER,), {(SYSTEM, "invoice"): 2, ("unknown", "unknown"): 0}, 0, {SYSTEM: 900.0}
)


def everything(collected: Metrics) -> None:
    """One fact of each kind, and an overview."""
    for fact in (
        Published(SYSTEM, Entity.INVOICE, 3),
        TransferEnded(SYSTEM, Entity.INVOICE, "created", 0.2),
        DeadLettered(SYSTEM, "invoice", Reason.CLOSED_PERIOD),
        Retried(SYSTEM, Entity.INVOICE, WaitReason.RETRY_AT),
        Settled(SYSTEM, Entity.INVOICE, "transferred", 2.0),
        ApiCall(SYSTEM, "429", 0.1, throttled=True),
        SystemState(SYSTEM, "montreal", up=True, authorised_until=5000.0),
        PollDone(1234.0, 0, 0),
    ):
        collected.observe(fact)
    collected.refresh(OVERVIEW)
    collected._add("replays_total", "replayed")


def values(text: str) -> dict[str, float]:
    """Every sample: `name{label="value",…}` without the prefix → value."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            name = sample.name.removeprefix(PREFIX)
            found[f"{name}{{{labels}}}" if labels else name] = sample.value
    return found


def exported(collected: Metrics) -> str:
    return generate_latest(collected.registry).decode()


def test_the_catalogue_is_the_contract() -> None:
    assert {one.name: (one.kind, set(one.labels)) for one in CATALOGUE} == CONTRACT
    assert all(one.meaning.endswith(".") for one in CATALOGUE)


def test_every_metric_is_exported_under_our_prefix_with_its_type_and_labels() -> None:
    collected = Metrics()
    everything(collected)
    families = {f.name: f for f in text_string_to_metric_families(exported(collected))}
    for name, (kind, labels) in CONTRACT.items():
        family = families[PREFIX + name.removesuffix("_total")]
        assert family.type == kind, name
        sampled = [s for s in family.samples if not s.name.endswith("_created")]
        assert sampled, name
        for sample in sampled:
            assert set(sample.labels) - {"le"} == labels, name
    assert all(name.startswith(PREFIX) for name in families)


def test_facts_are_counted_where_they_belong() -> None:
    collected = Metrics()
    everything(collected)
    collected.observe(TransferEnded(SYSTEM, Entity.INVOICE, "waiting"))
    found = values(exported(collected))
    se = f"entity=invoice,system={SYSTEM}"
    assert found[f"records_published_total{{{se}}}"] == 3
    assert found[f"transfers_total{{entity=invoice,outcome=created,system={SYSTEM}}}"] == 1
    assert found[f"transfer_duration_seconds_count{{{se}}}"] == 1  # nothing was sent for a wait
    assert found[f"critical_time_seconds_sum{{{se}}}"] == 2
    assert found[f"dead_lettered_total{{entity=invoice,reason=closed_period,system={SYSTEM}}}"] == 1
    assert found[f"api_requests_total{{code=429,system={SYSTEM}}}"] == 1
    assert found[f"api_throttled_total{{system={SYSTEM}}}"] == 1
    assert found[f"system_up{{chapter=montreal,system={SYSTEM}}}"] == 1
    expiry = f"authorization_expiry_timestamp_seconds{{chapter=montreal,system={SYSTEM}}}"
    assert found[expiry] == 5000
    assert found["last_poll_timestamp_seconds"] == 1234


def test_an_overview_sets_gauges_and_takes_them_back_to_zero() -> None:
    collected = Metrics()
    collected.refresh(OVERVIEW)
    at = f"chapter=montreal,system={SYSTEM}"
    wait = f"waiting{{chapter=montreal,reason=account_to_verify,system={SYSTEM}}}"
    found = values(exported(collected))
    assert found[wait] == 5
    assert found[f"oldest_waiting_timestamp_seconds{{{at}}}"] == 1000
    assert found[f"unknown_outcomes{{{at}}}"] == 1
    assert found[f"outbox_pending{{{at}}}"] == 4
    assert found[f"dead_letters{{entity=invoice,system={SYSTEM}}}"] == 2
    assert found[f"oldest_dead_letter_timestamp_seconds{{system={SYSTEM}}}"] == 900

    empty = ChapterOverview(**{**vars(CHAPTER), "waiting": {}, "oldest_waiting_at": None})
    collected.refresh(Overview((empty,), {(SYSTEM, "invoice"): 0}, 0))
    found = values(exported(collected))
    assert found[wait] == 0
    assert found[f"oldest_waiting_timestamp_seconds{{{at}}}"] == 0
    assert found[f"dead_letters{{entity=invoice,system={SYSTEM}}}"] == 0
    assert found[f"oldest_dead_letter_timestamp_seconds{{system={SYSTEM}}}"] == 0


def test_a_system_that_closes_is_down() -> None:
    collected = Metrics()
    collected.observe(SystemState(SYSTEM, "montreal", up=True))
    collected.observe(SystemState(SYSTEM, "montreal", up=False))
    assert values(exported(collected))[f"system_up{{chapter=montreal,system={SYSTEM}}}"] == 0


def test_label_values_from_messages_cannot_grow_the_number_of_series() -> None:
    collected = Metrics()
    for n in range(50):
        collected.observe(DeadLettered(f"system-{n}", f"entity-{n}", Reason.UNKNOWN_ENTITY))
        collected.observe(ApiCall(f"host-{n}", f"code-{n}", 0.1))
    collected.observe(ApiCall("membri", "timeout", 0.1))
    found = values(exported(collected))
    dead = [name for name in found if name.startswith("dead_lettered_total")]
    assert dead == ["dead_lettered_total{entity=unknown,reason=unknown_entity,system=unknown}"]
    codes = sorted(name for name in found if name.startswith("api_requests_total"))
    assert codes == [
        "api_requests_total{code=timeout,system=membri}",
        "api_requests_total{code=unknown,system=unknown}",
    ]


def test_a_comparison_that_nobody_made_is_not_zero() -> None:
    collected = Metrics()
    assert math.isnan(values(exported(collected))["status_mismatch_records"])
    collected.refresh(Overview((), {}, 0, status_mismatch=2))
    assert values(exported(collected))["status_mismatch_records"] == 2


def test_the_page_of_the_runbooks_is_the_catalogue() -> None:
    page = Path(ops.__file__).parent / "runbooks" / "metrics.md"
    assert page.read_text(encoding="utf-8") == metrics.as_markdown()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def read(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return values(answer.read().decode())


def test_a_role_that_runs_alone_serves_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(metrics.MULTIPROCESS, raising=False)
    collected, port = Metrics(), free_port()
    everything(collected)
    stop = metrics.serve(collected, "127.0.0.1", port)
    try:
        assert read(port)["last_poll_timestamp_seconds"] == 1234
    finally:
        stop()
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", port)) != 0


def test_port_0_serves_nothing_and_a_taken_port_is_said_and_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics.serve(Metrics(), "127.0.0.1", 0)()
    assert not caplog.records
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        metrics.serve(Metrics(), "127.0.0.1", taken.getsockname()[1])()
    assert "no metrics: 127.0.0.1:" in caplog.text


PROCESS = """
from ops import metrics
from schemas.facts import Published, SystemState
from schemas.statuses import Entity
one = metrics.Metrics()
one.observe(Published("quickbooks_online", Entity.INVOICE, 2))
one.observe(SystemState("quickbooks_online", "{chapter}", up=True))
"""
SERVER = """
import urllib.request
from ops import metrics
stop = metrics.serve(metrics.Metrics(), "127.0.0.1", {port})
print(urllib.request.urlopen("http://127.0.0.1:{port}/metrics").read().decode())
stop()
"""


def run(program: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, metrics.MULTIPROCESS: str(folder)},
        cwd=Path(ops.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_one_endpoint_sums_up_all_processes_of_a_machine_and_the_replays_of_commands(
    tmp_path: Path,
) -> None:
    (tmp_path / "counter_1.db").write_bytes(b"left by an earlier run")
    folder = metrics.fresh_folder(tmp_path)
    assert not list(folder.glob("*.db"))
    for chapter in ("montreal", "quebec"):
        run(PROCESS.format(chapter=chapter), folder)
    metrics.count_replays(folder, ["replayed", "replayed", "refused"])
    served = run(SERVER.format(port=free_port()), folder)
    assert "_total_total" not in served
    found = values(served)
    assert found[f"records_published_total{{entity=invoice,system={SYSTEM}}}"] == 4
    assert found[f"system_up{{chapter=montreal,system={SYSTEM}}}"] == 1
    assert found[f"system_up{{chapter=quebec,system={SYSTEM}}}"] == 1
    assert found["replays_total{outcome=replayed}"] == 2
    assert found["replays_total{outcome=refused}"] == 1


def test_replays_are_counted_only_where_metrics_are_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(metrics.MULTIPROCESS, raising=False)
    metrics.count_replays(tmp_path / "nothing runs here", ["replayed"])
    assert list(tmp_path.iterdir()) == []
    assert metrics.MULTIPROCESS not in os.environ
