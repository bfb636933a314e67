"""`membri-sync demo --once`: the whole path on real parts, from one command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ops.broker.layout import node_address
from ops.sandbox.simulations import names
from tests.e2e_harness import (
    LOOPBACK,
    PATIENCE_S,
    ROOT,
    Ran,
    environment,
    eventually,
    listening_addresses,
    processes_of,
)

KEYS = {"entities", "waiting", "errors", "offences", "books_match"}
ENTITIES = {"account", "invoice", "payment", "journal_entry"}


def test_the_demo_moves_its_world_in_every_system_reports_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "demo"
    argv = [sys.executable, "-m", "ops.cli", "demo", "--once", "--json", "--world", "small"]
    for system in names():
        argv += ["--system", system]
    heard: set[tuple[str, int]] = set()
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("wb") as to_out, err.open("wb") as to_err:
        demo = subprocess.Popen(
            [*argv, "--folder", str(folder)],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=to_out,
            stderr=to_err,
        )

        def over() -> bool:
            heard.update(listening_addresses([one.pid for one in processes_of(folder)]))
            return demo.poll() is not None

        try:
            eventually(over, "the demo ends by itself", within_s=2 * PATIENCE_S)
        finally:
            demo.kill()
            demo.wait()
    ran = Ran(demo.returncode, out.read_text(), err.read_text()).expect(1)

    report = ran.json()
    assert set(report) >= KEYS
    assert report["offences"] == 0, report["offences_seen"]
    assert report["books_match"] is True, report["differences"]
    assert set(report["entities"]) == ENTITIES
    moved = {entity: figures["transferred"] for entity, figures in report["entities"].items()}
    assert all(count > 0 for count in moved.values()), moved
    assert report["waiting"]
    assert report["errors"]
    for one in (*report["waiting"], *report["errors"]):
        assert one["reason"], one
        assert one["id"], one
    assert heard, "nothing was seen listening: the check below would prove nothing"
    # RabbitMQ asks for an instant, on every address, whether its distribution port is free
    # (rabbit_prelaunch_dist: gen_tcp:listen, then close); what it keeps is on loopback.
    distribution = node_address(folder / "state" / "broker").distribution_port
    assert {port for address, port in heard if address not in LOOPBACK} <= {distribution}
    assert distribution in {port for address, port in heard if address in LOOPBACK}
    assert processes_of(folder) == []
