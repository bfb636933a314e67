"""Invoices and credit memos: drafted, compared to the cent, posted, read again.

What comes in: an invoice or a credit note. What goes out: the posted document. Refused: a number
that something else has, taxes that Business Central computes otherwise (the draft is deleted
first, so nothing wrong stays), a document that an approval holds back.

Kept right across crashes: Business Central takes the same `externalDocumentNumber` twice (page,
section 11), so the books are searched before each draft; a draft of ours that is found again is
compared and posted, or deleted and made anew; the id stays when posting changes the number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from consumers.errors import Rejected, Transient
from consumers.system import Found, Lookup, Receipt, RemoteRef, Task
from consumers.systems.business_central import sales
from consumers.systems.business_central.client import quoted
from consumers.systems.business_central.company import Company, money
from consumers.systems.business_central.faults import Bug, Fault, Json, failure, says_settled
from consumers.systems.business_central.keys import code, external_number, plain_enum
from consumers.systems.business_central.sales import INVOICE, Kind, kind_of
from schemas.money import ZERO
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Invoice

DRAFTED = "draft"
"""Step: the id of our draft, which stays the posted document's."""
_UNPOSTED = ("Draft", "In Review")
_UNDONE = ("Canceled", "Corrective")


def status_of(row: Json) -> str:
    """Draft, In Review, Open, Paid, Canceled or Corrective."""
    return plain_enum(row.get("status", ""))


def find(company: Company, lookup: Lookup) -> Found | None:
    """The document of an invoice or a credit note.

    Raises Rejected(ambiguous) for several that may be it, Unavailable, Transient.
    """
    record = lookup.record if isinstance(lookup.record, Invoice) else None
    kind = kind_of(record)
    row = None
    if lookup.remote_id:
        row = company.client.by_id(kind.resource, lookup.remote_id, kind.lines)
    if row is None and lookup.reference:
        row = _numbered(company, kind, "number", lookup.reference, lookup.record_id)
        row = row or _numbered(
            company, kind, "externalDocumentNumber", lookup.reference, lookup.record_id
        )
    elif row is None:
        row = _searched(company, kind, lookup.number, lookup.record_id)
    return _found(company, lookup, record, row) if row is not None else None


def _searched(company: Company, kind: Kind, number: str, record_id: str) -> Json | None:
    key = external_number(number, record_id)
    return _numbered(company, kind, "externalDocumentNumber", key, record_id)


def _numbered(company: Company, kind: Kind, field: str, number: str, record_id: str) -> Json | None:
    """The one document of that number: ours if one is, else the only one. A posted one goes before
    a draft that bears its number. Raises Rejected(ambiguous)."""
    where = f"{field} eq {quoted(code(number))}"
    rows = company.client.select(kind.resource, where, kind.lines)
    rows = [row for row in rows if sales.marked(row, record_id)] or rows
    if field == "number":
        rows = [row for row in rows if status_of(row) not in _UNPOSTED] or rows
    if len(rows) > 1:
        listed = "; ".join(words(kind, row) for row in rows)
        raise Rejected(Reason.AMBIGUOUS, field="number", detail=listed)
    return rows[0] if rows else None


def _found(company: Company, lookup: Lookup, record: Invoice | None, row: Json) -> Found:
    mine = sales.marked(row, lookup.record_id)
    found: tuple[str, ...] = ()
    if record is not None:
        customer_id = lookup.customer.remote_id if lookup.customer else ""
        found = (*sales.differences(company, row, record, customer_id), *_not_ours(row, mine))
    return Found(
        _ref(row, lookup.reference),
        by_marker=mine,
        differences=found,
        balance=money(row, "remainingAmount") if "remainingAmount" in row else None,
        unfinished=mine and status_of(row) in _UNPOSTED,
    )


def _not_ours(row: Json, mine: bool) -> Sequence[str]:
    """Why a document without our marker cannot be taken for the record's."""
    if mine:
        return ()
    found = []
    other = sales.owner(row)
    if other:
        found.append(f"it is the Membri invoice {other}")
    if status_of(row) in _UNPOSTED:
        found.append(f"it is a draft ({row.get('number')}) that somebody has yet to post or delete")
    if status_of(row) in _UNDONE:
        found.append(f"it is cancelled in Business Central ({row.get('number')})")
    return found


@dataclass(frozen=True)
class _Sale:
    """One document on its way."""

    company: Company
    task: Task
    invoice: Invoice
    customer_id: str

    @property
    def kind(self) -> Kind:
        return kind_of(self.invoice)

    def path(self, row: Json) -> str:
        return f"{self.kind.resource}({row['id']})"

    def wrong(self, row: Json) -> tuple[str, ...]:
        return sales.differences(self.company, row, self.invoice, self.customer_id)


def transfer(company: Company, task: Task, invoice: Invoice) -> Receipt:
    """Posts the document, or finishes one that is there. Raises any of consumers.errors."""
    if task.customer is None:
        raise ValueError("an invoice is transferred to a customer")
    sale = _Sale(company, task, invoice, task.customer.remote_id)
    row = _standing(sale)
    if row is not None and status_of(row) not in _UNPOSTED:
        return _receipt(sale, row, Action.ADOPTED)
    if row is not None and status_of(row) == "In Review":
        raise _awaiting(sale, row)
    if row is not None and sale.wrong(row):
        _remove(sale, row)  # a draft of an earlier version, or one that came out wrong
        row = None
    if row is None:
        row = _drafted(sale)
        task.steps.remember(DRAFTED, str(row["id"]))
        wrong = sale.wrong(row)
        if wrong:
            refusal = _mismatch(row, invoice, wrong)
            _remove(sale, row, refusal)
            raise refusal
    return _receipt(sale, _posted(sale, row), Action.CREATED)


def _standing(sale: _Sale) -> Json | None:
    """What the books have of the record already. Raises Rejected(duplicate_number, ambiguous)."""
    company, invoice, kind = sale.company, sale.invoice, sale.kind
    for remote_id in (sale.task.remote_id, sale.task.steps.get(DRAFTED) or ""):
        row = company.client.by_id(kind.resource, remote_id, kind.lines)
        if row is not None and sales.marked(row, invoice.id):
            return row
    row = _searched(company, kind, invoice.number, invoice.id)
    if row is None or sales.marked(row, invoice.id):
        return row
    wrong = (*sale.wrong(row), *_not_ours(row, mine=False))
    if wrong:
        detail = "; ".join((words(kind, row), *wrong))
        raise Rejected(Reason.DUPLICATE_NUMBER, field="number", detail=detail)
    return row


def _drafted(sale: _Sale) -> Json:
    """A new draft, with its lines. Raises Rejected, OutcomeUnknown, Unavailable, Transient."""
    corrected_id = corrected(sale.company, sale.task, sale.invoice)
    body = sales.body(sale.company, sale.invoice, sale.customer_id, corrected_id)
    try:
        made = sale.company.client.create(sale.kind.resource, body)
    except Fault as fault:
        raise sale.company.refusal(fault, sale.invoice.date) from fault
    # Totals stand in the answer, our marker in the lines: both are read back, not believed.
    return _read_again(sale, made)


def _read_again(sale: _Sale, row: Json) -> Json:
    again = sale.company.client.read(sale.path(row), sale.kind.lines)
    if again is None:
        raise Transient(f"{words(sale.kind, row)} is not there when read again")
    return again


def _posted(sale: _Sale, row: Json) -> Json:
    """The document after posting: another number, the same id (page, section 4)."""
    refusal: Fault | None = None
    try:
        sale.company.client.act(sale.path(row), "post")
    except Fault as fault:
        refusal = fault
    again = _read_again(sale, row)
    if status_of(again) not in _UNPOSTED:
        return again  # also when another try of ours was faster: « draft invoice only »
    if status_of(again) == "In Review":
        raise _awaiting(sale, again, refusal)
    if refusal is None:
        raise Transient(f"{words(sale.kind, again)} is still a draft after posting")
    error = sale.company.refusal(refusal, sale.invoice.date)
    if isinstance(error, Rejected | Bug):
        _remove(sale, again, error if isinstance(error, Rejected) else None)
    if says_settled(refusal) and sale.kind is not INVOICE:
        # Whatever the invoice still owed was settled meanwhile: made again without applying it.
        raise Transient(f"the invoice was settled meanwhile; {refusal.words}") from refusal
    raise error from refusal


def _remove(sale: _Sale, row: Json, refusal: Rejected | None = None) -> None:
    """Deletes a draft. Raises Rejected that says that it stands, OutcomeUnknown."""
    try:
        sale.company.client.remove(sale.path(row))
    except Fault as fault:
        error = failure(fault, writing=True)
        if not isinstance(error, Rejected):
            raise error from fault
        why = f"{refusal.detail}; " if refusal is not None else ""
        detail = f"{why}{words(sale.kind, row)} could not be deleted, delete it by hand: "
        reason = refusal.reason if refusal is not None else Reason.DIFFERS_FROM_BOOKS
        field = refusal.field if refusal is not None else ""
        raise Rejected(reason, field=field, detail=detail + fault.words) from fault


def _receipt(sale: _Sale, row: Json, action: Action) -> Receipt:
    wrong = sale.wrong(row)
    if wrong:
        detail = "; ".join((words(sale.kind, row), *wrong))
        raise Rejected(Reason.DIFFERS_FROM_BOOKS, detail=detail)
    return Receipt(_ref(row), action)


def _mismatch(row: Json, invoice: Invoice, wrong: Sequence[str]) -> Rejected:
    differ = sales.taxes_differ(row, invoice)
    reason = Reason.TAX_MISMATCH if differ else Reason.DIFFERS_FROM_BOOKS
    return Rejected(reason, field="total", detail="; ".join(wrong))


def _awaiting(sale: _Sale, row: Json, fault: Fault | None = None) -> Rejected:
    said = f"; {fault.words}" if fault is not None else ""
    detail = f"{words(sale.kind, row)}: In Review{said}"
    return Rejected(Reason.AWAITING_APPROVAL, detail=detail)


def corrected(company: Company, task: Task, invoice: Invoice) -> str:
    """The id of the posted invoice that a credit note is applied to; empty for an invoice, and
    where nothing is owed any more: the credit then stays open on the customer (page, section 5).

    Raises Rejected(reference_not_found, refused_by_system).
    """
    if invoice.kind != "credit_note" or invoice.corrects is None:
        return ""
    target = task.documents.get(invoice.corrects.id)
    if target is None:
        detail = f"the invoice {invoice.corrects.number} is not known in Business Central"
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field="corrects", detail=detail)
    row = posted_invoice(company, target, "corrects")
    if task.customer is not None and row["customerId"] != task.customer.remote_id:
        raise of_another_customer(row)
    return str(row["id"]) if owed(row) > ZERO else ""


def posted_invoice(company: Company, target: RemoteRef, field: str) -> Json:
    """An invoice that can be paid or credited. Raises Rejected(reference_not_found)."""
    row = company.client.by_id("salesInvoices", target.remote_id)
    if row is None:
        detail = f"Business Central invoice {target.reference} ({target.remote_id}) does not exist"
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field=field, detail=detail)
    if status_of(row) in _UNPOSTED:
        detail = f"{words(INVOICE, row)} is not posted yet"
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field=field, detail=detail)
    return row


def of_another_customer(row: Json) -> Rejected:
    """The refusal of an invoice that belongs to somebody else."""
    detail = (
        f"the invoice {row.get('number')} belongs to the Business Central customer"
        f" {row.get('customerNumber')} « {row.get('customerName')} »"
    )
    return Rejected(Reason.REFUSED_BY_SYSTEM, field="account", detail=detail)


def owed(row: Json) -> Decimal:
    """What is open of a posted invoice."""
    return money(row, "remainingAmount")


def words(kind: Kind, row: Json) -> str:
    """A document as a person looks for it."""
    return (
        f"Business Central {kind.words} {row.get('number')} ({row.get('externalDocumentNumber')})"
        f" of {row.get('customerNumber')} « {row.get('customerName')} » on"
        f" {row.get('postingDate')}, total {money(row, 'totalAmountIncludingTax')}"
    )


def _ref(row: Json, typed: str = "") -> RemoteRef:
    """The number that Business Central gave is what a person looks for there. One who typed the
    external number instead reads it again: what a person wrote is not written over."""
    external = str(row.get("externalDocumentNumber") or "")
    kept = typed if typed and code(typed) == external else str(row.get("number") or "")
    return RemoteRef(str(row["id"]), kept)
