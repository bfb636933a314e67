"""What payments apply to invoices and credit memos, read from the payments themselves."""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.books import Books
from ops.sandbox.quickbooks_online.conform import amount, money_text
from ops.sandbox.quickbooks_online.index import link_key


def linked_amounts(payment: Document) -> dict[tuple[str, str], Decimal]:
    """(type, Id) of each transaction a payment is applied to → how much."""
    amounts: dict[tuple[str, str], Decimal] = {}
    for line in payment.get("Line", ()):
        for link in line.get("LinkedTxn", ()):
            key = (link["TxnType"], link["TxnId"])
            amounts[key] = amounts.get(key, Decimal(0)) + amount(line, "Amount")
    return amounts


def applied(books: Books, entity: str, number: str, *, but: str = "") -> Decimal:
    """How much all payments, except the one with Id `but`, apply to a transaction."""
    return sum(
        (
            linked_amounts(payment).get((entity, number), Decimal(0))
            for payment in books.find("Payment", "links", link_key(entity, number))
            if payment["Id"] != but
        ),
        Decimal(0),
    )


def settle(books: Books, keys: set[tuple[str, str]]) -> None:
    """Recomputes the open amount and the links of transactions whose payments changed."""
    for entity, number in sorted(keys):
        document = books.get(entity, number)
        if document is None:
            continue
        payments = books.find("Payment", "links", link_key(entity, number))
        left = money_text(amount(document, "TotalAmt") - applied(books, entity, number))
        changes: Document = {
            "Balance": left,
            "LinkedTxn": [{"TxnId": p["Id"], "TxnType": "Payment"} for p in payments],
        }
        if entity == "CreditMemo":
            changes["RemainingCredit"] = left
        books.touch_up(entity, document, **changes)
