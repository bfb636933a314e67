"""Invoices and credit notes: found by number or marker, posted once, exact to the cent or not.

What comes in: an invoice or a credit note. What goes out: the posted document, its total and taxes
compared to the cent. Refused: a number that something else has, taxes that Sage 300 computes
otherwise (the batch is set aside before it is posted), what a posting moved to an error batch.
"""

from __future__ import annotations

from consumers.errors import Rejected
from consumers.system import PENDING_CUSTOMER, Draft, Found, Lookup, Receipt, RemoteRef, Task
from consumers.systems.sage_300 import batches, credit_notes, customers, documents, sales
from consumers.systems.sage_300.batches import INVOICES
from consumers.systems.sage_300.company import Company, money
from consumers.systems.sage_300.diagnosis import explained, problem
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.markers import (
    NUMBER_MAX,
    document_number,
    marker,
    owner,
    parts,
    remote_id,
)
from consumers.systems.sage_300.posting import Plan, Posted, post, requests
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Invoice
from schemas.sentences import say


def find(company: Company, lookup: Lookup) -> Found | None:
    """The document of an invoice or a credit note, posted or on its way.

    Raises Rejected(ambiguous) when several customers have that number and none is ours,
    Unavailable, Transient.
    """
    record = lookup.record if isinstance(lookup.record, Invoice) else None
    customer = lookup.customer.remote_id if lookup.customer else ""
    own_customer, number = parts(lookup.remote_id)
    number = number or lookup.reference.strip().upper()
    number = number or document_number(lookup.number, lookup.record_id)
    row = _choose(company, number, own_customer or customer, lookup.record_id)
    if row is not None:
        return _found(company, lookup, record, row, customer)
    if lookup.reference and not lookup.remote_id:
        return None  # what a person typed is posted, or it is not there
    return _on_its_way(company, lookup, record, customer)


def _choose(company: Company, number: str, customer: str, record_id: str) -> Json | None:
    """The posted document of that number: the customer's own, else the one with our marker."""
    if len(number) > NUMBER_MAX:
        return None
    rows = documents.posted(company, number)
    own = [row for row in rows if customer and row.get("CustomerNumber") == customer]
    rows = own or rows
    if len(rows) <= 1:
        return rows[0] if rows else None
    mine = [row for row in rows if _is_marked(documents.invoice_origin(company, row), record_id)]
    if len(mine) == 1:
        return mine[0]
    detail = "; ".join(documents.words(company, row) for row in rows)
    raise Rejected(Reason.AMBIGUOUS, field="number", detail=detail)


def _is_marked(origin: documents.Origin, record_id: str) -> bool:
    return origin.description == marker("invoice", record_id)


def _found(
    company: Company, lookup: Lookup, record: Invoice | None, row: Json, customer: str
) -> Found:
    origin = documents.invoice_origin(company, row)
    mine = _is_marked(origin, lookup.record_id)
    wrong = _differences(company, row, origin, record, customer) if record else ()
    if mine and record is not None:
        wrong = (*wrong, *sales.dated_otherwise(origin.entry or row, record))
    other = owner(origin.description, "invoice")
    if other and not mine:
        wrong = (*wrong, say("it is the Membri invoice {id}", id=other))
    unfinished = False
    if mine and record is not None and not wrong and not (lookup.remote_id or lookup.reference):
        unfinished = not credit_notes.is_applied(company, record, row)
    return Found(
        _ref(row),
        by_marker=mine,
        differences=wrong,
        balance=documents.due(company, row),
        unfinished=unfinished,
    )


def _differences(
    company: Company, row: Json, origin: documents.Origin, record: Invoice, customer: str
) -> tuple[str, ...]:
    """By the entry while its batch is there, else by what the posted document tells."""
    if origin.entry is not None:
        # A typed reference is the number that counts, whatever Membri's own is.
        number = {"DocumentNumber": document_number(record.number, record.id)}
        return sales.differences({**origin.entry, **number}, record, customer)
    figures = {
        "DocumentTotalIncludingTax": documents.total(company, row),
        "TaxTotal": record.gst + record.qst,
        "DocumentNumber": document_number(record.number, record.id),
    }
    return sales.differences({**row, **figures}, record, customer)


def _on_its_way(
    company: Company, lookup: Lookup, record: Invoice | None, customer: str
) -> Found | None:
    """By the marker among batches: not posted yet, or posted and cleared since."""
    rows = batches.standing(company, INVOICES, marker("invoice", lookup.record_id))
    for row in rows:
        entry = next(iter(batches.entries(INVOICES, row)), {})
        is_posted = batches.stage_of(INVOICES, row) is batches.Stage.POSTED
        wrong: tuple[str, ...] = ()
        if record is not None and is_posted:
            wrong = sales.differences(entry, record, customer)
            wrong = (*wrong, *sales.dated_otherwise(entry, record))
        number = str(entry.get("DocumentNumber") or "")
        holder = str(entry.get("CustomerNumber") or "")
        return Found(
            RemoteRef(remote_id(holder, number), number),
            by_marker=True,
            differences=wrong,
            balance=None if is_posted else money(entry, "DocumentTotalIncludingTax"),
            unfinished=not is_posted,
        )
    return None


# --- transfer ---------------------------------------------------------------------------------


def transfer(company: Company, task: Task, invoice: Invoice) -> Receipt:
    """Posts the document, or takes it up where it stands. Raises any of consumers.errors."""
    customer = _customer(task)
    number = document_number(invoice.number, invoice.id)
    row = documents.owned(company, customer, number)
    action = Action.ADOPTED
    if row is None:
        customers.usable(company, customer, invoice.currency)
        target = credit_notes.target(company, task, invoice)
        credit_notes.refuse_early(company, invoice, target)
        plan = _plan(company, invoice, customer, credit_notes.at_posting(company, invoice, target))
        posted = post(company, task.steps, plan)
        row = _verified(company, task, invoice, plan, posted)
        action = Action.CREATED if posted.made else Action.ADOPTED
    else:
        _refuse_another(company, invoice, row, customer)
    credit_notes.finish(company, task, invoice, row)
    return Receipt(_ref(row), action)


def draft(company: Company, task: Task, invoice: Invoice) -> Draft:
    """The requests of `transfer`, from the same bodies. Raises Rejected, Unavailable."""
    customer = (task.customer or PENDING_CUSTOMER).reference
    target = credit_notes.known_target(company, task, invoice)
    plan = _plan(company, invoice, customer, credit_notes.at_posting(company, invoice, target))
    steps = [*requests(company, plan), *credit_notes.draft(company, invoice, customer, target)]
    sent = company.connection.send_tax_amounts
    return Draft(
        requests=tuple(steps),
        lines=sales.draft_lines(plan.body),
        gst=invoice.gst if sent else None,
        qst=invoice.qst if sent else None,
        total=invoice.total if sent else None,
    )


def _customer(task: Task) -> str:
    if task.customer is None:
        raise ValueError("an invoice is transferred to a customer")
    return task.customer.remote_id


def _plan(company: Company, invoice: Invoice, customer: str, apply_to: str) -> Plan:
    number = document_number(invoice.number, invoice.id)

    def is_ours(entry: Json) -> bool:
        return (
            str(entry.get("CustomerNumber")) == customer
            and str(entry.get("DocumentNumber")) == number
        )

    body = sales.body(company, invoice, customer, apply_to)
    return Plan(
        kind=INVOICES,
        description=marker("invoice", invoice.id),
        body=body,
        differences=lambda entry: (
            *sales.differences(entry, invoice, customer),
            *_applies_elsewhere(entry, apply_to),
        ),
        refusal=lambda entry, wrong: sales.mismatch(entry, invoice, company.taxes(), tuple(wrong)),
        is_ours=is_ours,
        outdated=lambda entry: sales.outdated(entry, body),
    )


def _applies_elsewhere(entry: Json, apply_to: str) -> tuple[str, ...]:
    """What the corrected invoice owes may have changed since an earlier try: then the credit is
    applied otherwise, and its batch is made anew."""
    held = str(entry.get("ApplytoDocument") or "")
    return () if held == apply_to else (f"ApplytoDocument: {held or '-'} ≠ {apply_to or '-'}",)


def _refuse_another(company: Company, invoice: Invoice, row: Json, customer: str) -> None:
    """Raises Rejected(duplicate_number) unless the posted document is this very record."""
    origin = documents.invoice_origin(company, row)
    wrong = _differences(company, row, origin, invoice, customer)
    mine = _is_marked(origin, invoice.id)
    if mine:
        wrong = (*wrong, *sales.dated_otherwise(origin.entry or row, invoice))
    if mine and not wrong:
        return
    if mine:
        raise Rejected(Reason.DIFFERS_FROM_BOOKS, detail="; ".join(wrong))
    raise _duplicate(company, invoice, row, wrong)


def _duplicate(
    company: Company, invoice: Invoice, row: Json, wrong: tuple[str, ...] = ()
) -> Rejected:
    figures = f"Membri {invoice.total}"
    detail = "; ".join((documents.words(company, row), figures, *wrong))
    return Rejected(Reason.DUPLICATE_NUMBER, field="number", detail=detail)


def _verified(company: Company, task: Task, invoice: Invoice, plan: Plan, posted: Posted) -> Json:
    """The posted document of that very batch; its entry was compared before it was posted. Raises
    Rejected when the posting moved it to an error batch."""
    customer, number = _customer(task), document_number(invoice.number, invoice.id)
    row = documents.owned(company, customer, number)
    if row is not None and documents.is_of(row, posted):
        held = documents.total(company, row)
        if held != invoice.total:
            detail = f"{documents.words(company, row)} ≠ Membri {invoice.total}"
            raise Rejected(Reason.DIFFERS_FROM_BOOKS, field="total", detail=detail)
        return row
    cause = _duplicate(company, invoice, row) if row is not None else None
    cause = cause or credit_notes.exceeding(company, task, invoice)
    company.lists.forget()
    cause = cause or problem(sales.check(company, invoice))
    raise explained(company, task.steps, plan, posted, cause)


def _ref(row: Json) -> RemoteRef:
    number = str(row["DocumentNumber"])
    return RemoteRef(remote_id(str(row["CustomerNumber"]), number), number)
