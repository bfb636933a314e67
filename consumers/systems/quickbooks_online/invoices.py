"""Invoices and credit memos: found by number or marker, posted once, exact to the cent or not.

What comes in: an invoice or a credit note. What goes out: the form in the books, its total and its
taxes compared to the cent. Refused: a number that something else has, taxes that QuickBooks
computes otherwise (the form is taken back first, so nothing wrong stays).

Kept right across crashes: the posting is repeated under the same request id, so QuickBooks gives
the first answer again and the comparison happens again; a form that a dead transfer left wrong is
recognised (our marker, the same lines, nobody touched it since) and taken back.
"""

from __future__ import annotations

from collections.abc import Sequence

from consumers.errors import Rejected
from consumers.system import PENDING_CUSTOMER, Draft, Found, Lookup, Receipt, RemoteRef, Task
from consumers.systems._replays import TakenAway
from consumers.systems.quickbooks_online import credit_notes, sales
from consumers.systems.quickbooks_online.client import Kind, quoted
from consumers.systems.quickbooks_online.company import Company, money, request_id
from consumers.systems.quickbooks_online.faults import Fault, Json, failure
from consumers.systems.quickbooks_online.markers import marked, owner
from consumers.systems.quickbooks_online.settings import SHORT
from consumers.systems.quickbooks_online.undoing import take_back
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Invoice
from schemas.sentences import say

_DUPLICATE = 6140


def kind_of(invoice: Invoice | None) -> Kind:
    """Invoice or CreditMemo; a stub without a record is an invoice."""
    return "CreditMemo" if invoice is not None and invoice.kind == "credit_note" else "Invoice"


def find(company: Company, lookup: Lookup) -> Found | None:
    """The form of an invoice or a credit note. Raises Unavailable, Transient."""
    record = lookup.record if isinstance(lookup.record, Invoice) else None
    kind = kind_of(record)
    row = company.client.read(kind, lookup.remote_id) if lookup.remote_id else None
    if row is None and lookup.reference:
        row = _by_reference(company, kind, lookup)
        return _found(company, lookup, record, row) if row is not None else None
    if row is None:
        row = _search(company, kind, lookup, record)
    return _found(company, lookup, record, row) if row is not None else None


def _search(company: Company, kind: Kind, lookup: Lookup, record: Invoice | None) -> Json | None:
    """By our number, else by our marker among what the customer got that day."""
    rows = _numbered(company, kind, lookup.number) if lookup.number else []
    row = _choose(rows, lookup.record_id)
    if row is not None and marked(row, "invoice", lookup.record_id):
        return row
    # With its own numbering QuickBooks does not keep ours, so only the marker can tell.
    if record is not None and not (lookup.number and company.preferences.custom_numbers):
        same_day = f"TxnDate = {quoted(record.date.isoformat())}"
        if lookup.customer is not None:
            same_day = f"CustomerRef = {quoted(lookup.customer.remote_id)} AND {same_day}"
        marked_rows = company.client.select(kind, same_day)
        ours = [one for one in marked_rows if marked(one, "invoice", lookup.record_id)]
        return ours[0] if ours else row
    return row


def _by_reference(company: Company, kind: Kind, lookup: Lookup) -> Json | None:
    """A typed reference is a number; ours is the Id where the form has no number."""
    row = _choose(_numbered(company, kind, lookup.reference), lookup.record_id)
    if row is None and lookup.reference.isdigit():
        row = company.client.read(kind, lookup.reference)
        if row is not None and not marked(row, "invoice", lookup.record_id):
            return None
    return row


def _numbered(company: Company, kind: Kind, number: str) -> list[Json]:
    return company.client.select(kind, f"DocNumber = {quoted(number)}")


def _choose(rows: Sequence[Json], record_id: str) -> Json | None:
    ours = [row for row in rows if marked(row, "invoice", record_id)]
    return (ours or list(rows) or [None])[0]  # type: ignore[list-item]  # None for no row at all


def _found(company: Company, lookup: Lookup, record: Invoice | None, row: Json) -> Found:
    mine = marked(row, "invoice", lookup.record_id)
    customer_id = lookup.customer.remote_id if lookup.customer else ""
    found: tuple[str, ...] = ()
    if record is not None:
        found = sales.differences(row, record, customer_id)
    other = owner(row, "invoice")
    if other and not mine:
        found = (*found, say("it is the Membri invoice {id}", id=other))
    unfinished = False
    if mine and record is not None and not (lookup.remote_id or lookup.reference):
        left = sales.only_taxes_differ(row, record, customer_id) and sales.untouched(row)
        unfinished = left or (not found and not credit_notes.is_applied(company, record, row))
    return Found(
        _ref(row),
        by_marker=mine,
        differences=found,
        balance=money(row, "Balance"),
        unfinished=unfinished,
    )


def transfer(company: Company, task: Task, invoice: Invoice) -> Receipt:
    """Posts the form, or finishes one that is there. Raises any of consumers.errors."""
    if task.customer is None:
        raise ValueError("an invoice is transferred to a customer")
    customer_id = task.customer.remote_id
    kind = kind_of(invoice)
    try:
        row, action = _posted(company, task, invoice, customer_id)
    except TakenAway as gone:
        # By us, where an earlier run found it wrong and died before it could say so.
        wrong = sales.differences(gone.told, invoice, customer_id)
        raise (_mismatch(gone.told, invoice, wrong) if wrong else gone) from gone
    wrong = sales.differences(row, invoice, customer_id)
    if wrong:
        refusal = _mismatch(row, invoice, wrong)
        if action is Action.CREATED:
            take_back(company, task, kind, row, wrong, refusal.reason)
        raise refusal
    if kind == "CreditMemo":
        credit_notes.apply(company, task, invoice, row)
    return Receipt(_ref(row), action)


def draft(company: Company, task: Task, invoice: Invoice) -> Draft:
    """What `transfer` would send: the form, unless it stands there already, and its application.

    QuickBooks computes the taxes by itself unless they are sent (`send_tax_override`); a form
    whose total or taxes come out otherwise than Membri's is not kept.
    """
    customer_id = (task.customer or PENDING_CUSTOMER).remote_id
    body = sales.body(company, invoice, customer_id)
    requests = []
    row = _finished(company, task, invoice, customer_id)
    if row is None:
        refusal = sales.surely_mistaxed(company, invoice)
        if refusal is not None:
            raise refusal
        requests.append((company.posting(kind_of(invoice)), body))
    applied = credit_notes.draft(company, task, invoice, row)
    if applied is not None:
        requests.append((company.posting("Payment"), applied))
    sent = "TxnTaxDetail" in body
    return Draft(
        tuple(requests),
        lines=sales.draft_lines(company, invoice),
        gst=invoice.gst if sent else None,
        qst=invoice.qst if sent else None,
        total=invoice.total,
    )


def _finished(company: Company, task: Task, invoice: Invoice, customer_id: str) -> Json | None:
    """The form that an earlier transfer left in the books, as it must be."""
    row = company.client.read(kind_of(invoice), task.remote_id) if task.remote_id else None
    if row is None or sales.differences(row, invoice, customer_id):
        return None
    return row


def _posted(
    company: Company, task: Task, invoice: Invoice, customer_id: str
) -> tuple[Json, Action]:
    """The form as it stands in the books, and whether this transfer made it."""
    kind = kind_of(invoice)
    operation = "create"
    if task.remote_id:
        row = _finished(company, task, invoice, customer_id)
        if row is not None:
            return row, Action.ADOPTED
        row = company.client.read(kind, task.remote_id)
        if row is not None:
            _clear(company, task, invoice, row, customer_id)
            operation = "again"
    body = sales.body(company, invoice, customer_id)
    try:
        return company.client.create(kind, body, request_id(task, operation)), Action.CREATED
    except Fault as fault:
        if fault.code != _DUPLICATE:
            raise failure(fault, writing=True) from fault
        refusal = fault
    holder = _choose(_numbered(company, kind, invoice.number), invoice.id)
    if holder is None:
        raise failure(refusal, writing=True)
    found = sales.differences(holder, invoice, customer_id)
    mine = marked(holder, "invoice", invoice.id)
    if not found and (mine or not owner(holder, "invoice")):
        return holder, Action.ADOPTED
    if operation == "again" or not mine:
        detail = "; ".join((f"{_words(holder)}", *found, refusal.words))
        raise Rejected(Reason.DUPLICATE_NUMBER, field="number", detail=detail)
    _clear(company, task, invoice, holder, customer_id)
    try:
        return company.client.create(kind, body, request_id(task, "again")), Action.CREATED
    except Fault as fault:
        raise failure(fault, writing=True) from fault


def _clear(company: Company, task: Task, invoice: Invoice, row: Json, customer_id: str) -> None:
    """Takes back what a dead transfer of this record left wrong. Raises Rejected when it may be
    anything else."""
    left = sales.only_taxes_differ(row, invoice, customer_id) and sales.untouched(row)
    if not (left and marked(row, "invoice", invoice.id)):
        found = "; ".join(sales.differences(row, invoice, customer_id))
        raise Rejected(Reason.DIFFERS_FROM_BOOKS, detail=f"{_words(row)}: {found}")
    try:
        company.client.remove(kind_of(invoice), row, request_id(task, "clear"))
    except Fault as fault:
        raise failure(fault, writing=True) from fault


def _mismatch(row: Json, invoice: Invoice, wrong: Sequence[str]) -> Rejected:
    taxes = sales.tax_of(row) != invoice.gst + invoice.qst
    reason = Reason.TAX_MISMATCH if taxes else Reason.DIFFERS_FROM_BOOKS
    by_rate = ", ".join(
        f"{(line.get('TaxLineDetail') or {}).get('TaxPercent')} %: {line.get('Amount')}"
        for line in (row.get("TxnTaxDetail") or {}).get("TaxLine") or []
    )
    detail = "; ".join(wrong)
    if taxes:
        detail += (
            " ("
            + say(
                "{parts}; Membri: GST {gst}, QST {qst}",
                parts=by_rate,
                gst=invoice.gst,
                qst=invoice.qst,
            )
            + ")"
        )
    return Rejected(reason, field="total", detail=detail)


def _words(row: Json) -> str:
    name = (row.get("CustomerRef") or {}).get("name", "")
    number = row.get("DocNumber") or say("without number")
    return say(
        "{system} form {number} (Id {id}) of {customer} on {date}, total {total}",
        system=SHORT,
        number=number,
        id=row.get("Id"),
        customer=name,
        date=row.get("TxnDate"),
        total=money(row, "TotalAmt"),
    )


def _ref(row: Json) -> RemoteRef:
    """Its number is what a person looks for; without one, its Id."""
    return RemoteRef(str(row["Id"]), str(row.get("DocNumber") or row["Id"]))
