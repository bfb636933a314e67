"""Credit notes in the sandbox's books, and how they are put on their invoices in both editions."""

from __future__ import annotations

from decimal import Decimal

import pytest

from consumers.errors import OutcomeUnknown, Transient
from consumers.system import RemoteRef
from schemas.outcomes import Action
from schemas.reasons import Reason
from tests.contracts.conformance_sage_accounting import SageBench
from tests.contracts.conformance_world import (
    Delivery,
    a_credit_note,
    a_payment,
    an_account,
    an_invoice,
    rejected,
)
from tests.integration.sage_accounting_books import billed, by_hand, customer, lines, row

pytest_plugins = ["tests.fixtures_sage_accounting"]


def test_a_credit_note_is_applied_by_an_allocation_of_signed_amounts(bench: SageBench) -> None:
    ref, invoice, made = billed(bench, "100.00")
    credit = a_credit_note(invoice, "40.00", due_date="2026-04-13")
    receipt = Delivery(credit, ref, {invoice.id: made}).attempt(bench.system)
    (allocation,) = [
        one for one in bench.rows("contact_allocations") if one["contact"]["id"] == ref.remote_id
    ]
    amounts = {one["artefact"]["id"]: one["amount"] for one in allocation["allocated_artefacts"]}
    assert amounts == {made.remote_id: "45.99", receipt.ref.remote_id: "-45.99"}
    assert allocation["transaction_type"]["id"] == "CUSTOMER_ALLOCATION"
    assert bench.held(invoice).balance == Decimal("68.99")


def test_a_credit_note_without_an_invoice_stays_open(bench: SageBench) -> None:
    account, ref = customer(bench)
    credit = an_invoice(account, "10.00", kind="credit_note")
    Delivery(credit, ref).attempt(bench.system)
    assert bench.held(credit).balance == credit.total


def test_a_credit_note_of_an_invoice_that_owes_nothing_stays_whole(bench: SageBench) -> None:
    ref, invoice, made = billed(bench, "100.00")
    paid = a_payment(invoice.account, (invoice, "114.98"))
    Delivery(paid, ref, {invoice.id: made}).attempt(bench.system)
    credit = Delivery(a_credit_note(invoice, "40.00"), ref, {invoice.id: made})
    credit.attempt(bench.system)
    assert bench.held(credit.record).balance == credit.record.total
    assert bench.applications(credit.record) == 0
    assert credit.attempt(bench.restarted()).action is Action.ADOPTED


def test_a_credit_note_whose_invoice_is_unknown_is_not_created(bench: SageBench) -> None:
    ref, invoice, _ = billed(bench)
    credit = a_credit_note(invoice)
    with rejected(Reason.REFERENCE_NOT_FOUND):
        bench.system.transfer(Delivery(credit, ref).task())
    assert bench.held(credit).count == 0


def test_no_credit_note_is_made_that_could_not_be_applied(bench: SageBench) -> None:
    ref, invoice, made = billed(bench)
    gone = Delivery(a_credit_note(invoice), ref, {invoice.id: RemoteRef("f" * 32, "")})
    with rejected(Reason.REFERENCE_NOT_FOUND) as refusal:
        gone.attempt(bench.system)
    assert refusal[0].field == "corrects"
    _, stranger = customer(bench)
    foreign = Delivery(a_credit_note(invoice), stranger, {invoice.id: made})
    with rejected(Reason.REFUSED_BY_SYSTEM) as refusal:
        foreign.attempt(bench.system)
    for words in (invoice.number, invoice.account.name):
        assert words in refusal[0].detail
    bench.accountant(resource="sales_invoices", id=made.remote_id, action="void", reason="x")
    void = Delivery(a_credit_note(invoice), ref, {invoice.id: made})
    with rejected(Reason.REFERENCE_NOT_FOUND) as refusal:
        void.attempt(bench.system)
    assert f"{invoice.number} is void" in refusal[0].detail
    assert [bench.held(one.record).count for one in (gone, foreign, void)] == [0, 0, 0]


def test_an_invoice_voided_after_the_credit_note_was_made_leaves_it_open_to_a_person(
    bench: SageBench,
) -> None:
    ref, invoice, made = billed(bench)
    credit = Delivery(a_credit_note(invoice), ref, {invoice.id: made})
    bench.sandbox.faults.arm(kind="drop_before", path="contact_allocations")
    with pytest.raises(OutcomeUnknown):
        credit.attempt(bench.system)
    bench.accountant(resource="sales_invoices", id=made.remote_id, action="void", reason="x")
    with rejected(Reason.REFERENCE_NOT_FOUND) as refusal:
        credit.attempt(bench.restarted())
    for words in (f"{invoice.number} is void", "the credit note", "stands in Sage"):
        assert words in refusal[0].detail
    assert bench.held(credit.record).count == 1


def test_what_a_person_applied_meanwhile_is_left_to_them(bench: SageBench) -> None:
    ref, invoice, made = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "100.00"), ref, {invoice.id: made})
    bench.sandbox.faults.arm(kind="drop_before", path="contact_allocations")
    with pytest.raises(OutcomeUnknown):
        credit.attempt(bench.system)
    (note,) = [
        one for one in bench.rows("sales_credit_notes") if one["contact"]["id"] == ref.remote_id
    ]
    other = by_hand(bench, ref, "AUTRE", "20.00")
    artefacts = [(other, "22.99"), (note["id"], "-22.99")]
    bench.accountant(
        resource="contact_allocations",
        create={
            "transaction_type_id": "CUSTOMER_ALLOCATION",
            "contact_id": ref.remote_id,
            "allocated_artefacts": [{"artefact_id": i, "amount": a} for i, a in artefacts],
        },
    )
    assert credit.attempt(bench.restarted()).action is Action.ADOPTED
    assert bench.applications(credit.record) == 1
    assert bench.held(invoice).balance == invoice.total


def test_an_application_refused_by_sage_is_explained(bench: SageBench) -> None:
    ref, invoice, made = billed(bench)
    credit = Delivery(a_credit_note(invoice), ref, {invoice.id: made})
    error = '[{"$dataCode": "RecordInvalid", "$message": "no", "$source": "base"}]'
    bench.sandbox.faults.arm(kind="status", path="contact_allocations", status=422, body=error)
    with rejected(Reason.REFUSED_BY_SYSTEM):
        credit.attempt(bench.system)
    assert credit.attempt(bench.restarted()).action is Action.ADOPTED
    assert bench.held(credit.record).balance == 0


def test_the_limited_edition_leaves_the_application_to_a_person_and_says_so_on_the_note(
    bench: SageBench,
) -> None:
    bench.accountant(edition="START")
    ref, invoice, made = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "100.00"), ref, {invoice.id: made})
    receipt = credit.attempt(bench.system)
    held = row(bench, receipt.ref, "sales_credit_notes")
    assert held["notes"].endswith(f"\nÀ imputer à la facture {invoice.number} dans Sage.")
    assert held["status"]["id"] == "UNPAID", "posted at once: a draft could never be released there"
    assert bench.held(credit.record).balance == credit.record.total
    assert bench.applications(credit.record) == 0
    assert credit.attempt(bench.restarted()).action is Action.ADOPTED
    assert any("by hand" in note for note in bench.system.probe().notes)


def test_the_limited_edition_may_apply_after_all_if_the_settings_say_so(bench: SageBench) -> None:
    bench.accountant(edition="START")
    bench.options.change({"start_allocates_credit_notes": True})
    bench.values = {"limited_credit_notes": "apply"}
    bench.restarted()
    ref, invoice, made = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "100.00"), ref, {invoice.id: made})
    credit.attempt(bench.system)
    assert bench.applications(credit.record) == 1
    assert bench.held(invoice).balance == 0


@pytest.mark.parametrize("status", [403, 404, 422])
def test_however_sage_refuses_what_the_edition_lacks_it_is_told_as_that(
    bench: SageBench, status: int
) -> None:
    bench.accountant(edition="START")
    bench.excused.add("outside_edition")
    bench.options.change({"edition_refusal": status})
    bench.values = {"limited_credit_notes": "apply"}
    bench.restarted()
    ref, invoice, made = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "100.00"), ref, {invoice.id: made})
    with rejected(Reason.EDITION_LIMIT) as refusal:
        credit.attempt(bench.system)
    assert f"apply it by hand to the invoice {invoice.number}" in refusal[0].detail
    assert bench.held(credit.record).count == 1


def test_the_limited_edition_may_refuse_credit_notes(bench: SageBench) -> None:
    bench.accountant(edition="MICRO")
    bench.values = {"limited_credit_notes": "refuse"}
    system = bench.restarted()
    credit = a_credit_note(an_invoice(an_account()))
    assert [(p.reason, p.field) for p in system.check(credit)] == [
        (Reason.EDITION_LIMIT, "kind"),
    ]


@pytest.mark.parametrize("how", ["422", "500"])
def test_another_program_that_posts_at_the_same_instant_costs_a_second_try(
    bench: SageBench, how: str
) -> None:
    """Sequence numbers collide (section 10): what Sage says then is not documented."""
    account, ref = customer(bench)
    delivery = Delivery(an_invoice(account), ref)
    message = "The number has already been taken"
    code = "RecordInvalid" if how == "422" else "UnexpectedError"
    error = f'[{{"$dataCode": "{code}", "$message": "{message}", "$source": "base"}}]'
    bench.sandbox.faults.arm(kind="status", method="POST", status=int(how), body=error)
    with pytest.raises((Transient, OutcomeUnknown)):
        delivery.attempt(bench.system)
    delivery.carry(bench)
    assert bench.held(delivery.record).count == 1


def test_payments_on_a_wrong_document_keep_it_from_being_cleared(bench: SageBench) -> None:
    ref, invoice, made = billed(bench, "100.00")
    documents = {invoice.id: made}
    paid = a_payment(invoice.account, (invoice, "14.98"))
    Delivery(paid, ref, documents).attempt(bench.system)
    changed = an_invoice(invoice.account, **lines({"amount": "100.00"}, gst="0", qst="0"))
    changed = changed.model_copy(update={"id": invoice.id, "number": invoice.number})
    found = bench.system.find(Delivery(changed, ref).lookup)
    assert found is not None
    assert not found.unfinished
    assert found.differences
