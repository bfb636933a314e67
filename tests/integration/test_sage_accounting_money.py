"""Payments in the sandbox's books: allocations, what is owed, what a person did meanwhile."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown
from consumers.system import Lookup, RemoteRef
from consumers.systems._keys import payment_number
from ops.sandbox.sage_accounting.company import BANK
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Account, Invoice
from tests.contracts.conformance_sage_accounting import ACCOUNTS, SageBench
from tests.contracts.conformance_world import (
    DAY,
    Delivery,
    a_payment,
    an_account,
    an_invoice,
    rejected,
)

pytest_plugins = ["tests.fixtures_sage_accounting"]


def billed(bench: SageBench, net: str = "100.00") -> tuple[Account, RemoteRef, Invoice, RemoteRef]:
    account = an_account()
    customer = Delivery(account).attempt(bench.system).ref
    invoice = an_invoice(account, net)
    return account, customer, invoice, Delivery(invoice, customer).attempt(bench.system).ref


def row(bench: SageBench, resource: str, ref: RemoteRef) -> dict[str, Any]:
    (found,) = [one for one in bench.rows(resource) if one["id"] == ref.remote_id]
    return found


def test_a_payment_is_a_receipt_put_on_its_invoices(bench: SageBench) -> None:
    account, customer, invoice, ref = billed(bench)
    payment = a_payment(account, (invoice, "14.98"), method="cheque")
    made = Delivery(payment, customer, {invoice.id: ref}).attempt(bench.system).ref
    held = row(bench, "contact_payments", made)
    assert held["reference"] == made.reference == payment_number(payment.id)
    assert len(made.reference) == 15
    assert held["transaction_type"]["id"] == "CUSTOMER_RECEIPT"
    assert (held["bank_account"]["id"], held["payment_method"]["id"]) == (BANK, "CHECK")
    assert held["date"] == DAY.isoformat()
    (put,) = held["allocated_artefacts"]
    assert (put["artefact"]["id"], put["amount"]) == (ref.remote_id, "14.98")


def test_a_method_that_the_settings_do_not_name_is_left_to_sage(bench: SageBench) -> None:
    account, customer, invoice, ref = billed(bench)
    payment = a_payment(account, (invoice, "1.00"), method="cash")
    made = Delivery(payment, customer, {invoice.id: ref}).attempt(bench.system).ref
    assert row(bench, "contact_payments", made)["payment_method"]["id"] == "CREDIT_DEBIT"


def test_two_parts_on_one_invoice_are_one_artefact(bench: SageBench) -> None:
    account, customer, invoice, ref = billed(bench)
    payment = a_payment(account, (invoice, "10.00"), (invoice, "4.98"))
    made = Delivery(payment, customer, {invoice.id: ref}).attempt(bench.system).ref
    (put,) = row(bench, "contact_payments", made)["allocated_artefacts"]
    assert put["amount"] == "14.98"


def test_what_is_paid_beyond_invoices_stays_on_account_in_the_full_edition(
    bench: SageBench,
) -> None:
    account, customer, invoice, ref = billed(bench)
    payment = a_payment(account, (invoice, "10.00"), amount="25.00")
    made = Delivery(payment, customer, {invoice.id: ref}).attempt(bench.system).ref
    on_account = row(bench, "contact_payments", made)["payment_on_account"]
    assert on_account["outstanding_amount"] == "15.0"


def test_the_limited_edition_takes_no_payment_that_is_not_wholly_on_invoices(
    bench: SageBench,
) -> None:
    bench.accountant(edition="START")
    system = bench.restarted()
    invoice = an_invoice(an_account())
    payment = a_payment(invoice.account, (invoice, "10.00"), amount="25.00")
    (problem,) = system.check(payment)
    assert (problem.reason, problem.field) == (Reason.EDITION_LIMIT, "amount")
    assert "25.00 > 10.00" in problem.detail
    assert list(system.check(a_payment(invoice.account, (invoice, "10.00")))) == []


def test_more_than_is_owed_is_refused_before_anything_is_posted(bench: SageBench) -> None:
    account, customer, invoice, ref = billed(bench)
    payment = a_payment(account, (invoice, "114.99"))
    posts = len([one for one in bench.sandbox.log if one["method"] == "POST"])
    with rejected(Reason.PAYMENT_EXCEEDS_BALANCE) as refusal:
        Delivery(payment, customer, {invoice.id: ref}).attempt(bench.system)
    assert f"114.99 > 114.98 (Sage, {invoice.number})" in refusal[0].detail
    assert posts == len([one for one in bench.sandbox.log if one["method"] == "POST"])


def test_an_invoice_settled_while_we_sent_is_our_own_payment_or_too_much(bench: SageBench) -> None:
    """422 « You can only pay unpaid… » does not say who paid: the books do."""
    account, customer, invoice, ref = billed(bench)
    payment = a_payment(account, (invoice, "114.98"))
    delivery = Delivery(payment, customer, {invoice.id: ref})
    settled = (
        '[{"$severity": "error", "$dataCode": "RecordInvalid", "$source": "base",'
        ' "$message": "You can only pay unpaid or part-paid invoices."}]'
    )
    bench.sandbox.faults.arm(
        kind="status", method="POST", path="contact_payments", status=422, body=settled
    )
    with rejected(Reason.PAYMENT_EXCEEDS_BALANCE) as refusal:
        bench.system.transfer(delivery.task())
    assert "You can only pay unpaid" in refusal[0].detail
    bench.sandbox.faults.arm(
        kind="status_after", method="POST", path="contact_payments", status=422, body=settled
    )
    receipt = bench.system.transfer(delivery.task())
    assert receipt.action is Action.ADOPTED
    assert bench.held(payment).count == 1


def test_our_payment_that_came_through_late_is_adopted(bench: SageBench) -> None:
    account, customer, invoice, ref = billed(bench)
    payment = a_payment(account, (invoice, "114.98"))
    delivery = Delivery(payment, customer, {invoice.id: ref})
    first = bench.system.transfer(delivery.task())
    again = bench.restarted().transfer(delivery.task())
    assert (again.action, again.ref) == (Action.ADOPTED, first.ref)
    changed = payment.model_copy(update={"amount": Decimal("120.00")})
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        bench.system.transfer(Delivery(changed, customer, {invoice.id: ref}).task())
    assert "Sage 114.98 ≠ Membri 120.00" in refusal[0].detail


def test_a_date_corrected_while_the_answer_was_lost_makes_no_second_receipt(
    bench: SageBench,
) -> None:
    account, customer, invoice, ref = billed(bench)
    payment = a_payment(account, (invoice, "14.98"))
    bench.sandbox.faults.arm(kind="drop_after", method="POST", path="contact_payments")
    with pytest.raises(OutcomeUnknown):
        bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())
    corrected = payment.model_copy(update={"date": DAY.replace(day=20)})
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        Delivery(corrected, customer, {invoice.id: ref}).attempt(bench.restarted())
    assert "date: Sage 2026-03-14 ≠ Membri 2026-03-20" in refusal[0].detail
    assert bench.held(payment).count == 1
    assert bench.held(invoice).balance == Decimal("100.00")


def test_any_other_refusal_keeps_sages_words(bench: SageBench) -> None:
    account, customer, invoice, ref = billed(bench)
    payment = Delivery(a_payment(account, (invoice, "1.00")), customer, {invoice.id: ref})
    bench.accountant(closed_until=DAY.isoformat())
    with rejected(Reason.CLOSED_PERIOD) as refusal:
        bench.system.transfer(payment.task())
    assert refusal[0].field == "date"


def test_an_invoice_of_another_customer_is_refused_and_named(bench: SageBench) -> None:
    _, _, invoice, ref = billed(bench)
    account, customer, _, _ = billed(bench)
    payment = Delivery(a_payment(account, (invoice, "1.00")), customer, {invoice.id: ref})
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        payment.attempt(bench.system)
    assert invoice.account.name in refusal[0].detail


def test_an_invoice_that_is_gone_is_told(bench: SageBench) -> None:
    account, customer, invoice, _ = billed(bench)
    gone = {invoice.id: RemoteRef("f" * 32, "")}
    with rejected(Reason.REFERENCE_NOT_FOUND):
        Delivery(a_payment(account, (invoice, "1.00")), customer, gone).attempt(bench.system)


def test_a_payment_is_found_by_what_a_person_typed(bench: SageBench) -> None:
    account, customer, invoice, ref = billed(bench)
    body = {
        "transaction_type_id": "CUSTOMER_RECEIPT",
        "contact_id": customer.remote_id,
        "bank_account_id": BANK,
        "date": DAY.isoformat(),
        "total_amount": "14.98",
        "reference": "CHQ 1234",
        "allocated_artefacts": [{"artefact_id": ref.remote_id, "amount": "14.98"}],
    }
    made = bench.accountant(resource="contact_payments", create=body)["id"]
    payment = a_payment(account, (invoice, "14.98"))
    for lookup in (
        Lookup(payment.entity, "x", reference="CHQ 1234", record=payment, customer=customer),
        Lookup(payment.entity, "x", reference=made, record=payment, customer=customer),
        Lookup(payment.entity, "x", reference=made),
        Lookup(payment.entity, "x", remote_id=made, record=payment),
    ):
        found = bench.system.find(lookup)
        assert found is not None
        assert found.ref == RemoteRef(made, "CHQ 1234")
        assert (found.by_marker, found.differences) == (False, ())
    for lookup in (
        Lookup(payment.entity, "x", reference="no", record=payment, customer=customer),
        Lookup(payment.entity, "x"),
    ):
        assert bench.system.find(lookup) is None


def test_the_receipt_of_another_payment_is_no_match(bench: SageBench) -> None:
    account, customer, invoice, ref = billed(bench)
    payment = a_payment(account, (invoice, "14.98"))
    made = Delivery(payment, customer, {invoice.id: ref}).attempt(bench.system).ref
    other = a_payment(account, (invoice, "20.00"))
    _, stranger, _, _ = billed(bench)
    lookup = Lookup(
        other.entity, other.id, remote_id=made.remote_id, record=other, customer=stranger
    )
    found = bench.system.find(lookup)
    assert found is not None
    told = "; ".join(found.differences)
    names = (f"« {account.name} »", stranger.remote_id)
    for words in ("14.98 ≠ Membri 20.00", "another Membri payment", *names):
        assert words in told


def test_a_payment_taken_off_its_invoices_by_hand_differs(bench: SageBench) -> None:
    account, customer, invoice, ref = billed(bench)
    payment = a_payment(account, (invoice, "14.98"))
    delivery = Delivery(payment, customer, {invoice.id: ref})
    made = delivery.attempt(bench.system).ref
    bench.accountant(
        resource="contact_payments", id=made.remote_id, set={"allocated_artefacts": []}
    )
    found = delivery.look(bench.system)
    assert found is not None
    assert found.differences == ("on invoices: Sage 0.00 ≠ Membri 14.98",)


def test_a_receipt_that_comes_out_wrong_is_deleted(bench: SageBench) -> None:
    account, customer, invoice, ref = billed(bench)
    payment = a_payment(account, (invoice, "14.98"))
    delivery = Delivery(payment, customer, {invoice.id: ref})
    answer = (
        '{"id": "%s", "total_amount": "15.98", "date": "2026-03-14",'
        ' "created_at": "2100-01-01T00:00:00Z",'
        f' "reference": "{payment_number(payment.id)}"}}'
    )
    bench.sandbox.faults.arm(kind="drop_after", method="POST", path="contact_payments")
    with pytest.raises(OutcomeUnknown):  # the work is done, its answer is lost
        bench.system.transfer(delivery.task())
    (held,) = [
        one for one in bench.rows("contact_payments") if one["contact"]["id"] == customer.remote_id
    ]
    bench.sandbox.faults.arm(
        kind="status", method="POST", path="contact_payments", status=201, body=answer % held["id"]
    )
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        bench.system.transfer(delivery.task())
    assert "Sage 15.98 ≠ Membri 14.98" in refusal[0].detail
    assert "deleted again" in refusal[0].detail
    assert bench.held(payment).count == 0
    assert bench.held(invoice).balance == invoice.total


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"amount": "0.00"}, ["amount"]),
        ({"currency": "USD"}, ["currency"]),
        ({"date": "2014-01-01"}, ["date"]),
    ],
)
def test_what_sage_would_refuse_is_told_before(
    bench: SageBench, values: dict[str, Any], fields: list[str]
) -> None:
    invoice = an_invoice(an_account())
    payment = a_payment(invoice.account, (invoice, "1.00"), **values)
    assert [p.field for p in bench.system.check(payment)] == fields


def test_each_part_must_be_above_zero(bench: SageBench) -> None:
    invoice = an_invoice(an_account())
    payment = a_payment(invoice.account, (invoice, "2.00"), (invoice, "-1.00"))
    assert [p.field for p in bench.system.check(payment)] == ["allocations.1.amount"]


@pytest.mark.parametrize(
    ("accounts", "words", "field"),
    [
        ({"deposit": ""}, "accounts.deposit = ''", ""),
        ({"deposit": "nope"}, "accounts.deposit = 'nope' is no Sage bank account", ""),
        ({"payment_methods": {"other": "x"}}, "accounts.payment_methods.other = 'x'", "method"),
    ],
)
def test_what_the_settings_name_wrongly_is_told(
    bench: SageBench, accounts: dict[str, Any], words: str, field: str
) -> None:
    bench.accounts = ACCOUNTS.model_copy(update=accounts)
    invoice = an_invoice(an_account())
    (problem,) = bench.restarted().check(a_payment(invoice.account, (invoice, "1.00")))
    assert (problem.reason, problem.field) == (Reason.UNKNOWN_ACCOUNT, field)
    assert words in problem.detail
