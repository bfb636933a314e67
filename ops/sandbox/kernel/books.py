"""Books in words that no accounting system owns: what to seed a simulated company with, and what
is in it.

In: the world's companies. Out: the same figures whatever the system, so that one comparison reads
them all. Every simulated system takes `SeedCompany` and gives `CompanyBooks`; `Simulation` says how
it is built and how it is configured. Amounts are Decimals in dollars, days are dates.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from ops.sandbox.kernel.serving import Served, System
from ops.sandbox.kernel.store import Store

Kind = Literal["invoice", "credit_note"]


@dataclass(frozen=True)
class SeedCustomer:
    """`id`: the world's own; `key`: its number or its name, as the system finds customers."""

    id: str
    key: str
    name: str
    note: str = ""
    phone: str = ""


@dataclass(frozen=True)
class SeedLine:
    description: str
    net: Decimal
    taxable: bool = True


@dataclass(frozen=True)
class SeedDocument:
    """A posted invoice. `number`: what a person finds it by; `note`: where our marker stands in
    that system; `customer`: a SeedCustomer's id."""

    id: str
    customer: str
    number: str
    day: dt.date
    lines: Sequence[SeedLine]
    note: str = ""


@dataclass(frozen=True)
class SeedPayment:
    """Money received on one seeded document, posted."""

    id: str
    document: str
    amount: Decimal
    day: dt.date
    number: str = ""
    note: str = ""


@dataclass(frozen=True)
class SeedCompany:
    """`closed_until`: the last day of the closed period, None when everything is open."""

    name: str
    closed_until: dt.date | None = None
    customers: Sequence[SeedCustomer] = ()
    suppliers: Sequence[str] = ()
    documents: Sequence[SeedDocument] = ()
    payments: Sequence[SeedPayment] = ()


@dataclass(frozen=True)
class BookedCustomer:
    """`id`: the system's own; `note`: where our marker would stand, empty where it has no place."""

    id: str
    key: str
    name: str
    note: str = ""
    phone: str = ""
    active: bool = True


@dataclass(frozen=True)
class BookedDocument:
    """`customer`: its BookedCustomer's id. `number`: what a person finds it by, as the system
    stores it. `posted`: False for a draft or for what stands in a batch that is not posted.
    `balance`: still open. `other_names`: what else a sync reference may say of it, such as the
    number that posting gave."""

    id: str
    kind: Kind
    customer: str
    number: str
    note: str
    day: dt.date
    total: Decimal
    tax: Decimal
    balance: Decimal
    posted: bool = True
    other_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class BookedPayment:
    """`applied`: a document's id → the amount put on it; `unapplied`: what is left of `total`;
    `other_names`: see BookedDocument."""

    id: str
    customer: str
    number: str
    note: str
    day: dt.date
    total: Decimal
    unapplied: Decimal
    applied: Mapping[str, Decimal]
    posted: bool = True
    other_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class BookedApplication:
    """A credit note put on an invoice, both by their ids."""

    credit_note: str
    invoice: str
    amount: Decimal
    note: str = ""


@dataclass(frozen=True)
class BookedEntry:
    """A journal entry of a person or a program, not what documents post by themselves. `lines`:
    account → debit minus credit."""

    id: str
    number: str
    note: str
    day: dt.date
    lines: Mapping[str, Decimal]
    posted: bool = True


@dataclass
class CompanyBooks:
    """`other`: one line for each thing that nobody should have made (estimates, half batches…)."""

    customers: list[BookedCustomer] = field(default_factory=list)
    suppliers: list[str] = field(default_factory=list)
    documents: list[BookedDocument] = field(default_factory=list)
    payments: list[BookedPayment] = field(default_factory=list)
    applications: list[BookedApplication] = field(default_factory=list)
    entries: list[BookedEntry] = field(default_factory=list)
    other: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """Where a served system is, for its configuration. `ca`: PEM file; `folder`: keeps secrets."""

    served: Served
    ca: Path
    folder: Path


@dataclass(frozen=True)
class Simulation:
    """One simulated accounting system, as whoever runs the sandbox sees it.

    `build(store, folder)`: the system; its secrets are kept in files of `folder`, mode 0600, and
    stay the same at every start. `seed(system, companies)`: the companies by their key in that
    system (realm, company id…), inside the store's transaction. `prepare(system, folder, company)`:
    whatever a person does once before the service can start (an authorisation), again and again
    without harm. `connection(place, company)`: `[chapters.connection]` for one company.
    `accounts`: `[chapters.accounts]` of every company it makes. `books(dump)`: what the admin
    port's `/dump` holds, by company.
    """

    name: str
    build: Callable[[Store, Path], System]
    seed: Callable[[System, Mapping[str, SeedCompany]], None]
    connection: Callable[[Place, str], dict[str, Any]]
    accounts: Mapping[str, Any]
    books: Callable[[Any], dict[str, CompanyBooks]]
    prepare: Callable[[System, Path, str], None] = lambda _system, _folder, _company: None
