"""Contact allocations: credit notes and payments on account put on invoices.

In: the body of a write. Out: the allocation. Refuses signed amounts that do not sum to zero, signs
of the wrong side, and the whole endpoint in Start (sage-accounting.md, sections 6.1, 7 and 8).
"""

from __future__ import annotations

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting import shares
from ops.sandbox.sage_accounting.allocated import NAME, check_open, read
from ops.sandbox.sage_accounting.amounts import ZERO
from ops.sandbox.sage_accounting.answers import Problems, reference
from ops.sandbox.sage_accounting.books import Books
from ops.sandbox.sage_accounting.contacts import customer
from ops.sandbox.sage_accounting.editions import How, check_feature
from ops.sandbox.sage_accounting.lists import referred

RESOURCE, ROOT = "contact_allocations", "contact_allocation"
KNOWN = frozenset(
    {"idempotency_id", "transaction_type_id", "contact_id", "allocated_artefacts", "date"}
)
FEATURE = "An allocation"


def save(books: Books, body: Document, before: Document | None, how: How) -> Document:
    """Creates, or replaces the artefacts. Raises Refusal."""
    if not (before is None and _is_first_of_credit_note(books, body)):
        check_feature(books, how, FEATURE)
    problems = Problems(ROOT)
    record: Document = {**(before or {"id": books.new_id(), "date": books.today()})}
    if before is None:
        if body.get("transaction_type_id") != "CUSTOMER_ALLOCATION":
            problems.add("transaction_type_id is not included in the list", "transaction_type_id")
        record["transaction_type"] = referred(books, "transaction_types", "CUSTOMER_ALLOCATION")
        found = customer(books, problems, body.get("contact_id"))
        problems.check()
        if found:
            record["contact"] = reference("contacts", found["id"], found["name"])
    _allocate(books, problems, body, record)
    return books.put(RESOURCE, record | reference(RESOURCE, record["id"], "Customer Allocation"))


def delete(books: Books, record: Document, how: How) -> None:
    """Takes the amounts back. Raises Refusal."""
    check_feature(books, how, FEATURE)
    shares.take_back(books, record["id"])
    books.remove(RESOURCE, record)


def present(books: Books, record: Document) -> Document:
    return {**record, "allocated_artefacts": shares.of_owner(books, record["id"])}


def _allocate(books: Books, problems: Problems, body: Document, record: Document) -> None:
    shares.take_back(books, record["id"])
    allocated = read(books, problems, body, record["contact"]["id"])
    if not allocated:
        problems.add(f"{NAME} can't be blank", NAME)
    for kind, _, amount in allocated:
        if (kind == "sales_invoices") != (amount > 0):
            problems.add("Invoices take positive amounts, credits negative ones", NAME)
    if sum((amount for _, _, amount in allocated), ZERO):
        problems.add("The allocated amounts must sum to zero", NAME)
    check_open(books, problems, allocated)
    problems.check()
    for kind, one, amount in allocated:
        shares.put(books, record["id"], kind, one, amount, record["date"])


def _is_first_of_credit_note(books: Books, body: Document) -> bool:
    """Whether Start may make it after all: one integrator says so, nobody says how."""
    if not books.options.start_allocates_credit_notes:
        return False
    given = body.get(NAME)
    rows = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    named = [shares.artefact(books, one.get("artefact_id")) for one in rows]
    return any(
        one is not None and one[0] == "sales_credit_notes" and not shares.used(books, one[1]["id"])
        for one in named
    )
