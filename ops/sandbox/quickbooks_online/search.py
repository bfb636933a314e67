"""Runs a parsed query over a company's books, by an index where a condition allows one.

In: `Query`. Out: the page of documents, and how many documents had to be read for it. Refuses a
value that does not fit the property compared (4001).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.answers import Refusal
from ops.sandbox.quickbooks_online.books import SERVER_ZONE, Books
from ops.sandbox.quickbooks_online.index import INDEXED, fold
from ops.sandbox.quickbooks_online.properties import ENTITIES
from ops.sandbox.quickbooks_online.query import Condition, Query
from ops.sandbox.quickbooks_online.writes import present

Read = Callable[[Document], Any]
Convert = Callable[[str], Any]


@dataclass(frozen=True)
class Found:
    """The page, the number of matches, and the number of documents read to find them."""

    documents: list[Document]
    total: int
    read: int


def run(books: Books, query: Query) -> Found:
    """The documents a query asks for. Raises Refusal."""
    candidates = _candidates(books, query)
    if query.entity == "Customer" and _uses_balance(query):
        candidates = [present(books, "Customer", document) for document in candidates]
    tests = [_test(books, query.entity, condition) for condition in query.conditions]
    if not any(condition.field == "Active" for condition in query.conditions):
        tests.append(lambda document: document.get("Active") is not False)
    found = [document for document in candidates if all(test(document) for test in tests)]
    for name, descending in reversed(query.order):
        read, _ = _reader(books, query.entity, name)
        found.sort(key=lambda d, read=read: _sortable(read(d)), reverse=descending)  # type: ignore[misc]  # mypy cannot type a default in a lambda
    page = found[query.start - 1 : query.start - 1 + query.limit]
    shown = [_selected(query, present(books, query.entity, document)) for document in page]
    return Found(shown, len(found), len(candidates))


def answer(books: Books, query: Query) -> Document:
    """The QueryResponse: empty when nothing matches."""
    found = run(books, query)
    if query.count:
        return {"QueryResponse": {"totalCount": found.total}}
    if not found.documents:
        return {"QueryResponse": {}}
    return {
        "QueryResponse": {
            query.entity: found.documents,
            "startPosition": query.start,
            "maxResults": len(found.documents),
        }
    }


def _uses_balance(query: Query) -> bool:
    return any(c.field == "Balance" for c in query.conditions) or any(
        name == "Balance" for name, _ in query.order
    )


def _candidates(books: Books, query: Query) -> list[Document]:
    """The documents worth reading: those of the condition that the fewest meet."""
    exact = [c for c in query.conditions if c.operator in ("=", "IN")]
    for condition in exact:
        if condition.field == "Id":
            got = [books.get(query.entity, value) for value in dict.fromkeys(condition.values)]
            return [document for document in got if document is not None]
    indexed = [c for c in exact if c.field in INDEXED]
    if not indexed:
        return books.all(query.entity)

    def size(condition: Condition) -> int:
        return sum(books.count(query.entity, condition.field, v) for v in condition.values)

    best = min(indexed, key=size)
    return [
        document
        for value in dict.fromkeys(fold(v) for v in best.values)
        for document in books.find(query.entity, best.field, value)
    ]


def _selected(query: Query, document: Document) -> Document:
    if not query.fields:
        return document
    names = {name.partition(".")[0] for name in query.fields} | {"domain", "Id"}
    return {**{n: v for n, v in document.items() if n in names}, "sparse": True}


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=SERVER_ZONE)


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _day(text: str) -> str:
    return datetime.strptime(text, "%Y-%m-%d").date().isoformat()  # noqa: DTZ007 — a date has no zone


def _reader(books: Books, entity: str, name: str) -> tuple[Read, Convert]:
    """How to read the property of a document, and how to read a literal to compare with it."""
    if name.startswith("MetaData."):
        part = name.partition(".")[2]
        return lambda d: _moment(d["MetaData"][part]), _moment
    if name == "Id":
        return lambda d: int(d["Id"]), int
    if name == "PrimaryEmailAddr":
        return lambda d: _folded(books, (d.get(name) or {}).get("Address")), _folder(books)
    kind = ENTITIES[entity].fields[name].name
    if kind == "ref":
        return lambda d: (d.get(name) or {}).get("value"), str
    if kind in ("money", "number"):
        return lambda d: None if d.get(name) is None else Decimal(str(d[name])), Decimal
    if kind == "bool":
        return lambda d: d.get(name), _truth
    if kind == "date":
        return lambda d: d.get(name), _day
    return lambda d: _folded(books, d.get(name)), _folder(books)


def _folded(books: Books, text: str | None) -> str | None:
    if text is None or books.options.query_case_sensitive:
        return text
    return fold(text)


def _folder(books: Books) -> Convert:
    return lambda text: _folded(books, text)


def _test(books: Books, entity: str, condition: Condition) -> Callable[[Document], bool]:
    read, convert = _reader(books, entity, condition.field)
    if condition.operator == "LIKE":
        pattern = ".*".join(re.escape(part) for part in fold(condition.values[0]).split("%"))
        like = re.compile(pattern, re.DOTALL)
        return lambda d: like.fullmatch(fold(str(read(d) or ""))) is not None
    try:
        values = [convert(value) for value in condition.values]
    except (ValueError, InvalidOperation):
        raise Refusal(
            4001,
            f"QueryValidationError: invalid value {condition.values[0]!r} for {condition.field}",
        ) from None
    if condition.operator in ("=", "IN"):
        return lambda d: read(d) in values
    wanted = values[0]
    compare: dict[str, Callable[[Any], bool]] = {
        "<": lambda value: bool(value < wanted),
        ">": lambda value: bool(value > wanted),
        "<=": lambda value: bool(value <= wanted),
        ">=": lambda value: bool(value >= wanted),
    }
    chosen = compare[condition.operator]

    def test(document: Document) -> bool:
        value = read(document)
        return value is not None and chosen(value)

    return test
