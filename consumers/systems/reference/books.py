"""What the reference system keeps: plain rows, open to be read by tests.

What comes in: rows. What goes out: the same, found by id, by record, by number or by name.
"""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass, field
from decimal import Decimal

from schemas.money import ZERO


@dataclass
class CustomerRow:
    """`record_id` empty: somebody else made it."""

    id: str
    name: str
    number: str = ""
    email: str = ""
    record_id: str = ""
    active: bool = True
    updates: int = 0


@dataclass
class DocumentRow:
    """An invoice or a credit note. `balance`: what is still owed, or still to be used."""

    id: str
    kind: str
    number: str
    customer_id: str
    date: dt.date
    total: Decimal
    tax: Decimal
    balance: Decimal
    record_id: str = ""


@dataclass
class PaymentRow:
    """Money received, or (amount 0) a credit note applied. `applied`: document id → amount."""

    id: str
    customer_id: str
    date: dt.date
    amount: Decimal
    applied: dict[str, Decimal]
    number: str = ""
    record_id: str = ""


@dataclass
class EntryRow:
    id: str
    date: dt.date
    amount: Decimal
    record_id: str = ""


def key_of(row: CustomerRow) -> str:
    """What a person looks for."""
    return row.number or row.name


Row = CustomerRow | DocumentRow | PaymentRow | EntryRow


@dataclass
class Books:
    """Everything that was committed. Not locked: the system that owns it does that.

    `by_key`: customers by what a person looks for, their number where they have one."""

    customers: dict[str, CustomerRow] = field(default_factory=dict)
    documents: dict[str, DocumentRow] = field(default_factory=dict)
    payments: dict[str, PaymentRow] = field(default_factory=dict)
    entries: dict[str, EntryRow] = field(default_factory=dict)
    by_record: dict[tuple[type[Row], str], Row] = field(default_factory=dict)
    by_key: dict[str, CustomerRow] = field(default_factory=dict)
    by_number: dict[tuple[str, str], DocumentRow] = field(default_factory=dict)
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def next_id(self) -> str:
        return str(next(self.ids))

    def add(self, row: Row) -> None:
        """Keeps a new row."""
        if row.record_id:
            self.by_record[type(row), row.record_id] = row
        match row:
            case CustomerRow():
                self.customers[row.id] = row
                self.by_key[key_of(row).casefold()] = row
            case DocumentRow():
                self.documents[row.id] = row
                if row.number:
                    self.by_number[row.kind, row.number] = row
            case PaymentRow():
                self.payments[row.id] = row
            case EntryRow():
                self.entries[row.id] = row

    def rename(self, row: CustomerRow, name: str) -> None:
        self.by_key.pop(key_of(row).casefold(), None)
        row.name = name
        self.by_key[key_of(row).casefold()] = row

    def customer(self, key: str) -> CustomerRow | None:
        """The customer whom a person finds by that name or number."""
        return self.by_key.get(key.strip().casefold())

    def owed(self) -> Decimal:
        """What all invoices together still owe."""
        return sum((d.balance for d in self.documents.values() if d.kind == "invoice"), ZERO)
