"""What people do in Sage or in Membri while the fate of a record is unknown."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown
from consumers.system import Lookup, Receipt, RemoteRef
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Account, JournalEntry, Record
from schemas.statuses import Entity
from tests.contracts.conformance_sage_accounting import SageBench
from tests.contracts.conformance_world import (
    Delivery,
    a_credit_note,
    a_journal_entry,
    a_payment,
    an_account,
    an_invoice,
    rejected,
)
from tests.integration.sage_accounting_books import billed, by_hand, customer

pytest_plugins = ["tests.fixtures_sage_accounting"]

ACTIONS = {
    "contacts": "delete",
    "contact_payments": "delete",
    "journals": "delete",
    "sales_credit_notes": "void",
    "sales_invoices": "void",
}


def lost(bench: SageBench, delivery: Delivery, resource: str) -> str:
    """The delivery's creation is carried out and its answer lost; the id in the books."""
    before = {row["id"] for row in bench.rows(resource)}
    bench.sandbox.faults.arm(kind="drop_after", method="POST", path=f"/v3.1/{resource}")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    (made,) = {row["id"] for row in bench.rows(resource)} - before
    return str(made)


def of_kind(bench: SageBench, resource: str) -> Delivery:
    """A record that makes one row of that resource."""
    if resource == "contacts":
        return Delivery(an_account())
    account, holder, invoice, ref = _billed(bench)
    record: Record = {
        "contact_payments": lambda: a_payment(account, (invoice, "14.98")),
        "journals": lambda: a_journal_entry(account, invoice),
        "sales_credit_notes": lambda: a_credit_note(invoice, "10.00"),
        "sales_invoices": lambda: an_invoice(account, "50.00"),
    }[resource]()
    return Delivery(record, holder, {invoice.id: ref})


def _billed(bench: SageBench) -> tuple[Account, RemoteRef, Any, RemoteRef]:
    holder, invoice, ref = billed(bench)
    return invoice.account, holder, invoice, ref


@pytest.mark.parametrize("resource", list(ACTIONS))
def test_what_a_person_took_away_meanwhile_is_never_reported_as_there(
    bench: SageBench, resource: str
) -> None:
    """Sage gives its first answer again for 7 days, whatever became of the record since."""
    delivery = of_kind(bench, resource)
    made = lost(bench, delivery, resource)
    bench.accountant(resource=resource, id=made, action=ACTIONS[resource], reason="x")
    bench.time.sleep(3600)
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        delivery.attempt(bench.restarted())
    assert made in refusal[0].detail
    assert "since" in refusal[0].detail
    assert bench.held(delivery.record).count == 0
    anew = Delivery(delivery.record, delivery.customer, delivery.documents)
    assert anew.attempt(bench.restarted()).action is Action.CREATED
    assert bench.held(delivery.record).count == 1


def test_what_a_person_changed_meanwhile_is_told_and_left_alone(bench: SageBench) -> None:
    delivery = of_kind(bench, "sales_invoices")
    made = lost(bench, delivery, "sales_invoices")
    (row,) = [row for row in bench.rows("sales_invoices") if row["id"] == made]
    bench.time.sleep(3600)
    day = (dt.date.fromisoformat(row["date"]) - dt.timedelta(days=400)).isoformat()
    values = {"date": day, "due_date": day, "reference": "corrigée"}
    bench.accountant(resource="sales_invoices", id=made, set=values)
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        bench.restarted().transfer(delivery.task())
    assert "changed by somebody in Sage" in refusal[0].detail
    assert bench.held(delivery.record).count == 1


def test_after_seven_days_the_books_speak_alone(bench: SageBench) -> None:
    for resource in ACTIONS:
        delivery = of_kind(bench, resource)
        made = lost(bench, delivery, resource)
        bench.time.sleep(8 * 86_400)
        bench.authorise()
        receipt = delivery.attempt(bench.restarted())
        assert (receipt.action, receipt.ref.remote_id) == (Action.ADOPTED, made)
        assert bench.held(delivery.record).count == 1


@pytest.mark.parametrize("resource", ["contact_payments", "sales_invoices"])
def test_a_year_corrected_while_the_answer_was_lost_makes_no_second_document(
    bench: SageBench, resource: str
) -> None:
    delivery = of_kind(bench, resource)
    record: Any = delivery.record
    wrong = record.model_copy(update={"date": record.date.replace(year=record.date.year - 1)})
    typed = Delivery(wrong, delivery.customer, delivery.documents)
    lost(bench, typed, resource)
    values = {"number": f"{record.number}-B"} if resource == "sales_invoices" else {}
    corrected = Delivery(record.model_copy(update=values), delivery.customer, delivery.documents)
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        corrected.attempt(bench.restarted())
    assert f"{wrong.date} ≠ Membri {record.date}" in refusal[0].detail
    assert bench.held(record).count == 1


def test_an_invoice_moved_to_another_customer_while_the_answer_was_lost_is_not_made_twice(
    bench: SageBench,
) -> None:
    account, ref = customer(bench)
    invoice = an_invoice(account, "100.00")
    lost(bench, Delivery(invoice, ref), "sales_invoices")
    other, other_ref = customer(bench)
    moved = invoice.model_copy(update={"account": other})
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        Delivery(moved, other_ref).attempt(bench.restarted())
    assert account.name in refusal[0].detail
    with rejected(Reason.DIFFERS_FROM_BOOKS):
        bench.system.transfer(Delivery(moved, other_ref).task())
    assert bench.held(invoice).count == 1


def test_a_customer_renamed_in_membri_while_the_answer_was_lost_keeps_one_contact(
    bench: SageBench,
) -> None:
    account = an_account()
    made = lost(bench, Delivery(account), "contacts")
    renamed = account.model_copy(update={"name": f"{account.name} inc."})
    receipt = Delivery(renamed).attempt(bench.restarted())
    assert receipt == Receipt(RemoteRef(made, renamed.name), Action.ADOPTED)
    assert bench.held(account).count == 1
    assert bench.customer_name(made) == renamed.name


def test_a_draft_that_a_person_names_is_no_document_yet(bench: SageBench) -> None:
    account, ref = customer(bench)
    made = by_hand(bench, ref, "BROUILLON-2")
    store, kind = bench.sandbox.store, bench.books.kind("sales_invoices")
    store.put(kind, made, {**store.get(kind, made), "state": "DRAFT"})
    invoice = an_invoice(account, "100.00", reference=made)
    assert bench.system.find(Delivery(invoice, ref).lookup) is None
    assert bench.system.find(Lookup(invoice.entity, "x", remote_id=made)) is None


def test_a_typed_reference_of_two_receipts_is_ambiguous(bench: SageBench) -> None:
    account, holder, invoice, ref = _billed(bench)
    for amount in ("10.00", "14.98"):
        body = {
            "transaction_type_id": "CUSTOMER_RECEIPT",
            "contact_id": holder.remote_id,
            "bank_account_id": bench.accounts.deposit,
            "date": invoice.date.isoformat(),
            "total_amount": amount,
            "reference": "CHQ 7",
            "allocated_artefacts": [{"artefact_id": ref.remote_id, "amount": amount}],
        }
        bench.accountant(resource="contact_payments", create=body)
    payment = a_payment(account, (invoice, "14.98"), reference="CHQ 7")
    with rejected(Reason.AMBIGUOUS) as refusal:
        bench.system.find(Delivery(payment, holder).lookup)
    for words in ("10.00", "14.98", "CHQ 7"):
        assert words in refusal[0].detail


def test_an_entry_of_another_day_with_our_reference_is_found_where_we_know_its_id(
    bench: SageBench,
) -> None:
    account, holder, invoice, _ = _billed(bench)
    entry: JournalEntry = a_journal_entry(account, invoice)
    made = Delivery(entry, holder).attempt(bench.system).ref
    moved = entry.model_copy(update={"date": entry.date + dt.timedelta(days=400)})
    found = bench.system.find(
        Lookup(Entity.JOURNAL_ENTRY, entry.id, remote_id=made.remote_id, record=moved)
    )
    assert found is not None
    assert found.differences == (f"date: Sage {entry.date} ≠ Membri {moved.date}",)


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("resource", list(ACTIONS))
def test_a_500_may_have_been_recorded_and_never_doubles(
    bench: SageBench, resource: str, recorded: bool
) -> None:
    delivery = of_kind(bench, resource)
    body = '[{"$severity": "error", "$dataCode": "UnexpectedError", "$message": "x"}]'
    bench.sandbox.faults.arm(
        kind="status_after" if recorded else "status",
        method="POST",
        path=f"/v3.1/{resource}",
        status=500,
        body=body,
    )
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    assert bench.held(delivery.record).count == int(recorded)
    receipt = delivery.attempt(bench.restarted())
    assert receipt.action is (Action.ADOPTED if recorded else Action.CREATED)
    assert bench.held(delivery.record).count == 1


@pytest.mark.parametrize("wait_s", [3600, 8 * 86_400])
def test_a_customer_that_a_person_renames_while_the_answer_is_lost_keeps_one_contact(
    bench: SageBench, wait_s: int
) -> None:
    account = an_account()
    made = lost(bench, Delivery(account), "contacts")
    bench.accountant(resource="contacts", id=made, set={"name": f"{account.name} (siège)"})
    bench.time.sleep(wait_s)
    bench.authorise()
    receipt = Delivery(account).attempt(bench.restarted())
    assert receipt.ref == RemoteRef(made, bench.customer_name(made))
    assert bench.held(account).count == 1
