"""The books of one company before we come: customers, suppliers, documents made by hand or earlier.

In: what an accountant entered. Out: plain facts for the expectation (`customers`, `documents`, …),
and the same as the seed of whichever simulated system keeps these books (`seed`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from ops.sandbox.kernel.books import (
    SeedCompany,
    SeedCustomer,
    SeedDocument,
    SeedLine,
    SeedPayment,
)
from ops.sandbox.world.membri_rows import Line, figures
from ops.sandbox.world.taxes import ZERO
from ops.sandbox.world.traits import Traits, short_number

FIRST_ID = 5000
"""Above every id of a default company (items, accounts, tax codes)."""


@dataclass
class BookCustomer:
    """`key`: what a person finds it by. `record`: the account of Membri that an earlier transfer
    made it from; empty when a person did."""

    id: str
    key: str
    name: str
    record: str = ""
    phone: str = ""


@dataclass
class BookDocument:
    """An invoice. `record`: the one of Membri it was made from. `balance`: still open, dollars."""

    id: str
    customer: BookCustomer
    number: str
    day: dt.date
    lines: Sequence[Line]
    record: str = ""
    balance: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return figures(self.lines)[3]

    @property
    def tax(self) -> Decimal:
        _, gst, qst, _ = figures(self.lines)
        return gst + qst


@dataclass
class BookPayment:
    """Money received on one document."""

    id: str
    document: BookDocument
    amount: Decimal
    day: dt.date
    record: str = ""


@dataclass
class Company:
    """One company's books. `closed_until`: the last day of the closed period."""

    key: str
    name: str
    closed_until: dt.date
    traits: Traits
    customers: list[BookCustomer] = field(default_factory=list)
    suppliers: list[str] = field(default_factory=list)
    documents: list[BookDocument] = field(default_factory=list)
    payments: list[BookPayment] = field(default_factory=list)
    last_id: int = FIRST_ID

    def customer(
        self, name: str, *, number: str = "", record: str = "", phone: str = ""
    ) -> BookCustomer:
        """`number`: its own where customers have one; made up for one that a person entered."""
        made = self._next_id()
        key = (number or f"H{made}") if self.traits.key == "number" else name
        found = BookCustomer(made, key, name, record, phone)
        self.customers.append(found)
        return found

    def supplier(self, name: str) -> None:
        self.suppliers.append(name)

    def invoice(
        self,
        customer: BookCustomer,
        lines: Sequence[Line],
        *,
        number: str,
        day: dt.date,
        record: str = "",
    ) -> BookDocument:
        document = BookDocument(self._next_id(), customer, number, day, tuple(lines), record)
        document.balance = document.total
        self.documents.append(document)
        return document

    def payment(self, document: BookDocument, amount: Decimal, *, record: str = "") -> BookPayment:
        """Raises ValueError when more is paid than is open."""
        if amount > document.balance:
            raise ValueError(f"{document.number}: {amount} paid on a balance of {document.balance}")
        payment = BookPayment(self._next_id(), document, amount, document.day, record)
        document.balance -= amount
        self.payments.append(payment)
        return payment

    def seed(self) -> SeedCompany:
        """The books as the simulated system takes them."""
        return SeedCompany(
            self.name,
            self.closed_until,
            tuple(
                SeedCustomer(c.id, c.key, c.name, self._mark("account", c.record), c.phone)
                for c in self.customers
            ),
            tuple(self.suppliers),
            tuple(
                SeedDocument(
                    d.id,
                    d.customer.id,
                    d.number,
                    d.day,
                    tuple(SeedLine(line.product, line.net, line.taxable) for line in d.lines),
                    self._mark("invoice", d.record),
                )
                for d in self.documents
            ),
            tuple(
                SeedPayment(
                    p.id,
                    p.document.id,
                    p.amount,
                    p.day,
                    short_number("MP", p.record) if p.record else "",
                    self._mark("payment", p.record),
                )
                for p in self.payments
            ),
        )

    def _mark(self, what: str, record: str) -> str:
        return self.traits.mark(what, record) if record else ""

    def _next_id(self) -> str:
        self.last_id += 1
        return str(self.last_id)
