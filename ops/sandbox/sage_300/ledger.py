"""What posting writes: posted documents and their balances, receipts, journal transactions.

In: posted entries. Out: records of the inquiry resources. Credits are negative, as in AROBL
(sage-300.md, section 14). What an application took is kept beside, for whoever reads the books.
"""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300.books import Books
from ops.sandbox.sage_300.fields import ZERO, decimal
from ops.sandbox.sage_300.receipts import DUE

ORIGINAL = "OriginalAmountInCustomerCurrency"
DOCUMENTS = "ARPostedDocuments"


def open_document(books: Books, record: Document, due: dict[str, Decimal]) -> Document:
    """A new posted document. `due`: payment number → signed amount still open."""
    rest = sum(due.values(), ZERO)
    paid = {"FullyPaid": "No" if rest else "Yes", "DatePaid": "" if rest else record["PostingDate"]}
    return books.put(DOCUMENTS, {"_applied": [], **record, **paid, DUE: rest, "_due": {**due}})


def settle(
    books: Books, customer: str, number: str, amount: Decimal, day: str, payment: str = ""
) -> None:
    """Takes an amount off what is open, of one payment or of the first ones. `day`: when."""
    document = books.get(DOCUMENTS, customer, number)
    if document is None:
        raise KeyError(number)
    due = {key: Decimal(str(value)) for key, value in document["_due"].items()}
    left = amount
    for key in [payment] if payment else list(due):
        part = left if payment else _closest(left, due[key])
        due[key] -= part
        left -= part
    if left:
        due[next(iter(due))] -= left
    rest = sum(due.values(), ZERO)
    paid = {"FullyPaid": "No" if rest else "Yes", "DatePaid": "" if rest else day}
    books.put(DOCUMENTS, {**document, **paid, DUE: rest, "_due": due})


def _closest(left: Decimal, due: Decimal) -> Decimal:
    return min(left, due) if left > 0 else max(left, due)


def note_application(books: Books, source: tuple[str, str], target: str, amount: Decimal) -> None:
    """Remembers that a credit was put on a document, with both numbers."""
    document = books.get(DOCUMENTS, *source)
    if document is not None:
        applied = [*document["_applied"], {"DocumentNumber": target, "Amount": amount}]
        books.put(DOCUMENTS, {**document, "_applied": applied})


def document_of(batch: Document, entry: Document, kind: str) -> Document:
    """The part of a posted document that every kind of entry gives."""
    shared = ("CustomerNumber", "DocumentNumber", "PostingDate", "FiscalYear", "FiscalPeriod")
    return {
        **{name: entry[name] for name in shared},
        "BatchNumber": batch["BatchNumber"],
        "EntryNumber": entry["EntryNumber"],
        "DocumentType": kind,
        "_note": batch["Description"],
    }


def signed(document_type: str, amount: Decimal) -> Decimal:
    return -amount if document_type == "CreditNote" else amount


def amount_due(document: Document) -> Decimal:
    return decimal(document, DUE)
