"""Payments of Business Central: one batch each, posted once, tidied up."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown
from consumers.system import Lookup, RemoteRef
from consumers.systems.business_central.keys import batch_code, payment_number
from ops.sandbox.business_central.company import BANK, DUES
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Payment
from tests.contracts.conformance_business_central import BusinessCentralBench
from tests.contracts.conformance_world import (
    DAY,
    Delivery,
    a_payment,
    an_account,
    an_invoice,
    rejected,
)
from tests.integration.bc_records import a_customer, a_delivery, batches, billed, refused, sent

pytest_plugins = ["tests.fixtures_business_central"]


def test_a_payment_is_one_negative_line_on_its_own_day_in_a_batch_of_its_own(
    bench: BusinessCentralBench,
) -> None:
    delivery, invoice = a_delivery(bench)
    draft = bench.system.draft(delivery.task())
    batch, line = draft.requests[0][1], draft.requests[1][1]
    payment = delivery.record
    assert isinstance(payment, Payment)
    assert batch["code"] == batch_code(payment.id)
    assert line["amount"] == Decimal("-14.98")
    assert (line["postingDate"], line["documentNumber"]) == (
        DAY.isoformat(),
        payment_number(payment.id),
    )
    assert line["comment"] == "CHEQUE"
    receipt = delivery.attempt(bench.system)
    assert receipt.ref == RemoteRef(payment_number(payment.id), payment_number(payment.id))
    (paid,) = [one for one in bench.books().payments if one.number == receipt.ref.reference]
    reference = delivery.documents[invoice.id].reference
    assert paid.note == f"{payment.number} {reference}"
    assert (paid.day, paid.total, paid.unapplied) == (DAY, Decimal("14.98"), 0)
    entries = [
        (one["accountNumber"], one["debitAmount"])
        for one in bench.dump()["generalLedgerEntries"]
        if one["documentNumber"] == receipt.ref.reference and Decimal(one["debitAmount"])
    ]
    assert entries == [(BANK, "14.98")]
    assert batches(bench) == set()


def test_what_no_invoice_takes_goes_unapplied(bench: BusinessCentralBench) -> None:
    account, customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(account, (invoice, "100.00"), amount=Decimal("120.00"))
    sent(bench.system, payment, customer, {invoice.id: ref})
    paid = [one for one in bench.books().payments if one.number == payment_number(payment.id)]
    assert sorted((one.total, one.unapplied) for one in paid) == [
        (Decimal("20.00"), Decimal("20.00")),
        (Decimal("100.00"), 0),
    ]
    assert bench.held(invoice).balance == Decimal("14.98")


def test_two_parts_on_one_invoice_are_one_line_and_compared_together(
    bench: BusinessCentralBench,
) -> None:
    account, customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(account, (invoice, "60.00"), (invoice, "60.00"))
    with rejected(Reason.PAYMENT_EXCEEDS_BALANCE) as refusal:
        sent(bench.system, payment, customer, {invoice.id: ref})
    assert "120.00 > 114.98" in refusal[0].detail
    fits = a_payment(account, (invoice, "60.00"), (invoice, "54.98"))
    sent(bench.system, fits, customer, {invoice.id: ref})
    assert (bench.held(fits).count, bench.held(invoice).balance) == (1, 0)


def test_a_partial_payment_sent_again_is_adopted_and_not_posted_twice(
    bench: BusinessCentralBench,
) -> None:
    delivery, invoice = a_delivery(bench)
    delivery.attempt(bench.system)
    again = bench.restarted().transfer(delivery.task())
    assert again.action is Action.ADOPTED
    assert bench.held(invoice).balance == Decimal("100.00")


def test_a_payment_before_its_invoice_is_told_with_both_dates(
    bench: BusinessCentralBench,
) -> None:
    account, customer, invoice, ref = billed(bench)
    payment = a_payment(account, (invoice, "5.00"), date=DAY - dt.timedelta(days=1))
    with rejected(Reason.PAYMENT_BEFORE_INVOICE) as refusal:
        sent(bench.system, payment, customer, {invoice.id: ref})
    assert "2026-03-13 < 2026-03-14" in refusal[0].detail
    assert batches(bench) == set()


def test_an_invoice_of_another_customer_takes_no_payment(bench: BusinessCentralBench) -> None:
    account, _, invoice, ref = billed(bench)
    _, stranger = a_customer(bench)
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        sent(bench.system, a_payment(account, (invoice, "5.00")), stranger, {invoice.id: ref})
    assert account.number in refusal[0].detail
    assert refusal[0].field == "account"


def test_somebody_elses_line_in_our_batch_is_never_posted(bench: BusinessCentralBench) -> None:
    delivery, invoice = a_delivery(bench)
    bench.sandbox.faults.arm(kind="drop_before", path="NAV.post")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    code = batch_code(delivery.record.id)
    bench.accountant(
        journal_line={
            "journal": code,
            "accountNumber": DUES,
            "balancingAccountNumber": BANK,
            "postingDate": DAY.isoformat(),
            "documentNumber": "HAND",
            "amount": 7,
        }
    )
    found = bench.restarted().find(delivery.lookup)
    assert found is None  # not only ours: neither posted nor ready
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.system.transfer(delivery.task())
    assert code in refusal[0].detail
    assert "HAND" in refusal[0].detail
    left = [line for line in bench.books().other if code in line]
    assert left == [f"line HAND of 7 left in the batch {code}"]
    assert bench.held(invoice).balance == invoice.total
    (batch,) = [one for one in bench.dump()["_batches"] if one["code"] == code]
    books = bench.sandbox.companies.books(bench.connection().company_id)
    for line in books.all("journalLines"):
        if line["journalId"] == batch["id"]:
            books.remove("journalLines", line)
    assert delivery.attempt(bench.system).action is Action.CREATED
    assert batches(bench) == set()


def test_lines_of_an_earlier_version_are_replaced(bench: BusinessCentralBench) -> None:
    delivery, invoice = a_delivery(bench)
    bench.sandbox.faults.arm(kind="drop_before", path="NAV.post")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    payment = delivery.record
    assert isinstance(payment, Payment)
    changed = a_payment(payment.account, (invoice, "20.00"), id=payment.id)
    later = Delivery(changed, delivery.customer, delivery.documents, steps=delivery.steps)
    assert later.attempt(bench.restarted()).action is Action.CREATED
    assert bench.held(changed).total == Decimal("20.00")


def test_a_batch_whose_lines_were_lost_on_the_way_is_not_taken_for_the_payment(
    bench: BusinessCentralBench,
) -> None:
    delivery, _ = a_delivery(bench)
    bench.sandbox.faults.arm(kind="drop_before", path="customerPayments$", method="POST")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    assert bench.restarted().find(delivery.lookup) is None
    assert delivery.attempt(bench.system).action is Action.CREATED


def test_payments_may_be_left_for_a_person_who_posts_them(bench: BusinessCentralBench) -> None:
    delivery, _ = a_delivery(bench)
    system = bench.connector(post_payments_through_journals=False)
    draft = system.draft(delivery.task())
    assert [path.partition(" ")[0] for path, _ in draft.requests] == ["POST", "POST"]
    code = batch_code(delivery.record.id)
    for _ in range(2):
        with rejected(Reason.AWAITING_APPROVAL) as refusal:
            delivery.attempt(system)
        assert code in refusal[0].detail
    assert bench.held(delivery.record).count == 0
    bench.accountant(post_batch=code)
    assert delivery.attempt(system).action is Action.ADOPTED
    assert batches(bench) == set()


def test_a_tenant_that_does_not_post_payments_through_journals_says_which_setting(
    bench: BusinessCentralBench,
) -> None:
    bench.options.cash_receipts_posted = False
    delivery, _ = a_delivery(bench)
    with rejected(Reason.AWAITING_APPROVAL) as refusal:
        delivery.attempt(bench.system)
    assert "post_payments_through_journals" in refusal[0].detail
    bench.accountant(post_batch=batch_code(delivery.record.id))
    assert delivery.attempt(bench.system).action is Action.ADOPTED
    assert bench.held(delivery.record).count == 1


def test_a_job_queue_posts_later_and_the_outcome_is_unknown_until_then(
    bench: BusinessCentralBench,
) -> None:
    bench.options.post_with_job_queue = True
    delivery, invoice = a_delivery(bench)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown, match="does not show it yet"):
            delivery.attempt(bench.restarted())
    bench.accountant(run_job_queue=True)
    assert delivery.attempt(bench.restarted()).action is Action.ADOPTED
    assert bench.held(delivery.record).count == 1
    assert bench.held(invoice).balance == Decimal("100.00")
    assert batches(bench) == set()


def test_an_invoice_paid_just_before_the_posting_is_told_with_both_figures(
    bench: BusinessCentralBench,
) -> None:
    delivery, invoice = a_delivery(bench, "114.98")
    first = Delivery(
        a_payment(delivery.record.account, (invoice, "100.00")),  # type: ignore[union-attr]  # a payment
        delivery.customer,
        delivery.documents,
    )
    bench.sandbox.faults.arm(kind="drop_before", path="NAV.post")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    assert first.attempt(bench.restarted()).action is Action.CREATED
    with rejected(Reason.PAYMENT_EXCEEDS_BALANCE) as refusal:
        delivery.attempt(bench.restarted())
    assert "114.98 > 14.98" in refusal[0].detail
    assert bench.held(delivery.record).count == 0
    assert batches(bench) == set()


def test_a_posting_that_finds_the_invoice_closed_looks_again_at_what_it_owes(
    bench: BusinessCentralBench,
) -> None:
    delivery, _ = a_delivery(bench)
    text = "There is no Cust. Ledger Entry within the filter."
    refused(bench, text, "Internal_DataNotFoundFilter", path="NAV.post")
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        delivery.attempt(bench.system)
    assert text in refusal[0].detail
    assert batches(bench) == set()


def test_a_refused_posting_takes_the_batch_back(bench: BusinessCentralBench) -> None:
    delivery, _ = a_delivery(bench)
    bench.accountant(closed_until=DAY.isoformat())
    with rejected(Reason.CLOSED_PERIOD):
        bench.system.transfer(delivery.task())
    assert batches(bench) == set()
    assert bench.books().other == []


def test_a_batch_that_cannot_be_taken_back_is_said_to_stand(bench: BusinessCentralBench) -> None:
    delivery, _ = a_delivery(bench)
    bench.accountant(closed_until=DAY.isoformat())
    refused(bench, "You may not delete.", method="DELETE")
    with rejected(Reason.CLOSED_PERIOD) as refusal:
        bench.system.transfer(delivery.task())
    assert f"batch {batch_code(delivery.record.id)} stands" in refusal[0].detail
    bench.accountant(closed_until="")
    delivery.attempt(bench.restarted())
    assert batches(bench) == set()


def test_a_payment_that_was_posted_and_not_applied_is_said_to_stand(
    bench: BusinessCentralBench,
) -> None:
    delivery, invoice = a_delivery(bench)
    still_open = bench.sandbox.companies.books(bench.connection().company_id).get(
        "salesInvoices", delivery.documents[invoice.id].remote_id
    )
    assert still_open is not None
    shown = {name: value for name, value in still_open.items() if not name.startswith("_")}
    shown |= {"remainingAmount": 114.98}
    path = rf"salesInvoices\({still_open['id']}\)"
    bench.sandbox.faults.arm(kind="status", status=200, body=json.dumps(shown), path=path, times=2)
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        delivery.attempt(bench.system)
    assert "114.98 ≠ 100.00" in refusal[0].detail
    assert payment_number(delivery.record.id) in refusal[0].detail


def test_a_payment_is_found_by_what_a_person_typed(bench: BusinessCentralBench) -> None:
    delivery, invoice = a_delivery(bench)
    ref = delivery.attempt(bench.system).ref
    payment = delivery.record
    typed = Lookup(payment.entity, "other", reference=ref.reference.lower(), record=payment)
    found = bench.system.find(typed)
    assert found is not None
    assert (found.ref, found.by_marker, found.differences) == (ref, False, ())
    other = a_payment(payment.account, (invoice, "99.00"))  # type: ignore[union-attr]  # a payment
    found = bench.system.find(
        Lookup(payment.entity, "other", reference=ref.reference, record=other)
    )
    assert found is not None
    assert "14.98 ≠ Membri 99.00" in found.differences[0]
    assert bench.system.find(Lookup(payment.entity, "other", reference="NONE")) is None
    stub = bench.system.find(Lookup(payment.entity, payment.id))
    assert stub is not None
    assert (stub.ref, stub.by_marker) == (ref, True)
    assert bench.system.find(Lookup(payment.entity, "other")) is None


def test_other_figures_under_our_document_number_differ(bench: BusinessCentralBench) -> None:
    delivery, invoice = a_delivery(bench)
    delivery.attempt(bench.system)
    payment = delivery.record
    changed = a_payment(payment.account, (invoice, "15.98"), id=payment.id)  # type: ignore[union-attr]  # a payment
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        bench.system.transfer(Delivery(changed, delivery.customer, delivery.documents).task())
    assert "Business Central 14.98 ≠ Membri 15.98" in refusal[0].detail


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"number": "9" * 36}, Reason.TOO_LONG, "number"),
        ({"amount": Decimal(0)}, Reason.AMOUNT_NOT_POSITIVE, "amount"),
        ({"currency": "USD"}, Reason.CURRENCY_NOT_SUPPORTED, "currency"),
    ],
)
def test_what_would_be_refused_is_told_first(
    bench: BusinessCentralBench, values: dict[str, object], reason: Reason, field: str
) -> None:
    account = an_account()
    payment = a_payment(account, (an_invoice(account), "5.00"), **values)
    problems = bench.system.check(payment)
    assert [(p.reason, p.field) for p in problems] == [(reason, field)]


def test_a_part_of_nothing_is_told(bench: BusinessCentralBench) -> None:
    account = an_account()
    parts = ((an_invoice(account), "5.00"), (an_invoice(account), "0.00"))
    (problem,) = bench.system.check(a_payment(account, *parts))
    assert (problem.reason, problem.field) == (Reason.AMOUNT_NOT_POSITIVE, "allocations.1.amount")


@pytest.mark.parametrize(
    ("accounts", "field", "word"),
    [
        ({"deposit": ""}, "", "accounts.deposit is not set"),
        ({"deposit": "10900"}, "", "may not be posted to"),
        ({"payment_methods": {"cheque": "TROC"}}, "method", "TROC"),
    ],
)
def test_settings_that_name_nothing_are_told(
    bench: BusinessCentralBench, accounts: dict[str, Any], field: str, word: str
) -> None:
    kept = bench.accounts
    bench.accounts = kept.model_copy(update=accounts)
    account = an_account()
    payment = a_payment(account, (an_invoice(account), "5.00"), method="cheque")
    try:
        (problem,) = bench.restarted().check(payment)
    finally:
        bench.accounts = kept
    assert (problem.reason, problem.field) == (Reason.UNKNOWN_ACCOUNT, field)
    assert word in problem.detail


def test_a_payment_goes_to_a_customer_or_not_at_all(bench: BusinessCentralBench) -> None:
    account = an_account()
    with pytest.raises(ValueError, match="customer"):
        bench.system.transfer(Delivery(a_payment(account, (an_invoice(account), "1.00"))).task())
