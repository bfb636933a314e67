"""What the reference system would keep, without keeping it.

What comes in: the books and a task. What goes out: the very rows that posting makes, under an id
that only posting gives. Refused: a customer's key that somebody else has.
"""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal

from consumers.system import PENDING_CUSTOMER, Draft, DraftLine, Task, pending
from consumers.systems.reference import rows
from consumers.systems.reference.books import Books
from consumers.systems.reference.customers import Keys, free_key
from schemas.records import Account, Invoice, JournalEntry, Payment

NEW = pending("id")


def draft(books: Books, keys: Keys, task: Task) -> Draft:
    """Raises Rejected(duplicate_name, duplicate_number) for an account."""
    customer_id = (task.customer or PENDING_CUSTOMER).remote_id
    match task.record:
        case Account() as account if task.remote_id:
            return Draft((("PUT customers", {"id": task.remote_id, **rows.renewal(account)}),))
        case Account() as account:
            key = free_key(books, keys, account)
            body = asdict(rows.customer(NEW, account, key, by_number=keys.field == "number"))
            return Draft((("POST customers", body),))
        case Invoice() as invoice:
            return Draft(
                (("POST documents", asdict(rows.document(NEW, customer_id, invoice))),),
                lines=tuple(DraftLine(x.description, "", x.amount) for x in invoice.lines),
                gst=invoice.gst,
                qst=invoice.qst,
                total=invoice.total,
            )
        case Payment() as payment:
            row = rows.payment(NEW, customer_id, payment, _applied(task, payment))
            return Draft((("POST payments", asdict(row)),), total=payment.amount)
        case JournalEntry() as entry:
            body = asdict(rows.entry(NEW, entry))
            return Draft((("POST entries", body),), total=entry.amount)


def _applied(task: Task, payment: Payment) -> dict[str, Decimal]:
    """Document id → amount; what is not in the books yet stands under its placeholder."""
    applied: dict[str, Decimal] = {}
    for allocation in payment.allocations:
        known = task.documents.get(allocation.invoice.id)
        document_id = known.remote_id if known else pending("invoice")
        applied[document_id] = applied.get(document_id, Decimal(0)) + allocation.amount
    return applied
