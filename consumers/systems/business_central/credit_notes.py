"""What a credit memo is applied to.

What comes in: a credit note, and the document of the invoice that it corrects. What goes out: the
invoice's id while it still owes something. Refused: an invoice of another customer or of a later
date, and one that was cancelled in Business Central, since that credited it already.
"""

from __future__ import annotations

from consumers.errors import Rejected
from consumers.system import Task
from consumers.systems.business_central.client import quoted
from consumers.systems.business_central.company import Company
from consumers.systems.business_central.documents import (
    is_cancelled,
    of_another_customer,
    owed,
    posted_invoice,
    words,
)
from consumers.systems.business_central.faults import Json
from consumers.systems.business_central.lists import date_of
from consumers.systems.business_central.sales import CREDIT_MEMO, INVOICE
from consumers.systems.business_central.settings import TITLE
from schemas.money import ZERO
from schemas.reasons import Reason
from schemas.records import Invoice
from schemas.sentences import say


def corrected(company: Company, task: Task, invoice: Invoice) -> str:
    """The id of the posted invoice that a credit note is applied to; empty for an invoice, and
    where nothing is owed any more: the credit then stays open on the customer (page, section 5).

    Raises Rejected(reference_not_found, refused_by_system, differs_from_books, invalid_field).
    """
    if invoice.kind != "credit_note" or invoice.corrects is None:
        return ""
    target = task.documents.get(invoice.corrects.id)
    if target is None:
        detail = say(
            "the invoice {number} is not known in {system}",
            system=TITLE,
            number=invoice.corrects.number,
        )
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field="corrects", detail=detail)
    row = posted_invoice(company, target, "corrects")
    if task.customer is not None and row["customerId"] != task.customer.remote_id:
        raise of_another_customer(row)
    if is_cancelled(row):
        raise _credited_already(company, row)
    if owed(row) <= ZERO:
        return ""
    posted_on = date_of(row, "postingDate")
    if posted_on is not None and invoice.date < posted_on:
        detail = f"{invoice.date} < {posted_on} ({words(INVOICE, row)})"
        raise Rejected(Reason.INVALID_FIELD, field="date", detail=detail)
    return str(row["id"])


def _credited_already(company: Company, row: Json) -> Rejected:
    """Whoever cancels an invoice there has posted its credit memo: another would credit twice."""
    where = f"invoiceNumber eq {quoted(str(row['number']))}"
    memos = company.client.select(CREDIT_MEMO.resource, where)
    listed = "; ".join(words(CREDIT_MEMO, memo) for memo in memos) or "-"
    detail = say(
        "{document} is cancelled in {system}, which credited it already"
        " ({listed}): give that number as the reference of the credit note",
        system=TITLE,
        document=words(INVOICE, row),
        listed=listed,
    )
    return Rejected(Reason.DIFFERS_FROM_BOOKS, field="corrects", detail=detail)
