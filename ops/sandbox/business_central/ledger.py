"""Ledgers of a simulated company: general ledger entries, customer entries and their applications.

In: what a posting says. Out: entries; an invoice's open amount and status follow. Customer entries
are not in the API: posted payments are seen through the general ledger only (section 11).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ops.sandbox.business_central.answers import DIALOG, NO_DATA, Refusal
from ops.sandbox.business_central.books import Books
from ops.sandbox.business_central.values import ZERO, amount
from ops.sandbox.kernel.store import Document

_DOCUMENTS = ("salesInvoices", "salesCreditMemos")


@dataclass(frozen=True)
class Posting:
    """What every entry of one posted document bears."""

    day: str
    number: str
    kind: str
    description: str = ""
    external: str = ""
    source: str = ""  # "" for a journal; else the id of the sales document
    transaction: int = 0  # the same for all that one batch posted together


def post_accounts(books: Books, posting: Posting, movements: Sequence[tuple[str, Decimal]]) -> None:
    """One entry for each (account, debit minus credit) that is not zero."""
    for number, value in movements:
        if not value:
            continue
        account = books.named("accounts", number, "number")
        books.insert(
            "generalLedgerEntries",
            {
                "entryNumber": books.next_entry(),
                "postingDate": posting.day,
                "documentNumber": posting.number,
                "documentType": posting.kind,
                "accountId": account["id"] if account else "",
                "accountNumber": number,
                "description": posting.description,
                "debitAmount": str(max(value, ZERO)),
                "creditAmount": str(max(-value, ZERO)),
                "_source": posting.source,
                "_external": posting.external,
                "_transaction": posting.transaction,
            },
        )


def post_customer(books: Books, posting: Posting, customer: str, value: Decimal) -> Document:
    """The customer's entry: positive when owed to the company."""
    return books.insert(
        "_ledger",
        {
            "customer": customer,
            "kind": posting.kind,
            "documentNumber": posting.number,
            "externalDocumentNumber": posting.external,
            "postingDate": posting.day,
            "description": posting.description,
            "amount": str(value),
            "remaining": str(value),
            "source": posting.source,
        },
    )


def open_invoice(books: Books, number: str, customer: str) -> Document:
    """The open customer entry of a posted invoice. Raises Refusal: paid, unknown or another's."""
    for entry in books.find("_ledger", "documentNumber", number):
        ours = entry["kind"] == "Invoice" and entry["customer"] == customer
        if ours and amount(entry, "remaining"):
            return entry
    raise Refusal(NO_DATA, "no_open_entry", number=number, customer=customer)


def apply(books: Books, credit: Document, invoice: Document) -> None:
    """Puts a payment or a credit memo on an invoice, up to what is open on both.

    Raises Refusal when the credit is older than the invoice.
    """
    if credit["postingDate"] < invoice["postingDate"]:
        raise Refusal(
            DIALOG, "earlier_date", kind=credit["kind"], number=credit["documentNumber"],
            invoice=invoice["documentNumber"],
        )  # fmt: skip
    value = min(-amount(credit, "remaining"), amount(invoice, "remaining"))
    if value <= 0:
        return
    settle(books, credit, value)
    settle(books, invoice, -value)
    books.insert(
        "_applications",
        {"credit": credit["id"], "invoice": invoice["id"], "amount": str(value)},
    )


def settle(books: Books, entry: Document, value: Decimal) -> None:
    """Moves what is open on an entry, and what its document shows of it."""
    left = amount(entry, "remaining") + value
    books.change("_ledger", entry, remaining=str(left))
    for kind in _DOCUMENTS:
        document = books.get(kind, entry["source"])
        if document is None:
            continue
        status = document["status"]
        if status in ("Open", "Paid"):
            status = "Open" if left else "Paid"
        books.change(kind, document, remainingAmount=str(abs(left)), status=status)
