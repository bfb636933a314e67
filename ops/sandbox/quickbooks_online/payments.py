"""Customer payments: how they apply to invoices and credit memos of one customer.

In: a conformed document and the one it replaces. Out: the document to keep, with UnappliedAmt.
Refuses links to nothing (610), to another customer's (620), above the open balance (6000), and
any change once the payment is in a deposit (6540).
"""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.answers import Refusal
from ops.sandbox.quickbooks_online.books import Books, reference_to
from ops.sandbox.quickbooks_online.conform import amount, money_text
from ops.sandbox.quickbooks_online.links import applied, linked_amounts
from ops.sandbox.quickbooks_online.sales import check_currency, sales_customer, voided_note

_LINKABLE = ("Invoice", "CreditMemo")
_DEPOSIT_TYPES = ("Bank", "Other Current Asset")


def prepare_payment(books: Books, document: Document, before: Document | None) -> Document:
    """The complete payment. Raises Refusal."""
    if before:
        check_not_deposited(books, before)
    customer = sales_customer(books, document.get("CustomerRef"))
    check_currency(books, document, customer)
    if "TotalAmt" not in document:
        raise Refusal(
            2020, "Required parameter TotalAmt is missing in the request", element="TotalAmt"
        )
    total = amount(document, "TotalAmt")
    if total < 0:
        raise Refusal(6000, "Business Validation Error: the amount cannot be negative")
    lines = [_line(line) for line in document.get("Line") or []]
    amounts = linked_amounts({"Line": lines})
    for (kind, number), value in amounts.items():
        _check_link(books, kind, number, value, customer, before["Id"] if before else "")
    unapplied = _unapplied(total, amounts)
    complete = {
        **document,
        "CustomerRef": reference_to(customer),
        "CurrencyRef": customer["CurrencyRef"],
        "TxnDate": document.get("TxnDate") or books.now().date().isoformat(),
        "DepositToAccountRef": _deposit_account(books, document),
        "Line": lines,
        "UnappliedAmt": money_text(unapplied),
        "ProcessPayment": False,
    }
    method = books.reference("PaymentMethod", document.get("PaymentMethodRef"), "PaymentMethodRef")
    if method:
        complete["PaymentMethodRef"] = {"value": method["Id"]}
    return complete


def check_not_deposited(books: Books, payment: Document) -> None:
    """Refuses to touch a payment that a deposit holds."""
    if books.is_deposited(payment["Id"]):
        raise Refusal(
            6540, "This transaction is part of a deposit; remove it from the deposit first"
        )


def voided_payment(books: Books, before: Document) -> Document:
    """A payment of nothing, linked to nothing."""
    check_not_deposited(books, before)
    return {
        **before,
        "Line": [],
        "TotalAmt": "0.00",
        "UnappliedAmt": "0.00",
        "PrivateNote": voided_note(before),
    }


def _line(line: Document) -> Document:
    links = line.get("LinkedTxn") or []
    if len(links) != 1:
        raise Refusal(2020, "Each payment line needs exactly one LinkedTxn", element="LinkedTxn")
    link = {k: links[0].get(k) for k in ("TxnId", "TxnType")}
    if not link["TxnId"] or not link["TxnType"]:
        raise Refusal(2020, "Required parameter LinkedTxn.TxnId or TxnType is missing")
    if amount(line, "Amount") <= 0:
        raise Refusal(6000, "Business Validation Error: an applied amount must be above 0")
    return {"Amount": line["Amount"], "LinkedTxn": [link]}


def _check_link(
    books: Books, kind: str, number: str, value: Decimal, customer: Document, own: str
) -> None:
    if kind not in _LINKABLE:
        raise Refusal(620, f"The transaction {number} of type {kind} cannot be linked")
    target = books.get(kind, number)
    if target is None:
        raise Refusal(610, f"Object Not Found : {kind} {number}", element="LinkedTxn")
    payers = {target["CustomerRef"]["value"]}
    parent = (books.get("Customer", target["CustomerRef"]["value"]) or {}).get("ParentRef")
    if parent:
        payers.add(parent["value"])
    if customer["Id"] not in payers:
        raise Refusal(620, f"The {kind} {number} belongs to another customer", element="LinkedTxn")
    left = amount(target, "TotalAmt") - applied(books, kind, number, but=own)
    if value > left:
        raise Refusal(
            6000,
            f"Business Validation Error: {value} is more than the open balance {left} of"
            f" {kind} {number}",
        )


def _unapplied(total: Decimal, amounts: dict[tuple[str, str], Decimal]) -> Decimal:
    paid = sum((v for (kind, _), v in amounts.items() if kind == "Invoice"), Decimal(0))
    credited = sum((v for (kind, _), v in amounts.items() if kind == "CreditMemo"), Decimal(0))
    if credited > paid:
        raise Refusal(6000, "Business Validation Error: credits exceed the invoices they pay")
    unapplied = total + credited - paid
    if unapplied < 0:
        raise Refusal(6000, "Business Validation Error: more is applied than received")
    return unapplied


def _deposit_account(books: Books, document: Document) -> Document:
    account = books.reference("Account", document.get("DepositToAccountRef"), "DepositToAccountRef")
    if account is None:
        for known in books.all("Account"):
            if known.get("AccountSubType") == "UndepositedFunds" and known.get("Active"):
                return reference_to(known)
        raise Refusal(6000, "Business Validation Error: the company has no Undeposited Funds")
    if account.get("AccountType") not in _DEPOSIT_TYPES:
        raise Refusal(6430, "Invalid account type to deposit to", element="DepositToAccountRef")
    return reference_to(account)
