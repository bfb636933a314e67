"""The reference lists of a business, and those of the service itself.

In: a resource's name. Out: its rows as a read shows them; a named row for a write that refers to
it. Refuses nothing: whoever refers to a row that does not exist gets None.
"""

from __future__ import annotations

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting.answers import reference
from ops.sandbox.sage_accounting.books import Books

SEEDED = ("ledger_accounts", "tax_rates", "bank_accounts", "payment_methods")
_FIXED = {
    "address_regions": {"CA-QC": "Quebec", "CA-ON": "Ontario", "CA-NB": "New Brunswick"},
    "countries": {"CA": "Canada (CA)", "US": "United States (US)", "FR": "France (FR)"},
    "contact_types": {"CUSTOMER": "Customer", "VENDOR": "Vendor"},
    "contact_person_types": {"ACCOUNTS": "Accounts", "SALES": "Sales", "PRIMARY": "Primary"},
    "address_types": {"ACCOUNTS": "Accounts", "DELIVERY": "Delivery", "SALES": "Sales"},
    "currencies": {"CAD": "Canadian Dollar (CAD)", "USD": "US Dollar (USD)"},
    "artefact_statuses": {
        "DRAFT": "Draft",
        "PRO_FORMA": "Pro Forma",
        "UNPAID": "Unpaid",
        "PART_PAID": "Part Paid",
        "PAID": "Paid",
        "VOID": "Void",
    },
    "transaction_types": {
        "CUSTOMER_RECEIPT": "Customer Receipt",
        "CUSTOMER_REFUND": "Customer Refund",
        "CUSTOMER_ALLOCATION": "Customer Allocation",
    },
}
LISTS = (*SEEDED, *_FIXED)


def rows(books: Books, resource: str) -> list[Document]:
    """Every row of a list, as a read shows it."""
    if resource in _FIXED:
        return [
            {**reference(resource, number, label), "name": label}
            for number, label in _FIXED[resource].items()
        ]
    found = books.all(resource)
    if resource == "tax_rates":
        return [_tax_rate(books, row) for row in found]
    return [{**reference(resource, row["id"], row["displayed_as"]), **row} for row in found]


def find(books: Books, resource: str, number: object) -> Document | None:
    """One row as it is kept, or None."""
    if not isinstance(number, str):
        return None
    if resource in _FIXED:
        label = _FIXED[resource].get(number)
        return {"id": number, "displayed_as": label} if label else None
    return books.get(resource, number)


def referred(books: Books, resource: str, number: object) -> Document | None:
    """The reference to a row, or None when there is none."""
    row = find(books, resource, number)
    return reference(resource, row["id"], row["displayed_as"]) if row else None


def _tax_rate(books: Books, row: Document) -> Document:
    parts = []
    for number in row["components"]:
        part = books.existing("tax_rates", number)
        shown = reference("tax_rates", number, part["displayed_as"])
        if books.options.component_percentages:
            shown |= {"name": part["name"], "percentage": part["percentage"]}
        parts.append(shown)
    kept = {name: value for name, value in row.items() if name not in ("components", "regions")}
    return {
        **reference("tax_rates", row["id"], row["displayed_as"]),
        **kept,
        "component_tax_rates": parts,
    }
