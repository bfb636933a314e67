"""One chapter of a world being written: its desk in Membri, its company's books, its cases."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from ops.sandbox.world.company import BookCustomer, BookDocument, Company
from ops.sandbox.world.membri_rows import Desk, Line, Row, figures
from ops.sandbox.world.names import (
    FIRST_NAMES,
    LAST_NAMES,
    ORGANISATION_FORMS,
    ORGANISATION_KINDS,
    ORGANISATION_NAMES,
    PRODUCTS,
)

LISTED = (20, 35, 55, 80, 120, 175, 240, 310, 450, 625)
ODD_CENTS = ("0.00", "0.10", "0.25", "0.30", "0.45", "0.50", "0.70", "0.95", "0.99")


@dataclass
class Scene:
    """`cases`: the name of each situation → ids of the records it is about."""

    desk: Desk
    company: Company
    rng: random.Random
    cases: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    taken: set[str] = field(default_factory=set)

    def case(self, name: str, row: Row) -> Row:
        """Files a record under a situation."""
        for key in ("membri_paymentid", "invoiceid", "accountid"):
            if key in row:
                self.cases[name].append(row[key])
                return row
        raise ValueError(f"{name}: neither account, invoice nor payment")

    def name(self) -> str:
        """A name nobody has yet in this chapter: a person's or an organisation's."""
        name = self._person() if self.rng.random() < 0.4 else self._organisation()
        if name.casefold() in self.taken:
            name = f"{name} (section {len(self.taken)})"
        self.taken.add(name.casefold())
        return name

    def lines(self, kind: str, count: int = 0) -> list[Line]:
        """What an invoice of that type bills: 1 to 6 lines, taxable or exempt."""
        count = count or self.rng.choice((1, 1, 1, 2, 2, 3, 4, 5, 6))
        always_exempt = kind in ("donation", "opening_balance")
        return [
            Line(
                self.rng.choice(PRODUCTS[kind]),
                self.rng.choice(LISTED) + Decimal(self.rng.choice(ODD_CENTS)),
                Decimal(self.rng.choice((1, 1, 1, 1, 2, 3, 12))),
                taxable=not always_exempt and self.rng.random() < 0.85,
            )
            for _ in range(count)
        ]

    def member(self, name: str = "") -> Row:
        """An account flagged new, that an invoice will bring into the books."""
        return self.desk.account(name or self.name())

    def known_member(self, name: str = "") -> tuple[Row, BookCustomer]:
        """An account that we transferred earlier, and its customer."""
        return self._known(name or self.name(), "transferred", "")

    def changed_member(self, before: str, now: str) -> Row:
        """One that we transferred under the name before, and whose name and phone changed since."""
        row, customer = self._known(now, "to_transfer", "418-555-0199")
        customer.name, customer.phone = before, "418-555-0100"
        if self.company.traits.key == "name":
            customer.key = before
        row["membri_syncreference"] = customer.key
        return row

    def _known(self, name: str, status: str, phone: str) -> tuple[Row, BookCustomer]:
        row = self.desk.account(name, status=status, phone=phone or None)
        customer = self.company.customer(name, number=row["accountnumber"], record=row["accountid"])
        row["membri_syncreference"] = customer.key
        return row, customer

    def known_invoice(
        self, account: Row, customer: BookCustomer, lines: list[Line]
    ) -> tuple[Row, BookDocument]:
        """An invoice that we transferred earlier, and its document."""
        row = self.desk.invoice(account, "event", lines, status="transferred")
        document = self.company.invoice(
            customer,
            lines,
            number=row["invoicenumber"],
            day=dt.date.fromisoformat(row["membri_invoicedate"]),
            record=row["invoiceid"],
        )
        row["membri_syncreference"] = document.number
        return row, document

    def known_payment(self, invoice: Row, document: BookDocument, amount: Decimal) -> Row:
        """A payment that we transferred earlier."""
        row = self.desk.payment(invoice, amount, status="transferred")
        paid = self.company.payment(document, amount, record=row["membri_paymentid"])
        row["membri_syncreference"] = paid.id
        return row

    def _person(self) -> str:
        return f"{self.rng.choice(FIRST_NAMES)} {self.rng.choice(LAST_NAMES)}"

    def _organisation(self) -> str:
        parts = (
            self.rng.choice(ORGANISATION_KINDS),
            self.rng.choice(ORGANISATION_NAMES),
            self.rng.choice(ORGANISATION_FORMS),
        )
        return " ".join(part for part in parts if part)


def amount_of(lines: list[Line]) -> Decimal:
    """The total of an invoice with these lines, taxes included."""
    return figures(lines)[3]
