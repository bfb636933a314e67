"""Credit notes on the simulated Sage 300, applied once (reference page, sections 5 and 6)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from consumers.errors import OutcomeUnknown
from consumers.systems.sage_300.markers import marker
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Invoice
from tests.contracts.conformance_sage_300 import Sage300Bench
from tests.contracts.conformance_world import Delivery, a_credit_note, rejected
from tests.integration.sage_300_books import (
    INVOICES,
    RECEIPTS,
    Meanwhile,
    batches,
    billed,
    books,
    live,
    paid_by_hand,
)

pytest_plugins = ["tests.fixtures_sage_300"]


def to_credit(bench: Sage300Bench, net: str = "100.00") -> Delivery:
    """A credit note of a new invoice of 114.98, on its way."""
    customer, invoice, ref = billed(bench, "100.00")
    return Delivery(a_credit_note(invoice, net), customer, {invoice.id: ref})


def balance(bench: Sage300Bench, delivery: Delivery) -> tuple[Decimal, Decimal]:
    """What is left of the credit and of its invoice."""
    credit = delivery.record
    assert isinstance(credit, Invoice)
    (ref,) = delivery.documents.values()
    (row,) = [r for r in bench.rows("ARPostedDocuments") if r["DocumentNumber"] == ref.reference]
    return bench.held(credit).balance, Decimal(str(row["AmountDueInCustomerCurrency"]))


def test_a_credit_note_names_the_invoice_that_owes_it(bench: Sage300Bench) -> None:
    delivery = to_credit(bench, "40.00")
    bench.system.transfer(delivery.task())
    (batch,) = batches(bench, INVOICES, marker("invoice", delivery.record.id))
    (entry,) = batch["Invoices"]
    (ref,) = delivery.documents.values()
    assert (entry["DocumentType"], entry["ApplytoDocument"]) == ("CreditNote", ref.reference)
    assert Decimal(str(entry["DocumentTotalIncludingTax"])) > 0
    assert balance(bench, delivery) == (0, Decimal("68.99"))


@pytest.mark.parametrize("excess", ["error", "open"])
def test_what_the_invoice_does_not_owe_stays_open_whatever_the_version_does_with_it(
    bench: Sage300Bench, excess: str
) -> None:
    bench.options.overapplied_credit_note = excess
    delivery = to_credit(bench)
    paid_by_hand(bench, delivery, "100.00")
    bench.system.transfer(delivery.task())
    assert balance(bench, delivery) == (Decimal("100.00"), 0)
    assert bench.applications(delivery.record) == 1
    assert delivery.attempt(bench.restarted()).action is Action.ADOPTED


@pytest.mark.parametrize("request_number", range(6))
def test_a_separate_application_is_taken_up_too(bench: Sage300Bench, request_number: int) -> None:
    delivery = to_credit(bench)
    paid_by_hand(bench, delivery, "100.00")
    path = "ARReceiptAndAdjustmentBatches|ARPostReceipts"
    bench.sandbox.faults.arm(kind="drop_after", path=path, skip=request_number)
    delivery.carry(bench)
    assert balance(bench, delivery) == (Decimal("100.00"), 0)
    assert bench.applications(delivery.record) == 1
    assert len(batches(bench, RECEIPTS, marker("application", delivery.record.id))) == 1


def test_an_invoice_that_owes_nothing_leaves_the_credit_open(bench: Sage300Bench) -> None:
    delivery = to_credit(bench)
    paid_by_hand(bench, delivery, "114.98")
    bench.system.transfer(delivery.task())
    assert balance(bench, delivery) == (Decimal("114.98"), 0)
    assert bench.applications(delivery.record) == 0
    assert delivery.attempt(bench.restarted()).action is Action.ADOPTED


def test_an_invoice_paid_meanwhile_is_explained_and_the_credit_goes_when_sent_again(
    bench: Sage300Bench,
) -> None:
    delivery = to_credit(bench)
    delivery.steps = Meanwhile(then=lambda: paid_by_hand(bench, delivery, "100.00"))
    with rejected(Reason.CREDIT_EXCEEDS_BALANCE) as refusal:
        bench.system.transfer(delivery.task())
    assert "114.98 > 14.98" in refusal[0].detail
    assert live(bench) == []
    delivery.attempt(bench.restarted())
    assert balance(bench, delivery) == (Decimal("100.00"), 0)


def test_an_unposted_credit_is_made_anew_when_its_invoice_owes_less(bench: Sage300Bench) -> None:
    delivery = to_credit(bench)
    bench.sandbox.faults.arm(kind="drop_before", method="PATCH", path=INVOICES)
    with pytest.raises(OutcomeUnknown):
        bench.system.transfer(delivery.task())
    paid_by_hand(bench, delivery, "100.00")
    delivery.attempt(bench.restarted())
    assert balance(bench, delivery) == (Decimal("100.00"), 0)
    assert bench.held(delivery.record).count == 1


def test_an_application_that_fails_is_told_and_tried_again_with_what_is_owed(
    bench: Sage300Bench,
) -> None:
    delivery = to_credit(bench)
    paid_by_hand(bench, delivery, "100.00")
    steps = Meanwhile()
    delivery.steps = steps

    def when_the_credit_is_posted() -> None:
        steps.then = lambda: paid_by_hand(bench, delivery, "10.00")

    steps.then = when_the_credit_is_posted
    with rejected(Reason.CREDIT_EXCEEDS_BALANCE) as refusal:
        bench.system.transfer(delivery.task())
    assert "error batch" in refusal[0].detail
    assert live(bench) == []
    delivery.attempt(bench.restarted())
    assert balance(bench, delivery) == (Decimal("110.00"), 0)


def test_the_draft_of_a_partial_credit_has_both_batches(bench: Sage300Bench) -> None:
    delivery = to_credit(bench)
    paid_by_hand(bench, delivery, "100.00")
    paths = [path for path, _ in bench.system.draft(delivery.task()).requests]
    assert [path.split("/")[1].split("(")[0] for path in paths] == [
        *("ARInvoiceBatches", "ARInvoiceBatches", "ARPostInvoices"),
        *("ARReceiptAndAdjustmentBatches", "ARReceiptAndAdjustmentBatches"),
        "ARPostReceiptsAndAdjustments",
    ]
    paid_by_hand(bench, delivery, "14.98")
    assert len(bench.system.draft(delivery.task()).requests) == 3
    assert books(bench).all(INVOICES)
