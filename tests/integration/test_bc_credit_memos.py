"""Credit memos of Business Central, applied to what their invoice still owes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from consumers.errors import OutcomeUnknown
from consumers.system import RemoteRef
from schemas.reasons import Reason
from tests.contracts.conformance_business_central import BusinessCentralBench
from tests.contracts.conformance_world import (
    Delivery,
    a_credit_note,
    a_payment,
    an_invoice,
    rejected,
    unique,
)
from tests.integration.bc_records import a_customer, billed, by_hand, sent

pytest_plugins = ["tests.fixtures_business_central"]


def test_a_credit_memo_may_be_for_more_than_is_still_owed(bench: BusinessCentralBench) -> None:
    account, customer, invoice, ref = billed(bench, "100.00")
    documents = {invoice.id: ref}
    sent(bench.system, a_payment(account, (invoice, "100.00")), customer, documents)
    credit = a_credit_note(invoice, "100.00")
    memo = sent(bench.system, credit, customer, documents).ref
    assert memo.reference.startswith("PS-CR")
    assert bench.held(invoice).balance == 0
    assert bench.held(credit).balance == Decimal("100.00")
    assert bench.applications(credit) == 1


def test_a_credit_memo_on_a_paid_invoice_stays_open(bench: BusinessCentralBench) -> None:
    account, customer, invoice, ref = billed(bench, "100.00")
    documents = {invoice.id: ref}
    sent(bench.system, a_payment(account, (invoice, "114.98")), customer, documents)
    credit = a_credit_note(invoice, "100.00")
    sent(bench.system, credit, customer, documents)
    assert bench.held(credit).balance == credit.total
    assert bench.applications(credit) == 0


def test_an_invoice_paid_between_the_draft_and_its_posting_is_no_longer_applied(
    bench: BusinessCentralBench,
) -> None:
    account, customer, invoice, ref = billed(bench, "100.00")
    documents = {invoice.id: ref}
    delivery = Delivery(a_credit_note(invoice, "100.00"), customer, documents)
    bench.sandbox.faults.arm(kind="drop_before", path="NAV.post")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    sent(bench.restarted(), a_payment(account, (invoice, "114.98")), customer, documents)
    delivery.attempt(bench.system)
    held = bench.held(delivery.record)
    assert (held.count, held.balance) == (1, delivery.record.total)  # type: ignore[union-attr]  # a credit note


def test_a_credit_memo_needs_a_posted_invoice_of_its_own_customer(
    bench: BusinessCentralBench,
) -> None:
    account, customer, invoice, ref = billed(bench)
    _, stranger = a_customer(bench)
    credit = a_credit_note(invoice)
    gone = RemoteRef("00000000-0000-4000-8000-000000000001", "PS-INV0")
    draft = RemoteRef(by_hand(bench, f"D-{unique()}", customer, draft=True), "S-INV")
    for target in (gone, draft):
        with rejected(Reason.REFERENCE_NOT_FOUND) as refusal:
            sent(bench.system, credit, customer, {invoice.id: target})
        assert refusal[0].field == "corrects"
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        sent(bench.system, credit, stranger, {invoice.id: ref})
    assert account.number in refusal[0].detail
    assert bench.held(credit).count == 0


def test_a_credit_note_that_corrects_nothing_is_open_credit(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    credit = an_invoice(account, kind="credit_note")
    sent(bench.system, credit, customer)
    assert bench.held(credit).balance == credit.total
    assert credit.corrects is None
