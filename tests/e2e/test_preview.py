"""`preview` writes nothing and foretells what `once` then does; `check` looks at each setting."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.e2e_harness import Rehearsal

READS = ("/query", "/token", "/bearer")
"""What is posted and changes nothing: queries, and the answers of login services."""


def world(tiny: Rehearsal) -> list[Any]:
    return [tiny.membri.get("/dump"), tiny.quickbooks.get("/dump")]


def state(tiny: Rehearsal) -> dict[str, list[str]]:
    """Every table of ledger and poller, row by row."""
    found: dict[str, list[str]] = {}
    for path in sorted(Path(tiny.folder, "state").glob("*.db")):
        with closing(sqlite3.connect(path)) as file:
            found[path.name] = list(file.iterdump())
    return found


def writes(tiny: Rehearsal) -> list[str]:
    log = [*tiny.membri.get("/log"), *tiny.quickbooks.get("/log")]
    assert log
    return [
        f"{one['method']} {one['path']}"
        for one in log
        if one["method"] != "GET" and not one["path"].endswith(READS)
    ]


def that(preview: Any, would: str) -> dict[tuple[str, str], Any]:
    return {
        (one["entity"], one["id"]): one
        for chapter in preview["chapters"]
        for one in chapter["records"]
        if one["would"] == would
    }


def test_preview_writes_nothing_and_once_then_does_what_it_foretold(tiny: Rehearsal) -> None:
    before = world(tiny)
    preview = tiny.run("preview", "--json").expect(1).json()
    assert world(tiny) == before
    assert writes(tiny) == []
    assert not state(tiny)
    assert [one["chapter"] for one in preview["chapters"]] == ["montreal", "quebec"]

    report = tiny.run("once", "--json").expect(1).json()
    refused, waiting = that(preview, "refuse"), that(preview, "wait")
    errors = {(one["entity"], one["id"]): one["reason"] for one in report["errors"]}
    assert {key: one["reason"] for key, one in refused.items()} == errors
    held = {key: one["reason"] for key, one in waiting.items() if one["reason"] != "until_paid"}
    assert held == {(one["entity"], one["id"]): one["reason"] for one in report["waiting"]}

    booked = {
        row["DocNumber"]: row
        for company in tiny.quickbooks.get("/dump").values()
        for row in company["Invoice"]
    }
    created = [one for (entity, _), one in that(preview, "create").items() if entity == "invoice"]
    invoices = [one for one in created if one["requests"][0]["path"].endswith("/invoice")]
    assert invoices
    for one in invoices:
        body = one["requests"][0]["body"]
        row = booked[body["DocNumber"]]
        assert f"{float(row['TotalAmt']):.2f}" == one["total"]
        assert row["PrivateNote"] == body["PrivateNote"]

    after, kept = world(tiny), state(tiny)
    assert {"ledger.db", "poller.db"} <= set(kept)
    again = tiny.run("preview", "--json").expect(0).json()
    assert (world(tiny), state(tiny)) == (after, kept)
    assert set(that(again, "wait")) >= set(held)
    assert that(again, "create") == that(again, "refuse") == {}
    assert tiny.offences() == []


def test_check_compares_each_setting_with_the_live_company(tiny: Rehearsal) -> None:
    tiny.run("topology", "apply").expect(0)
    assert "settings are as the company needs them" in tiny.run("check").expect(0).out
    tiny.rewrite('membership = "23"', 'membership = "20"')
    tiny.rewrite('deposit = "3"', 'deposit = "10"')
    wrong = tiny.run("--lang", "fr", "check").expect(2).out
    assert "! montreal quickbooks_online accounts.income.membership: 20" in wrong
    assert "Le même revenu serait compté deux fois." in wrong
    assert "✗ quebec quickbooks_online accounts.deposit: 10" in wrong
    assert "il désigne autre chose que ce qu'il faut ici" in wrong
