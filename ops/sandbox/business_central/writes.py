"""Which work a POST, PATCH or DELETE of each resource means.

In: the record's resource, its parent's id, conformed values. Out: the record as kept. Refused with
405: what the API's pages do not allow.
"""

from __future__ import annotations

from typing import Any

from ops.sandbox.business_central import customers, journals, sales
from ops.sandbox.business_central.answers import DIALOG, NOT_ALLOWED, SAME_KEY, Refusal, not_found
from ops.sandbox.business_central.books import Books
from ops.sandbox.business_central.properties import NO_GUID, RESOURCES, Resource
from ops.sandbox.business_central.values import conform
from ops.sandbox.kernel.store import Document


def create(books: Books, resource: Resource, parent: str, body: Any) -> Document:
    """`parent`: the id in the URL, "" when the body must name it. Raises Refusal."""
    if "POST" not in resource.methods:
        raise Refusal(NOT_ALLOWED, "method", status=405, method="POST", resource=resource.name)
    values, children = conform(resource, body, patch=False, order=books.options.property_order)
    name = resource.name
    if name == "customers":
        return customers.create(books, values)
    if name in sales.SALES:
        sale = sales.SALES[name]
        lines = [_child(books, sale.lines, one) for one in children.get(sale.lines, [])]
        return sales.create(books, sale, values, lines)
    if name in sales.BY_LINES:
        sale = sales.BY_LINES[name]
        header = _parent(books, sale.name, parent or values.get("documentId", NO_GUID), "no_parent")
        return sales.add_line(books, sale, header, values)
    if name in journals.TEMPLATES:
        return _batch(books, resource, values, children)
    return _journal_line(books, resource, parent or values.get("journalId", NO_GUID), values)


def _batch(
    books: Books, resource: Resource, values: Document, children: dict[str, list[Any]]
) -> Document:
    made = journals.create_batch(books, resource.name, values)
    for child, bodies in children.items():
        for one in bodies:
            journals.add_line(books, child, made["id"], _child(books, child, one))
    return made


def _journal_line(books: Books, resource: Resource, journal: str, values: Document) -> Document:
    owner = "journals" if resource.name == "journalLines" else "customerPaymentJournals"
    if journals.batch(books, owner, journal) is None:
        if journal == NO_GUID:
            raise Refusal(DIALOG, "no_journal")
        raise not_found()
    return journals.add_line(books, resource.name, journal, values)


def _child(books: Books, name: str, body: Any) -> Document:
    values, _ = conform(RESOURCES[name], body, patch=False, order=books.options.property_order)
    return values


def _parent(books: Books, name: str, key: str, missing: str) -> Document:
    if key == NO_GUID:
        raise Refusal(DIALOG, missing)
    found = books.get(name, key)
    if found is None:
        raise not_found()
    return found


def change(books: Books, resource: Resource, before: Document, body: Any) -> Document:
    if "PATCH" not in resource.methods:
        raise Refusal(NOT_ALLOWED, "method", status=405, method="PATCH", resource=resource.name)
    values, _ = conform(resource, body, patch=True)
    name = resource.name
    if name == "customers":
        return customers.change(books, before, values)
    if name in sales.SALES:
        return sales.change(books, sales.SALES[name], before, values)
    if name in sales.BY_LINES:
        return sales.change_line(books, sales.BY_LINES[name], before, values)
    if name in journals.TEMPLATES:
        return _renamed_batch(books, before, values)
    return journals.change_line(books, name, before, values)


def _renamed_batch(books: Books, before: Document, values: Document) -> Document:
    wanted = str(values.get("code", before["code"]))
    taken = [one for one in books.find("_batches", "code", wanted) if one["id"] != before["id"]]
    if any(one["_template"] == before["_template"] for one in taken):
        raise Refusal(SAME_KEY, "same_key", table="Gen. Journal Batch", key=f"Name='{wanted}'")
    return journals.change_batch(books, before, values)


def remove(books: Books, resource: Resource, document: Document) -> None:
    if "DELETE" not in resource.methods:
        raise Refusal(NOT_ALLOWED, "method", status=405, method="DELETE", resource=resource.name)
    name = resource.name
    if name == "customers":
        customers.remove(books, document)
    elif name in sales.SALES:
        sales.remove(books, sales.SALES[name], document)
    elif name in sales.BY_LINES:
        sales.remove_line(books, sales.BY_LINES[name], document)
    elif name in journals.TEMPLATES:
        journals.remove_batch(books, document)
    else:
        books.remove(name, document)
