"""Which amount stands on which artefact: what makes a document unpaid, part-paid or paid.

In: the allocated artefacts of a payment or allocation. Out: shares, one by artefact and owner, and
the open balances they leave. An artefact is an invoice, a credit note or a payment on account.
"""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting.amounts import ZERO, money, shown
from ops.sandbox.sage_accounting.answers import reference
from ops.sandbox.sage_accounting.books import Books

ON_ACCOUNT = "contact_payments_on_account"
_KINDS = ("sales_invoices", "sales_credit_notes", ON_ACCOUNT)
UNPOSTED = ("DRAFT", "PRO_FORMA")


def artefact(books: Books, number: object) -> tuple[str, Document] | None:
    """(kind, record) of an artefact's id, or None."""
    if not isinstance(number, str):
        return None
    for kind in _KINDS:
        found = books.get(kind, number)
        if found is not None:
            return kind, found
    return None


def used(books: Books, number: str) -> Decimal:
    """What stands on an artefact, always positive."""
    return sum((abs(money(share, "amount")) for share in books.shares("artefact", number)), ZERO)


def outstanding(books: Books, record: Document) -> Decimal:
    """What is open of a document or a payment on account."""
    if record.get("state") in ("VOID", *UNPOSTED):
        return ZERO
    return money(record, "total_amount") - used(books, record["id"])


def status(books: Books, record: Document) -> str:
    """The computed status of a document."""
    state = str(record.get("state", ""))
    if state:
        return state
    left = outstanding(books, record)
    if left == money(record, "total_amount") and left:
        return "UNPAID"
    return "PART_PAID" if left else "PAID"


def put(books: Books, owner: str, kind: str, record: Document, amount: Decimal, day: str) -> None:
    number = books.new_id()
    share = {
        "id": number,
        "owner": owner,
        "artefact": record["id"],
        "artefact_kind": kind,
        "amount": shown(amount),
        "date": day,
    }
    books.store.put(books.kind("share"), number, share)
    _touch(books, kind, record["id"])


def take_back(books: Books, owner: str) -> None:
    """Removes what a payment or an allocation had put on artefacts."""
    for share in books.shares("owner", owner):
        books.store.delete(books.kind("share"), share["id"])
        _touch(books, share["artefact_kind"], share["artefact"])


def _touch(books: Books, kind: str, number: str) -> None:
    """A document whose balance changes was updated, and whoever polls sees it."""
    if kind != ON_ACCOUNT:
        books.put(kind, books.existing(kind, number))


def of_owner(books: Books, owner: str) -> list[Document]:
    """`allocated_artefacts` of a payment or allocation, as a read shows them."""
    found = []
    for share in books.shares("owner", owner):
        record = books.get(share["artefact_kind"], share["artefact"]) or {}
        found.append(
            {
                "id": share["id"],
                "artefact": reference(
                    share["artefact_kind"], share["artefact"], record.get("displayed_as", "")
                ),
                "amount": share["amount"],
                "discount": "0.0",
            }
        )
    return found
