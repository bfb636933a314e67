"""A record of Membri as a row of the reference books: what is posted, and what is drafted."""

from __future__ import annotations

from decimal import Decimal

from consumers.systems.reference.books import CustomerRow, DocumentRow, EntryRow, PaymentRow
from schemas.records import Account, Invoice, JournalEntry, Payment


def customer(row_id: str, account: Account, key: str, *, by_number: bool) -> CustomerRow:
    """`key`: the free number or name under which the customer will be found."""
    name, number = (account.name.strip(), key) if by_number else (key, "")
    return CustomerRow(row_id, name, number, account.email, account.id)


def renewal(account: Account) -> dict[str, str]:
    """What an update changes."""
    return {"name": account.name.strip(), "email": account.email}


def document(row_id: str, customer_id: str, invoice: Invoice) -> DocumentRow:
    return DocumentRow(
        row_id,
        invoice.kind,
        invoice.number,
        customer_id,
        invoice.date,
        invoice.total,
        invoice.gst + invoice.qst,
        invoice.total,
        invoice.id,
    )


def payment(
    row_id: str, customer_id: str, paid: Payment, applied: dict[str, Decimal]
) -> PaymentRow:
    return PaymentRow(row_id, customer_id, paid.date, paid.amount, applied, paid.number, paid.id)


def entry(row_id: str, journal: JournalEntry) -> EntryRow:
    return EntryRow(row_id, journal.date, journal.amount, journal.id)
