"""The allocated artefacts of a request, checked against their contact and their open balances.

In: `allocated_artefacts` of a payment or an allocation. Out: (kind, record, amount) by artefact.
Refuses what is unknown, another contact's, settled, or too much (sage-accounting.md, section 7).
"""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting import shares
from ops.sandbox.sage_accounting.amounts import given_cents
from ops.sandbox.sage_accounting.answers import Problems
from ops.sandbox.sage_accounting.books import Books
from ops.sandbox.sage_accounting.fields import objects

NAME = "allocated_artefacts"
SETTLED = "You can only pay unpaid or part-paid invoices."
Allocated = list[tuple[str, Document, Decimal]]


def read(books: Books, problems: Problems, body: Document, contact: str) -> Allocated:
    """What the request puts on artefacts of that contact, whatever their sign."""
    found: Allocated = []
    for place, one in enumerate(objects(problems, body, NAME)):
        at = f"{NAME}[{place}]"
        amount = given_cents(problems, one, "amount", f"{at}.amount")
        named = shares.artefact(books, one.get("artefact_id"))
        if named is None:
            problems.add(f"Couldn't find artefact {one.get('artefact_id')}", f"{at}.artefact_id")
            continue
        kind, record = named
        if record["contact"]["id"] != contact:
            problems.add("The artefact belongs to another contact", f"{at}.artefact_id")
        if any(record["id"] == other["id"] for _, other, _ in found):
            problems.add("The artefact is allocated twice", f"{at}.artefact_id")
        if amount is not None:
            if not amount:
                problems.add("amount must not be zero", f"{at}.amount")
            found.append((kind, record, amount))
    return found


def check_open(books: Books, problems: Problems, allocated: Allocated) -> None:
    """Each artefact must have at least that much open."""
    for kind, record, amount in allocated:
        left = shares.outstanding(books, record)
        if kind == "sales_invoices" and left <= 0:
            problems.add(SETTLED)
        elif abs(amount) > left:
            problems.add("The amount is greater than the outstanding amount", NAME)
