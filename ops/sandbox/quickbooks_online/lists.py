"""Items, accounts, terms and payment methods: the lists that documents refer to.

In: a conformed document. Out: the document to keep. Refuses a missing name (2020), a name in use
(6240) and a colon (2040).
"""

from __future__ import annotations

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.answers import Refusal
from ops.sandbox.quickbooks_online.books import Books

_CLASSIFICATIONS = {
    "Income": "Revenue",
    "Other Income": "Revenue",
    "Bank": "Asset",
    "Accounts Receivable": "Asset",
    "Other Current Asset": "Asset",
    "Fixed Asset": "Asset",
    "Other Asset": "Asset",
    "Accounts Payable": "Liability",
    "Credit Card": "Liability",
    "Other Current Liability": "Liability",
    "Long Term Liability": "Liability",
    "Equity": "Equity",
    "Expense": "Expense",
    "Other Expense": "Expense",
    "Cost of Goods Sold": "Expense",
}


def prepare_listed(
    books: Books, entity: str, document: Document, before: Document | None
) -> Document:
    """The document of a list, complete. Raises Refusal."""
    name = document.get("Name")
    if not name:
        raise Refusal(2020, "Required parameter Name is missing in the request", element="Name")
    if ":" in name:
        raise Refusal(2040, f"Element contains invalid characters: {name}", element="Name")
    holder = books.named(entity, name)
    if holder and (before is None or holder["Id"] != before["Id"]):
        raise Refusal(
            6240, f"The name supplied already exists. : Id={holder['Id']}", element="Name"
        )
    complete = {"Active": True, **document}
    if entity == "Item":
        return _item(books, complete)
    if entity == "Account":
        return _account(books, complete)
    if entity == "Term":
        return _term(complete)
    return complete


def _item(books: Books, document: Document) -> Document:
    kind = document.setdefault("Type", "Service")
    income = books.reference("Account", document.get("IncomeAccountRef"), "IncomeAccountRef")
    if income is None and kind in ("Service", "NonInventory", "Inventory"):
        raise Refusal(
            2020,
            "Required parameter IncomeAccountRef is missing in the request",
            element="IncomeAccountRef",
        )
    if income and income.get("Classification") != "Revenue" and kind == "Inventory":
        raise Refusal(6430, "Invalid account type used for the item", element="IncomeAccountRef")
    return {**document, "FullyQualifiedName": document["Name"]}


def _account(books: Books, document: Document) -> Document:
    kind = document.get("AccountType")
    if not kind and not document.get("AccountSubType"):
        raise Refusal(6010, "AccountType or AccountSubType is needed", element="AccountType")
    if kind and kind not in _CLASSIFICATIONS:
        raise Refusal(2170, f"Invalid Enumeration : {kind}", element="AccountType")
    return {
        "CurrentBalance": "0.00",
        "CurrentBalanceWithSubAccounts": "0.00",
        "CurrencyRef": {"value": books.home_currency},
        **document,
        "Classification": _CLASSIFICATIONS.get(kind or "", "Asset"),
        "FullyQualifiedName": document["Name"],
    }


def _term(document: Document) -> Document:
    if "DueDays" not in document and "DayOfMonthDue" not in document:
        raise Refusal(2020, "Required parameter DueDays is missing in the request")
    return {**document, "Type": "STANDARD" if "DueDays" in document else "DATE_DRIVEN"}
