"""Posted documents (ARPostedDocuments): what they are for, what is due on them, whose they are.

What comes in: numbers. What goes out: posted documents, the entry they come from, their batch's
description. This list is the oracle: batches are cleared from the history, it stays (reference
page, section 14). Two of its property names are not verified: settings; a wrong one is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from consumers.errors import Unavailable
from consumers.systems.sage_300 import batches
from consumers.systems.sage_300.batches import INVOICES, Kind
from consumers.systems.sage_300.company import Company, money
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.odata import equal
from consumers.systems.sage_300.posting import Posted
from consumers.systems.sage_300.settings import TITLE
from schemas.reasons import SystemReason
from schemas.sentences import say

RESOURCE = "AR/ARPostedDocuments"


@dataclass(frozen=True)
class Origin:
    """Where a posted record comes from. `entry` None when its batch was cleared since."""

    description: str = ""
    entry: Json | None = None


def posted(company: Company, number: str, customer: str = "") -> list[Json]:
    """The posted documents of that number, of one customer or of all.

    Numbers are unique for each customer only, and are treated as unique altogether (section 10).
    """
    keys = {"CustomerNumber": customer} if customer else {}
    return company.client.rows(RESOURCE, equal(**keys, DocumentNumber=number))


def owned(company: Company, customer: str, number: str) -> Json | None:
    """The posted document of that customer and number."""
    return next(iter(posted(company, number, customer)), None)


def is_of(row: Json, posted: Posted) -> bool:
    """Whether a posted document or receipt is what that batch held. Should this version not name
    the batch, a posting without errors tells it: numbers are unique for each customer."""
    named = row.get("BatchNumber")
    return str(named) == posted.number if named else not batches.errors(posted.row)


def origin(company: Company, kind: Kind, row: Json) -> Origin:
    """The batch and entry of a posted document or receipt. Raises Unavailable, Transient."""
    number = row.get("BatchNumber")
    batch = batches.read(company, kind, str(number)) if number else None
    if batch is None:
        return Origin()
    same = [
        entry
        for entry in batches.entries(kind, batch)
        if str(entry.get("EntryNumber")) == str(row.get("EntryNumber"))
    ]
    return Origin(str(batch.get("Description") or ""), next(iter(same), None))


def invoice_origin(company: Company, row: Json) -> Origin:
    """The same for an invoice or a credit note; a receipt has another kind of batch."""
    kinds = ("Invoice", "DebitNote", "CreditNote", "Interest")
    return origin(company, INVOICES, row) if row.get("DocumentType") in kinds else Origin()


def total(company: Company, row: Json) -> Decimal:
    """What the document was for; credits are negative in Sage 300, not here."""
    return abs(_amount(company, row, company.connection.posted_total_property))


def due(company: Company, row: Json) -> Decimal:
    """What is still open; never negative."""
    return abs(_amount(company, row, company.connection.posted_due_property))


def spread(company: Company, row: Json | None, amount: Decimal) -> list[tuple[int, Decimal]]:
    """(payment, part of the amount), the first payments first: an invoice whose terms make several
    is paid by each of them, for what that one owes (section 6).

    What was paid before is taken to have gone the same way; what is not so is refused by Sage 300.
    """
    entry = invoice_origin(company, row).entry if row is not None else None
    payments = list((entry or {}).get("InvoicePaymentSchedules") or [])
    if row is None or len(payments) < 2:
        return [(1, amount)]
    settled, found = total(company, row) - due(company, row), []
    for one in payments:
        asked = money(one, "AmountDue")
        before = min(settled, asked)
        part = min(amount, asked - before)
        settled, amount = settled - before, amount - part
        if part:
            found.append((int(one["PaymentNumber"]), part))
    return found or [(1, amount)]


def _amount(company: Company, row: Json, name: str) -> Decimal:
    if name not in row:
        raise Unavailable(
            SystemReason.MISCONFIGURED,
            say(
                "{resource} of {company} has no property {name}: see its $metadata,"
                " then set posted_total_property and posted_due_property",
                resource=RESOURCE,
                company=company.connection.company,
                name=name,
            ),
        )
    return money(row, name)


def words(company: Company, row: Json) -> str:
    """The document as a person finds it."""
    return say(
        "{system} {kind} {number} of {customer}, total {total}",
        system=TITLE,
        kind=row.get("DocumentType"),
        number=row.get("DocumentNumber"),
        customer=row.get("CustomerNumber"),
        total=total(company, row),
    )
