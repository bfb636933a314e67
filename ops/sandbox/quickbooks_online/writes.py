"""Creating, updating, voiding and deleting: the order of checks common to every entity.

In: the body a client posted. Out: the document as the service answers it. Refuses unknown Ids
(610), a missing SyncToken (2020), a stale one (5010), and dates in a closed period (6200).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.answers import Refusal
from ops.sandbox.quickbooks_online.books import Books
from ops.sandbox.quickbooks_online.conform import amount, conform, money_text
from ops.sandbox.quickbooks_online.journal import prepare_journal
from ops.sandbox.quickbooks_online.links import linked_amounts, settle
from ops.sandbox.quickbooks_online.lists import prepare_listed
from ops.sandbox.quickbooks_online.names import prepare_person, with_balance
from ops.sandbox.quickbooks_online.payments import (
    check_not_deposited,
    prepare_payment,
    voided_payment,
)
from ops.sandbox.quickbooks_online.properties import (
    COMPUTED,
    PEOPLE,
    READ_ONLY_ENTITIES,
    TRANSACTIONS,
)
from ops.sandbox.quickbooks_online.sales import check_unlinked, prepare_sale, voided_sale


@dataclass(frozen=True)
class How:
    """`duplicates_allowed`: include=allowduplicatedocnum. `by_accountant`: in the program itself,
    where the closing date only asks for a confirmation."""

    duplicates_allowed: bool = False
    by_accountant: bool = False


API = How()


def save(books: Books, entity: str, raw: Any, how: How = API) -> Document:
    """Creates, or updates when the body has an Id. Raises Refusal."""
    _check_writable(entity)
    body = conform(entity, raw, empty_dates_refused=books.options.empty_dates_refused)
    with books.transaction():
        before = current(books, entity, body) if body.get("Id") else None
        wanted = _merged(body, before)
        if entity in TRANSACTIONS and not how.by_accountant:
            books.check_open(before["TxnDate"] if before else None)
            books.check_open(wanted.get("TxnDate") or books.now().date().isoformat())
        prepared = prepare(books, entity, wanted, before, how)
        kept = books.put(entity, books.stamp(prepared, before))
        _follow(books, entity, before, kept)
        return present(books, entity, books.get(entity, kept["Id"]) or kept)


def delete(books: Books, entity: str, raw: Any, how: How = API) -> Document:
    """Deletes a transaction. Raises Refusal; the lists are made inactive instead (500)."""
    _check_writable(entity)
    if entity not in TRANSACTIONS:
        raise Refusal(500, f"Operation delete is not supported for {entity}")
    body = conform(entity, raw, empty_dates_refused=False)
    with books.transaction():
        before = current(books, entity, body)
        if not how.by_accountant:
            books.check_open(before["TxnDate"])
        if entity == "Payment":
            check_not_deposited(books, before)
        elif entity != "JournalEntry":
            check_unlinked(books, entity, before, "delete")
        books.remove(entity, before["Id"])
        _follow(books, entity, before, None)
    return {"domain": "QBO", "status": "Deleted", "Id": before["Id"]}


def void(books: Books, entity: str, raw: Any, how: How = API) -> Document:
    """Voids an invoice or a payment. Raises Refusal."""
    if entity not in ("Invoice", "Payment"):
        raise Refusal(500, f"Operation void is not supported for {entity}")
    body = conform(entity, raw, empty_dates_refused=False)
    with books.transaction():
        before = current(books, entity, body)
        if not how.by_accountant:
            books.check_open(before["TxnDate"])
        voided = (
            voided_payment(books, before)
            if entity == "Payment"
            else voided_sale(books, entity, before)
        )
        kept = books.put(entity, books.stamp(voided, before))
        _follow(books, entity, before, kept)
        return present(books, entity, kept)


def current(books: Books, entity: str, body: Document) -> Document:
    """The document that the body's Id and SyncToken name. Raises Refusal."""
    number = str(body.get("Id", ""))
    if not number:
        raise Refusal(2020, "Required parameter Id is missing in the request", element="Id")
    before = existing(books, entity, number, inactive=body.get("Active") is True)
    token = body.get("SyncToken")
    if token is None:
        raise Refusal(
            2020, "Required parameter SyncToken is missing in the request", element="SyncToken"
        )
    if token != before["SyncToken"]:
        raise Refusal(
            5010,
            "Stale Object Error : You and another were working on this at the same time. The"
            " other finished before you did, so your work was not saved.",
        )
    return before


def existing(books: Books, entity: str, number: str, *, inactive: bool = False) -> Document:
    """The document of that Id. Raises Refusal: 2030 no number, 610 unknown or made inactive."""
    if not number.isdigit():
        raise Refusal(2030, f"Invalid ID : Id should be a valid number. Supplied value:{number}")
    found = books.get(entity, number)
    if found is None or (found.get("Active") is False and not inactive):
        raise Refusal(
            610,
            "Object Not Found : Something you're trying to use has been made inactive. Check the"
            " fields with accounts, customers, items, vendors or employees.",
        )
    return found


def prepare(
    books: Books, entity: str, wanted: Document, before: Document | None, how: How = API
) -> Document:
    """The complete document of any writable kind, by its own rules."""
    if entity in PEOPLE:
        return prepare_person(books, entity, wanted, before)
    if entity == "Payment":
        return prepare_payment(books, wanted, before)
    if entity == "JournalEntry":
        return prepare_journal(books, wanted, before, duplicates_allowed=how.duplicates_allowed)
    if entity in ("Invoice", "CreditMemo"):
        return prepare_sale(
            books, entity, wanted, before, duplicates_allowed=how.duplicates_allowed
        )
    return prepare_listed(books, entity, wanted, before)


def present(books: Books, entity: str, document: Document) -> Document:
    """The document as answered: a customer with what it owes today."""
    return with_balance(books, document) if entity == "Customer" else document


def _check_writable(entity: str) -> None:
    if entity in READ_ONLY_ENTITIES:
        raise Refusal(500, f"Operation create or update is not supported for {entity}")


def _merged(body: Document, before: Document | None) -> Document:
    """A full update keeps nothing that the body leaves out; a sparse one keeps all of it."""
    given = {name: value for name, value in body.items() if name not in COMPUTED}
    if before is None:
        return given
    if not body.get("sparse"):
        return {"Active": before["Active"], **given} if "Active" in before else given
    kept = {name: value for name, value in before.items() if name not in COMPUTED}
    retaxed = {"Line", "GlobalTaxCalculation"} & set(given)
    if retaxed and "TxnTaxDetail" not in given:
        kept.pop("TxnTaxDetail", None)
    return {**kept, **given}


def _follow(books: Books, entity: str, before: Document | None, after: Document | None) -> None:
    """What the service does by itself after a change: open amounts, automatic credits."""
    if entity == "Payment":
        settle(books, set(linked_amounts(before or {})) | set(linked_amounts(after or {})))
    automatic = books.preference("SalesFormsPrefs", "AutoApplyCredit", default=False)
    if automatic and before is None and after and entity in ("Invoice", "CreditMemo"):
        _apply_credits(books, after["CustomerRef"])


def _open(books: Books, entity: str, customer: str) -> list[Document]:
    found = [d for d in books.find(entity, "CustomerRef", customer) if amount(d, "Balance") > 0]
    return sorted(found, key=lambda d: (d["TxnDate"], int(d["Id"])))


def _apply_credits(books: Books, customer: Document) -> None:
    """Applies every open credit memo to the oldest open invoices, by payments of nothing."""
    for credit in _open(books, "CreditMemo", customer["value"]):
        left = amount(credit, "Balance")
        for invoice in _open(books, "Invoice", customer["value"]):
            value = min(left, amount(invoice, "Balance"))
            if value <= Decimal(0):
                break
            left -= value
            _apply(books, customer, credit, invoice, value)


def _apply(
    books: Books, customer: Document, credit: Document, invoice: Document, value: Decimal
) -> None:
    lines = [
        {
            "Amount": money_text(value),
            "LinkedTxn": [{"TxnId": linked["Id"], "TxnType": kind}],
        }
        for kind, linked in (("Invoice", invoice), ("CreditMemo", credit))
    ]
    wanted = {
        "CustomerRef": customer,
        "TotalAmt": "0.00",
        "TxnDate": max(credit["TxnDate"], invoice["TxnDate"]),
        "PrivateNote": "Created by QB Online to link credits to charges.",
        "Line": lines,
        "CurrencyRef": credit["CurrencyRef"],
    }
    kept = books.put("Payment", books.stamp(prepare_payment(books, wanted, None), None))
    settle(books, set(linked_amounts(kept)))
