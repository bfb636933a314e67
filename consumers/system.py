"""The port of an accounting system: what a connector declares, and its verbs.

A connector sees neither the ledger nor the broker nor another connector. It raises only what
`consumers.errors` names. It may be called from `declaration.concurrency` threads at once, never
twice at once for the same account.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from schemas.chapters import ChapterSettings
from schemas.facts import Observer, unobserved
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Record
from schemas.statuses import Entity


class AccountsSettings(BaseModel):
    """`[chapters.accounts]`: ids or codes in the books, the same keys for every system."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default_income: str = ""
    income: Mapping[str, str] = Field(default_factory=dict)
    deposit: str = ""
    deferred_revenue: str = ""
    tax_codes: Mapping[str, str] = Field(default_factory=dict)
    payment_methods: Mapping[str, str] = Field(default_factory=dict)
    terms: str = ""


@dataclass(frozen=True)
class Setup:
    """What a connector is built from. `connection` is the system's own typed settings."""

    chapter: str
    connection: BaseModel
    accounts: AccountsSettings
    settings: ChapterSettings
    observer: Observer = unobserved


@dataclass(frozen=True)
class Declaration:
    """What a system is, said once.

    `longest_call_s` bounds every call. `replays_same_key`: sending the same idempotency key again
    returns the first answer, so a record whose fate is unknown may be sent again as soon as `find`
    says that it is not there; otherwise that answer is believed only `longest_call_s` after the
    record was sent. `field_limits`: longest value of a record field, in characters.
    """

    name: str
    title: str
    entities: frozenset[Entity]
    customer_key: Literal["number", "name"]
    concurrency: int
    rate_per_s: float
    longest_call_s: float
    replays_same_key: bool
    field_limits: Mapping[str, int] = field(default_factory=dict)
    receipts: bool = False


@dataclass(frozen=True)
class Health:
    """The answer of a probe that succeeded."""

    company: str
    authorised_until: dt.datetime | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem:
    """Why a record would be refused, found without writing."""

    reason: Reason
    field: str = ""
    detail: str = ""


@dataclass(frozen=True)
class RemoteRef:
    """Something in the books: its technical id, and the key that a person would look for."""

    remote_id: str
    reference: str


@dataclass(frozen=True)
class Found:
    """A record already in the books.

    `differences`: what does not match the record, both figures in words; empty when it matches or
    when there was no record to compare with. `by_marker`: our own marker says it is this very
    record; False means that only a number, a name or a typed reference matches. `unfinished`: it
    is there, but steps of ours are left (a credit note not applied, a draft not posted): it is
    then given to `transfer` again with its `remote_id`.
    """

    ref: RemoteRef
    by_marker: bool = False
    differences: tuple[str, ...] = ()
    balance: Decimal | None = None
    unfinished: bool = False


@dataclass(frozen=True)
class Lookup:
    """What is known of a record that may be in the books.

    `reference`: the sync reference in Membri (typed by a person, or ours). `remote_id`: what our
    ledger remembers. `record` None means only a stub is known (a payment's invoice).
    """

    entity: Entity
    record_id: str
    reference: str = ""
    remote_id: str = ""
    number: str = ""
    name: str = ""
    record: Record | None = None
    customer: RemoteRef | None = None


class Steps(Protocol):
    """The finished steps of a transfer made of several calls; durable, in the ledger."""

    def get(self, name: str) -> str | None: ...

    def remember(self, name: str, value: str) -> None:
        """Returns once the step is durable. Raises when this process no longer holds the lease."""
        ...


@dataclass(frozen=True)
class Task:
    """One transfer. `key`: idempotency key, 36 characters, the same for every attempt at the same
    content. `remote_id`: non-empty for an update, or when the record is there with steps left.
    `documents`: Membri invoice id → its document."""

    record: Record
    key: str
    steps: Steps
    remote_id: str = ""
    customer: RemoteRef | None = None
    documents: Mapping[str, RemoteRef] = field(default_factory=dict)


@dataclass(frozen=True)
class Receipt:
    """The record is in the books, and its totals there were compared to the cent."""

    ref: RemoteRef
    action: Action


class System(Protocol):
    """One company in one accounting system."""

    @property
    def declaration(self) -> Declaration: ...

    def probe(self) -> Health:
        """Reachable, authorised, the right company. Raises Unavailable."""
        ...

    def check(self, record: Record) -> Sequence[Problem]:
        """Problems found without writing: lengths, missing fields, closed period, unknown tax.

        Raises Unavailable.
        """
        ...

    def find(self, lookup: Lookup) -> Found | None:
        """The record if it is already there; None only when the books were read and say no.

        Raises Unavailable or Transient when the books could not be read: never None then.
        """
        ...

    def transfer(self, task: Task) -> Receipt:
        """Creates (or updates) the record. Raises any of consumers.errors."""
        ...

    def close(self) -> None: ...
