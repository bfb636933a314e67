"""One table of what each resource can be written with: by the API, by a person, by the seed.

In: a resource and a body. Out: the record as a read shows it. Refuses verbs that a resource does
not have (405), and what the limited edition does not have (sage-accounting.md, section 8).
"""

from __future__ import annotations

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting import allocations, contacts, journals, lines, payments, sales
from ops.sandbox.sage_accounting.answers import Problem, Refusal
from ops.sandbox.sage_accounting.books import Books
from ops.sandbox.sage_accounting.editions import How, check_feature
from ops.sandbox.sage_accounting.fields import unknown

ROOTS = {
    "contacts": contacts.ROOT,
    "sales_invoices": sales.INVOICES.root,
    "sales_credit_notes": sales.CREDIT_NOTES.root,
    "contact_payments": payments.ROOT,
    "contact_allocations": allocations.ROOT,
    "journals": journals.ROOT,
}
NUMBERED = ("contacts", "sales_invoices", "sales_credit_notes")
_KNOWN = {
    "contacts": contacts.KNOWN,
    "sales_invoices": sales.INVOICES.known,
    "sales_credit_notes": sales.CREDIT_NOTES.known,
    "contact_payments": payments.KNOWN,
    "contact_allocations": allocations.KNOWN,
    "journals": journals.KNOWN,
}


def create(books: Books, resource: str, body: Document, how: How) -> Document:
    """Raises Refusal."""
    _note_unknown(resource, body, how)
    record = _save(books, resource, body, None, how)
    _note_duplicate(books, resource, record, how)
    return present(books, resource, record)


def update(books: Books, resource: str, number: str, body: Document, how: How) -> Document:
    """Raises Refusal."""
    if resource == "journals":
        raise wrong_verb("PUT")
    if resource == "sales_credit_notes":
        check_feature(books, how, "Changing a credit note")
    _note_unknown(resource, body, how)
    before = books.existing(resource, number)
    with books.store.transaction():
        return present(books, resource, _save(books, resource, body, before, how))


def release(books: Books, resource: str, number: str, how: How) -> Document:
    """Posts a draft. Raises Refusal."""
    kind = sales.KINDS.get(resource)
    if kind is None:
        raise wrong_verb("release")
    if resource == "sales_credit_notes":
        check_feature(books, how, "Releasing a credit note")
    with books.store.transaction():
        record = sales.release(books, kind, books.existing(resource, number))
    return present(books, resource, record)


def remove(books: Books, resource: str, number: str, reason: str, how: How) -> Document | None:
    """Deletes (None), or voids a posted document. Raises Refusal."""
    record = books.existing(resource, number)
    with books.store.transaction():
        if resource in sales.KINDS:
            voided = sales.void(books, sales.KINDS[resource], record, reason)
            return voided and present(books, resource, voided)
        if resource == "contacts":
            contacts.delete(books, record)
        elif resource == "contact_payments":
            payments.delete(books, record)
        elif resource == "contact_allocations":
            allocations.delete(books, record, how)
        else:
            journals.delete(books, record)
    return None


def present(
    books: Books, resource: str, record: Document, params: dict[str, str] | None = None
) -> Document:
    """A record as a read shows it, with what is computed."""
    asked = params or {}
    if resource in sales.KINDS:
        payments_too = asked.get("show_payments_allocations") == "true"
        return sales.present(books, record, payments=payments_too)
    if resource == "contacts":
        return contacts.present(books, record, balance=asked.get("show_balance") == "true")
    if resource == "contact_payments":
        return payments.present(books, record)
    if resource == "contact_allocations":
        return allocations.present(books, record)
    return record


def wrong_verb(verb: str) -> Refusal:
    return Refusal(405, Problem("MethodNotAllowed", f"{verb} is not allowed here."))


def _save(
    books: Books, resource: str, body: Document, before: Document | None, how: How
) -> Document:
    if resource in sales.KINDS:
        return sales.save(books, sales.KINDS[resource], body, before, how)
    if resource == "contacts":
        return contacts.save(books, body, before, how)
    if resource == "contact_payments":
        return payments.save(books, body, before, how)
    if resource == "contact_allocations":
        return allocations.save(books, body, before, how)
    return journals.create(books, body, how)


def _note_unknown(resource: str, body: Document, how: How) -> None:
    found = unknown(body, _KNOWN[resource])
    kind = sales.KINDS.get(resource)
    rows = body.get(kind.lines) if kind else None
    for row in rows if isinstance(rows, list) else []:
        found |= unknown(row, lines.KNOWN)
    if found:
        how.offend("unknown_attribute", f"{resource}: {', '.join(sorted(found))}")


def _note_duplicate(books: Books, resource: str, record: Document, how: How) -> None:
    """A second living document of one reference: nobody looked before making it."""
    named = record.get("reference")
    if how.by_hand or how.seeding or not named:
        return
    same: tuple[str, ...] = ("reference",)
    if resource in sales.KINDS:
        others = books.of_contact(resource, record["contact"]["id"])
    elif resource == "contact_payments":
        others = books.of_contact(resource, record["contact"]["id"])
        same = ("reference", "date", "total_amount")
    elif resource == "journals":
        others = books.store.find(books.kind(resource), "reference", named)
        same = ("reference", "date", "total")
    else:
        return
    twins = [
        one["id"]
        for one in others
        if one["id"] != record["id"]
        and one.get("state") != "VOID"
        and all(one.get(name) == record.get(name) for name in same)
    ]
    if twins:
        how.offend("duplicate_document", f"{resource} {named} is there already: {twins[0]}")
