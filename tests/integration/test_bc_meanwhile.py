"""Business Central while others are at work: people, and an earlier try of ours that ends late."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown
from consumers.system import Lookup
from consumers.systems.business_central.keys import batch_code, marker
from ops.sandbox.business_central.company import TAXABLE
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Invoice
from tests.contracts.conformance_business_central import BusinessCentralBench
from tests.contracts.conformance_world import (
    DAY,
    Delivery,
    a_credit_note,
    a_journal_entry,
    a_payment,
    an_invoice,
    rejected,
)
from tests.integration.bc_records import (
    a_customer,
    a_delivery,
    batches,
    billed,
    by_hand,
    intervened,
    sent,
)

pytest_plugins = ["tests.fixtures_business_central"]
JustBefore = Callable[[str, str, Callable[[], object]], None]


@pytest.fixture
def just_before(bench: BusinessCentralBench, monkeypatch: pytest.MonkeyPatch) -> JustBefore:
    return lambda *order: intervened(bench, monkeypatch, *order)


# --- an earlier try of ours ends late ------------------------------------------------------------


def _given_to_post(bench: BusinessCentralBench, delivery: Delivery) -> str:
    """The batch of a payment or an entry whose posting was asked for, the answer lost."""
    bench.sandbox.faults.arm(kind="drop_before", path="NAV.post")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    return batch_code(delivery.record.id)


@pytest.mark.parametrize("path", ["/salesInvoices(", "/customerPaymentJournals"])
def test_a_posting_that_ends_while_we_look_again_is_not_done_twice(
    bench: BusinessCentralBench, just_before: JustBefore, path: str
) -> None:
    delivery, invoice = a_delivery(bench)
    code = _given_to_post(bench, delivery)
    system = bench.restarted()
    found = system.find(delivery.lookup)
    assert found is not None
    assert found.unfinished
    just_before("GET", path, lambda: bench.accountant(post_batch=code))
    with contextlib.suppress(OutcomeUnknown):
        system.transfer(delivery.task(found.ref.remote_id))
    assert delivery.carry(bench).action is Action.ADOPTED
    assert bench.held(delivery.record).count == 1
    assert bench.held(invoice).balance == Decimal("100.00")
    assert batches(bench) == set()


def test_a_whole_payment_that_ends_while_we_look_again_is_not_refused_for_itself(
    bench: BusinessCentralBench, just_before: JustBefore
) -> None:
    delivery, invoice = a_delivery(bench, "114.98")
    code = _given_to_post(bench, delivery)
    just_before("GET", "/salesInvoices(", lambda: bench.accountant(post_batch=code))
    receipt = bench.restarted().transfer(delivery.task())
    assert receipt.action is Action.ADOPTED
    assert bench.held(invoice).balance == 0
    assert batches(bench) == set()


def test_an_entry_that_ends_late_is_not_posted_twice(
    bench: BusinessCentralBench, just_before: JustBefore
) -> None:
    account, _, invoice, _ = billed(bench)
    delivery = Delivery(a_journal_entry(account, invoice))
    code = _given_to_post(bench, delivery)
    system = bench.restarted()
    found = system.find(delivery.lookup)
    assert found is not None
    just_before("GET", "/journals", lambda: bench.accountant(post_batch=code))
    with pytest.raises(OutcomeUnknown):
        system.transfer(delivery.task(found.ref.remote_id))
    delivery.carry(bench)
    assert bench.held(delivery.record).count == 1


# --- people and journals -------------------------------------------------------------------------


def _batch_deleted(bench: BusinessCentralBench, code: str) -> None:
    books = bench.sandbox.companies.books(bench.connection().company_id)
    (batch,) = [one for one in books.all("_batches") if one["code"] == code]
    for resource in ("customerPayments", "journalLines"):
        for line in books.find(resource, "journalId", batch["id"]):
            books.remove(resource, line)
    books.remove("_batches", batch)


@pytest.mark.parametrize("path", ["/customerPayments", "NAV.post"])
def test_a_batch_that_somebody_deletes_under_our_hands_is_made_anew(
    bench: BusinessCentralBench, just_before: JustBefore, path: str
) -> None:
    delivery, _ = a_delivery(bench)
    code = batch_code(delivery.record.id)
    just_before("POST", path, lambda: _batch_deleted(bench, code))
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    delivery.carry(bench)
    assert bench.held(delivery.record).count == 1
    assert batches(bench) == set()


def test_an_entrys_batch_that_somebody_deletes_is_made_anew(
    bench: BusinessCentralBench, just_before: JustBefore
) -> None:
    account, _, invoice, _ = billed(bench)
    delivery = Delivery(a_journal_entry(account, invoice))
    code = batch_code(delivery.record.id)
    just_before("POST", "NAV.post", lambda: _batch_deleted(bench, code))
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    delivery.carry(bench)
    assert bench.held(delivery.record).count == 1


def test_a_customer_who_pays_in_another_currency_takes_no_payment_of_ours(
    bench: BusinessCentralBench,
) -> None:
    """Journal lines of the API have no currency: the customer's would be taken for the amount."""
    account, customer = a_customer(bench, currency="USD")
    invoice = an_invoice(account)
    ref = sent(bench.system, invoice, customer).ref
    payment = a_payment(account, (invoice, "114.98"))
    with rejected(Reason.CURRENCY_NOT_SUPPORTED) as refusal:
        sent(bench.system, payment, customer, {invoice.id: ref})
    assert refusal[0].field == "currency"
    assert "USD" in refusal[0].detail
    assert account.number in refusal[0].detail
    assert bench.held(payment).count == 0
    assert batches(bench) == set()


def test_an_invoice_in_another_currency_takes_no_payment_of_ours(
    bench: BusinessCentralBench,
) -> None:
    account, customer = a_customer(bench)
    invoice = an_invoice(account, currency="USD")
    ref = sent(bench.system, invoice, customer).ref
    with rejected(Reason.CURRENCY_NOT_SUPPORTED) as refusal:
        sent(bench.system, a_payment(account, (invoice, "5.00")), customer, {invoice.id: ref})
    assert "USD" in refusal[0].detail
    assert ref.reference in refusal[0].detail


# --- people and drafts ---------------------------------------------------------------------------


def test_a_draft_that_somebody_posts_before_we_delete_it_is_left_alone(
    bench: BusinessCentralBench, just_before: JustBefore
) -> None:
    account, customer = a_customer(bench)
    bench.accountant(tax_group=TAXABLE, rates={"CA": "5"})
    delivery = Delivery(an_invoice(account), customer)

    def post() -> None:
        (mine,) = [one for one in bench.books().documents if one.note == marker(delivery.record.id)]
        bench.accountant(document=mine.id, action="post")

    just_before("DELETE", "salesInvoices", post)
    with pytest.raises(OutcomeUnknown, match="meanwhile"):
        delivery.attempt(bench.system)
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        delivery.attempt(bench.restarted())
    assert "105.00" in refusal[0].detail
    assert bench.held(delivery.record).count == 1


def test_a_draft_that_somebody_edits_before_we_delete_it_is_looked_at_again(
    bench: BusinessCentralBench, just_before: JustBefore
) -> None:
    account, customer = a_customer(bench)
    bench.accountant(tax_group=TAXABLE, rates={"CA": "5"})
    delivery = Delivery(an_invoice(account), customer)
    books = bench.sandbox.companies.books(bench.connection().company_id)

    def edit() -> None:
        (mine,) = [one for one in bench.books().documents if one.note == marker(delivery.record.id)]
        kept = books.get("salesInvoices", mine.id)
        assert kept is not None
        books.change("salesInvoices", kept, customerPurchaseOrderReference="BC-7")

    just_before("DELETE", "salesInvoices", edit)
    with pytest.raises(OutcomeUnknown, match="meanwhile"):
        delivery.attempt(bench.system)
    with rejected(Reason.TAX_MISMATCH):
        delivery.attempt(bench.restarted())
    assert bench.held(delivery.record).count == 0


def test_an_invoice_paid_while_its_credit_memo_is_posted_is_no_longer_applied(
    bench: BusinessCentralBench, just_before: JustBefore
) -> None:
    _, customer, invoice, ref = billed(bench)
    delivery = Delivery(a_credit_note(invoice), customer, {invoice.id: ref})

    def pay() -> None:
        line = {
            "journal": "ENCAISS",
            "customerId": customer.remote_id,
            "postingDate": DAY.isoformat(),
            "documentNumber": f"HAND{invoice.number}",
            "appliesToInvoiceId": ref.remote_id,
            "amount": -114.98,
        }
        bench.accountant(payment_line=line)
        bench.accountant(post_batch="ENCAISS")

    just_before("POST", "NAV.post", pay)
    with pytest.raises(OutcomeUnknown, match="settled meanwhile"):
        delivery.attempt(bench.system)
    delivery.carry(bench)
    held = bench.held(delivery.record)
    assert (held.count, held.balance) == (1, Decimal("114.98"))
    assert bench.applications(delivery.record) == 0


# --- people and cancelling -----------------------------------------------------------------------


def test_an_invoice_of_ours_that_was_cancelled_there_is_no_longer_there(
    bench: BusinessCentralBench,
) -> None:
    _, customer, invoice, ref = billed(bench)
    bench.accountant(document=ref.remote_id, action="cancel")
    kept = Lookup(
        invoice.entity, invoice.id, remote_id=ref.remote_id, number=invoice.number,
        record=invoice, customer=customer,
    )  # fmt: skip
    assert bench.system.find(kept) is None  # its reference was emptied: it is sent anew
    again = sent(bench.restarted(), invoice, customer)
    assert again.action is Action.CREATED
    assert again.ref.remote_id != ref.remote_id


def test_a_cancelled_invoice_under_its_reference_differs_and_says_why(
    bench: BusinessCentralBench,
) -> None:
    _, customer, invoice, ref = billed(bench)
    bench.accountant(document=ref.remote_id, action="cancel")
    for remote_id in (ref.remote_id, ""):
        kept = Lookup(
            invoice.entity, invoice.id, ref.reference, remote_id, invoice.number,
            record=invoice, customer=customer,
        )  # fmt: skip
        found = bench.system.find(kept)
        assert found is not None
        assert "cancelled" in " ".join(found.differences)


def test_a_document_made_and_cancelled_by_hand_does_not_take_our_number(
    bench: BusinessCentralBench,
) -> None:
    account, customer = a_customer(bench)
    invoice = an_invoice(account)
    bench.accountant(document=by_hand(bench, invoice.number, customer), action="cancel")
    assert sent(bench.system, invoice, customer).action is Action.CREATED
    assert bench.held(invoice).count == 1


def _cancelled(
    bench: BusinessCentralBench,
) -> tuple[Any, Any, Invoice, Any, dict[str, Any]]:
    account, customer, invoice, ref = billed(bench)
    bench.accountant(document=ref.remote_id, action="cancel")
    (memo,) = [one for one in bench.dump()["salesCreditMemos"] if one["invoiceId"] == ref.remote_id]
    return account, customer, invoice, ref, memo


def test_what_was_cancelled_there_is_not_credited_a_second_time(
    bench: BusinessCentralBench,
) -> None:
    _, customer, invoice, ref, memo = _cancelled(bench)
    credit = a_credit_note(invoice)
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        sent(bench.system, credit, customer, {invoice.id: ref})
    assert refusal[0].field == "corrects"
    for word in (ref.reference, memo["number"], "cancelled", "114.98"):
        assert word in refusal[0].detail
    assert bench.held(credit).count == 0


def test_the_memo_that_cancelled_an_invoice_may_be_given_as_the_credit_notes_reference(
    bench: BusinessCentralBench,
) -> None:
    _, customer, invoice, _, memo = _cancelled(bench)
    credit = a_credit_note(invoice, reference=memo["number"])
    found = bench.system.find(Delivery(credit, customer).lookup)
    assert found is not None
    assert (found.ref.remote_id, found.differences) == (memo["id"], ())
    stranger = a_credit_note(an_invoice(invoice.account), reference=memo["number"])
    found = bench.system.find(Delivery(stranger, customer).lookup)
    assert found is not None
    assert invoice.id.replace("-", "") in found.differences[0]


def test_a_payment_of_a_cancelled_invoice_says_that_it_is_cancelled(
    bench: BusinessCentralBench,
) -> None:
    account, customer, invoice, ref, _ = _cancelled(bench)
    with rejected(Reason.PAYMENT_EXCEEDS_BALANCE) as refusal:
        sent(bench.system, a_payment(account, (invoice, "5.00")), customer, {invoice.id: ref})
    assert "Canceled" in refusal[0].detail


def test_a_credit_note_before_its_invoice_is_told_with_both_dates_and_leaves_nothing(
    bench: BusinessCentralBench,
) -> None:
    _, customer, invoice, ref = billed(bench)
    credit = a_credit_note(invoice, date=DAY - dt.timedelta(days=1))
    with rejected(Reason.INVALID_FIELD) as refusal:
        sent(bench.system, credit, customer, {invoice.id: ref})
    assert refusal[0].field == "date"
    assert "2026-03-13 < 2026-03-14" in refusal[0].detail
    assert ref.reference in refusal[0].detail
    assert bench.held(credit).count == 0
    posting = [one for one in bench.dump()["salesCreditMemos"] if one["invoiceId"] == ref.remote_id]
    assert posting == []
