"""Lists and single records as the service answers them: pages, `$select`, dates, numbers.

In: kept records, the query's parameters. Out: `{"@odata.context", "value", "@odata.nextLink"}`.
Refuses parameters it does not know, or given twice (InvalidParameters). sage-300.md, section 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300 import filters
from ops.sandbox.sage_300.answers import Refusal
from ops.sandbox.sage_300.books import Books
from ops.sandbox.sage_300.fields import write
from ops.sandbox.sage_300.properties import Properties
from ops.sandbox.sage_300.resources import Resource, details_of

_PARAMETERS = ("$filter", "$select", "$top", "$skip", "$count")
_UNQUOTED = "$'(),"


def parameters(pairs: Sequence[tuple[str, str]], *, single: bool) -> dict[str, str]:
    """The parameters of a query, each once. `single`: of one record. Raises Refusal."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found or name not in (("$select",) if single else _PARAMETERS):
            raise Refusal("InvalidParameters", f"The parameter {name!r} is not valid here.")
        found[name] = value
    return found


def page(books: Books, resource: Resource, query: Mapping[str, str], url: str) -> Document:
    """One page of a collection. `url`: of the collection, for the link to the next one."""
    chosen = _chosen(resource.properties, query.get("$select"))
    skip, top = _whole(query, "$skip", 0), _whole(query, "$top", -1)
    rows = _rows(books, resource, query.get("$filter", ""))
    size = books.options.page_size
    wanted = rows[skip:] if top < 0 else rows[skip : skip + top]
    root = url.rpartition("/")[0]
    body: Document = {"@odata.context": f"{root}/$metadata#{resource.name}"}
    if query.get("$count") == "true":
        body["@odata.count"] = len(rows)
    own_date = books.options.receipt_posting_date
    shown = wanted[:size]
    body["value"] = [present(resource.properties, row, chosen, own_date) for row in shown]
    if len(wanted) > size:
        following = {**query, "$skip": str(skip + size)}
        if top >= 0:
            following["$top"] = str(top - size)
        text = "&".join(f"{k}={quote(v, safe=_UNQUOTED)}" for k, v in following.items())
        body["@odata.nextLink"] = f"{url}?{text}"
    return body


def _rows(books: Books, resource: Resource, text: str) -> list[Document]:
    if not text.strip():
        return books.all(resource.table)
    found = filters.parse(text, resource.properties, ge=books.options.ge_operator)
    rows = books.all(resource.table)
    for name in resource.indexed:
        if name in found.equal:
            rows = books.find(resource.table, name, found.equal[name])
            break
    return [row for row in rows if found.matches(row)]


def single(
    books: Books, resource: Resource, record: Document, query: Mapping[str, str], url: str
) -> Document:
    """One record with its context."""
    root = url.rpartition("/")[0]
    context = {"@odata.context": f"{root}/$metadata#{resource.name}/$entity"}
    chosen = _chosen(resource.properties, query.get("$select"))
    own_date = books.options.receipt_posting_date
    return {**context, **present(resource.properties, record, chosen, own_date)}


def present(
    properties: Properties,
    record: Document,
    chosen: Iterable[str] | None = None,
    receipt_posting_date: str = "PostingDate",
) -> Document:
    """A kept record in the service's words: every property, whatever was never set included."""
    body: Document = {}
    for name in chosen or properties:
        owned = properties[name]
        value = record.get(name, owned.default)
        if owned.kind == "details":
            inner = details_of(owned.entity, receipt_posting_date)
            body[name] = [present(inner, one, None, receipt_posting_date) for one in value or ()]
        else:
            body[name] = write(owned, value)
    return body


def _chosen(properties: Properties, text: str | None) -> list[str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in properties]
    if unknown:
        raise Refusal("InvalidParameters", f"$select: unknown property {unknown[0]!r}.")
    return names


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    value: Any = query.get(name)
    if value is None:
        return default
    if not value.isdigit():
        raise Refusal("InvalidParameters", f"{name}: a whole number is expected.")
    return int(value)
