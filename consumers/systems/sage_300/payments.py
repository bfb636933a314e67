"""Payments: one receipt each, applied to the posted documents that it pays.

What comes in: a payment whose invoices are in the books. What goes out: the posted receipt.
Refused: more than a document still owes, before anything is sent; a document of another customer.

The receipt carries a number of ours (CheckReceiptNumber), made from the payment's id: Sage 300 lets
the same one pass twice unless an option says otherwise, so the books are always asked first.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from consumers.errors import Rejected
from consumers.system import (
    PENDING_CUSTOMER,
    Draft,
    Found,
    Lookup,
    Receipt,
    RemoteRef,
    Task,
    pending,
)
from consumers.systems.sage_300 import batches, documents, receipts
from consumers.systems.sage_300.batches import RECEIPTS
from consumers.systems.sage_300.company import Company
from consumers.systems.sage_300.diagnosis import explained, problem
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.markers import marker, parts, receipt_number, remote_id
from consumers.systems.sage_300.odata import equal
from consumers.systems.sage_300.posting import Plan, Posted, post, requests
from consumers.systems.sage_300.settings import TITLE
from schemas.money import ZERO
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Payment
from schemas.sentences import say

RESOURCE = "AR/ARPostedReceipts"


def find(company: Company, lookup: Lookup) -> Found | None:
    """The receipt of a payment, posted or on its way.

    Raises Rejected(ambiguous) when several have the typed reference, Unavailable, Transient.
    """
    record = lookup.record if isinstance(lookup.record, Payment) else None
    customer = lookup.customer.remote_id if lookup.customer else ""
    own_customer, number = parts(lookup.remote_id)
    typed = lookup.reference.strip().upper() if not number else ""
    number = number or typed or receipt_number(lookup.record_id)
    row = _posted(company, number, own_customer or customer, any_number=bool(typed))
    if row is not None:
        return _found(company, lookup, record, row, customer)
    return None if typed else _on_its_way(company, lookup, record, customer)


def _posted(company: Company, number: str, customer: str, *, any_number: bool) -> Json | None:
    """By our number; what a person typed may be the receipt's own number too (PY…)."""
    keys = {"CustomerNumber": customer} if customer else {}
    rows = company.client.rows(RESOURCE, equal(**keys, CheckReceiptNumber=number))
    if not rows and any_number:
        rows = company.client.rows(RESOURCE, equal(**keys, DocumentNumber=number))
    if len(rows) > 1:
        known = ", ".join(
            f"{row.get('DocumentNumber')} ({row.get('CustomerNumber')})" for row in rows
        )
        raise Rejected(Reason.AMBIGUOUS, field="number", detail=f"Sage 300: {known}")
    return rows[0] if rows else None


def _found(
    company: Company, lookup: Lookup, record: Payment | None, row: Json, customer: str
) -> Found:
    mine = str(row.get("CheckReceiptNumber")) == receipt_number(lookup.record_id)
    wrong: tuple[str, ...] = ()
    if record is not None:
        origin = documents.origin(company, RECEIPTS, row)
        wrong = receipts.differences(origin.entry or row, record, customer)
        if mine:
            wrong = (*wrong, *receipts.dated_otherwise(origin.entry or row, record))
    return Found(_ref(row), by_marker=mine, differences=wrong)


def _on_its_way(
    company: Company, lookup: Lookup, record: Payment | None, customer: str
) -> Found | None:
    for row in batches.standing(company, RECEIPTS, marker("payment", lookup.record_id)):
        entry = next(iter(batches.entries(RECEIPTS, row)), {})
        is_posted = batches.stage_of(RECEIPTS, row) is batches.Stage.POSTED
        wrong: tuple[str, ...] = ()
        if record is not None and is_posted:
            wrong = receipts.differences(entry, record, customer)
            wrong = (*wrong, *receipts.dated_otherwise(entry, record))
        return Found(_ref(entry), by_marker=True, differences=wrong, unfinished=not is_posted)
    return None


def transfer(company: Company, task: Task, payment: Payment) -> Receipt:
    """Posts the receipt, or takes it up where it stands. Raises any of consumers.errors."""
    if task.customer is None:
        raise ValueError("a payment is transferred to a customer")
    customer, number = task.customer.remote_id, receipt_number(payment.id)
    paid = _paid(task, payment, customer)
    row = _posted(company, number, customer, any_number=False)
    if row is not None:
        origin = documents.origin(company, RECEIPTS, row)
        held = origin.entry or row
        wrong = receipts.differences(held, payment, customer)
        wrong = (*wrong, *receipts.dated_otherwise(held, payment))
        if wrong:
            raise Rejected(Reason.DIFFERS_FROM_BOOKS, field="amount", detail="; ".join(wrong))
        return Receipt(_ref(row), Action.ADOPTED)
    rows = {number: documents.owned(company, customer, number) for number in paid}
    if not batches.standing(company, RECEIPTS, marker("payment", payment.id)):
        _refuse_excess(company, customer, paid, rows)
    plan = _plan(company, payment, customer, paid, rows)
    posted = post(company, task.steps, plan)
    row = _verified(company, task, payment, plan, posted)
    return Receipt(_ref(row), Action.CREATED if posted.made else Action.ADOPTED)


def draft(company: Company, task: Task, payment: Payment) -> Draft:
    """The requests of `transfer`, from the same bodies. Raises Rejected, Unavailable."""
    customer = (task.customer or PENDING_CUSTOMER).reference
    paid: dict[str, Decimal] = {}
    for allocation in payment.allocations:
        known = task.documents.get(allocation.invoice.id)
        number = known.reference if known else pending("invoice")
        paid[number] = paid.get(number, ZERO) + allocation.amount
    there = {ref.reference for ref in task.documents.values()} if task.customer else set()
    rows = {name: documents.owned(company, customer, name) for name in paid if name in there}
    plan = _plan(company, payment, customer, paid, rows)
    return Draft(requests=requests(company, plan), total=payment.amount)


def _paid(task: Task, payment: Payment, customer: str) -> dict[str, Decimal]:
    """Document number → amount on it. Raises Rejected."""
    paid: dict[str, Decimal] = {}
    for at, allocation in enumerate(payment.allocations):
        known = task.documents.get(allocation.invoice.id)
        if known is None:
            raise Rejected(
                Reason.REFERENCE_NOT_FOUND,
                field=f"allocations.{at}.invoice",
                detail=say(
                    "the invoice {number} is not known in {system}",
                    system=TITLE,
                    number=allocation.invoice.number,
                ),
            )
        holder, number = parts(known.remote_id)
        if holder and holder != customer:
            raise Rejected(
                Reason.REFUSED_BY_SYSTEM,
                field="account",
                detail=say(
                    "the document {number} belongs to the {system} customer {holder}",
                    system=TITLE,
                    number=number,
                    holder=holder,
                ),
            )
        paid[number] = paid.get(number, ZERO) + allocation.amount
    return paid


def _refuse_excess(
    company: Company, customer: str, paid: Mapping[str, Decimal], rows: Mapping[str, Json | None]
) -> None:
    """Raises Rejected for the first document that owes less than what is paid on it, or that is
    not posted: nothing can be applied to it then."""
    for number, amount in paid.items():
        row = rows[number]
        if row is None:
            detail = say(
                "{number} is not among the posted documents of {customer} in {system}",
                system=TITLE,
                number=number,
                customer=customer,
            )
            raise Rejected(Reason.REFERENCE_NOT_FOUND, field="allocations", detail=detail)
        owed = documents.due(company, row)
        if amount > owed:
            detail = f"{amount} > {owed} (Sage 300, {number})"
            raise Rejected(Reason.PAYMENT_EXCEEDS_BALANCE, field="amount", detail=detail)


def _plan(
    company: Company,
    payment: Payment,
    customer: str,
    paid: Mapping[str, Decimal],
    rows: Mapping[str, Json | None],
) -> Plan:
    """`rows`: document number → the posted document, where it is known."""
    number = receipt_number(payment.id)

    def refusal(_: Json, wrong: object) -> Rejected:
        told = "; ".join(wrong if isinstance(wrong, tuple) else ())
        return Rejected(Reason.DIFFERS_FROM_BOOKS, field="amount", detail=told)

    applied = [
        (name, at, part)
        for name, amount in paid.items()
        for at, part in documents.spread(company, rows.get(name), amount)
    ]
    body = receipts.body(company, payment, customer, applied)
    return Plan(
        kind=RECEIPTS,
        description=marker("payment", payment.id),
        body=body,
        differences=lambda entry: receipts.differences(entry, payment, customer, paid),
        refusal=refusal,
        is_ours=lambda entry: str(entry.get("CheckReceiptNumber")) == number,
        outdated=lambda entry: receipts.outdated(company, entry, body),
    )


def _verified(company: Company, task: Task, payment: Payment, plan: Plan, posted: Posted) -> Json:
    """The posted receipt of that very batch, its entry compared before it was posted. Raises
    Rejected when the posting moved it to an error batch."""
    customer = str(plan.body["ReceiptsAdjustments"][0]["CustomerNumber"])
    row = _posted(company, receipt_number(payment.id), customer, any_number=False)
    if row is not None and documents.is_of(row, posted):
        return row
    cause: Rejected | None = None
    try:
        paid = _paid(task, payment, customer)
        rows = {number: documents.owned(company, customer, number) for number in paid}
        _refuse_excess(company, customer, paid, rows)
    except Rejected as refusal:
        cause = refusal
    company.lists.forget()
    cause = cause or problem(receipts.check(company, payment))
    raise explained(company, task.steps, plan, posted, cause)


def _ref(row: Json) -> RemoteRef:
    number = str(row["CheckReceiptNumber"])
    return RemoteRef(remote_id(str(row["CustomerNumber"]), number), number)
