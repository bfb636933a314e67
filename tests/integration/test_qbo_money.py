"""Credit notes, payments and journal entries in the sandbox's books."""

from __future__ import annotations

from decimal import Decimal

import pytest

from consumers.errors import OutcomeUnknown
from consumers.system import Lookup
from ops.sandbox.quickbooks_online.company import (
    BANK,
)
from schemas.outcomes import Action
from schemas.reasons import Reason
from tests.contracts.conformance_qbo import (
    ACCOUNTS,
    QuickBooksBench,
)
from tests.contracts.conformance_world import (
    Delivery,
    a_credit_note,
    a_journal_entry,
    a_payment,
    an_account,
    an_invoice,
    rejected,
)
from tests.integration.qbo_books import billed, customer_of, row

pytest_plugins = ["tests.fixtures_qbo"]


def test_an_application_is_a_payment_of_nothing_with_its_own_request_id(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "40.00"), customer, {invoice.id: ref})
    made = credit.attempt(bench.system).ref
    (payment,) = [
        p for p in bench.rows("Payment") if p.get("PrivateNote", "").endswith(credit.record.id)
    ]
    assert payment["TotalAmt"] == 0
    links = [(ln["Amount"], ln["LinkedTxn"][0]["TxnId"]) for ln in payment["Line"]]
    assert links == [(45.99, ref.remote_id), (45.99, made.remote_id)]
    assert credit.steps.get("applied") == made.remote_id
    before = len(bench.sandbox.log)
    bench.system.transfer(credit.task(made.remote_id))
    assert len(bench.sandbox.log) - before == 1, "a finished step is not done again"


def test_a_credit_note_that_corrects_nothing_stays_open(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    credit = an_invoice(account, kind="credit_note")
    Delivery(credit, customer).attempt(bench.system)
    assert bench.held(credit).balance == credit.total
    found = Delivery(credit, customer).look(bench.restarted())
    assert found is not None
    assert not found.unfinished


def test_where_quickbooks_applies_credits_itself_we_do_not(bench: QuickBooksBench) -> None:
    bench.accountant(preferences={"SalesFormsPrefs": {"AutoApplyCredit": True}})
    bench.restarted()
    customer, invoice, ref = billed(bench, "100.00")
    credit = a_credit_note(invoice, "40.00")
    bench.system.transfer(Delivery(credit, customer, {invoice.id: ref}).task())
    assert bench.applications(credit) == 0
    assert any("applies credits by itself" in note for note in bench.system.probe().notes)


def test_a_credit_note_whose_invoice_was_deleted_is_refused(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench)
    bench.accountant(entity="Invoice", id=ref.remote_id, action="delete")
    with rejected(Reason.REFERENCE_NOT_FOUND) as refusal:
        credit = a_credit_note(invoice)
        bench.system.transfer(Delivery(credit, customer, {invoice.id: ref}).task())
    assert refusal[0].field == "corrects"


def test_an_application_that_is_refused_is_resumed_when_tried_again(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "100.00"), customer, {invoice.id: ref})
    body = '{"Fault":{"Error":[{"Message":"no","code":"620"}],"type":"ValidationFault"}}'
    bench.sandbox.faults.arm(
        kind="status", status=400, body=body, path="/payment", contains="membri:application"
    )
    with rejected(Reason.REFUSED_BY_SYSTEM):
        credit.attempt(bench.system)
    again = Delivery(credit.record, customer, {invoice.id: ref})
    assert again.attempt(bench.restarted()).action is Action.ADOPTED
    assert bench.held(invoice).balance == 0
    assert bench.held(credit.record).count == 1


def test_what_closes_the_system_between_two_steps_leaves_the_outcome_unknown(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "100.00"), customer, {invoice.id: ref})
    bench.sandbox.faults.arm(kind="status", status=503, path=r"/invoice/\d+")
    with pytest.raises(OutcomeUnknown, match="after a first step"):
        credit.attempt(bench.system)
    credit.carry(bench)
    assert bench.applications(credit.record) == 1


def test_a_payment_names_its_account_method_and_number(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "50.00"), method="cheque")
    made = row(
        bench,
        "Payment",
        bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task()).ref,
    )
    assert made["PaymentRefNum"] == payment.number
    assert made["DepositToAccountRef"]["value"] == BANK
    methods = {m["Id"]: m["Name"] for m in bench.rows("PaymentMethod")}
    assert methods[made["PaymentMethodRef"]["value"]] == "Chèque"
    assert made["PrivateNote"] == f"membri:payment:{payment.id}"


def test_what_is_not_allocated_stays_a_credit_of_the_customer(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "100.00"), amount="150.00")
    made = bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task()).ref
    assert row(bench, "Payment", made)["UnappliedAmt"] == 50


def test_an_invoice_of_another_customer_is_told_with_its_holder(bench: QuickBooksBench) -> None:
    _, invoice, ref = billed(bench, "100.00")
    other_account = an_account()
    other = customer_of(bench, other_account)
    payment = a_payment(other_account, (invoice, "10.00"))
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        bench.system.transfer(Delivery(payment, other, {invoice.id: ref}).task())
    assert invoice.account.name in refusal[0].detail


def test_a_payment_on_a_deleted_invoice_is_refused(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench)
    bench.accountant(entity="Invoice", id=ref.remote_id, action="delete")
    with rejected(Reason.REFERENCE_NOT_FOUND):
        payment = a_payment(invoice.account, (invoice, "10.00"))
        bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())


def test_a_payment_still_under_way_when_we_looked_is_not_taken_for_too_much(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "114.98"))
    first = bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())
    late = bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())
    assert (late.ref, late.action) == (first.ref, Action.ADOPTED)
    assert bench.held(payment).count == 1


def test_a_payment_made_by_hand_is_recognised_by_number_amount_and_customer(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "50.00"))
    made = bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task()).ref
    bench.accountant(entity="Payment", id=made.remote_id, set={"PrivateNote": "à la main"})
    found = Delivery(payment, customer).look(bench.restarted())
    assert found is not None
    assert (found.ref, found.by_marker, found.differences) == (made, False, ())
    typed = payment.model_copy(update={"reference": payment.number, "amount": Decimal("51.00")})
    linked = Delivery(typed, customer).look(bench.system)
    assert linked is not None
    assert any("51.00" in told for told in linked.differences)


def test_a_payment_without_number_is_known_by_its_id(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "50.00"), number="")
    made = bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task()).ref
    assert made.reference == made.remote_id
    by_reference = bench.system.find(Lookup(payment.entity, payment.id, reference=made.reference))
    assert by_reference is not None
    assert by_reference.ref == made
    by_id = bench.system.find(Lookup(payment.entity, payment.id, remote_id=made.remote_id))
    assert by_id is not None
    assert bench.system.find(Lookup(payment.entity, "other", reference="nothing")) is None


def test_the_marker_of_another_payment_is_a_difference(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "50.00"))
    bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())
    twin = payment.model_copy(update={"id": "p-twin"})
    found = Delivery(twin, customer).look(bench.system)
    assert found is not None
    assert payment.id in "; ".join(found.differences)


def test_amounts_that_are_not_positive_are_told(bench: QuickBooksBench) -> None:
    invoice = an_invoice(an_account())
    payment = a_payment(invoice.account, (invoice, "0.00"), number="9" * 22)
    told = [(p.reason, p.field) for p in bench.system.check(payment)]
    assert told == [
        (Reason.TOO_LONG, "number"),
        (Reason.AMOUNT_NOT_POSITIVE, "amount"),
        (Reason.AMOUNT_NOT_POSITIVE, "allocations.0.amount"),
    ]


def test_a_deposit_account_that_does_not_exist_is_told(bench: QuickBooksBench) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"deposit": "4321"})
    invoice = an_invoice(an_account())
    problems = bench.restarted().check(a_payment(invoice.account, (invoice, "1.00")))
    assert [p.reason for p in problems] == [Reason.UNKNOWN_ACCOUNT]
    assert "accounts.deposit = '4321'" in problems[0].detail


def test_a_payment_that_quickbooks_books_otherwise_is_taken_back(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    payment = a_payment(invoice.account, (invoice, "50.00"))
    answer = (
        '{"Payment":{"Id":"77777","SyncToken":"0","TotalAmt":49.00,'
        '"MetaData":{"CreateTime":"2100-01-01T00:00:00-08:00"}}}'
    )
    bench.sandbox.faults.arm(
        kind="status", status=200, body=answer, path="/payment", contains=payment.id
    )
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())
    assert "49.00" in refusal[0].detail


def test_a_period_moves_from_the_deferred_account_to_the_items_revenue(
    bench: QuickBooksBench,
) -> None:
    invoice = an_invoice(an_account())
    entry = a_journal_entry(invoice.account, invoice)
    ref = bench.system.transfer(Delivery(entry).task()).ref
    made = row(bench, "JournalEntry", ref)
    lines = [
        (d["PostingType"], d["AccountRef"]["value"], line["Amount"])
        for line in made["Line"]
        for d in [line["JournalEntryLineDetail"]]
    ]
    assert lines == [("Debit", "4", 8.33), ("Credit", "10", 8.33)]
    assert made["DocNumber"].startswith("RPA-")
    by_id = bench.system.find(Lookup(entry.entity, entry.id, remote_id=ref.remote_id))
    assert by_id is not None
    changed = entry.model_copy(update={"amount": Decimal("9.00")})
    found = Delivery(changed).look(bench.system)
    assert found is not None
    assert any("8.33" in told and "9.00" in told for told in found.differences)
    assert bench.system.find(Lookup(entry.entity, "none")) is None


def test_an_entry_met_as_a_taken_number_is_adopted(bench: QuickBooksBench) -> None:
    invoice = an_invoice(an_account())
    entry = a_journal_entry(invoice.account, invoice)
    first = bench.system.transfer(Delivery(entry).task())
    body = '{"Fault":{"Error":[{"Message":"dup","code":"6140"}],"type":"ValidationFault"}}'
    bench.sandbox.faults.arm(
        kind="status", status=400, body=body, path="/journalentry", contains=entry.id
    )
    again = bench.system.transfer(Delivery(entry).task())
    assert (again.ref, again.action) == (first.ref, Action.ADOPTED)
    changed = entry.model_copy(update={"amount": Decimal("9.00")})
    bench.sandbox.faults.arm(
        kind="status", status=400, body=body, path="/journalentry", contains=entry.id
    )
    with rejected(Reason.DIFFERS_FROM_BOOKS):
        bench.system.transfer(Delivery(changed).task())


def test_what_is_wrong_with_an_entry_is_told(bench: QuickBooksBench) -> None:
    invoice = an_invoice(an_account())
    entry = a_journal_entry(invoice.account, invoice)
    zero = entry.model_copy(update={"amount": Decimal(0)})
    assert [p.reason for p in bench.system.check(zero)] == [Reason.AMOUNT_NOT_POSITIVE]
    for missing in ("deferred_revenue", "default_income"):
        bench.accounts = ACCOUNTS.model_copy(update={missing: ""})
        problems = bench.restarted().check(entry)
        assert [p.reason for p in problems] == [Reason.UNKNOWN_ACCOUNT]
        assert f"accounts.{missing}" in problems[0].detail
