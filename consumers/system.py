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
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from schemas.chapters import ChapterSettings
from schemas.facts import Observer, unobserved
from schemas.outcomes import Action
from schemas.reasons import Reason, SettingReason
from schemas.records import Record
from schemas.statuses import Entity


class AccountsSettings(BaseModel):
    """`[chapters.accounts]`: ids or codes in the books, the same keys for every system."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default_income: str = ""
    income: Mapping[str, str] = Field(default_factory=dict)
    deposit: str = ""
    deferred_revenue: str = ""
    earned_revenue: str = ""
    tax_codes: Mapping[str, str] = Field(default_factory=dict)
    payment_methods: Mapping[str, str] = Field(default_factory=dict)
    terms: str = ""

    def income_for(self, invoice_type: str) -> str:
        """The revenue account or item of an invoice of that type; empty when none is given."""
        return self.income.get(invoice_type) or self.default_income

    def income_setting(self, invoice_type: str) -> str:
        """The name of the setting that `income_for` took."""
        own = self.income.get(invoice_type)
        return f"accounts.income.{invoice_type}" if own else "accounts.default_income"

    @property
    def earned(self) -> str:
        """Where deferred revenue goes once it is earned."""
        return self.earned_revenue or self.default_income

    @property
    def earned_setting(self) -> str:
        """The name of the setting that `earned` took."""
        return "accounts.earned_revenue" if self.earned_revenue else "accounts.default_income"


@dataclass(frozen=True)
class Setup:
    """What a connector is built from. `connection` is the system's own typed settings."""

    chapter: str
    connection: BaseModel
    accounts: AccountsSettings
    settings: ChapterSettings
    observer: Observer = unobserved


@dataclass(frozen=True)
class FieldRule:
    """Where one field of Membri goes. `source`: field of the record, with its entity
    (`account.name`, `invoice.lines.amount`), empty for what we add ourselves; `target`: the
    vendor's path (`displayName`, `salesInvoiceLines.unitPrice`); `limit`: longest value in
    characters, 0 for none; `conversion`: how it is changed, in English, empty for as it is;
    `refused`: whether a longer value is refused (else it is cut)."""

    entity: Entity
    source: str
    target: str
    limit: int = 0
    conversion: str = ""
    refused: bool = True


@dataclass(frozen=True)
class Declaration:
    """What a system is, said once.

    `longest_call_s` bounds every call. `replays_same_key`: sending the same idempotency key again
    returns the first answer, so a record whose fate is unknown may be sent again as soon as `find`
    says that it is not there; otherwise that answer is believed only `longest_call_s` after the
    record was sent. `field_limits`: longest value of a record field, in characters. `fields`: where
    each field goes, for the mapping page and `preview`.
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
    fields: tuple[FieldRule, ...] = ()
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
class SettingCheck:
    """One setting of the chapter compared with the live company. `setting`: its name in the
    configuration (`accounts.default_income`) or what was looked at; `value`: what it says;
    `reason` None when it is as it must be; `blocking` False for what works, yet is no good idea.
    `detail`: names and figures found there."""

    setting: str
    value: str
    reason: SettingReason | None = None
    detail: str = ""
    blocking: bool = True


@dataclass(frozen=True)
class DraftLine:
    """A line as it would be sent: dollars before taxes. `account`: the account, item or code."""

    description: str
    account: str
    amount: Decimal
    quantity: Decimal = Decimal(1)
    tax: str = ""


@dataclass(frozen=True)
class Draft:
    """What `transfer` would send, without sending it.

    `requests`: (method and path, body) in order; what only an earlier answer will tell stands as
    `pending` writes it. `lines`, `gst`, `qst`, `total`: the same for people, in dollars; None
    where the record has none or the system computes it by itself.
    """

    requests: tuple[tuple[str, Mapping[str, Any]], ...]
    lines: tuple[DraftLine, ...] = ()
    gst: Decimal | None = None
    qst: Decimal | None = None
    total: Decimal | None = None


@dataclass(frozen=True)
class RemoteRef:
    """Something in the books: its technical id, and the key that a person would look for."""

    remote_id: str
    reference: str


def pending(what: str) -> str:
    """What stands in a draft for an id that only an earlier answer will tell."""
    return f"‹{what}›"


def is_pending(remote_id: str) -> bool:
    """Whether it stands for an id that the books have not given yet."""
    return remote_id.startswith("‹")


PENDING_CUSTOMER = RemoteRef(pending("customer"), pending("customer"))
"""Who a draft is for while the customer is not in the books."""


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

    def check_settings(self) -> Sequence[SettingCheck]:
        """Each setting against the live company, without writing: accounts exist and may be posted
        to, tax rates are 5 and 9.975, the period is open, numbers of ours are taken.

        Raises Unavailable.
        """
        ...

    def draft(self, task: Task) -> Draft:
        """What `transfer` would send for this task, without writing.

        Raises Rejected when nothing could be sent (an unknown account), Unavailable.
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
