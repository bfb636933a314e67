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
from schemas.reasons import Reason

UNPOSTED = ("Draft", "In Review")
_POSTED = ("Open", "Paid", "Canceled", "Corrective")
_CANCELLED = "Canceled"
"""Undone by another document. « Corrective » is what undoes: posted, and it stands."""


def status_of(row: Json) -> str:
    """Draft, In Review, Open, Paid, Canceled or Corrective. Raises Transient for any other: what
    cannot be read is neither posted nor not."""
    found = plain_enum(row.get("status", ""))
    if found not in (*UNPOSTED, *_POSTED):
        raise Transient(f"Business Central: a document {row.get('number')} of status {found!r}")
    return found


def is_cancelled(row: Json) -> bool:
    """Raises Transient as `status_of`."""
    return status_of(row) == _CANCELLED


def posted_invoice(company: Company, target: RemoteRef, field: str) -> Json:
    """An invoice that can be paid or credited. Raises Rejected(reference_not_found)."""
    row = company.client.by_id("salesInvoices", target.remote_id)
    if row is None:
        detail = f"Business Central invoice {target.reference} ({target.remote_id}) does not exist"
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field=field, detail=detail)
    if status_of(row) in UNPOSTED:
        detail = f"{words(INVOICE, row)} is not posted yet"
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field=field, detail=detail)
    return row


def of_another_customer(row: Json) -> Rejected:
    """The refusal of an invoice that belongs to somebody else."""
    detail = (
        f"the invoice {row.get('number')} belongs to the Business Central customer"
        f" {row.get('customerNumber')} « {row.get('customerName')} »"
    )
    return Rejected(Reason.REFUSED_BY_SYSTEM, field="account", detail=detail)


def owed(row: Json) -> Decimal:
    """What is open of a posted invoice."""
    return money(row, "remainingAmount")


def words(kind: Kind, row: Json) -> str:
    """A document as a person looks for it."""
    return (
        f"Business Central {kind.words} {row.get('number')} ({row.get('externalDocumentNumber')})"
        f" of {row.get('customerNumber')} « {row.get('customerName')} » on"
        f" {row.get('postingDate')}, total {money(row, 'totalAmountIncludingTax')}"
    )
