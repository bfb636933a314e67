"""What a transfer would send, without sending it: the very bodies, made by the same functions.

What comes in: a task. What goes out: its requests, and the same for people. Raised: Rejected when
nothing could be sent, Unavailable, Transient. What only an earlier answer will tell stands as
`‹…›`.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from consumers.errors import Rejected
from consumers.system import PENDING_CUSTOMER, Draft, DraftLine, RemoteRef, Task, pending
from consumers.systems.sage_accounting import (
    contacts,
    credit_notes,
    customers,
    journal,
    payments,
    sales,
)
from consumers.systems.sage_accounting.client import ROOTS, Resource
from consumers.systems.sage_accounting.company import Company, text_of
from consumers.systems.sage_accounting.faults import Json
from consumers.systems.sage_accounting.lists import Purpose
from consumers.systems.sage_accounting.settings import SHORT
from schemas.money import ZERO
from schemas.reasons import Reason
from schemas.records import Account, Invoice, JournalEntry, Payment
from schemas.sentences import say


def _complete(task: Task, record: Invoice | Payment) -> tuple[Task, str]:
    """The task with a stand-in for whatever is not in the books yet, and the contact's id."""
    needed = []
    if isinstance(record, Invoice) and record.corrects is not None:
        needed = [record.corrects]
    elif isinstance(record, Payment):
        needed = [allocation.invoice for allocation in record.allocations]
    documents = {
        one.id: RemoteRef(pending(f"invoice {one.number or one.id}"), one.number) for one in needed
    }
    customer = task.customer or PENDING_CUSTOMER
    complete = replace(task, customer=customer, documents={**documents, **task.documents})
    return complete, customer.remote_id


def _post(resource: Resource, body: Json) -> tuple[str, Json]:
    return f"POST /{resource}", {ROOTS[resource]: body}


def of_account(company: Company, task: Task, account: Account) -> Draft:
    if not task.remote_id:
        name, number = customers.free_name(company, account)
        operation = customers.operation_of(number)
        body = contacts.created(company, task, account, name, operation)
        return Draft((_post("contacts", body),))
    row = company.client.read("contacts", task.remote_id)
    if row is None:
        detail = say("{system} customer Id {id} does not exist", system=SHORT, id=task.remote_id)
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field="reference", detail=detail)
    changed = contacts.changes(company, account, row)
    put = (f"PUT /contacts/{task.remote_id}", {"contact": changed})
    return Draft((put,) if changed else ())


def of_invoice(company: Company, task: Task, invoice: Invoice) -> Draft:
    task, contact_id = _complete(task, invoice)
    resource = sales.resource_of(invoice)
    body = sales.body(company, task, invoice, contact_id)
    requests = [_post(resource, body)]
    if invoice.corrects is not None and not sales.left_by_hand(company, invoice):
        target = task.documents[invoice.corrects.id].remote_id
        corrected = company.client.read("sales_invoices", target)  # None before it is transferred
        total = invoice.total
        amount = credit_notes.applicable(corrected, total) if corrected is not None else total
        applied = credit_notes.allocation(
            task, contact_id, target, pending("credit note"), text_of(amount)
        )
        requests += [_post("contact_allocations", applied)] if amount > ZERO else []
    return Draft(
        tuple(requests),
        sales.draft_lines(company, invoice, body),
        invoice.gst,
        invoice.qst,
        invoice.total,
    )


def of_payment(company: Company, task: Task, payment: Payment) -> Draft:
    task, contact_id = _complete(task, payment)
    allocated = payments.artefacts(task, payment)
    body = payments.body(company, task, payment, contact_id, allocated)
    bank = _shown(company, "bank", company.accounts.deposit)
    numbers = {ref.remote_id: ref.reference for ref in task.documents.values()}
    lines = tuple(DraftLine(numbers.get(one) or one, bank, amount) for one, amount in allocated)
    return Draft((_post("contact_payments", body),), lines, total=payment.amount)


def of_entry(company: Company, task: Task, entry: JournalEntry) -> Draft:
    body = journal.body(company, task, entry)
    named = (company.accounts.deferred_revenue, company.accounts.earned)
    lines = tuple(
        DraftLine(
            one["details"],
            _shown(company, "journals", value),
            Decimal(one["debit"]) - Decimal(one["credit"]),
        )
        for one, value in zip(body["journal_lines"], named, strict=True)
    )
    return Draft((_post("journals", body),), lines, total=entry.amount)


def _shown(company: Company, purpose: Purpose, value: str) -> str:
    """How Sage shows the account or bank that a setting names."""
    row = company.lists.entry(company.client, purpose, value) or {}
    return str(row.get("displayed_as") or value)
