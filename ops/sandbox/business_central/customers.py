"""Customers (business-central.md, section 3): numbers, renaming, references, no deletion once used.

In: conformed values. Out: the customer as kept. Posting groups are never seen: a customer made
while they are missing fails its first invoice, not its creation.
"""

from __future__ import annotations

from ops.sandbox.business_central.answers import DIALOG, FIELD, NO_RELATION, SAME_KEY, Refusal
from ops.sandbox.business_central.books import Books
from ops.sandbox.business_central.values import ZERO, amount
from ops.sandbox.kernel.store import Document

_BY_ID = (
    ("paymentTermsId", "paymentTerms", "Payment Terms"),
    ("paymentMethodId", "paymentMethods", "Payment Method"),
    ("shipmentMethodId", "shipmentMethods", "Shipment Method"),
    ("taxAreaId", "taxAreas", "Tax Area"),
)
SERIES = "C"


def create(books: Books, values: Document) -> Document:
    if not values.get("displayName", "").strip():
        raise Refusal(DIALOG, "display_name")
    values = _checked(books, values)
    number = values.get("number", "")
    if not number:
        number = books.next_number(SERIES)
    elif not books.options.manual_customer_numbers:
        raise Refusal(DIALOG, "manual_number", series=SERIES)
    if books.named("customers", number, "number"):
        raise Refusal(SAME_KEY, "same_key", table="Customer", key=f"No.='{number}'")
    groups = not books.options.posting_groups_missing
    return books.insert("customers", {**values, "number": number, "_postingGroups": groups})


def change(books: Books, before: Document, values: Document) -> Document:
    if "displayName" in values and not values["displayName"].strip():
        raise Refusal(DIALOG, "display_name")
    if "number" in values:
        books.offend("customer_number_patched", f"{before['number']} → {values['number']}")
        _rename(books, before["number"], values["number"])
    return books.change("customers", before, **_checked(books, values))


def remove(books: Books, customer: Document) -> None:
    books.offend("customer_deleted", customer["number"])
    number = customer["number"]
    used = books.find("_ledger", "customer", number) or any(
        books.find(kind, "customerNumber", number) for kind in ("salesInvoices", "salesCreditMemos")
    )
    if used:
        raise Refusal(DIALOG, "customer_in_use", number=number)
    books.remove("customers", customer)


def balance(books: Books, customer: Document) -> str:
    entries = books.find("_ledger", "customer", customer["number"])
    return str(sum((amount(entry, "remaining") for entry in entries), ZERO))


def seen(books: Books, customer: Document) -> Document:
    """The customer with what is computed when it is read."""
    area = books.get("taxAreas", customer["taxAreaId"])
    return {
        **customer,
        "balanceDue": balance(books, customer),
        "taxAreaDisplayName": area["displayName"] if area else "",
    }


def check_usable(customer: Document, what: str) -> None:
    """Refuses a customer who cannot be invoiced: blocked, or without posting groups."""
    if customer["blocked"] in ("Invoice", "All"):
        raise Refusal(
            DIALOG, "customer_blocked", what=what, number=customer["number"],
            blocked=customer["blocked"],
        )  # fmt: skip
    if not customer.get("_postingGroups", True):
        raise Refusal(
            FIELD, "must_have", field="Customer Posting Group", table="Customer",
            key=f"No.={customer['number']}",
        )  # fmt: skip


def _checked(books: Books, values: Document) -> Document:
    for name, resource, what in _BY_ID:
        if name in values:
            books.referenced(resource, values[name], name, what)
    if any(letter.isalpha() for letter in values.get("phoneNumber", "")):
        raise Refusal(FIELD, "phone")
    if country := values.get("country", ""):
        related(books, "countriesRegions", country, "Country/Region Code", "Customer")
    if "postalCode" in values:
        values = {**values, "postalCode": values["postalCode"].upper()}
    return currency(books, values)


def related(books: Books, resource: str, value: str, field: str, table: str) -> Document:
    """The record a code names. Raises Refusal (Internal_InvalidTableRelation) when unknown."""
    found = books.named(resource, value)
    if found is None:
        raise Refusal(
            NO_RELATION, "relation", field=field, table=table, value=value,
            related=resource,
        )  # fmt: skip
    return found


def currency(books: Books, values: Document) -> Document:
    """The values with both names of their currency; the local one is blank (section 10)."""
    if "currencyCode" not in values and "currencyId" not in values:
        return values
    local = books.setup["localCurrencyCode"]
    if values.get("currencyCode") == local:
        values = {**values, "currencyCode": ""}
    found = books.pair("currencies", values, "currencyId", "currencyCode", "Currency", "code")
    if found is None:
        return {**values, "currencyCode": ""}
    return {**values, "currencyId": found["id"], "currencyCode": found["code"]}


def _rename(books: Books, old: str, new: str) -> None:
    """A customer's number follows through all its history (APIV2Customers, OnModifyRecord)."""
    if old == new:
        return
    if books.named("customers", new, "number"):
        raise Refusal(SAME_KEY, "same_key", table="Customer", key=f"No.='{new}'")
    for entry in books.find("_ledger", "customer", old):
        books.change("_ledger", entry, customer=new)
    for kind in ("salesInvoices", "salesCreditMemos", "customerPayments"):
        for document in books.all(kind):
            names = ("customerNumber", "billToCustomerNumber")
            changes = {name: new for name in names if document.get(name) == old}
            if changes:
                books.change(kind, document, **changes)
