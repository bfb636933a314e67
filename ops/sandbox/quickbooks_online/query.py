"""The query language: text in, a checked `Query` out.

SELECT *|count(*)|fields FROM Entity [WHERE f op v AND …] [ORDERBY f] [STARTPOSITION n]
[MAXRESULTS m]. Refuses what cannot be parsed (4000: OR, a quote not escaped) and what is not
offered (4001: unknown or unfilterable property, STARTPOSITION 0, MAXRESULTS above 1000).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ops.sandbox.quickbooks_online.answers import Refusal
from ops.sandbox.quickbooks_online.properties import ENTITIES, FILTERABLE, META_TIMES

DEFAULT_ROWS = 100
MAX_ROWS = 1000
_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\['\\])*')"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<mark><=|>=|[=<>(),*]))"
)
_OPERATORS = ("=", "<", ">", "<=", ">=")
_CLAUSES = ("WHERE", "ORDERBY", "ORDER", "STARTPOSITION", "MAXRESULTS")


@dataclass(frozen=True)
class Condition:
    """`field` `operator` one of `values`; several values only for IN."""

    field: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """One parsed and checked statement. `fields` empty means every field."""

    entity: str
    count: bool = False
    fields: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()  # (field, descending)
    start: int = 1
    limit: int = DEFAULT_ROWS


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def _tokens(statement: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    end = len(statement.rstrip())
    while position < end:
        match = _TOKEN.match(statement, position)
        if match is None or match.lastgroup is None:
            raise _unparsed(f'Encountered "{statement[position : position + 12].strip()}"')
        value = match[match.lastgroup]
        if match.lastgroup == "string":
            value = re.sub(r"\\(['\\])", r"\1", value[1:-1])
        tokens.append(_Token(match.lastgroup, value))
        position = match.end()
    return tokens


def _unparsed(why: str) -> Refusal:
    return Refusal(4000, f"QueryParserError: {why}")


def _invalid(why: str) -> Refusal:
    return Refusal(4001, f"QueryValidationError: {why}")


def parse(statement: str) -> Query:
    """The query a statement asks for. Raises Refusal 4000 or 4001."""
    query = _Parser(_tokens(statement)).query()
    _check(query)
    return query


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def _peek(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _Token("end", "")

    def _next(self, kind: str = "") -> _Token:
        token = self._peek()
        if token.kind == "end" or (kind and token.kind != kind):
            raise _unparsed(f'Encountered "{token.text or "end of query"}"')
        self._at += 1
        return token

    def _is_word(self, *words: str) -> bool:
        token = self._peek()
        return token.kind == "word" and token.text.upper() in words

    def _expect(self, text: str) -> None:
        token = self._next()
        if token.kind == "string" or token.text.upper() != text:
            raise _unparsed(f'Encountered "{token.text}", expected "{text}"')

    def query(self) -> Query:
        self._expect("SELECT")
        count, fields = self._selection()
        self._expect("FROM")
        entity = self._next("word").text
        conditions = self._where()
        order = self._order()
        start = self._number("STARTPOSITION", 1)
        limit = self._number("MAXRESULTS", DEFAULT_ROWS)
        if self._peek().kind != "end":
            raise _unparsed(f'Encountered "{self._peek().text}"')
        return Query(entity, count, fields, conditions, order, start, limit)

    def _selection(self) -> tuple[bool, tuple[str, ...]]:
        if self._is_word("COUNT"):
            for text in ("COUNT", "(", "*", ")"):
                self._expect(text)
            return True, ()
        fields: list[str] = []
        everything = False
        while True:
            token = self._next()
            if token.text == "*" and token.kind == "mark":
                everything = True
            elif token.kind == "word" and token.text.upper() not in ("FROM", *_CLAUSES):
                fields.append(token.text)
            else:
                raise _unparsed(f'Encountered "{token.text}"')
            if self._peek().text != ",":
                return False, () if everything else tuple(fields)
            self._next()

    def _where(self) -> tuple[Condition, ...]:
        if not self._is_word("WHERE"):
            return ()
        self._next()
        conditions = [self._condition()]
        while self._is_word("AND"):
            self._next()
            conditions.append(self._condition())
        return tuple(conditions)

    def _condition(self) -> Condition:
        name = self._next("word").text
        operator = self._next()
        if operator.kind == "mark" and operator.text in _OPERATORS:
            return Condition(name, operator.text, (self._literal(),))
        word = operator.text.upper()
        if operator.kind == "word" and word == "LIKE":
            return Condition(name, "LIKE", (self._next("string").text,))
        if operator.kind == "word" and word == "IN":
            return Condition(name, "IN", self._list())
        raise _unparsed(f'Encountered "{operator.text}"')

    def _list(self) -> tuple[str, ...]:
        self._expect("(")
        values = [self._literal()]
        while self._peek().text == "," and self._peek().kind == "mark":
            self._next()
            values.append(self._literal())
        self._expect(")")
        return tuple(values)

    def _literal(self) -> str:
        token = self._next()
        if token.kind in ("string", "number"):
            return token.text
        if token.kind == "word" and token.text.lower() in ("true", "false"):
            return token.text.lower()
        raise _unparsed(f'Encountered "{token.text}"')

    def _order(self) -> tuple[tuple[str, bool], ...]:
        if self._is_word("ORDER"):
            self._next()
            self._expect("BY")
        elif self._is_word("ORDERBY"):
            self._next()
        else:
            return ()
        order: list[tuple[str, bool]] = []
        while True:
            name = self._next("word").text
            descending = self._is_word("DESC")
            if self._is_word("ASC", "DESC"):
                self._next()
            order.append((name, descending))
            if self._peek().text != ",":
                return tuple(order)
            self._next()

    def _number(self, word: str, default: int) -> int:
        if not self._is_word(word):
            return default
        self._next()
        text = self._next("number").text
        if not text.isdigit():
            raise _unparsed(f'Encountered "{text}"')
        return int(text)


def _check(query: Query) -> None:
    if query.entity not in ENTITIES:
        raise _invalid(f"Metadata not found for Entity: {query.entity}")
    filterable = FILTERABLE[query.entity]
    for name in [c.field for c in query.conditions] + [name for name, _ in query.order]:
        if name not in filterable:
            raise _invalid(f"property {name} is not queryable on Entity {query.entity}")
    known = ENTITIES[query.entity].fields
    for name in query.fields:
        if known and name not in known and name not in META_TIMES:
            raise _invalid(f"Property {name} not found for Entity {query.entity}")
    if query.start < 1:
        raise _invalid("value 0 for STARTPOSITION is below the minimum 1")
    if not 1 <= query.limit <= MAX_ROWS:
        raise _invalid(f"value {query.limit} for MAXRESULTS is outside 1 to {MAX_ROWS}")
