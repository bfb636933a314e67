"""Sales documents as they stand in the books: their status, what they owe, how people find them.

What comes in: a document as it was read. What goes out: figures and words. Refused: an invoice that
nothing can be paid on or credited to.
"""

from __future__ import annotations

from decimal import Decimal

from consumers.errors import Rejected, Transient
from consumers.system import RemoteRef
from consumers.systems.business_central.company import Company, money
from consumers.systems.business_central.faults import Json
from consumers.systems.business_central.keys import plain_enum
from consumers.systems.business_central.sales import INVOICE, Kind
from consumers.systems.business_central.settings import TITLE
from schemas.reasons import Reason
from schemas.sentences import say

UNPOSTED = ("Draft", "In Review")
_POSTED = ("Open", "Paid", "Canceled", "Corrective")
_CANCELLED = "Canceled"
"""Undone by another document. « Corrective » is what undoes: posted, and it stands."""


def status_of(row: Json) -> str:
    """Draft, In Review, Open, Paid, Canceled or Corrective. Raises Transient for any other: what
    cannot be read is neither posted nor not."""
    found = plain_enum(row.get("status", ""))
    if found not in (*UNPOSTED, *_POSTED):
        raise Transient(
            say(
                "{system}: a document {number} of status {found}",
                system=TITLE,
                number=row.get("number"),
                found=repr(found),
            )
        )
    return found


def is_cancelled(row: Json) -> bool:
    """Raises Transient as `status_of`."""
    return status_of(row) == _CANCELLED


def posted_invoice(company: Company, target: RemoteRef, field: str) -> Json:
    """An invoice that can be paid or credited. Raises Rejected(reference_not_found)."""
    row = company.client.by_id("salesInvoices", target.remote_id)
    if row is None:
        detail = say(
            "{system} invoice {reference} ({id}) does not exist",
            system=TITLE,
            reference=target.reference,
            id=target.remote_id,
        )
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field=field, detail=detail)
    if status_of(row) in UNPOSTED:
        detail = say("{document} is not posted yet", document=words(INVOICE, row))
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field=field, detail=detail)
    return row


def of_another_customer(row: Json) -> Rejected:
    """The refusal of an invoice that belongs to somebody else."""
    detail = say(
        "the invoice {number} belongs to the {system} customer {customer} « {holder} »",
        system=TITLE,
        number=row.get("number"),
        customer=row.get("customerNumber"),
        holder=row.get("customerName"),
    )
    return Rejected(Reason.REFUSED_BY_SYSTEM, field="account", detail=detail)


def owed(row: Json) -> Decimal:
    """What is open of a posted invoice."""
    return money(row, "remainingAmount")


def words(kind: Kind, row: Json) -> str:
    """A document as a person looks for it."""
    named = (
        say("{system} invoice {number}", system=TITLE, number=row.get("number"))
        if kind is INVOICE
        else say("{system} credit memo {number}", system=TITLE, number=row.get("number"))
    )
    return say(
        "{document} ({external}) of {customer} « {name} » on {date}, total {total}",
        document=named,
        external=row.get("externalDocumentNumber"),
        customer=row.get("customerNumber"),
        name=row.get("customerName"),
        date=row.get("postingDate"),
        total=money(row, "totalAmountIncludingTax"),
    )
