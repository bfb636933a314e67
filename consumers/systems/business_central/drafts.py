"""What a transfer would send, without sending it.

What comes in: a task, whose customer and documents may be placeholders. What goes out: the requests
in order, made by the functions that the transfer uses. What only an earlier answer tells stands as
`‹…›`; what `transfer` writes only when it finds something (a stale draft, a namesake) is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from consumers.system import PENDING_CUSTOMER, Draft, DraftLine, Task, pending
from consumers.systems.business_central import credit_notes, customers, journal, payments, sales
from consumers.systems.business_central.company import Company
from consumers.systems.business_central.keys import is_guid
from consumers.systems.business_central.posting import Journalled
from consumers.systems.business_central.sales import kind_of
from schemas.records import Account, Invoice, JournalEntry, Payment

_BATCH = pending("batch")
_DRAFT = pending("draft")
Request = tuple[str, Mapping[str, Any]]


def of_customer(company: Company, task: Task, account: Account) -> Draft:
    if not task.remote_id:
        return Draft((("POST customers", customers.new_body(company, account)),))
    changes = customers.changes(company, task.remote_id, account)
    path = f"PATCH customers({task.remote_id})"
    return Draft(((path, changes),) if changes else ())


def of_sale(company: Company, task: Task, invoice: Invoice) -> Draft:
    kind = kind_of(invoice)
    customer_id = (task.customer or PENDING_CUSTOMER).remote_id
    corrected_id = _corrected_id(company, task, invoice)
    body = sales.body(company, invoice, customer_id, corrected_id)
    requests: tuple[Request, ...] = (
        (f"POST {kind.resource}", body),
        (f"POST {kind.resource}({_DRAFT})/Microsoft.NAV.post", {}),
    )
    return Draft(
        requests,
        lines=sales.draft_lines(company, invoice),
        gst=invoice.gst,
        qst=invoice.qst,
        total=invoice.total,
    )


def _corrected_id(company: Company, task: Task, invoice: Invoice) -> str:
    """As the transfer would find it; a placeholder stands for an invoice that is yet to go."""
    target = task.documents.get(invoice.corrects.id) if invoice.corrects is not None else None
    if target is not None and not is_guid(target.remote_id):
        return target.remote_id
    return credit_notes.corrected(company, task, invoice)


def of_payment(company: Company, task: Task, payment: Payment) -> Draft:
    customer_id = (task.customer or PENDING_CUSTOMER).remote_id
    record = payments.journalled(company, payment, customer_id, payments.targets(task, payment))
    lines = tuple(
        DraftLine(str(line["description"]), company.accounts.deposit, -line["amount"])
        for line in record.wanted.lines
    )
    posts = company.connection.post_payments_through_journals
    return Draft(tuple(_journal(record, posts=posts)), lines=lines, total=payment.amount)


def of_entry(company: Company, _: Task, entry: JournalEntry) -> Draft:
    record = journal.journalled(company, entry)
    (line,) = record.wanted.lines
    text = str(line["description"])
    lines = (
        DraftLine(text, str(line["accountNumber"]), entry.amount),
        DraftLine(text, str(line["balancingAccountNumber"]), -entry.amount),
    )
    return Draft(tuple(_journal(record, posts=True)), lines=lines, total=entry.amount)


def _journal(record: Journalled, *, posts: bool) -> list[Request]:
    """The batch, its lines, its posting, and its removal once posted."""
    pages = record.wanted.journal
    requests: list[Request] = [(f"POST {pages.resource}", record.wanted.batch)]
    to_lines = f"POST {pages.resource}({_BATCH})/{pages.lines}"
    requests += [(to_lines, line) for line in record.wanted.lines]
    if posts:
        requests.append((f"POST journals({_BATCH})/Microsoft.NAV.post", {}))
        requests.append((f"DELETE {pages.resource}({_BATCH})", {}))
    return requests
