"""`$filter`: the operators and functions that the service documents, and no others.

In: the text of a filter, the properties it may name. Out: a test of one kept record, and the values
it asks for by equality (so that an index can help). Refuses the rest (InvalidParameters).
Operators, functions and the two forms of dates: sage-300.md, section 2.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ops.sandbox.sage_300.answers import Refusal
from ops.sandbox.sage_300.fields import Field

Record = Mapping[str, Any]
Test = Callable[[Record], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<date>datetime'(?P<moment>[^']*)')|(?P<text>'(?:[^']|'')*')"
    r"|(?P<day>\d{4}-\d\d-\d\d(?:T[0-9:.]+(?:Z|[+-]\d\d:\d\d)?)?)"
    r"|(?P<number>-?\d+(?:\.\d+)?)[mM]?(?![\w.])|(?P<name>[A-Za-z_]\w*)|(?P<sign>[(),]))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "gt": lambda a, b: bool(a > b),
    "lt": lambda a, b: bool(a < b),
    "le": lambda a, b: bool(a <= b),
    "ge": lambda a, b: bool(a >= b),
}
_FUNCTIONS = ("substringof", "startswith", "endswith", "length")


@dataclass
class Filter:
    """`equal`: property → value that every match has."""

    matches: Test
    equal: dict[str, Any] = field(default_factory=dict)


def parse(text: str, properties: Mapping[str, Field], *, ge: bool) -> Filter:
    """`ge`: whether this version knows that operator. Raises Refusal."""
    parser = _Parser(_tokens(text), properties, ge=ge)
    return parser.whole()


def _wrong(detail: str) -> Refusal:
    return Refusal("InvalidParameters", f"The filter is not valid: {detail}.")


@dataclass(frozen=True)
class _Token:
    kind: str
    value: Any


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while text[at:].strip():
        part = _TOKEN.match(text, at)
        if part is None:
            raise _wrong(f"unexpected {text[at:].strip()[:20]!r}")
        at = part.end()
        kind = part.lastgroup if part.lastgroup != "moment" else "date"
        if part["date"] or part["day"]:
            found.append(_Token("day", _day(part["moment"] or part["day"])))
        elif part["text"]:
            found.append(_Token("text", part["text"][1:-1].replace("''", "'")))
        elif part["number"]:
            found.append(_Token("number", Decimal(part["number"])))
        else:
            found.append(_Token(str(kind), part[str(kind)]))
    return found


def _day(value: str) -> str:
    try:
        return dt.datetime.fromisoformat(value).date().isoformat()
    except ValueError:
        raise _wrong(f"{value!r} is not a date") from None


class _Parser:
    def __init__(self, tokens: list[_Token], properties: Mapping[str, Field], *, ge: bool) -> None:
        self._tokens = tokens
        self._properties = properties
        self._operators = {name for name in _COMPARE if ge or name != "ge"}
        self._at = 0

    def whole(self) -> Filter:
        found = self._either()
        if self._peek() is not None:
            raise _wrong(f"unexpected {self._peek()!r}")
        return found

    def _peek(self) -> Any:
        return self._tokens[self._at].value if self._at < len(self._tokens) else None

    def _take(self, kind: str = "", value: str = "") -> _Token:
        if self._at >= len(self._tokens):
            raise _wrong("it ends too early")
        token = self._tokens[self._at]
        if (kind and token.kind != kind) or (value and token.value != value):
            raise _wrong(f"unexpected {token.value!r}")
        self._at += 1
        return token

    def _either(self) -> Filter:
        found = self._both()
        while self._peek() == "or":
            self._take()
            one, other = found, self._both()
            found = Filter(lambda r, a=one, b=other: a.matches(r) or b.matches(r))  # type: ignore[misc]  # mypy cannot type a lambda's defaults
        return found

    def _both(self) -> Filter:
        found = self._one()
        while self._peek() == "and":
            self._take()
            one, other = found, self._one()
            found = Filter(
                lambda r, a=one, b=other: a.matches(r) and b.matches(r),  # type: ignore[misc]  # as above
                {**one.equal, **other.equal},
            )
        return found

    def _one(self) -> Filter:
        if self._peek() == "(":
            self._take()
            found = self._either()
            self._take("sign", ")")
            return found
        name = self._take("name").value
        if name in _FUNCTIONS:
            return self._function(name)
        return self._comparison(name)

    def _comparison(self, name: str) -> Filter:
        owned = self._property(name)
        operator = self._operator()
        wanted = _literal(name, owned, self._take())
        compare = _COMPARE[operator]
        found = Filter(lambda r: compare(_comparable(owned, r.get(name)), wanted))
        if operator == "eq" and owned.kind in ("text", "code"):
            found.equal[name] = wanted
        return found

    def _operator(self) -> str:
        operator = str(self._take("name").value)
        if operator not in self._operators:
            raise _wrong(f"unknown operator {operator!r}")
        return operator

    def _property(self, name: str) -> Field:
        owned = self._properties.get(name)
        if owned is None or owned.kind == "details":
            raise _wrong(f"unknown property {name!r}")
        return owned

    def _function(self, name: str) -> Filter:
        self._take("sign", "(")
        if name == "length":
            owned = self._take("name").value
            self._property(owned)
            self._take("sign", ")")
            compare = _COMPARE[self._operator()]
            wanted = self._take("number").value
            return Filter(lambda r: compare(len(str(r.get(owned) or "")), wanted))
        first = self._take()
        self._take("sign", ",")
        second = self._take()
        self._take("sign", ")")
        held, part = (second, first) if name == "substringof" else (first, second)
        if held.kind != "name" or part.kind != "text":
            raise _wrong(f"{name} takes a property and a text")
        self._property(held.value)
        if self._peek() == "eq":
            self._take()
            self._take("name", "true")
        return Filter(_text_test(name, held.value, part.value))


def _text_test(function: str, name: str, part: str) -> Test:
    if function == "startswith":
        return lambda r: str(r.get(name) or "").startswith(part)
    if function == "endswith":
        return lambda r: str(r.get(name) or "").endswith(part)
    return lambda r: part in str(r.get(name) or "")


def _literal(name: str, owned: Field, token: _Token) -> Any:
    kinds = {"amount": "number", "rate": "number", "number": "number", "day": "day"}
    expected = kinds.get(owned.kind, "text")
    if token.kind != expected:
        raise _wrong(f"{name} is compared with a {token.kind}")
    if owned.kind == "choice" and str(token.value).isdigit():
        values = owned.values or {}
        return next((c for c, n in values.items() if n == int(token.value)), token.value)
    return token.value


def _comparable(owned: Field, value: Any) -> Any:
    if owned.kind in ("amount", "rate", "number"):
        return Decimal(str(value or 0))
    return str(value or "")
