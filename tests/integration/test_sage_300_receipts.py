"""Receipts on the simulated Sage 300 (reference page, section 6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import Unavailable
from consumers.system import Lookup, RemoteRef
from consumers.systems.sage_300.faults import Bug
from consumers.systems.sage_300.markers import marker, receipt_number
from schemas.outcomes import Action
from schemas.reasons import Reason, SystemReason
from schemas.records import Payment
from schemas.statuses import Entity
from tests.contracts.conformance_sage_300 import ACCOUNTS, Sage300Bench, sage_300_bench
from tests.contracts.conformance_world import (
    Delivery,
    a_credit_note,
    a_payment,
    an_account,
    an_invoice,
    rejected,
)
from tests.integration.sage_300_books import (
    RECEIPTS,
    Meanwhile,
    batches,
    billed,
    customer_of,
    live,
    paid_by_hand,
)

pytest_plugins = ["tests.fixtures_sage_300"]


def to_pay(bench: Sage300Bench, part: str = "114.98", **values: Any) -> Delivery:
    """A payment of a new invoice of 114.98, on its way."""
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, part), **values)
    return Delivery(payment, customer, {invoice.id: ref})


def own(bench: Sage300Bench, delivery: Delivery) -> list[dict[str, Any]]:
    return batches(bench, RECEIPTS, marker("payment", delivery.record.id))


def test_a_receipt_carries_our_number_and_membri_s(bench: Sage300Bench) -> None:
    delivery = to_pay(bench, number="P-77", method="cheque")
    ref = bench.system.transfer(delivery.task()).ref
    assert ref.reference == receipt_number(delivery.record.id)
    (batch,) = own(bench, delivery)
    (entry,) = batch["ReceiptsAdjustments"]
    assert (entry["EntryReference"], entry["EntryDescription"]) == ("P-77", "Paiement Membri P-77")
    assert (entry["PaymentCode"], entry["BankCode"]) == ("CHECK", "BNC")
    assert entry["PostingDate"] == entry["ReceiptDateAdjustmentDate"] == "2026-03-14"


def test_a_person_finds_a_receipt_by_either_of_its_numbers(bench: Sage300Bench) -> None:
    delivery = to_pay(bench)
    ref = bench.system.transfer(delivery.task()).ref
    (row,) = [r for r in bench.rows("ARPostedReceipts") if r["CheckReceiptNumber"] == ref.reference]
    for typed in (ref.reference.lower(), row["DocumentNumber"]):
        found = bench.system.find(Lookup(Entity.PAYMENT, "typed", reference=typed))
        assert found is not None
        assert (found.ref, found.by_marker) == (ref, False)
    by_id = Lookup(Entity.PAYMENT, delivery.record.id, remote_id=ref.remote_id)
    found = bench.system.find(by_id)
    assert found is not None
    assert (found.ref, found.by_marker) == (ref, True)
    assert bench.system.find(Lookup(Entity.PAYMENT, "typed", reference="PY999")) is None


def test_a_check_number_of_two_customers_needs_a_person(bench: Sage300Bench) -> None:
    for _ in range(2):
        paid_by_hand(bench, to_pay(bench), "1.00")
    with rejected(Reason.AMBIGUOUS) as refusal:
        bench.system.find(Lookup(Entity.PAYMENT, "typed", reference="CH-1"))
    assert "PY0" in refusal[0].detail


def test_the_same_payment_with_another_amount_differs(bench: Sage300Bench) -> None:
    delivery = to_pay(bench, "14.98")
    bench.system.transfer(delivery.task())
    payment = delivery.record
    assert isinstance(payment, Payment)
    delivery.record = payment.model_copy(update={"amount": Decimal("20.00")})
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        delivery.attempt(bench.restarted())
    assert "14.98" in refusal[0].detail
    assert "20.00" in refusal[0].detail
    with rejected(Reason.DIFFERS_FROM_BOOKS):
        bench.system.transfer(delivery.task())
    delivery.record = payment
    assert bench.system.transfer(delivery.task()).action is Action.ADOPTED


def test_what_was_paid_meanwhile_is_explained_and_leaves_nothing(bench: Sage300Bench) -> None:
    delivery = to_pay(bench)
    delivery.steps = Meanwhile(then=lambda: paid_by_hand(bench, delivery, "100.00"))
    with rejected(Reason.PAYMENT_EXCEEDS_BALANCE) as refusal:
        bench.system.transfer(delivery.task())
    for words in ("114.98", "14.98", "error batch"):
        assert words in refusal[0].detail
    assert live(bench) == []
    assert bench.held(delivery.record).count == 0


def test_a_bank_closed_meanwhile_is_explained(bench: Sage300Bench) -> None:
    delivery = to_pay(bench)
    close = lambda: bench.alter("BKBanks", "BNC", Status="Inactive")  # noqa: E731 — what happens meanwhile
    delivery.steps = Meanwhile(then=close)
    with rejected(Reason.UNKNOWN_ACCOUNT):
        bench.system.transfer(delivery.task())
    assert live(bench) == []


def test_a_document_of_another_customer_is_refused(bench: Sage300Bench) -> None:
    delivery = to_pay(bench)
    delivery.customer = customer_of(bench, an_account())
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.system.transfer(delivery.task())
    assert "belongs to" in refusal[0].detail


def test_a_document_that_is_not_posted_cannot_be_paid(bench: Sage300Bench) -> None:
    delivery = to_pay(bench)
    (known,) = delivery.documents
    holder = delivery.customer.remote_id  # type: ignore[union-attr]  # to_pay gives one
    delivery.documents = {known: RemoteRef(f"{holder}|F-NOWHERE", "F-NOWHERE")}
    with rejected(Reason.REFERENCE_NOT_FOUND) as refusal:
        bench.system.transfer(delivery.task())
    assert "F-NOWHERE" in refusal[0].detail


def test_two_allocations_to_one_invoice_are_one_applied_line(bench: Sage300Bench) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "14.98"), (invoice, "10.00"))
    delivery = Delivery(payment, customer, {invoice.id: ref})
    bench.system.transfer(delivery.task())
    ((entry,),) = [batch["ReceiptsAdjustments"] for batch in own(bench, delivery)]
    assert [line["CustomerReceiptAmount"] for line in entry["AppliedReceiptsAdjustments"]] == [
        "24.98"
    ]


def test_an_invoice_in_instalments_is_paid_one_after_the_other(bench: Sage300Bench) -> None:
    account = an_account()
    invoice = an_invoice(account, "100.00")
    customer = customer_of(bench, account)
    line = {"RevenueAccount": "4200", "ExtendedAmountWithTIP": Decimal(100)}
    instalments = [
        {"PaymentNumber": at, "DueDate": f"2026-0{at + 3}-01", "AmountDue": Decimal(amount)}
        for at, amount in ((1, "40.00"), (2, "40.00"), (3, "34.98"))
    ]
    typed = {"CustomerNumber": customer.remote_id, "DocumentNumber": invoice.number}
    typed |= {"InvoiceDetails": [line], "InvoicePaymentSchedules": instalments}
    bench.accountant(invoice=typed)
    ref = RemoteRef(f"{customer.remote_id}|{invoice.number}", invoice.number)
    applied = []
    for amount in ("50.00", "30.00"):
        payment = a_payment(account, (invoice, amount))
        delivery = Delivery(payment, customer, {invoice.id: ref})
        bench.system.transfer(delivery.task())
        ((entry,),) = [batch["ReceiptsAdjustments"] for batch in own(bench, delivery)]
        lines = entry["AppliedReceiptsAdjustments"]
        applied += [(one["PaymentNumber"], one["CustomerReceiptAmount"]) for one in lines]
        assert delivery.attempt(bench.restarted()).action is Action.ADOPTED
    assert applied == [(1, "40.00"), (2, "10.00"), (2, "30.00")]
    credit = a_credit_note(invoice, "50.00")  # 57.49, of which the last 34.98 are owed
    bench.system.transfer(Delivery(credit, customer, {invoice.id: ref}).task())
    assert bench.held(credit).balance == Decimal("22.51")
    too_much = a_payment(account, (invoice, "0.01"))
    with rejected(Reason.PAYMENT_EXCEEDS_BALANCE):
        bench.system.transfer(Delivery(too_much, customer, {invoice.id: ref}).task())


@pytest.mark.parametrize("allowed", [True, False])
def test_money_beyond_the_invoices_stays_unapplied_or_is_refused(
    bench: Sage300Bench, allowed: bool
) -> None:
    bench.options.unapplied_receipts = "allowed" if allowed else "refused"
    delivery = to_pay(bench, "14.98", amount=Decimal("20.00"))
    if allowed:
        bench.system.transfer(delivery.task())
        assert bench.held(delivery.record).total == Decimal("20.00")
        return
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.system.transfer(delivery.task())
    assert "unapplied" in refusal[0].detail


def test_a_warning_about_a_check_number_is_no_failure(bench: Sage300Bench) -> None:
    bench.options.duplicate_checks = "warning"
    delivery = to_pay(bench)
    bench.system.transfer(delivery.task())
    assert delivery.attempt(bench.restarted()).action is Action.ADOPTED


@pytest.mark.parametrize("name", ["PostingDate", "DatePosted"])
def test_the_name_of_the_posting_date_is_a_setting(bench: Sage300Bench, name: str) -> None:
    bench.options.receipt_posting_date = name
    system = bench.connector(receipt_posting_date=name)
    delivery = to_pay(bench)
    system.transfer(delivery.task())
    assert bench.held(delivery.record).count == 1


def test_the_wrong_name_of_the_posting_date_is_our_bug() -> None:
    with sage_300_bench(receipt_posting_date="DatePosted") as bench:  # of its own: it offends
        delivery = to_pay(bench)
        with pytest.raises(Bug) as info:
            bench.system.transfer(delivery.task())
    assert "PostingDate" in str(info.value)


@pytest.mark.parametrize("key", ["posted_due_property", "posted_total_property"])
def test_a_wrong_name_of_a_posted_amount_is_told_and_pays_nothing(
    bench: Sage300Bench, key: str
) -> None:
    delivery = to_pay(bench)
    system = bench.connector(**{key: "Nothing"})
    calls = {
        "posted_due_property": lambda: system.transfer(delivery.task()),
        "posted_total_property": lambda: system.transfer(again(bench, delivery).task()),
    }
    with pytest.raises(Unavailable) as info:
        calls[key]()
    assert info.value.reason is SystemReason.MISCONFIGURED
    assert "Nothing" in info.value.detail


def again(bench: Sage300Bench, delivery: Delivery) -> Delivery:
    """Another invoice under the number of the one that is paid."""
    (ref,) = delivery.documents.values()
    payment = delivery.record
    assert isinstance(payment, Payment)
    return Delivery(an_invoice(payment.account, "1.00", number=ref.reference), delivery.customer)


@pytest.mark.parametrize(
    ("accounts", "values", "reason", "field"),
    [
        ({"deposit": ""}, {}, Reason.UNKNOWN_ACCOUNT, ""),
        ({"deposit": "NONE"}, {}, Reason.UNKNOWN_ACCOUNT, ""),
        (
            {"payment_methods": {"cheque": "NONE"}},
            {"method": "cheque"},
            *(Reason.UNKNOWN_ACCOUNT, "method"),
        ),
        ({}, {"number": "P" * 61}, Reason.TOO_LONG, "number"),
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
    invoice = an_invoice(an_account())
    payment = a_payment(invoice.account, (invoice, "1.00"), **values)
    problems = bench.restarted().check(payment)
    assert [(p.reason, p.field) for p in problems] == [(reason, field)]


def test_amounts_that_are_not_above_zero_are_told(bench: Sage300Bench) -> None:
    invoice = an_invoice(an_account())
    payment = a_payment(invoice.account, (invoice, "0.00"))
    fields = [p.field for p in bench.system.check(payment)]
    assert fields == ["amount", "allocations.0.amount"]


def test_a_locked_bank_period_blocks_receipts_alone(bench: Sage300Bench) -> None:
    bench.accountant(lock={"modules": ["BK"], "year": "2026", "periods": [3]})
    system = bench.restarted()
    invoice = an_invoice(an_account())
    payment = a_payment(invoice.account, (invoice, "1.00"))
    assert [p.reason for p in system.check(payment)] == [Reason.CLOSED_PERIOD]
    assert list(system.check(invoice)) == []


def test_the_receipts_of_a_cleared_history_are_still_found(bench: Sage300Bench) -> None:
    delivery = to_pay(bench)
    bench.system.transfer(delivery.task())
    bench.accountant(clear_history=True)
    assert delivery.attempt(bench.restarted()).action is Action.ADOPTED
