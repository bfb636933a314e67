"""The tables of the simulated Membri as values: what may be asked, of which type, under which name.

In: the text of `schema_text.py` and the deviations an environment may have (a column missing, a
shorter maximum, no optimistic concurrency). Out: a `Model`. A text that cannot be read is a bug.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ops.sandbox.membri import schema_text
from ops.sandbox.membri.choices import CHOICES, FRENCH, Choice

_NAMESPACE = uuid.UUID("6f0a2f0e-54f1-4c39-9b0f-3d1f5f1c8a10")
SYSTEM_TABLES = frozenset({"systemuser", "sdkmessage", "sdkmessagefilter"})
PLAIN_TABLES = SYSTEM_TABLES | {"transactioncurrency"}  # no currency, state or owner of their own
LOOKUPS = frozenset({"lookup", "customer"})
CHOICE_KINDS = frozenset({"choice", "state", "status"})
DECIMALS = frozenset({"money", "decimal"})
_FLAGS = frozenset({"required", "recommended", "readonly", "createonly"})


def stable_id(*parts: str) -> str:
    """The same guid for the same parts, in every sandbox."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


@dataclass(frozen=True)
class Column:
    """`precision` counts decimals; `targets` maps each table a lookup may point at to its
    navigation property."""

    name: str
    kind: str
    fr: str
    en: str
    max_length: int = 0
    precision: int = 0
    choice: str = ""
    targets: Mapping[str, str] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()

    @property
    def wire(self) -> str:
        """Its property name on the wire: a lookup is read as `_x_value`."""
        return f"_{self.name}_value" if self.kind in LOOKUPS else self.name

    @property
    def type_key(self) -> str:
        """Where a row keeps which table a lookup points at."""
        return f"_{self.name}_type"

    @property
    def options(self) -> Choice:
        return CHOICES[self.choice]

    @property
    def creatable(self) -> bool:
        return "readonly" not in self.flags

    @property
    def updatable(self) -> bool:
        return self.creatable and "createonly" not in self.flags and self.kind != "uuid"

    def label(self, language: int) -> str:
        return self.fr if language == FRENCH else self.en


@dataclass(frozen=True)
class Collection:
    """A one-to-many navigation: `table` rows whose `column` points at us."""

    nav: str
    table: str
    column: str


@dataclass(frozen=True)
class Table:
    name: str
    set_name: str
    primary_name: str
    sync: bool
    fr: str
    en: str
    columns: Mapping[str, Column]
    collections: Mapping[str, Collection]
    concurrency: bool = True
    change_tracking: bool = True

    @property
    def primary_id(self) -> str:
        return f"{self.name}id"

    @property
    def by_wire(self) -> Mapping[str, Column]:
        return self._by_wire

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_wire", {c.wire: c for c in self.columns.values()})
        navs = {nav: (c, t) for c in self.columns.values() for t, nav in c.targets.items()}
        object.__setattr__(self, "_navs", navs)
        based = [n for n in self.columns if f"{n}_base" in self.columns]
        object.__setattr__(self, "money", tuple(based))

    money: tuple[str, ...] = field(init=False, repr=False, compare=False)  # with a base twin
    _by_wire: Mapping[str, Column] = field(init=False, repr=False, compare=False)
    _navs: Mapping[str, tuple[Column, str]] = field(init=False, repr=False, compare=False)

    def nav(self, name: str) -> tuple[Column, str] | None:
        """The lookup column and the target table behind a single-valued navigation property."""
        return self._navs.get(name)

    def label(self, language: int) -> str:
        return self.fr if language == FRENCH else self.en


@dataclass(frozen=True)
class Model:
    tables: Mapping[str, Table]

    def by_set(self, set_name: str) -> Table | None:
        return next((t for t in self.tables.values() if t.set_name == set_name), None)

    def named(self, name: str) -> Table:
        """By logical or set name, for admin routes. Raises ValueError."""
        table = self.tables.get(name) or self.by_set(name)
        if table is None:
            raise ValueError(f"no table {name!r}; known: {', '.join(self.tables)}")
        return table

    def pointing_at(self, name: str) -> Iterable[tuple[Table, Column]]:
        for table in self.tables.values():
            for column in table.columns.values():
                if name in column.targets:
                    yield table, column


def build_model(
    *,
    missing_columns: Iterable[str] = (),
    without_concurrency: Iterable[str] = (),
    without_change_tracking: Iterable[str] = (),
    max_lengths: Mapping[str, int] | None = None,
) -> Model:
    """The model, deviating where told: columns as `table.column`, tables by logical name."""
    missing, lengths = set(missing_columns), dict(max_lengths or {})
    tables: dict[str, Table] = {}
    for table in _read_tables(schema_text.TABLES):
        columns = {
            name: replace(c, max_length=lengths.get(f"{table.name}.{name}", c.max_length))
            for name, c in table.columns.items()
            if f"{table.name}.{name}" not in missing
        }
        reachable = {
            nav: c for nav, c in table.collections.items() if f"{c.table}.{c.column}" not in missing
        }
        tables[table.name] = replace(
            table,
            columns=columns,
            collections=reachable,
            concurrency=table.name not in set(without_concurrency),
            change_tracking=table.name not in set(without_change_tracking),
        )
    return Model(tables)


def _read_tables(text: str) -> Iterable[Table]:
    head, body = "", list[str]()
    for raw in [*text.splitlines(), "[]"]:
        line = raw.strip()
        if line.startswith("["):
            if head:
                yield _read_table(head, body)
            head, body = line.strip("[]"), []
        elif line:
            body.append(line)


def _read_table(head: str, body: list[str]) -> Table:
    names, fr, en = (part.strip() for part in head.split("|"))
    name, set_name, primary_name, *rest = names.split()
    lines: list[str] = []
    collections: dict[str, Collection] = {}
    for line in body:
        if line == "@address":
            lines += schema_text.ADDRESS_COLUMNS.split("\n")
        elif " < " in line:
            nav, _, target = line.partition(" < ")
            child, _, column = target.partition(".")
            collections[nav] = Collection(nav, child, column)
        else:
            lines.append(line)
    lines += schema_text.COMMON_COLUMNS.split("\n")
    columns = [Column(f"{name}id", "uuid", fr, en), *_state_columns(name)]
    if name not in PLAIN_TABLES:
        lines += schema_text.CURRENCY_COLUMNS.split("\n")
    if rest == ["sync"]:
        lines += schema_text.SYNC_COLUMNS.split("\n")
    for line in lines:
        if line.strip():
            columns += _read_column(line)
    return Table(
        name, set_name, primary_name, rest == ["sync"], fr, en,
        {c.name: c for c in columns}, collections,
    )  # fmt: skip


def _state_columns(table: str) -> list[Column]:
    if table in SYSTEM_TABLES or table == "invoicedetail":
        return []
    prefix = "invoice" if table == "invoice" else "active"
    return [
        Column("statecode", "state", "Statut", "Status", choice=f"{prefix}state"),
        Column(
            "statuscode", "status", "Raison du statut", "Status Reason", choice=f"{prefix}status"
        ),
    ]


def _read_column(line: str) -> list[Column]:
    spec, fr, en = (part.strip() for part in line.split("|"))
    name, kind, *words = spec.split()
    flags = frozenset(w for w in words if w in _FLAGS)
    argument = next((w for w in words if w not in _FLAGS), "")
    column = Column(name, kind, fr, en, flags=flags)
    if kind in ("string", "memo"):
        column = replace(column, max_length=int(argument))
    elif kind == "decimal":
        column = replace(column, precision=int(argument))
    elif kind == "choice":
        column = replace(column, choice=argument)
    elif kind in LOOKUPS:
        pairs = (pair.partition("=") for pair in argument.split(","))
        column = replace(column, targets={table: nav for table, _, nav in pairs})
    elif kind == "money":
        column = replace(column, precision=2)
        base = replace(
            column, name=f"{name}_base", fr=f"{fr} (base)", en=f"{en} (Base)",
            flags=frozenset({"readonly"}),
        )  # fmt: skip
        return [column, base]
    return [column]
