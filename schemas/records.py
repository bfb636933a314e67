"""What moves from Membri to the books: accounts, invoices and credit notes, payments, entries.

Records are frozen, refuse unknown fields, and hold exact decimals with their currency. They say
what Membri says: whether an invoice adds up is asked by `discrepancy`, not by the constructor, so
that a wrong invoice is refused with both figures instead of being unreadable.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.money import CENT, ZERO, Amount, Currency, Quantity, total
from schemas.statuses import Entity, Status

RecordId = Annotated[str, Field(min_length=1, max_length=64)]


class Part(BaseModel):
    """Base of everything on the wire: frozen, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Address(Part):
    lines: tuple[str, ...] = ()
    city: str = ""
    province: str = ""
    postal_code: str = ""
    country: str = ""


class Account(Part):
    """A customer account as Membri has it, also carried as a snapshot by its invoices and payments.

    `reference` is the sync reference in the books of this chapter: the mapping leaves it empty
    where the account's reference belongs to another chapter's books.
    """

    entity: ClassVar[Entity] = Entity.ACCOUNT

    id: RecordId
    table: Literal["account", "contact"] = "account"
    name: str
    number: str = ""
    email: str = ""
    phone: str = ""
    address: Address = Address()
    currency: Currency = "CAD"
    new_account: bool = False
    reference: str = ""
    status: Status | None = None
    dataversion: str = ""

    @property
    def account_id(self) -> str:
        return self.id


class InvoiceType(StrEnum):
    """`membri_invoicetype`; an unknown value of Membri is OTHER."""

    MEMBERSHIP = "membership"
    DELEGATE = "delegate"
    RENEWAL = "renewal"
    UPGRADE = "upgrade"
    EVENT = "event"
    ORDER = "order"
    DONATION = "donation"
    CONTRACT = "contract"
    SPONSOR = "sponsor"
    MANUAL = "manual"
    REFUND = "refund"
    OPENING_BALANCE = "opening_balance"
    OTHER = "other"


DUES = frozenset({InvoiceType.MEMBERSHIP, InvoiceType.RENEWAL})
"""What *sync memberships when paid* holds until paid (domain, rule 7), and of whose payments the
revenue is deferred (rule 11)."""


class Line(Part):
    """One line. `amount` is net of discounts and before taxes; taxes are what Membri computed."""

    description: str = ""
    product: str = ""
    quantity: Quantity = Decimal(1)
    unit_price: Quantity = Decimal(0)
    amount: Amount
    gst: Amount = ZERO
    qst: Amount = ZERO
    taxable: bool = False


class DocumentRef(Part):
    """Another invoice, as much of it as is needed to find it in the books."""

    id: RecordId
    number: str = ""
    reference: str = ""
    status: Status | None = None


class Invoice(Part):
    """An invoice or a credit note. All amounts are positive; `kind` gives the direction."""

    entity: ClassVar[Entity] = Entity.INVOICE

    id: RecordId
    kind: Literal["invoice", "credit_note"] = "invoice"
    number: str = ""
    type: InvoiceType = InvoiceType.OTHER
    account: Account
    date: dt.date
    due_date: dt.date | None = None
    currency: Currency = "CAD"
    description: str = ""
    billing_name: str = ""
    billing_address: Address = Address()
    lines: tuple[Line, ...]
    gst: Amount = ZERO
    qst: Amount = ZERO
    total: Amount
    paid: bool = False
    corrects: DocumentRef | None = None
    reference: str = ""

    @property
    def account_id(self) -> str:
        return self.account.id

    @property
    def subtotal(self) -> Decimal:
        return total(line.amount for line in self.lines)


class PaymentMethod(StrEnum):
    CHEQUE = "cheque"
    CARD = "card"
    TRANSFER = "transfer"
    CASH = "cash"
    SAGE_50 = "sage_50"
    OTHER = "other"


class Allocation(Part):
    """How much of a payment goes on which invoice."""

    invoice: DocumentRef
    amount: Amount


class Payment(Part):
    """Money received on one or several invoices of one account."""

    entity: ClassVar[Entity] = Entity.PAYMENT

    id: RecordId
    number: str = ""
    account: Account
    date: dt.date
    amount: Amount
    currency: Currency = "CAD"
    method: PaymentMethod = PaymentMethod.OTHER
    allocations: tuple[Allocation, ...]
    reference: str = ""

    @property
    def account_id(self) -> str:
        return self.account.id


class JournalEntry(Part):
    """One period of a deferred revenue: from the deferred account to the revenue account.

    `payment`: the dues payment as Membri has it. `date` is the day it is posted on, whenever it is
    sent. `not_before`: when it may be sent at the earliest; None leaves that to the chapter's
    settings: at once where they say `upfront`, else on its date.
    """

    entity: ClassVar[Entity] = Entity.JOURNAL_ENTRY

    id: RecordId
    account: Account
    payment_id: RecordId
    payment: DocumentRef | None = None
    invoice: DocumentRef
    date: dt.date
    not_before: AwareDatetime | None = None
    amount: Amount
    currency: Currency = "CAD"
    period: int = Field(ge=1)
    periods: int = Field(ge=1)
    description: str = ""
    reference: str = ""

    @property
    def account_id(self) -> str:
        return self.account.id


Record = Account | Invoice | Payment | JournalEntry

_NOT_CONTENT: dict[Entity, set[str]] = {
    Entity.ACCOUNT: {"reference", "status", "dataversion"},
    Entity.INVOICE: {"account", "corrects", "reference", "paid"},
    Entity.PAYMENT: {"account", "allocations", "reference"},
    Entity.JOURNAL_ENTRY: {"account", "invoice", "payment", "not_before", "reference"},
}


def fingerprint(record: Record) -> str:
    """A hash of what the books would hold: 32 hex digits, the same for the same content.

    The sync columns, the account's snapshot and the state of other documents are left out: they
    change without the record changing.
    """
    content = record.model_dump_json(exclude=_NOT_CONTENT[record.entity]).encode()
    digest = hashlib.blake2b(content, digest_size=16)
    digest.update(record.account_id.encode())
    if isinstance(record, Payment):
        for allocation in record.allocations:
            digest.update(f"|{allocation.invoice.id}={allocation.amount}".encode())
    if isinstance(record, Invoice) and record.corrects:
        digest.update(f"|{record.corrects.id}".encode())
    return digest.hexdigest()


class Discrepancy(Part):
    """Two figures that should be equal and are not. `field` names the figure in the record."""

    field: str
    expected: Amount
    found: Amount


def discrepancy(record: Record) -> Discrepancy | None:
    """The first figure of an invoice or a payment that does not add up; None when all do.

    Lines and taxes must give the total to the cent. Taxes given by line may differ from the
    header's by one cent a line (Membri may round by line or by invoice).
    """
    if isinstance(record, Invoice):
        return _invoice_discrepancy(record)
    if isinstance(record, Payment):
        allocated = total(a.amount for a in record.allocations)
        if allocated > record.amount:
            return Discrepancy(field="amount", expected=allocated, found=record.amount)
    return None


def _invoice_discrepancy(invoice: Invoice) -> Discrepancy | None:
    net = gst = qst = ZERO
    for line in invoice.lines:
        net += line.amount
        gst += line.gst
        qst += line.qst
    expected = net + invoice.gst + invoice.qst
    if expected != invoice.total:
        return Discrepancy(field="total", expected=expected, found=invoice.total)
    tolerance = CENT * len(invoice.lines)
    for field, header, by_line in (("gst", invoice.gst, gst), ("qst", invoice.qst, qst)):
        if by_line and abs(by_line - header) > tolerance:
            return Discrepancy(field=field, expected=by_line, found=header)
    return None
