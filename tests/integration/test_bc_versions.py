"""Business Central and the later version of a record whose earlier one is there already."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown, Rejected
from consumers.system import Lookup
from consumers.systems.business_central.keys import marker
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Invoice
from schemas.statuses import Entity
from tests.contracts.conformance_business_central import BusinessCentralBench
from tests.contracts.conformance_world import DAY, Delivery, an_invoice
from tests.integration.bc_records import a_customer, a_delivery, billed, row, sent

pytest_plugins = ["tests.fixtures_business_central"]


def _lost_draft(
    bench: BusinessCentralBench, *, remembered: bool, **values: object
) -> tuple[Any, Any, Invoice, Delivery]:
    account, customer = a_customer(bench)
    invoice = an_invoice(account, **values)
    delivery = Delivery(invoice, customer)
    where = {"path": "NAV.post"} if remembered else {"path": "salesInvoices$", "method": "POST"}
    bench.sandbox.faults.arm(kind="drop_before" if remembered else "drop_after", **where)
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    return account, customer, invoice, delivery


@pytest.mark.parametrize("remembered", [True, False])
@pytest.mark.parametrize(
    "values",
    [
        {"date": DAY - dt.timedelta(days=2)},
        {"due_date": DAY + dt.timedelta(days=9)},
        {"number": "F-CORRECTED"},
        {"description": "Autre texte"},
    ],
)
def test_a_draft_left_by_an_earlier_version_is_never_posted_for_the_later_one(
    bench: BusinessCentralBench, values: dict[str, object], *, remembered: bool
) -> None:
    _, customer, invoice, delivery = _lost_draft(bench, remembered=remembered)
    if "number" in values:
        values = {"number": f"{invoice.number}-B"}
    later = invoice.model_copy(update=values)
    Delivery(later, customer, steps=delivery.steps).attempt(bench.restarted())
    (mine,) = [one for one in bench.books().documents if one.note == marker(invoice.id)]
    held = row(bench, "salesInvoices", mine.id)
    assert mine.posted
    assert held["externalDocumentNumber"] == later.number
    assert held["postingDate"] == later.date.isoformat()
    if later.due_date:
        assert held["dueDate"] == later.due_date.isoformat()
    texts = {one["description"] for one in bench.dump()["salesInvoiceLines"]
             if one["documentId"] == mine.id}  # fmt: skip
    assert (later.description in texts) == bool(later.description)


def test_a_number_given_while_an_answer_was_lost_makes_no_second_invoice(
    bench: BusinessCentralBench,
) -> None:
    """A membership notice gets its number when it is paid."""
    account, customer = a_customer(bench)
    notice = an_invoice(account, number="")
    bench.sandbox.faults.arm(kind="drop_after", path="NAV.post")
    with pytest.raises(OutcomeUnknown):
        sent(bench.system, notice, customer)
    numbered = notice.model_copy(update={"number": f"N-{account.number}"})
    found = bench.restarted().find(Delivery(numbered, customer).lookup)
    assert found is not None
    assert (found.by_marker, found.differences) == (True, ())
    assert sent(bench.system, numbered, customer).action is Action.ADOPTED
    assert bench.held(notice).count == 1


@pytest.mark.parametrize("values", [{"date": DAY + dt.timedelta(days=1)}, {"number": "F-NEW"}])
def test_a_posted_document_of_an_earlier_version_differs_with_both_values(
    bench: BusinessCentralBench, values: dict[str, object]
) -> None:
    _, customer, invoice, ref = billed(bench)
    later = invoice.model_copy(update=values)
    kept = Lookup(
        invoice.entity, invoice.id, remote_id=ref.remote_id, number=later.number,
        record=later, customer=customer,
    )  # fmt: skip
    found = bench.system.find(kept)
    assert found is not None
    (told,) = found.differences
    before, after = (
        (invoice.number, later.number) if "number" in values else (str(DAY), str(later.date))
    )
    assert before in told
    assert after in told


def test_a_payment_whose_date_was_corrected_meanwhile_differs_with_both_dates(
    bench: BusinessCentralBench,
) -> None:
    delivery, invoice = a_delivery(bench)
    delivery.attempt(bench.system)
    payment = delivery.record
    later = payment.model_copy(update={"date": DAY + dt.timedelta(days=1)})
    with pytest.raises(Rejected) as info:
        Delivery(later, delivery.customer, delivery.documents).attempt(bench.restarted())
    assert info.value.reason is Reason.DIFFERS_FROM_BOOKS
    for date in (DAY, later.date):  # type: ignore[union-attr]  # a payment
        assert date.isoformat() in info.value.detail
    assert bench.held(invoice).balance == Decimal("100.00")


@pytest.mark.parametrize("entity", list(Entity))
def test_a_reference_longer_than_any_number_there_is_not_there_and_not_asked_for(
    bench: BusinessCentralBench, entity: Entity
) -> None:
    """A filter on more than a field holds may be refused, in words that name no field of Membri."""
    error = {"error": {"code": "Application_FilterErrorException", "message": "too long"}}
    bench.sandbox.faults.arm(kind="status", status=400, body=json.dumps(error), path="9" * 36)
    assert bench.system.find(Lookup(entity, "other", reference="9" * 36)) is None
    if entity is Entity.INVOICE:
        assert bench.system.find(Lookup(entity, "other", number="9" * 36)) is None
