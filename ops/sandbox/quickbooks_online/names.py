"""Customers, vendors and employees: one name space, and what each may hold.

In: a conformed document and the one it replaces. Out: the document to keep. Refuses names already
used by any of the three kinds, active or not (6240), a colon (2040), no name at all (6080).
"""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.answers import Refusal
from ops.sandbox.quickbooks_online.books import Books, reference_to
from ops.sandbox.quickbooks_online.conform import amount, money_text
from ops.sandbox.quickbooks_online.properties import PEOPLE

_PARTS = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")
_ISO_3 = {"canada": "CAN", "ca": "CAN", "can": "CAN", "usa": "USA", "us": "USA"}
MAX_LEVEL = 4


def prepare_person(
    books: Books, entity: str, document: Document, before: Document | None
) -> Document:
    """The document of a customer, vendor or employee, complete. Raises Refusal."""
    name = document.get("DisplayName") or " ".join(
        document[part] for part in _PARTS if document.get(part)
    )
    if not name:
        raise Refusal(
            6080,
            "At least one of Title, GivenName, MiddleName, FamilyName, DisplayName, Suffix is"
            " needed",
        )
    _check_name(books, entity, name, before)
    complete = {
        "Active": True,
        "PrintOnCheckName": name[:110],
        **document,
        "DisplayName": name,
    }
    for field in ("BillAddr", "ShipAddr", "PrimaryAddr"):
        if complete.get(field):
            complete[field] = _address(books, complete[field])
    if entity == "Customer":
        return _customer(books, complete, before)
    if entity == "Vendor":
        books.reference("Term", document.get("TermRef"), "TermRef")
        complete["Balance"] = "0.00"
    return complete


def _check_name(books: Books, entity: str, name: str, before: Document | None) -> None:
    if any(character in name for character in ":\t\n"):
        raise Refusal(2040, f"Element contains invalid characters: {name}", element="DisplayName")
    if len(name) > 500:
        raise Refusal(
            2050, f"Min:0 Max:500 supported. Supplied length:{len(name)}", element="DisplayName"
        )
    for kind in PEOPLE:
        for holder in books.find(kind, "DisplayName", name):
            if kind != entity or before is None or holder["Id"] != before["Id"]:
                raise Refusal(
                    6240,
                    f"The name supplied already exists. : Id={holder['Id']}",
                    element="DisplayName",
                )


def _address(books: Books, address: Document) -> Document:
    """Latitudes are no longer answered, and countries come back as ISO 3 letters."""
    kept = {k: v for k, v in address.items() if k not in ("Lat", "Long", "Id")}
    if kept.get("Country"):
        kept["Country"] = _ISO_3.get(kept["Country"].lower(), kept["Country"])
    return {"Id": address.get("Id") or books.new_id(), **kept}


def _customer(books: Books, document: Document, before: Document | None) -> Document:
    books.reference("Term", document.get("SalesTermRef"), "SalesTermRef")
    books.reference("PaymentMethod", document.get("PaymentMethodRef"), "PaymentMethodRef")
    books.reference("TaxCode", document.get("DefaultTaxCodeRef"), "DefaultTaxCodeRef")
    books.reference("Account", document.get("ARAccountRef"), "ARAccountRef")
    parent = _parent(books, document, before)
    level = int(parent.get("Level", 0)) + 1 if parent else 0
    qualified = document["DisplayName"]
    if parent:
        qualified = f"{parent['FullyQualifiedName']}:{qualified}"
    return {
        "Taxable": True,
        "PreferredDeliveryMethod": "None",
        **document,
        "CurrencyRef": _currency(books, document, before),
        "Job": parent is not None,
        "BillWithParent": bool(parent and document.get("BillWithParent")),
        "Level": level,
        "FullyQualifiedName": qualified,
    }


def _parent(books: Books, document: Document, before: Document | None) -> Document | None:
    reference = document.get("ParentRef")
    if document.get("Job") and not reference:
        raise Refusal(6150, "ParentRef is required when Job is true", element="ParentRef")
    parent = books.reference("Customer", reference, "ParentRef", code=700)
    if parent is None:
        return None
    if before and parent["Id"] == before["Id"]:
        raise Refusal(900, "A customer cannot be its own parent", element="ParentRef")
    if int(parent.get("Level", 0)) >= MAX_LEVEL:
        raise Refusal(6000, "Business Validation Error: more than 5 levels of sub-customers")
    document["ParentRef"] = reference_to(parent)
    return parent


def _currency(books: Books, document: Document, before: Document | None) -> Document:
    """The currency is given for life at creation."""
    if before:
        kept: Document = before["CurrencyRef"]
        return kept
    asked: Document | None = document.get("CurrencyRef")
    if asked and not books.multi_currency and asked["value"] != books.home_currency:
        raise Refusal(2220, f"Invalid currency: {asked['value']}", element="CurrencyRef")
    return asked or {"value": books.home_currency}


def with_balance(books: Books, customer: Document) -> Document:
    """The customer with what it owes now: open invoices less credits and unapplied payments."""
    own = _owed(books, customer["Id"])
    return {**customer, "Balance": money_text(own), "BalanceWithJobs": money_text(own)}


def _owed(books: Books, number: str) -> Decimal:
    def total(entity: str, name: str) -> Decimal:
        found = books.find(entity, "CustomerRef", number)
        return sum((amount(document, name) for document in found), Decimal(0))

    return (
        total("Invoice", "Balance")
        - total("CreditMemo", "Balance")
        - total("Payment", "UnappliedAmt")
    )
