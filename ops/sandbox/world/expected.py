"""What must be true once everything that can go went: statuses in Membri, books to the cent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True)
class RecordOutcome:
    """The end of one record. `status`: code name, empty when Membri's column stays empty.

    `reason`: why it is in error, when we put it there; `waiting`: why it is still to transfer
    (`dues_unpaid` and accounts without a status are never published: only Membri shows them).
    `moved`: our work made it `transferred`. `reference`: the exact sync reference, None when any
    that names the document in the books will do.
    """

    entity: str
    chapter: str
    status: str
    reason: str = ""
    waiting: str = ""
    moved: bool = False
    reference: str | None = None


@dataclass(frozen=True)
class ExpectedCustomer:
    """`marker` and `phone` are compared when not empty."""

    name: str
    marker: str = ""
    phone: str = ""


@dataclass
class ExpectedDocument:
    """An invoice or a credit memo: dollars, to the cent."""

    kind: str
    number: str
    customer: str
    total: Decimal
    tax: Decimal
    balance: Decimal


@dataclass(frozen=True)
class ExpectedPayment:
    """Money on documents: `applied` maps a document's key to the amount put on it."""

    customer: str
    total: Decimal
    applied: dict[str, Decimal]


@dataclass
class ExpectedBooks:
    """One company. Documents and payments are keyed by their marker, or by `Entity:Id` when a
    person made them; applications by the id of their credit note."""

    customers: dict[str, ExpectedCustomer] = field(default_factory=dict)
    documents: dict[str, ExpectedDocument] = field(default_factory=dict)
    payments: dict[str, ExpectedPayment] = field(default_factory=dict)
    applications: dict[str, ExpectedPayment] = field(default_factory=dict)
    vendors: tuple[str, ...] = ()


@dataclass
class Expected:
    """Records by id, books by realm."""

    records: dict[str, RecordOutcome] = field(default_factory=dict)
    realms: dict[str, ExpectedBooks] = field(default_factory=dict)

    def errors(self) -> Counter[str]:
        """How many records we put in error, by reason."""
        return Counter(o.reason for o in self.records.values() if o.reason)

    def waiting(self) -> Counter[str]:
        """How many records still wait, by what they wait for."""
        return Counter(o.waiting for o in self.records.values() if o.waiting)

    def transferred(self) -> Counter[str]:
        """How many records our work makes `transferred`, by entity."""
        return Counter(o.entity for o in self.records.values() if o.moved)

    def of(self, entity: str) -> Iterator[tuple[str, RecordOutcome]]:
        return ((key, o) for key, o in self.records.items() if o.entity == entity)


def invoice_marker(record_id: str) -> str:
    """The PrivateNote of an invoice or a credit memo."""
    return f"membri:invoice:{record_id}"


def payment_marker(record_id: str) -> str:
    return f"membri:payment:{record_id}"


def account_marker(record_id: str) -> str:
    """The Notes of a customer we made."""
    return f"membri:account:{record_id}"


APPLICATION_MARKER = "membri:application:"
"""Starts the PrivateNote of the zero payment that applies a credit note; its id follows."""
