"""Invoices and credit notes: found by reference or marker, created once, exact to the cent or not.

What comes in: an invoice or a credit note. What goes out: the document in the books, its total and
its taxes compared to the cent. Refused: a number that another document of the customer has, taxes
that Sage keeps otherwise (the document is voided first, so nothing wrong stays).

Membri's number stands in the document's reference, since Sage numbers by itself, and nothing there
keeps two documents from having the same: hence the look before each creation. Sage page, section 6.
"""

from __future__ import annotations

from collections.abc import Sequence

from consumers.errors import Rejected
from consumers.system import Found, Lookup, Receipt, RemoteRef, Task
from consumers.systems._replays import TakenAway
from consumers.systems.sage_accounting import credit_notes, sales
from consumers.systems.sage_accounting.company import (
    Company,
    around,
    customer_id,
    money,
    ref_id,
    shown,
)
from consumers.systems.sage_accounting.faults import Fault, Json
from consumers.systems.sage_accounting.markers import marked, owner
from consumers.systems.sage_accounting.sales import SalesResource, resource_of
from consumers.systems.sage_accounting.settings import SHORT
from consumers.systems.sage_accounting.standing import is_draft, is_void
from consumers.systems.sage_accounting.undoing import void
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Invoice
from schemas.sentences import say

_ATTRIBUTES = "reference,notes,date,status,contact,invoice_number,credit_note_number"
_TELLING = 4
"""Characters of a number that a search among everybody's documents is worth: « 12 » finds half."""
_NUMBERS = ("displayed_as", "invoice_number", "credit_note_number")


def find(company: Company, lookup: Lookup) -> Found | None:
    """The document of an invoice or a credit note. Raises Rejected(ambiguous), Unavailable,
    Transient."""
    record = lookup.record if isinstance(lookup.record, Invoice) else None
    resource = resource_of(record)
    row = _living(company, resource, lookup.remote_id)
    if row is None and lookup.reference:
        row = _by_reference(company, resource, lookup)
    elif row is None:
        row = _search(company, resource, lookup, record)
    return _found(company, lookup, record, row) if row is not None else None


def _living(company: Company, resource: SalesResource, remote_id: str) -> Json | None:
    """The whole document of that id, unless it is void or a draft."""
    row = company.client.read(resource, remote_id) if remote_id else None
    return row if row is not None and _stands(row) else None


def _stands(row: Json) -> bool:
    return not (is_void(row) or is_draft(row))


def _search(
    company: Company, resource: SalesResource, lookup: Lookup, record: Invoice | None
) -> Json | None:
    """By our number, and by our marker among what the customer got around that day: the number may
    have been corrected in Membri while the answer to its creation was lost."""
    contact_id = lookup.customer.remote_id if lookup.customer else ""
    rows: list[Json] = []
    if lookup.number:
        rows = _referenced(company, resource, lookup.number, contact_id, lookup.record_id)
    known = any(marked(row, "invoice", lookup.record_id) for row in rows)
    if not known and record is not None and contact_id:
        near = _rows(company, resource, contact_id=contact_id, **around(record.date))
        rows = [r for r in near if marked(r, "invoice", lookup.record_id)] or rows
    return _chosen(company, resource, rows, lookup)


def _by_reference(company: Company, resource: SalesResource, lookup: Lookup) -> Json | None:
    """A typed reference: Membri's number, or Sage's own number, which no search covers."""
    contact_id = lookup.customer.remote_id if lookup.customer else ""
    rows = _referenced(company, resource, lookup.reference, contact_id, lookup.record_id)
    row = _chosen(company, resource, rows, lookup)
    if row is not None or not contact_id:
        return row or _living(company, resource, lookup.reference)
    wanted = lookup.reference.strip().casefold()
    rows = [
        row
        for row in _rows(company, resource, contact_id=contact_id)
        if any(str(row.get(name) or "").casefold() == wanted for name in _NUMBERS)
    ]
    row = _chosen(company, resource, rows, lookup)
    return row or _living(company, resource, lookup.reference)


def _chosen(
    company: Company, resource: SalesResource, rows: Sequence[Json], lookup: Lookup
) -> Json | None:
    """The one that is meant, read whole. Raises Rejected(ambiguous)."""
    ours = [row for row in rows if marked(row, "invoice", lookup.record_id)]
    held = ours or list(rows)
    if not held:
        return None
    if len(held) > 1 and not ours:
        detail = "; ".join(f"{row.get('displayed_as')} (Id {row['id']})" for row in held)
        raise Rejected(Reason.AMBIGUOUS, field="number", detail=f"Sage: {detail}")
    return _living(company, resource, str(held[0]["id"]))


def _referenced(
    company: Company, resource: SalesResource, number: str, contact_id: str, record_id: str
) -> list[Json]:
    """The living documents with that very reference: the customer's (everybody's without one), and
    ours whosesoever it is: its customer may have been corrected in Membri since."""
    wanted = number.strip().casefold()
    short = {"contact_id": contact_id} if contact_id and len(wanted) < _TELLING else {}
    return [
        row
        for row in _rows(company, resource, search=number, **short)
        if str(row.get("reference") or "").strip().casefold() == wanted
        and (
            not contact_id
            or ref_id(row, "contact") in ("", contact_id)
            or marked(row, "invoice", record_id)
        )
    ]


def _rows(company: Company, resource: SalesResource, **query: str) -> list[Json]:
    rows = company.client.rows(resource, _ATTRIBUTES, **query)
    return [row for row in rows if _stands(row)]


def _found(company: Company, lookup: Lookup, record: Invoice | None, row: Json) -> Found:
    mine = marked(row, "invoice", lookup.record_id)
    contact_id = lookup.customer.remote_id if lookup.customer else ""
    found: tuple[str, ...] = ()
    if record is not None:
        found = _differences(company, row, record, contact_id)
    other = owner(row, "invoice")
    if other and not mine:
        found = (*found, say("it is the Membri invoice {id}", id=other))
    unfinished = False
    if mine and record is not None and not (lookup.remote_id or lookup.reference):
        left = sales.only_taxes_differ(row, record, contact_id) and sales.untouched(row, record)
        unfinished = left or (not found and not credit_notes.is_applied(company, record, row))
    return Found(
        _ref(row),
        by_marker=mine,
        differences=found,
        balance=money(row, "outstanding_amount"),
        unfinished=unfinished,
    )


def transfer(company: Company, task: Task, invoice: Invoice) -> Receipt:
    """Creates the document, or finishes one that is there. Raises any of consumers.errors."""
    contact_id = customer_id(task)
    if invoice.kind == "credit_note" and not task.remote_id:
        credit_notes.check_target(company, task, invoice)
    resource = resource_of(invoice)
    try:
        row, action = _posted(company, task, invoice, contact_id)
    except TakenAway as gone:
        # By us, where an earlier run found it wrong and died before it could say so.
        wrong = _differences(company, gone.told, invoice, contact_id)
        raise (sales.mismatch(gone.told, invoice, wrong) if wrong else gone) from gone
    wrong = _differences(company, row, invoice, contact_id)
    if wrong:
        refusal = sales.mismatch(row, invoice, wrong)
        if action is Action.CREATED:
            void(company, resource, row, wrong, refusal.reason)
            refusal.detail += "; " + say(
                "the {system} document {number} was voided again",
                system=SHORT,
                number=row.get("displayed_as"),
            )
        raise refusal
    if invoice.kind == "credit_note":
        credit_notes.apply(company, task, invoice, row)
    return Receipt(_ref(row), action)


def _posted(company: Company, task: Task, invoice: Invoice, contact_id: str) -> tuple[Json, Action]:
    """The document as it stands in the books, and whether this transfer made it."""
    resource = resource_of(invoice)
    operation = "create"
    row = _living(company, resource, task.remote_id)
    if row is None and invoice.number:
        row = _holder(company, invoice, contact_id)
    if row is not None:
        if not _differences(company, row, invoice, contact_id):
            return row, Action.ADOPTED
        _clear(company, invoice, row, contact_id)
        operation = "again"
    body = sales.body(company, task, invoice, contact_id, operation)
    try:
        return company.client.create(resource, body), Action.CREATED
    except Fault as fault:
        raise sales.refusal(fault, invoice, body) from fault


def _holder(company: Company, invoice: Invoice, contact_id: str) -> Json | None:
    """Ours under that number, else nothing. Raises Rejected(duplicate_number) when a document of
    the customer has it that is not, or may not be, this one."""
    resource = resource_of(invoice)
    rows = _referenced(company, resource, invoice.number, contact_id, invoice.id)
    ours = [row for row in rows if marked(row, "invoice", invoice.id)]
    row = _living(company, resource, str((ours or rows)[0]["id"])) if rows else None
    if row is None or ours:
        return row
    found = _differences(company, row, invoice, contact_id)
    if not found and len(rows) == 1 and not owner(row, "invoice"):
        return row  # entered by hand, and the same to the cent
    detail = "; ".join((_words(row), *found))
    raise Rejected(Reason.DUPLICATE_NUMBER, field="number", detail=detail)


def _clear(company: Company, invoice: Invoice, row: Json, contact_id: str) -> None:
    """Voids what a dead transfer of this record left wrong. Raises Rejected when it may be
    anything else."""
    wrong = _differences(company, row, invoice, contact_id)
    left = sales.only_taxes_differ(row, invoice, contact_id) and sales.untouched(row, invoice)
    if not left:
        detail = "; ".join((_words(row), *wrong))
        raise Rejected(Reason.DIFFERS_FROM_BOOKS, detail=detail)
    void(company, resource_of(invoice), row, wrong, Reason.TAX_MISMATCH)


def _differences(company: Company, row: Json, invoice: Invoice, contact_id: str) -> tuple[str, ...]:
    cents = company.connection.component_cents_per_line
    return sales.differences(row, invoice, contact_id, cents)


def _words(row: Json) -> str:
    return say(
        "{system} document {name} (Id {id}, reference {reference}) of {customer} on {date}, total"
        " {total}",
        system=SHORT,
        name=row.get("displayed_as"),
        id=row.get("id"),
        reference=row.get("reference") or "-",
        customer=shown(row, "contact"),
        date=row.get("date"),
        total=money(row, "total_amount"),
    )


def _ref(row: Json) -> RemoteRef:
    """Membri's number is what a person looks for; without one, Sage's own."""
    reference = row.get("reference") or row.get("displayed_as") or row["id"]
    return RemoteRef(str(row["id"]), str(reference))
