"""The grammar of `$filter`: text in, a tree out. Refuses with 400 what Dataverse cannot read.

or → and → not → comparison, function, lambda, `Microsoft.Dynamics.CRM.In`. Sources: dataverse.md
2.1 and Microsoft's "filter rows" page.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ops.sandbox.membri.errors import not_implemented, syntax
from ops.sandbox.membri.values import GUID

COMPARISONS = {
    "eq": "Equal", "ne": "NotEqual", "gt": "GreaterThan", "ge": "GreaterThanOrEqual",
    "lt": "LessThan", "le": "LessThanOrEqual",
}  # fmt: skip
FUNCTIONS = ("contains", "startswith", "endswith")
_CRM = "Microsoft.Dynamics.CRM."
_DATETIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)"
_TOKENS = re.compile(
    rf"""(?P<space>\s+)
    |(?P<string>'(?:[^']|'')*')
    |(?P<guid>{GUID.pattern}(?![\w-]))
    |(?P<datetime>{_DATETIME})
    |(?P<date>\d{{4}}-\d\d-\d\d)
    |(?P<number>-?\d+(?:\.\d+)?)
    |(?P<crm>Microsoft\.Dynamics\.CRM\.\w+)
    |(?P<path>[A-Za-z_]\w*(?:/[A-Za-z_]\w*)*)
    |(?P<json>\[(?:[^\]"]|"(?:[^"\\]|\\.)*")*\])
    |(?P<mark>[(),:=])""",
    re.VERBOSE,
)
_EDM_OF_TOKEN = {
    "string": "Edm.String", "guid": "Edm.Guid", "date": "Edm.Date",
    "datetime": "Edm.DateTimeOffset",
}  # fmt: skip


@dataclass(frozen=True)
class Literal:
    edm: str  # Edm.Null for null
    value: Any


@dataclass(frozen=True)
class Path:
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    operator: str
    left: Path
    right: Literal | Path


@dataclass(frozen=True)
class TextTest:
    function: str
    left: Path
    text: str


@dataclass(frozen=True)
class OneOf:
    """`Microsoft.Dynamics.CRM.In` and, negated, `NotIn`."""

    left: Path
    values: tuple[str, ...]
    negated: bool


@dataclass(frozen=True)
class Lambda:
    kind: str  # any or all
    collection: Path
    variable: str
    body: Node | None


@dataclass(frozen=True)
class Not:
    inner: Node


@dataclass(frozen=True)
class Junction:
    operator: str  # and, or
    parts: tuple[Node, ...]


Node = Comparison | TextTest | OneOf | Lambda | Not | Junction


def parse_filter(text: str) -> Node:
    """Raises Refusal (400) on anything outside the grammar."""
    parser = _Parser(text)
    node = parser.disjunction()
    parser.end()
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str, int]] = []
        position = 0
        while position < len(text):
            match = _TOKENS.match(text, position)
            if match is None:
                raise self._error(position)
            kind = match.lastgroup or ""
            if kind != "space":
                self._tokens.append((kind, match.group(), position))
            position = match.end()
        self._at = 0

    def disjunction(self) -> Node:
        return self._junction("or", lambda: self._junction("and", self._negation))

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise self._error()

    def _junction(self, word: str, part: Any) -> Node:
        parts = [part()]
        while self._peek() == ("path", word):
            self._at += 1
            parts.append(part())
        return parts[0] if len(parts) == 1 else Junction(word, tuple(parts))

    def _negation(self) -> Node:
        if self._peek() == ("path", "not"):
            self._at += 1
            return Not(self._negation())
        if self._peek() == ("mark", "("):
            self._at += 1
            inner = self.disjunction()
            self._expect(")")
            return inner
        return self._test()

    def _test(self) -> Node:
        kind, text = self._next()
        if kind == "crm":
            return self._crm_function(text.removeprefix(_CRM))
        if kind != "path":
            raise self._error()
        if self._peek() == ("mark", "("):
            if text in FUNCTIONS:
                return self._text_function(text)
            name, _, last = text.rpartition("/")
            if name and last in ("any", "all"):
                return self._lambda(last, Path(tuple(name.split("/"))))
            raise syntax(f"An unknown function with name '{text}' was found.")
        left = Path(tuple(text.split("/")))
        _, operator = self._next()
        if operator not in COMPARISONS:
            raise self._error()
        return Comparison(operator, left, self._operand())

    def _operand(self) -> Literal | Path:
        kind, text = self._next()
        if kind == "number":
            return Literal("Edm.Decimal" if "." in text else "Edm.Int32", text)
        if kind == "string":
            return Literal("Edm.String", _unquote(text))
        if kind in _EDM_OF_TOKEN:
            return Literal(_EDM_OF_TOKEN[kind], text)
        if kind != "path":
            raise self._error()
        if text == "null":
            return Literal("Edm.Null", None)
        if text in ("true", "false"):
            return Literal("Edm.Boolean", text == "true")
        return Path(tuple(text.split("/")))

    def _text_function(self, function: str) -> Node:
        self._expect("(")
        kind, path = self._next()
        self._expect(",")
        literal_kind, literal = self._next()
        self._expect(")")
        if kind != "path" or literal_kind != "string":
            raise syntax(
                f"No function signature for the function '{function}' matches the arguments."
            )
        return TextTest(function, Path(tuple(path.split("/"))), _unquote(literal))

    def _lambda(self, kind: str, collection: Path) -> Node:
        self._expect("(")
        if kind == "any" and self._peek() == ("mark", ")"):
            self._at += 1
            return Lambda("any", collection, "", None)
        _, variable = self._next()
        self._expect(":")
        body = self.disjunction()
        self._expect(")")
        return Lambda(kind, collection, variable, body)

    def _crm_function(self, name: str) -> Node:
        if name not in ("In", "NotIn"):
            raise not_implemented(f"The query function {_CRM}{name}")
        self._expect("(")
        self._expect("PropertyName")
        self._expect("=")
        _, quoted = self._next()
        self._expect(",")
        self._expect("PropertyValues")
        self._expect("=")
        kind, text = self._next()
        self._expect(")")
        try:
            values = json.loads(text) if kind == "json" else None
        except ValueError:
            values = None
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            raise syntax("PropertyValues must be a collection of Edm.String values.")
        return OneOf(Path((_unquote(quoted),)), tuple(values), name == "NotIn")

    def _peek(self) -> tuple[str, str] | None:
        return self._tokens[self._at][:2] if self._at < len(self._tokens) else None

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        if token is None:
            raise self._error()
        self._at += 1
        return token

    def _expect(self, text: str) -> None:
        if self._next()[1] != text:
            self._at -= 1
            raise self._error()

    def _error(self, position: int | None = None) -> Exception:
        if position is None:
            here = self._tokens[self._at] if self._at < len(self._tokens) else None
            position = here[2] if here else len(self._text)
        return syntax(f"Syntax error at position {position} in '{self._text}'.")


def _unquote(text: str) -> str:
    return text[1:-1].replace("''", "'")
