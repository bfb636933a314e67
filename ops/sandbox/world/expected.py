"""What must be true once everything that can go went: statuses in Membri, books to the cent."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
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


@dataclass
class ExpectedCustomer:
    """`record`: the account we made it from, empty when we did not. `phone` is compared when not
    empty."""

    key: str
    name: str
    record: str = ""
    phone: str = ""


@dataclass
class ExpectedDocument:
    """An invoice or a credit note: dollars, to the cent. `customer`: its key. `number` empty:
    Membri gave it none."""

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


@dataclass(frozen=True, order=True)
class ExpectedEntry:
    """One period of a deferred revenue, in dollars."""

    day: dt.date
    amount: Decimal


@dataclass
class ExpectedBooks:
    """One company. Documents and payments are keyed by the id of their record in Membri, or by
    `by hand <id>` when a person made them; applications by the id of their credit note. `entries`
    are there once their day has come, or at once where `upfront`."""

    system: str
    chapter: str
    customers: dict[str, ExpectedCustomer] = field(default_factory=dict)
    documents: dict[str, ExpectedDocument] = field(default_factory=dict)
    payments: dict[str, ExpectedPayment] = field(default_factory=dict)
    applications: dict[str, tuple[str, Decimal]] = field(default_factory=dict)
    suppliers: Sequence[str] = ()
    entries: list[ExpectedEntry] = field(default_factory=list)
    upfront: bool = False

    def entries_on(self, today: dt.date) -> list[ExpectedEntry]:
        """Those that must be in the books by then."""
        return sorted(one for one in self.entries if self.upfront or one.day <= today)


@dataclass
class Expected:
    """Records by id, books by the key of their company."""

    records: dict[str, RecordOutcome] = field(default_factory=dict)
    companies: dict[str, ExpectedBooks] = field(default_factory=dict)

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


def by_hand(book_id: str) -> str:
    """The key of what a person made in the books."""
    return f"by hand {book_id}"
