"""`$filter` as Business Central reads it (business-central.md, section 2).

In: the text, the resource. Out: a predicate over stored documents, and the equalities that narrow a
search. Refused: unknown properties, values of another type, `or` on distinct properties. Lambdas
are ignored without a word, so the answer is not filtered.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ops.sandbox.business_central.answers import BAD, Refusal
from ops.sandbox.business_central.properties import Property, Resource
from ops.sandbox.business_central.values import code, decoded
from ops.sandbox.kernel.store import Document

Test = Callable[[Document], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"|(?P<moment>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d))|(?P<date>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_@][\w./]*)|(?P<mark>[(),:]))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge,
    "lt": operator.lt, "le": operator.le,
}  # fmt: skip
_SEARCH: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith, "endswith": str.endswith, "contains": lambda a, b: b in a,
}  # fmt: skip
_KINDS = {
    "text": ("text",), "code": ("text",), "enum": ("text",), "decimal": ("number",),
    "int": ("number",), "date": ("date",), "moment": ("moment", "date"), "guid": ("guid",),
    "bool": ("name",),
}  # fmt: skip


@dataclass
class Filter:
    """`names`: the properties it looks at; `equal`: property → value that every row must have;
    `among`: property → values one of which every row must have."""

    test: Test = lambda _: True
    names: set[str] = field(default_factory=set)
    equal: dict[str, Any] = field(default_factory=dict)
    among: dict[str, list[Any]] = field(default_factory=dict)
    ignored: bool = False


def parse(text: str, resource: Resource) -> Filter:
    """Raises Refusal."""
    if not text.strip():
        return Filter()
    reader = _Reader(_tokens(text), resource)
    found = reader.either()
    if reader.peek() is not None:
        raise _bad(f"unexpected {reader.peek()!r}")
    return found


def _bad(detail: str) -> Refusal:
    return Refusal(BAD, "filter", detail=detail)


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _bad(f"syntax error at position {position}")
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]], resource: Resource) -> None:
        self._tokens = tokens
        self._at = 0
        self._resource = resource

    def peek(self) -> str | None:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else None

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise _bad("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, mark: str) -> None:
        if self._next()[1] != mark:
            raise _bad(f"{mark!r} expected")

    def either(self) -> Filter:
        sides = [self._both()]
        while self.peek() == "or":
            self._next()
            sides.append(self._both())
        if len(sides) == 1:
            return sides[0]
        names = set().union(*(side.names for side in sides))
        if len(names) > 1:
            raise Refusal(BAD, "filter_or")
        tests = [side.test for side in sides]
        (name,) = names or {""}
        told = [side.equal[name] for side in sides if name in side.equal]
        among = {name: list(dict.fromkeys(told))} if len(told) == len(sides) else {}
        return Filter(lambda row: any(test(row) for test in tests), names, among=among)

    def _both(self) -> Filter:
        whole = self._one()
        while self.peek() == "and":
            self._next()
            other = self._one()
            left, right = whole.test, other.test
            whole = Filter(
                lambda row, left=left, right=right: left(row) and right(row),  # type: ignore[misc]  # mypy cannot infer a lambda's defaults
                whole.names | other.names,
                {**whole.equal, **other.equal},
                ignored=whole.ignored or other.ignored,
            )
        return whole

    def _one(self) -> Filter:
        kind, text = self._next()
        if text == "(":
            inner = self.either()
            self._expect(")")
            return inner
        if text == "not":
            inner = self._one()
            return Filter(lambda row: not inner.test(row), inner.names)
        if kind != "name":
            raise _bad(f"unexpected {text!r}")
        if self.peek() == "(" and text in _SEARCH:
            return self._search(text)
        if self.peek() == "(" and text.endswith(("/any", "/all")):
            return self._lambda()
        return self._comparison(text)

    def _property(self, name: str) -> Property:
        found = self._resource.properties.get(name)
        if found is None:
            raise Refusal(BAD, "unknown_query", name=name, resource=self._resource.entity)
        return found

    def _lambda(self) -> Filter:
        depth = 0
        while True:
            _, text = self._next()
            depth += {"(": 1, ")": -1}.get(text, 0)
            if depth == 0:
                return Filter(ignored=True)

    def _search(self, name: str) -> Filter:
        self._expect("(")
        found = self._property(self._next()[1])
        self._expect(",")
        kind, raw = self._next()
        self._expect(")")
        if kind != "text" or found.kind not in ("text", "code"):
            raise _bad(f"{name} takes a text")
        value = _literal(found, kind, raw)
        search = _SEARCH[name]
        return Filter(lambda row: search(str(row.get(found.name) or ""), value), {found.name})

    def _comparison(self, name: str) -> Filter:
        found = self._property(name)
        sign = self._next()[1]
        compare = _COMPARE.get(sign)
        if compare is None:
            raise _bad(f"unknown operator {sign!r}")
        kind, raw = self._next()
        if kind not in _KINDS[found.kind]:
            raise _bad(f"{raw} is not a value of '{name}'")
        value = _literal(found, kind, raw)
        return Filter(
            lambda row: compare(_stored(found, row), value),
            {name},
            {name: value} if sign == "eq" else {},
        )


def _stored(found: Property, row: Document) -> Any:
    value = row.get(found.name)
    value = found.empty if value is None else value
    return Decimal(str(value)) if found.kind in ("decimal", "int") else value


def _literal(found: Property, kind: str, raw: str) -> Any:
    if kind == "text":
        text = raw[1:-1].replace("''", "'")
        if found.kind == "code":
            return code(text)
        return decoded(text) if found.kind == "enum" else text
    if kind == "number":
        return Decimal(raw)
    if kind == "guid":
        return raw.lower()
    if found.kind == "bool":
        if raw not in ("true", "false"):
            raise _bad(f"{raw} is not true or false")
        return raw == "true"
    return raw
