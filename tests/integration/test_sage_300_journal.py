"""Journal entries on the simulated Sage 300 (reference page, section 7)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown, Unavailable
from consumers.system import Lookup
from consumers.systems._keys import entry_number
from consumers.systems.sage_300.markers import marker
from schemas.chapters import ChapterSettings
from schemas.outcomes import Action
from schemas.reasons import Reason, SystemReason
from schemas.statuses import Entity
from tests.contracts.conformance_sage_300 import ACCOUNTS, Sage300Bench
from tests.contracts.conformance_world import (
    DAY,
    Delivery,
    a_journal_entry,
    an_account,
    an_invoice,
    rejected,
)
from tests.integration.sage_300_books import JOURNALS, Meanwhile, batches, live

pytest_plugins = ["tests.fixtures_sage_300"]


def an_entry(**values: Any) -> Delivery:
    account = an_account()
    entry = a_journal_entry(account, an_invoice(account))
    return Delivery(entry.model_copy(update=values))


def own(bench: Sage300Bench, delivery: Delivery) -> list[dict[str, Any]]:
    return batches(bench, JOURNALS, marker("journal_entry", delivery.record.id))


def test_an_entry_has_its_signs_its_dates_and_our_reference(bench: Sage300Bench) -> None:
    delivery = an_entry(date=dt.date(2026, 4, 30))
    ref = bench.system.transfer(delivery.task()).ref
    (batch,) = own(bench, delivery)
    assert (ref.remote_id, ref.reference) == (
        batch["BatchNumber"],
        entry_number(delivery.record.id),
    )
    assert len(ref.remote_id) == 6
    (header,) = batch["JournalHeaders"]
    assert header["PostingDate"] == header["DocumentDate"] == "2026-04-30"
    assert (header["FiscalPeriod"], header["SourceLedger"], header["SourceType"]) == (
        *("04", "GL"),
        "JE",
    )
    amounts = {
        line["AccountNumber"]: Decimal(str(line["Amount"])) for line in header["JournalDetails"]
    }
    assert amounts == {"2400": Decimal("8.33"), "4100": Decimal("-8.33")}
    assert {line["Reference"] for line in header["JournalDetails"]} == {ref.reference}


@pytest.mark.parametrize("by", ["ReadyToPost", "Status"])
def test_how_a_batch_is_made_ready_is_a_setting(bench: Sage300Bench, by: str) -> None:
    bench.options.gl_ready_by = by
    delivery = an_entry()
    bench.connector(gl_ready_by=by).transfer(delivery.task())
    assert bench.held(delivery.record).count == 1


def test_the_wrong_way_to_make_it_ready_is_told_and_its_batch_goes_on_later(
    bench: Sage300Bench,
) -> None:
    bench.options.gl_ready_by = "Status"
    delivery = an_entry()
    with rejected(Reason.INVALID_FIELD) as refusal:
        bench.system.transfer(delivery.task())
    assert "stands, not posted" in refusal[0].detail
    receipt = delivery.attempt(bench.connector(gl_ready_by="Status"))
    assert receipt.action is Action.ADOPTED
    assert len(own(bench, delivery)) == 1


def test_the_parameters_of_the_posting_are_discovered_or_set(bench: Sage300Bench) -> None:
    bench.options.gl_post_from, bench.options.gl_post_to = "FromBatch", "ToBatch"
    for system in (
        bench.restarted(),
        bench.connector(gl_post_from="FromBatch", gl_post_to="ToBatch"),
    ):
        delivery = an_entry()
        system.transfer(delivery.task())
        assert bench.held(delivery.record).count == 1


def test_parameters_that_cannot_be_told_apart_are_a_matter_of_settings(bench: Sage300Bench) -> None:
    bench.options.gl_post_from, bench.options.gl_post_to = "BATCHIDFR", "BATCHIDTO"
    delivery = an_entry()
    with pytest.raises(OutcomeUnknown) as info:  # its batch was entered before
        bench.system.transfer(delivery.task())
    assert "BATCHIDFR" in info.value.detail
    assert "gl_post_from" in info.value.detail
    with pytest.raises(Unavailable) as again:
        delivery.attempt(bench.restarted())
    assert again.value.reason is SystemReason.MISCONFIGURED
    delivery.attempt(bench.connector(gl_post_from="BATCHIDFR", gl_post_to="BATCHIDTO"))
    assert bench.held(delivery.record).count == 1


def test_a_year_that_is_not_in_the_calendar_is_not_open_yet(bench: Sage300Bench) -> None:
    delivery = an_entry(date=dt.date(2031, 1, 31))
    problems = bench.system.check(delivery.record)
    assert [(p.reason, p.field) for p in problems] == [(Reason.PERIOD_NOT_OPEN, "date")]
    with rejected(Reason.PERIOD_NOT_OPEN):
        bench.system.transfer(delivery.task())
    assert live(bench) == []
    bench.accountant(fiscal_year=2031)
    try:
        assert list(bench.restarted().check(delivery.record)) == []
        delivery.attempt(bench.system)
        assert bench.held(delivery.record).count == 1
    finally:
        bench.accountant(remove_fiscal_year=2031)


def test_only_the_ledger_s_lock_counts_for_an_entry(bench: Sage300Bench) -> None:
    bench.accountant(lock={"modules": ["AR", "BK"], "year": "2026", "periods": [3]})
    entry = an_entry().record
    assert list(bench.restarted().check(entry)) == []
    bench.accountant(lock={"modules": ["GL"], "year": "2026", "periods": [3]})
    assert [p.reason for p in bench.restarted().check(entry)] == [Reason.CLOSED_PERIOD]


def test_a_period_locked_meanwhile_names_the_error_batch_of_the_entry(bench: Sage300Bench) -> None:
    delivery = an_entry()
    march = {"modules": ["GL"], "year": "2026", "periods": [3]}
    delivery.steps = Meanwhile(then=lambda: bench.accountant(lock=march))
    with rejected(Reason.CLOSED_PERIOD) as refusal:
        bench.system.transfer(delivery.task())
    (batch,) = own(bench, delivery)
    (error,) = [
        row for row in bench.rows(JOURNALS) if row.get("_errors_of") == batch["BatchNumber"]
    ]
    assert f"error batch {error['BatchNumber']}" in refusal[0].detail
    assert live(bench) == []
    bench.accountant(closed_until=None)
    assert delivery.attempt(bench.restarted()).action is Action.CREATED


def test_an_entry_of_another_amount_differs(bench: Sage300Bench) -> None:
    delivery = an_entry()
    bench.system.transfer(delivery.task())
    delivery.record = delivery.record.model_copy(update={"amount": Decimal("9.00")})
    for call in (
        lambda: delivery.attempt(bench.restarted()),
        lambda: bench.system.transfer(delivery.task()),
    ):
        with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
            call()
        assert "8.33" in refusal[0].detail
        assert "9.00" in refusal[0].detail


def test_an_unposted_entry_of_another_date_is_replaced(bench: Sage300Bench) -> None:
    delivery = an_entry()
    bench.sandbox.faults.arm(kind="drop_before", method="PATCH", path=JOURNALS)
    with pytest.raises(OutcomeUnknown):
        bench.system.transfer(delivery.task())
    later = dt.date(2026, 5, 31)
    delivery.record = delivery.record.model_copy(update={"date": later, "amount": Decimal("9.00")})
    delivery.attempt(bench.restarted())
    assert [batch["Status"] for batch in own(bench, delivery)] == ["Deleted", "Posted"]
    assert bench.held(delivery.record).total == Decimal("9.00")


def test_an_entry_of_a_cleared_history_is_still_found(bench: Sage300Bench) -> None:
    delivery = an_entry()
    ref = bench.system.transfer(delivery.task()).ref
    bench.accountant(clear_history=True)
    assert delivery.attempt(bench.restarted()).action is Action.ADOPTED
    for lookup in (
        Lookup(Entity.JOURNAL_ENTRY, "typed", reference=ref.reference),
        Lookup(Entity.JOURNAL_ENTRY, "typed", remote_id=ref.remote_id),
    ):
        found = bench.system.find(lookup)
        assert found is not None
        assert (found.ref, found.by_marker) == (ref, False)
    none = Lookup(Entity.JOURNAL_ENTRY, "typed", reference="RPA-0")
    assert bench.system.find(none) is None


@pytest.mark.parametrize(
    ("accounts", "values", "reason", "field"),
    [
        ({"deferred_revenue": ""}, {}, Reason.UNKNOWN_ACCOUNT, ""),
        ({"deferred_revenue": "9999"}, {}, Reason.UNKNOWN_ACCOUNT, ""),
        ({"earned_revenue": "NOCODE"}, {}, Reason.UNKNOWN_ACCOUNT, ""),
        ({}, {"amount": Decimal("0.00")}, Reason.AMOUNT_NOT_POSITIVE, "amount"),
        ({}, {"currency": "USD"}, Reason.CURRENCY_NOT_SUPPORTED, "currency"),
    ],
)
def test_what_sage_would_refuse_is_told_before_anything_is_sent(
    bench: Sage300Bench,
    accounts: dict[str, Any],
    values: dict[str, Any],
    reason: Reason,
    field: str,
) -> None:
    bench.accounts = ACCOUNTS.model_copy(update=accounts)
    problems = bench.restarted().check(an_entry(**values).record)
    assert [(p.reason, p.field) for p in problems] == [(reason, field)]


def test_a_distribution_code_stands_for_its_account(bench: Sage300Bench) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"earned_revenue": "cotis"})
    delivery = an_entry()
    draft = bench.restarted().draft(delivery.task())
    assert [(line.account, line.amount) for line in draft.lines] == [
        ("2400", Decimal("8.33")),
        ("4100", Decimal("-8.33")),
    ]
    bench.system.transfer(delivery.task())
    assert bench.held(delivery.record).count == 1


def test_entries_are_told_in_a_chapter_that_spreads_its_dues(bench: Sage300Bench) -> None:
    system = bench.connector(ChapterSettings(deferred_revenue="on_date"))
    delivery = an_entry(description="  Produits\n reportés " + "é" * 100, date=DAY)
    system.transfer(delivery.task())
    (batch,) = own(bench, delivery)
    assert batch["JournalHeaders"][0]["Description"].startswith("Produits reportés é")
