"""What people do in QuickBooks while the fate of a record is unknown.

QuickBooks gives its first answer to a request id again, whatever became of the record since
(reference page, section 9).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown, Rejected
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Record
from tests.contracts.conformance_qbo import QuickBooksBench
from tests.contracts.conformance_world import (
    Delivery,
    a_credit_note,
    a_journal_entry,
    a_payment,
    an_account,
    an_invoice,
    rejected,
)
from tests.integration.qbo_books import billed, by_line, customer_of

pytest_plugins = ["tests.fixtures_qbo"]

DELETED = ["CreditMemo", "Invoice", "JournalEntry", "Payment"]
AN_HOUR_S = 3600


def of_kind(bench: QuickBooksBench, kind: str) -> Delivery:
    """A record that makes one object of that kind."""
    customer, invoice, ref = billed(bench, "100.00")
    record: Record = {
        "CreditMemo": lambda: a_credit_note(invoice, "10.00"),
        "Invoice": lambda: an_invoice(invoice.account, "50.00"),
        "JournalEntry": lambda: a_journal_entry(invoice.account, invoice),
        "Payment": lambda: a_payment(invoice.account, (invoice, "14.98")),
    }[kind]()
    return Delivery(record, customer, {invoice.id: ref})


def lost(bench: QuickBooksBench, delivery: Delivery, kind: str) -> str:
    """The delivery's creation is carried out and its answer lost; the Id in the books."""
    before = {row["Id"] for row in bench.rows(kind)}
    path = f"/{kind.lower()}?"
    bench.sandbox.faults.arm(kind="drop_after", method="POST", path=path)
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    (made,) = {row["Id"] for row in bench.rows(kind)} - before
    return str(made)


def retried(bench: QuickBooksBench, delivery: Delivery) -> Rejected:
    """The refusal of the same task, sent again an hour later by another process."""
    bench.time.sleep(AN_HOUR_S)
    with pytest.raises(Rejected) as refusal:
        bench.restarted().transfer(delivery.task())
    return refusal.value


@pytest.mark.parametrize(
    ("kind", "action"),
    [*((kind, "delete") for kind in DELETED), ("Invoice", "void"), ("Payment", "void")],
)
def test_what_a_person_took_away_meanwhile_is_never_reported_as_there(
    bench: QuickBooksBench, kind: str, action: str
) -> None:
    delivery = of_kind(bench, kind)
    made = lost(bench, delivery, kind)
    bench.accountant(entity=kind, id=made, action=action)
    refusal = retried(bench, delivery)
    assert refusal.reason is Reason.DIFFERS_FROM_BOOKS
    assert made in refusal.detail
    assert "since" in refusal.detail
    assert bench.held(delivery.record).total == 0


@pytest.mark.parametrize("kind", DELETED)
def test_transferred_again_by_a_person_it_is_made_anew(bench: QuickBooksBench, kind: str) -> None:
    delivery = of_kind(bench, kind)
    made = lost(bench, delivery, kind)
    bench.accountant(entity=kind, id=made, action="delete")
    retried(bench, delivery)
    anew = Delivery(delivery.record, delivery.customer, delivery.documents)
    assert anew.attempt(bench.restarted()).action is Action.CREATED
    assert bench.held(delivery.record).count == 1


def test_a_customer_made_inactive_meanwhile_is_not_linked(bench: QuickBooksBench) -> None:
    delivery = Delivery(an_account())
    made = lost(bench, delivery, "Customer")
    bench.accountant(entity="Customer", id=made, set={"Active": False})
    assert retried(bench, delivery).reason is Reason.CUSTOMER_INACTIVE


@pytest.mark.parametrize("kind", ["Invoice", "Payment"])
def test_what_a_person_changed_meanwhile_is_told_and_left_alone(
    bench: QuickBooksBench, kind: str
) -> None:
    delivery = of_kind(bench, kind)
    made = lost(bench, delivery, kind)
    values: dict[str, Any] = {"PrivateNote": _note(bench, kind, made)}
    if kind == "Payment":
        values |= {"TotalAmt": Decimal("20.00")}
    else:
        line = {"Amount": Decimal("60.00"), **_line(bench, made)}
        values |= {"Line": [line]}
    bench.accountant(entity=kind, id=made, set=values)
    refusal = retried(bench, delivery)
    assert refusal.reason is Reason.DIFFERS_FROM_BOOKS or refusal.reason is Reason.TAX_MISMATCH
    assert "QuickBooks" in refusal.detail
    assert [row["Id"] for row in bench.rows(kind) if row["Id"] == made] == [made]


def _note(bench: QuickBooksBench, kind: str, remote_id: str) -> str:
    (row,) = [row for row in bench.rows(kind) if row["Id"] == remote_id]
    return str(row["PrivateNote"])


def _line(bench: QuickBooksBench, remote_id: str) -> dict[str, Any]:
    (row,) = [row for row in bench.rows("Invoice") if row["Id"] == remote_id]
    line = next(one for one in row["Line"] if one["DetailType"] == "SalesItemLineDetail")
    detail = {**line["SalesItemLineDetail"], "Qty": 1, "UnitPrice": Decimal("60.00")}
    return {"DetailType": line["DetailType"], "SalesItemLineDetail": detail}


def test_an_application_taken_away_meanwhile_is_not_reported_as_made(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    credit = Delivery(a_credit_note(invoice, "40.00"), customer, {invoice.id: ref})
    made = lost(bench, credit, "Payment")
    bench.accountant(entity="Payment", id=made, action="delete")
    assert retried(bench, credit).reason is Reason.DIFFERS_FROM_BOOKS
    assert not credit.steps.get("applied")
    anew = Delivery(credit.record, customer, {invoice.id: ref})
    anew.attempt(bench.restarted())
    assert bench.applications(credit.record) == 1
    assert bench.held(credit.record).count == 1


def test_a_form_that_a_dead_transfer_took_back_is_a_mismatch_still(bench: QuickBooksBench) -> None:
    """Not « somebody deleted it »: it was us, because its taxes came out otherwise."""
    account = an_account()
    delivery = Delivery(by_line(account), customer_of(bench, account))
    with rejected(Reason.TAX_MISMATCH):
        bench.system.transfer(delivery.task())
    refusal = retried(bench, delivery)
    assert refusal.reason is Reason.TAX_MISMATCH
    assert "somebody" not in refusal.detail
    assert bench.held(delivery.record).count == 0


def test_a_fresh_answer_costs_no_other_request(bench: QuickBooksBench) -> None:
    account = an_account()
    delivery = Delivery(an_invoice(account), customer_of(bench, account))
    bench.system.transfer(Delivery(an_invoice(account), delivery.customer).task())
    before = len(bench.sandbox.log)
    bench.system.transfer(delivery.task())
    assert len(bench.sandbox.log) - before == 1
