"""What is read: one record, or a page of them with `$filter`, `$orderby`, `$select`, `$expand`.

In: a resource and the query options. Out: the JSON of the answer. Refused: unknown properties and
options, lines without their parent, pages above 20,000 (business-central.md, section 2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from ops.sandbox.business_central import customers, journals
from ops.sandbox.business_central.answers import BAD, DIALOG, Refusal
from ops.sandbox.business_central.books import Books
from ops.sandbox.business_central.filters import Filter, parse
from ops.sandbox.business_central.properties import RESOURCES, Resource
from ops.sandbox.business_central.values import ZERO, amount, shown
from ops.sandbox.kernel.store import Document

MAX_PAGE = 20_000
_OPTIONS = {
    *("$filter", "$select", "$expand", "$orderby", "$top", "$skip", "$count", "$skiptoken"),
    *("$schemaversion", "tenant", "company", "aid"),
}
_COMPUTED = {"balanceDue", "taxAreaDisplayName", "netChange", "templateDisplayName"}


def record(books: Books, resource: Resource, key: str) -> Document | None:
    """One record by its id, as kept."""
    if resource.name in journals.TEMPLATES:
        found = journals.batch(books, resource.name, key)
        if found and resource.name == "journals" and not books.options.cash_receipts_posted:
            return found if found["_template"] == journals.GENERAL else None
        return found
    return books.get(resource.name, key)


def rows(books: Books, resource: Resource, wanted: Filter) -> list[Document]:
    """The records to look through, narrowed by an index when the filter allows it."""
    if resource.name in journals.TEMPLATES:
        template = wanted.equal.get("templateDisplayName")
        if template:
            return [one for one in books.all("_batches") if one["_template"] == template]
        return journals.batches(books, resource.name)
    for name, value in wanted.equal.items():
        if books.indexed(resource.name, name):
            return books.find(resource.name, name, value)
        if name == "id":
            one = books.get(resource.name, value)
            return [one] if one else []
    for name, values in wanted.among.items():
        if books.indexed(resource.name, name):
            return [one for value in values for one in books.find(resource.name, name, value)]
    return books.all(resource.name)


def completed(books: Books, resource: Resource, document: Document) -> Document:
    """The record with what is computed when it is read."""
    if resource.name == "customers":
        return customers.seen(books, document)
    if resource.name in journals.TEMPLATES:
        return journals.seen(books, document)
    if resource.name == "accounts":
        entries = books.find("generalLedgerEntries", "accountNumber", document["number"])
        net = sum(
            (amount(one, "debitAmount") - amount(one, "creditAmount") for one in entries), ZERO
        )
        return {**document, "netChange": str(net)}
    return document


def page(
    books: Books, resource: Resource, params: Mapping[str, str], prefer: str, url: str
) -> Document:
    """A page of records. `url` is where the next one is asked for. Raises Refusal."""
    unknown = set(params) - _OPTIONS
    if any(name.startswith("$") for name in unknown):
        raise Refusal(BAD, "filter", detail=f"unknown option {min(unknown)}")
    wanted = parse(params.get("$filter", ""), resource)
    if wanted.ignored:
        books.offend("lambda_ignored", params["$filter"])
    _check_parent(resource, wanted)
    found = rows(books, resource, wanted)
    if wanted.names & _COMPUTED:
        found = [completed(books, resource, one) for one in found]
    found = _ordered(resource, [one for one in found if wanted.test(one)], params)
    total = len(found)
    found = found[_number(params, "$skip", 0) :]
    found = found[: _number(params, "$top", len(found))]
    body: Document = {"@odata.context": f"{url}#{resource.name}"}
    if params.get("$count") == "true":
        body["@odata.count"] = total
    size = _page_size(books, prefer)
    start = _number(params, "$skiptoken", 0)
    body["value"] = [present(books, resource, one, params) for one in found[start : start + size]]
    if start + size < len(found):
        following = {**params, "$skiptoken": str(start + size)}
        body["@odata.nextLink"] = f"{url}?{urlencode(following, quote_via=quote, safe='$,()')}"
    return body


def present(
    books: Books, resource: Resource, document: Document, params: Mapping[str, str]
) -> Document:
    """One record as an answer shows it."""
    full = completed(books, resource, document)
    names = _selected(resource, params.get("$select", ""))
    encoding = books.options.enum_encoding
    seen: Document = {"@odata.etag": document["@odata.etag"]}
    for name, one in resource.properties.items():
        if name in names:
            seen[name] = shown(one, full.get(name), encoding)
    for name in filter(None, (part.strip() for part in _parts(params.get("$expand", "")))):
        seen[name] = _expanded(books, resource, document, name)
    return seen


def _parts(text: str) -> list[str]:
    return re.split(r",(?![^(]*\))", text)


def _expanded(books: Books, resource: Resource, document: Document, name: str) -> Any:
    if name == "customer" and resource.name in ("salesInvoices", "salesCreditMemos"):
        found = books.get("customers", document["customerId"])
        return present(books, RESOURCES["customers"], found, {}) if found else None
    if name not in resource.children:
        raise Refusal(BAD, "unknown_query", name=name, resource=resource.entity)
    child = RESOURCES[name]
    return [
        present(books, child, one, {})
        for one in _in_order(books.find(name, resource.children[name], document["id"]))
    ]


def _in_order(lines: Sequence[Document]) -> list[Document]:
    return sorted(lines, key=lambda one: int(one.get("sequence") or one.get("lineNumber") or 0))


def _selected(resource: Resource, text: str) -> set[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in resource.properties:
            raise Refusal(BAD, "unknown_query", name=name, resource=resource.entity)
    return {"id", *names} if names else set(resource.properties)


def _ordered(
    resource: Resource, found: list[Document], params: Mapping[str, str]
) -> list[Document]:
    if resource.parent_key:
        found = _in_order(found)
    for part in reversed([one for one in params.get("$orderby", "").split(",") if one.strip()]):
        name, _, direction = part.strip().partition(" ")
        if name not in resource.properties:
            raise Refusal(BAD, "unknown_query", name=name, resource=resource.entity)
        number = resource.properties[name].kind in ("decimal", "int")
        found = sorted(
            found,
            key=lambda one, name=name, number=number: (  # type: ignore[misc]  # mypy cannot infer a lambda's defaults
                amount(one, name) if number else str(one.get(name) or "")
            ),
            reverse=direction.strip() == "desc",
        )
    return found


def _check_parent(resource: Resource, wanted: Filter) -> None:
    if resource.parent_key and not {"id", resource.parent_key} & set(wanted.equal):
        journal = resource.parent_key == "journalId"
        raise Refusal(DIALOG, "no_journal" if journal else "no_parent")


def _number(params: Mapping[str, str], name: str, default: int) -> int:
    text = params.get(name, "")
    if not text:
        return default
    if not text.isdigit():
        raise Refusal(BAD, "filter", detail=f"{name} is not a number")
    return int(text)


def _page_size(books: Books, prefer: str) -> int:
    found = re.search(r"odata\.maxpagesize\s*=\s*(\d+)", prefer)
    size = int(found[1]) if found else books.options.page_size
    if size > MAX_PAGE:
        raise Refusal(BAD, "page_too_large", status=413)
    return max(size, 1)
