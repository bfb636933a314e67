"""A `$filter` tree turned into a function of one row, checked against the table's types.

Null logic is Dataverse's: `ne` holds for an empty column, an ordering never does. Text compares
without regard to case; `%`, `_` and `[…]` act as wildcards in contains, startswith and endswith.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.membri.errors import incompatible, no_property, syntax
from ops.sandbox.membri.filters import (
    COMPARISONS,
    Comparison,
    Junction,
    Lambda,
    Literal,
    Node,
    Not,
    OneOf,
    Path,
    TextTest,
)
from ops.sandbox.membri.metadata import DECIMALS, LOOKUPS, Collection, Column, Model, Table
from ops.sandbox.membri.rows import Rows
from ops.sandbox.membri.values import EDM

Predicate = Callable[[Document], bool]
Getter = Callable[[Document], Any]
_ORDERINGS = {"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}
_NUMBERS = ("Edm.Int32", "Edm.Int64", "Edm.Decimal")


def comparable(column: Column) -> Getter:
    """Reads a row's column as a value that orders as Dataverse orders it; None when empty."""
    wire = column.wire
    if column.kind in ("string", "memo"):
        return lambda row: None if (v := row.get(wire)) is None else v.casefold()
    if column.kind in DECIMALS:
        return lambda row: None if (v := row.get(wire)) is None else Decimal(v)
    if column.kind == "datetime":  # without its Z, so that a fraction sorts after the whole second
        return lambda row: None if (v := row.get(wire)) is None else v[:-1]
    return lambda row: row.get(wire)


def orderable(column: Column, read: Getter) -> Getter:
    """`read` with the lowest value of its type for an empty column: empty comes first."""
    lowest: Any = ""
    if column.kind in DECIMALS:
        lowest = Decimal("-Infinity")
    elif EDM[column.kind] in (*_NUMBERS, "Edm.Boolean"):
        lowest = -(2**63)

    def ordered(row: Document) -> Any:
        value = read(row)
        return lowest if value is None else value

    return ordered


class Compiler:
    """Compiles trees for one model over its rows."""

    def __init__(self, model: Model, rows: Rows) -> None:
        self._model = model
        self._rows = rows

    def predicate(
        self, table: Table, node: Node, variables: dict[str, Table] | None = None
    ) -> Predicate:
        """Raises Refusal (400) on an unknown property or types that do not compare."""
        scope = variables or {}
        if isinstance(node, Junction):
            parts = [self.predicate(table, part, scope) for part in node.parts]
            if node.operator == "and":
                return lambda row: all(part(row) for part in parts)
            return lambda row: any(part(row) for part in parts)
        if isinstance(node, Not):
            inner = self.predicate(table, node.inner, scope)
            return lambda row: not inner(row)
        if isinstance(node, Lambda):
            return self._lambda(table, node)
        if isinstance(node, OneOf):
            return self._one_of(table, node, scope)
        if isinstance(node, TextTest):
            return self._text_test(table, node, scope)
        return self._comparison(table, node, scope)

    def column(
        self, table: Table, path: Path, scope: dict[str, Table] | None = None
    ) -> tuple[Column, Getter]:
        """The column at the end of a path of single-valued navigations, and how to reach it."""
        parts = path.parts
        if scope and parts[0] in scope:
            parts = parts[1:]
        if not parts:
            raise syntax("A property is expected after the range variable.")
        if len(parts) == 1:
            found = table.by_wire.get(parts[0])
            if found is None:
                raise no_property(parts[0], table.name)
            return found, comparable(found)
        nav = table.nav(parts[0])
        if nav is None:
            raise no_property(parts[0], table.name)
        lookup, target = nav
        last, inner = self.column(self._model.tables[target], Path(parts[1:]))
        return last, self._through(lookup, target, inner)

    def _through(self, lookup: Column, target: str, inner: Getter) -> Getter:
        rows = self._rows

        def read(row: Document) -> Any:
            if row.get(lookup.type_key) != target:
                return None
            other = rows.get(target, row.get(lookup.wire))
            return None if other is None else inner(other)

        return read

    def _comparison(self, table: Table, node: Comparison, scope: dict[str, Table]) -> Predicate:
        column, read = self.column(table, node.left, scope)
        if isinstance(node.right, Path):
            other, read_other = self.column(table, node.right, scope)
            if EDM[other.kind] != EDM[column.kind]:
                raise incompatible(EDM[column.kind], EDM[other.kind], COMPARISONS[node.operator])
            return _compare(node.operator, read, read_other)
        value = _literal(column, node.right, node.operator)
        if node.operator == "eq":
            return lambda row: bool(read(row) == value)
        if node.operator == "ne":
            return lambda row: bool(read(row) != value)
        return _compare(node.operator, read, lambda _: value)

    def _one_of(self, table: Table, node: OneOf, scope: dict[str, Table]) -> Predicate:
        if node.left.parts[0] in scope:
            raise syntax("In() does not take a range variable.")
        column = self._one_of_column(table, node)
        read, values = comparable(column), _values_of(column, node)
        return lambda row: (read(row) in values) is not node.negated

    def _one_of_column(self, table: Table, node: OneOf) -> Column:
        name = node.left.parts[0]
        by_name = table.columns.get(name)  # In() takes a lookup by its logical name too
        path = Path((by_name.wire,)) if by_name and by_name.kind in LOOKUPS else node.left
        return self.column(table, path)[0]

    def _text_test(self, table: Table, node: TextTest, scope: dict[str, Table]) -> Predicate:
        column, read = self.column(table, node.left, scope)
        if EDM[column.kind] != "Edm.String":
            raise syntax(f"No function signature for the function '{node.function}' matches.")
        pattern = _wildcards(node.text)
        before, after = {"contains": (".*", ".*"), "startswith": ("", ".*")}.get(
            node.function, (".*", "")
        )
        matches = re.compile(before + pattern + after, re.DOTALL).fullmatch
        return lambda row: (text := read(row)) is not None and matches(text) is not None

    def _lambda(self, table: Table, node: Lambda) -> Predicate:
        collection = table.collections.get(node.collection.parts[0])
        if collection is None or len(node.collection.parts) > 1:
            raise no_property("/".join(node.collection.parts), table.name)
        child = self._model.tables[collection.table]
        wire = child.columns[collection.column].wire
        if node.body is None:
            return lambda row: bool(self._rows.where(child.name, wire, row[table.primary_id]))
        test = self.predicate(child, node.body, {node.variable: child})
        every = all if node.kind == "all" else any
        return lambda row: every(
            test(found) for found in self._rows.where(child.name, wire, row[table.primary_id])
        )

    def candidates(self, table: Table, node: Node | None) -> list[Document]:
        """The fewest rows that can match, by the indexed columns; all of them without any."""
        found = self._by_index(table, node)
        return self._rows.all(table.name) if found is None else found

    def _by_index(self, table: Table, node: Node | None) -> list[Document] | None:
        if isinstance(node, Junction):
            parts = [self._by_index(table, part) for part in node.parts]
            known = [part for part in parts if part is not None]
            if node.operator == "and":
                return min(known, key=len, default=None)
            rows = {row[table.primary_id]: row for part in known for row in part}
            return list(rows.values()) if len(known) == len(parts) else None
        if isinstance(node, OneOf) and not node.negated:
            column = self._one_of_column(table, node)
            return self._rows_holding(table, column, _values_of(column, node))
        if isinstance(node, Comparison) and node.operator == "eq" and len(node.left.parts) == 1:
            column, _ = self.column(table, node.left)
            if isinstance(node.right, Literal):
                return self._rows_holding(table, column, {_literal(column, node.right, "eq")})
        return None

    def _rows_holding(
        self, table: Table, column: Column, values: set[Any]
    ) -> list[Document] | None:
        if column.kind == "uuid":
            found = (self._rows.get(table.name, value) for value in values)
            return [row for row in found if row is not None]
        if not self._rows.indexed(column):
            return None
        return [row for v in values for row in self._rows.where(table.name, column.wire, v)]

    def children(self, row_id: str, collection: Collection) -> list[Document]:
        child = self._model.tables[collection.table]
        return self._rows.where(child.name, child.columns[collection.column].wire, row_id)


def _compare(name: str, left: Getter, right: Getter) -> Predicate:
    if name in ("eq", "ne"):
        return lambda row: (left(row) == right(row)) is (name == "eq")
    test = _ORDERINGS[name]

    def ordered(row: Document) -> bool:
        a, b = left(row), right(row)
        return a is not None and b is not None and bool(test(a, b))

    return ordered


def _values_of(column: Column, node: OneOf) -> set[Any]:
    try:
        return {_from_text(column, text) for text in node.values}
    except (ValueError, ArithmeticError):
        raise syntax(f"The values for '{column.name}' do not suit its type.") from None


def _literal(column: Column, literal: Literal, name: str) -> Any:
    edm = EDM[column.kind]
    if literal.edm == "Edm.Null":
        return None
    suits = literal.edm == edm or (edm in _NUMBERS and literal.edm in _NUMBERS)
    if edm == "Edm.DateTimeOffset" and literal.edm == "Edm.Date":
        return f"{literal.value}T00:00:00"
    if not suits:
        raise incompatible(edm, literal.edm, COMPARISONS[name])
    return literal.value if edm == "Edm.Boolean" else _from_text(column, literal.value)


def _from_text(column: Column, text: str) -> Any:
    edm = EDM[column.kind]
    if edm in _NUMBERS:
        return Decimal(text)
    if edm == "Edm.Boolean":
        return {"true": True, "false": False, "1": True, "0": False}.get(text.lower())
    if edm == "Edm.DateTimeOffset":
        when = datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
        return when.isoformat()
    return text.casefold()


def _wildcards(text: str) -> str:
    """Text with SQL's LIKE wildcards as a regular expression."""
    parts: list[str] = []
    for part in re.split(r"(%|_|\[[^\]]+\])", text.casefold()):
        if part == "%":
            parts.append(".*")
        elif part == "_":
            parts.append(".")
        elif part.startswith("[") and part.endswith("]"):
            parts.append(part)
        else:
            parts.append(re.escape(part))
    return "".join(parts)
