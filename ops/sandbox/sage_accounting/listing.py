"""Collections: filters, order, pages, and the attributes of each row.

In: the parameters of a list. Out: the envelope of section 3 of sage-accounting.md. A page past the
end gives the last one again; rows hold id, displayed_as and $path, and the attributes asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting.books import Books
from ops.sandbox.sage_accounting.fields import fold

SPARSE = ("id", "displayed_as", "$path")
DEFAULT_PAGE, LARGEST_PAGE = 20, 200
_SORTED_BY = ("created_at", "updated_at", "date", "due_date")


def selected(books: Books, resource: str, params: dict[str, str]) -> list[Document]:
    """The records that answer the filters every resource of the books has."""
    contact = params.get("contact_id", "")
    indexed = contact and resource not in ("contacts", "journals")
    found = books.of_contact(resource, contact) if indexed else books.all(resource)
    since = params.get("updated_or_created_since", "")
    first, last = params.get("from_date", ""), params.get("to_date", "")
    kept = [
        one
        for one in found
        if (not since or one["updated_at"] >= _moment(since))
        and (not first or one.get("date", "") >= first)
        and (not last or one.get("date", "") <= last)
    ]
    return _sorted(kept, params.get("sort", ""))


def finds(record: Document, search: str) -> bool:
    """Whether a document answers a search, which is never exact: its reference or its contact."""
    wanted = fold(search)
    return wanted in fold(record["reference"]) or wanted in fold(record["contact_name"])


def deleted(books: Books, resource: str, since: str) -> list[Document]:
    graves = books.all(f"_deleted/{resource}")
    found = [one for one in graves if one["deleted_at"] >= _moment(since)]
    return [{**one, "$path": f"/{resource}/{one['id']}"} for one in found]


def page(
    rows: list[Document],
    path: str,
    params: dict[str, str],
    whole: Callable[[Document], Document],
    *,
    size_name: str = "$itemsPerPage",
) -> tuple[Document, bool]:
    """The envelope of one page, and whether a page past the end was asked for."""
    size = min(max(_positive(params.get("items_per_page"), DEFAULT_PAGE), 1), LARGEST_PAGE)
    asked = _positive(params.get("page"), 1)
    last = max((len(rows) + size - 1) // size, 1)
    number = min(asked, last)
    wanted = [name for name in params.get("attributes", "").split(",") if name]
    items = [
        _row(whole(row), wanted) for row in rows[(number - 1) * size : (number - 1) * size + size]
    ]
    envelope = {
        "$total": len(rows),
        "$page": number,
        "$next": _link(path, params, number + 1, size) if number < last else None,
        "$back": _link(path, params, number - 1, size) if number > 1 else None,
        size_name: size,
        "$items": items,
    }
    return envelope, asked > last


def _row(record: Document, wanted: list[str]) -> Document:
    if "all" in wanted:
        return record
    return {name: value for name, value in record.items() if name in (*SPARSE, *wanted)}


def _link(path: str, params: dict[str, str], number: int, size: int) -> str:
    kept = {name: value for name, value in params.items() if name not in ("page", "items_per_page")}
    return f"/{path}?{urlencode({**kept, 'page': number, 'items_per_page': size})}"


def _positive(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and int(text) else default


def _moment(text: str) -> str:
    """A day or a UTC moment, comparable with the service's own."""
    return text if "T" in text else f"{text}T00:00:00Z"


def _sorted(found: list[Document], order: str) -> list[Document]:
    name, _, way = order.partition(":")
    if name not in _SORTED_BY:
        return found
    return sorted(found, key=lambda one: str(one.get(name, "")), reverse=way == "desc")
