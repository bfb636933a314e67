"""Commands that look, single roles, and a standby that takes over."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e_harness import Rehearsal, eventually, membri_sync


def test_check_says_that_all_is_well_then_what_is_not_and_then_what_is_unreachable(
    tiny: Rehearsal,
) -> None:
    missing = tiny.run("check").expect(2)
    assert "membri-sync topology apply" in missing.out
    tiny.run("topology", "apply").expect(0)
    found = tiny.run("check", "--json").expect(0).json()
    assert {one["state"] for one in found} == {"ok"}
    subjects = " ".join(one["subject"] for one in found)
    for part in ("configuration", "broker", "ledger", "membri", "montreal", "quebec"):
        assert part in subjects

    mapping = tiny.folder / "membri.toml"
    mapping.write_text('[invoice]\nnumber = "membri_nosuchcolumn"\n', encoding="utf-8")
    wrong = tiny.run("check").expect(2)
    assert "membri_nosuchcolumn" in wrong.out
    blocked = tiny.run("once").expect(2)
    assert "membri_nosuchcolumn" in blocked.err
    mapping.unlink()

    tiny.stop_sandbox()
    away = tiny.run("check", "--json").expect(3).json()
    states = {one["subject"]: one["state"] for one in away}
    assert states["membri"] == "unavailable"
    assert states["montreal quickbooks_online"] == "unavailable"


def test_single_roles_move_the_world_step_by_step_and_status_and_record_show_it(
    tiny: Rehearsal,
) -> None:
    tiny.run("topology", "apply").expect(0)
    assert tiny.run("poll", "--once", "--json").expect(0).json()["published"] > 0
    queued = tiny.run("status", "--json").expect(0).json()
    assert all(chapter["queued"] > 0 for chapter in queued["chapters"])

    payment = tiny.case("montreal", "payment_first", 1)
    with tiny.start("consume", "montreal", name="first"):
        eventually(lambda: _done(tiny, payment), "the payment is in the books")
        settled = tiny.run("settle", "--drain", "--json").expect(0).json()
        assert settled["settled"] > 0
        assert tiny.row("membri_payment", payment)["membri_syncreference"]

    status = tiny.run("status", "--json").expect(0).json()
    montreal, quebec = status["chapters"]
    assert {one["state"] for one in montreal["states"]} >= {"done"}
    assert quebec["queued"] > 0
    assert set(status) >= {"chapters", "dead_letters", "to_settle"}
    timeline = tiny.run("record", payment, "--json").expect(0).json()
    assert any("transferred" in line["what"] for line in timeline)
    assert {line["chapter"] for line in timeline} == {"montreal"}
    tiny.run("record", "7f0e3c1a-6b1d-4c8e-9a57-2f9f8b7d1e01").expect(2)


def _done(tiny: Rehearsal, record_id: str) -> bool:
    ran = tiny.run("record", record_id, "--json")
    return ran.code == 0 and any(line["what"] == "done" for line in ran.json())


def test_a_second_consumer_stands_by_and_takes_over_when_the_first_is_killed(
    tiny: Rehearsal,
) -> None:
    tiny.run("topology", "apply").expect(0)
    with tiny.start("consume", "quebec", name="first") as first:
        eventually(lambda: first.said("serving quebec"), "the first consumer serves")
        with tiny.start("consume", "quebec", name="second") as second:
            eventually(lambda: second.said("standing by"), "the second stands by")
            refused = tiny.run("once", "--chapter", "quebec").expect(3)
            assert "another process serves quebec" in refused.err
            first.kill()
            tiny.run("poll", "--once").expect(0)
            invoice = tiny.case("quebec", "changed_invoice")
            eventually(lambda: _done(tiny, invoice), "the second consumer transferred it")
            assert second.said("serving quebec")
    assert tiny.offences() == []


def test_systems_topology_and_permissions_print_what_an_operator_needs(tiny: Rehearsal) -> None:
    fields = membri_sync("systems", "--json").expect(0).json()["quickbooks_online"]
    assert fields["client_id"]["default"] == "required"
    assert "token_file" in fields
    shown = tiny.run("topology", "show", "--json").expect(0).json()
    names = {queue["name"] for queue in shown["queues"]}
    assert {"membri.settle", "membri.quickbooks_online.montreal"} <= names
    granted = tiny.run("topology", "permissions").expect(0).out
    assert "# consume:quickbooks_online.quebec" in granted
    assert "rabbitmqctl set_permissions" in granted
    assert json.loads(tiny.run("topology", "permissions", "--json").expect(0).out)


def test_a_json_option_is_taken_before_and_after_the_command(tmp_path: Path) -> None:
    before = membri_sync("--json", "systems").expect(0)
    assert before.json() == membri_sync("systems", "--json").expect(0).json()
