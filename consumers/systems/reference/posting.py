"""How the reference system posts a record: one commit, or a refusal and nothing at all.

What comes in: the books and a task. What goes out: a receipt. Refused: taken numbers, payments
above what is owed, documents that are not there.
"""

from __future__ import annotations

from decimal import Decimal

from consumers.errors import Rejected
from consumers.system import Receipt, RemoteRef, Task
from consumers.systems.reference import rows
from consumers.systems.reference.books import (
    Books,
    CustomerRow,
    DocumentRow,
    EntryRow,
    PaymentRow,
    Row,
    key_of,
)
from consumers.systems.reference.customers import Keys, put
from schemas.money import ZERO, total
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Account, Invoice, JournalEntry, Payment, Record
from schemas.sentences import say


def post(books: Books, keys: Keys, task: Task) -> Receipt:
    """Raises Rejected; then the books are as they were."""
    match task.record:
        case Account():
            return put(books, keys, task, task.record)
        case Invoice():
            return _invoice(books, task, task.record)
        case Payment():
            return _payment(books, task, task.record)
        case JournalEntry():
            row = rows.entry(books.next_id(), task.record)
            books.add(row)
            return Receipt(ref(row), Action.CREATED)


def ref(row: Row) -> RemoteRef:
    """The row's id, and what a person looks for."""
    match row:
        case CustomerRow():
            return RemoteRef(row.id, key_of(row))
        case DocumentRow() | PaymentRow():
            return RemoteRef(row.id, row.number or row.id)
        case EntryRow():
            return RemoteRef(row.id, row.id)


def differences(
    row: DocumentRow | PaymentRow | EntryRow, record: Record | None, customer: RemoteRef | None
) -> tuple[str, ...]:
    """What the books have otherwise than the record, both figures in words."""
    held = row.total if isinstance(row, DocumentRow) else row.amount
    wanted = getattr(record, "total", getattr(record, "amount", held))
    found = [] if held == wanted else [f"{held} ≠ Membri {wanted}"]
    holder = getattr(row, "customer_id", "")
    if customer is not None and holder and holder != customer.remote_id:
        found.append(
            say(
                "customer {found} in the books ≠ {expected}",
                found=holder,
                expected=customer.remote_id,
            )
        )
    return tuple(found)


def _customer_id(books: Books, task: Task) -> str:
    if task.customer is None or task.customer.remote_id not in books.customers:
        known = task.customer.remote_id if task.customer else ""
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field="account", detail=known)
    if not books.customers[task.customer.remote_id].active:
        raise Rejected(Reason.CUSTOMER_INACTIVE, field="account", detail=task.customer.reference)
    return task.customer.remote_id


def _invoice(books: Books, task: Task, invoice: Invoice) -> Receipt:
    customer_id = _customer_id(books, task)
    holder = books.by_number.get((invoice.kind, invoice.number)) if invoice.number else None
    if holder is not None:
        told = "; ".join(differences(holder, invoice, task.customer)) or holder.id
        raise Rejected(Reason.DUPLICATE_NUMBER, field="number", detail=told)
    corrected = _document(books, task, invoice.corrects.id) if invoice.corrects else None
    row = rows.document(books.next_id(), customer_id, invoice)
    books.add(row)
    if corrected is not None:
        amount = min(corrected.balance, row.balance)
        if amount > ZERO:
            _apply(books, row, corrected, amount)
    return Receipt(ref(row), Action.CREATED)


def _apply(books: Books, credit: DocumentRow, invoice: DocumentRow, amount: Decimal) -> None:
    invoice.balance -= amount
    credit.balance -= amount
    applied = {invoice.id: amount, credit.id: amount}
    books.add(PaymentRow(books.next_id(), invoice.customer_id, credit.date, ZERO, applied))


def _payment(books: Books, task: Task, payment: Payment) -> Receipt:
    customer_id = _customer_id(books, task)
    applied: dict[str, Decimal] = {}
    for allocation in payment.allocations:
        document = _document(books, task, allocation.invoice.id)
        applied[document.id] = applied.get(document.id, ZERO) + allocation.amount
    for document_id, amount in applied.items():
        document = books.documents[document_id]
        if amount > document.balance:
            detail = f"{amount} > {document.balance} ({document.number})"
            raise Rejected(Reason.PAYMENT_EXCEEDS_BALANCE, field="amount", detail=detail)
    if total(applied.values()) > payment.amount:
        raise Rejected(Reason.TOTALS_DIFFER, field="amount", detail=str(payment.amount))
    for document_id, amount in applied.items():
        books.documents[document_id].balance -= amount
    row = rows.payment(books.next_id(), customer_id, payment, applied)
    books.add(row)
    return Receipt(ref(row), Action.CREATED)


def _document(books: Books, task: Task, invoice_id: str) -> DocumentRow:
    known = task.documents.get(invoice_id)
    row = books.documents.get(known.remote_id) if known else None
    if row is None:
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field="invoice", detail=invoice_id)
    return row
