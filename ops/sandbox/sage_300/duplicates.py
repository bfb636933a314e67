"""Documents and receipts that a client makes a second time.

In: a batch just made through the API. Out: an offence for each number that was there already, in a
posted document or in a batch still to be posted: the service takes both (sage-300.md, section 10),
so nobody but the client can prevent it.
"""

from __future__ import annotations

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300.batches import Kind
from ops.sandbox.sage_300.books import Books
from ops.sandbox.sage_300.entry import Session
from ops.sandbox.sage_300.resources import INVOICES, RECEIPTS

_NUMBER = {INVOICES: "DocumentNumber", RECEIPTS: "CheckReceiptNumber"}
_OFFENCE = {INVOICES: "duplicate_document", RECEIPTS: "duplicate_receipt"}
_POSTED = {INVOICES: "ARPostedDocuments", RECEIPTS: "ARPostedReceipts"}


def note_duplicates(session: Session, kind: Kind, made: Document) -> None:
    """Counts them, and remembers the new numbers."""
    name = _NUMBER.get(kind.resource)
    if name is None:
        return
    books = session.books
    for entry in made[kind.entries]:
        number, customer = entry[name], entry["CustomerNumber"]
        if not number:
            continue
        if _taken(books, kind, customer, number):
            session.note(_OFFENCE[kind.resource], f"{number} of {customer}, once more")
        _remember(books, kind, made, customer, number)


def _taken(books: Books, kind: Kind, customer: str, number: str) -> bool:
    posted = books.find(_POSTED[kind.resource], _NUMBER[kind.resource], number)
    if any(one["CustomerNumber"] == customer for one in posted):
        return True
    for key in books.made_under(kind.resource, customer, number):
        batch = books.get(kind.resource, *key)
        if batch and batch[kind.status] in ("Open", "ReadyToPost", "PostInProgress"):
            return True
    return False


def _remember(books: Books, kind: Kind, made: Document, customer: str, number: str) -> None:
    books.remember_made(kind.resource, customer, number, books.key_of(kind.resource, made))
