"""The rows of the simulated Membri: versions, moments, computed columns, indexes, audit.

In: values already checked (`values.to_kept`). Out: rows as the store holds them, to be read only.
Every change, by whomever, takes the next number of one global rowversion and is audited.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.membri.metadata import (
    LOOKUPS,
    PLAIN_TABLES,
    SYSTEM_TABLES,
    Column,
    Model,
    Table,
    build_model,
    stable_id,
)
from ops.sandbox.membri.options import OptionsBox
from ops.sandbox.membri.values import moment

FIRST_VERSION = 8_812_000
CAD = stable_id("transactioncurrency", "CAD")
USERS = {who: stable_id("systemuser", who) for who in ("application", "person", "plugin")}
_CENT = Decimal("0.01")
_INDEXED_NAMES = ("membri_syncstatus", "membri_syncreference")


class Rows:
    def __init__(self, store: Store, options: OptionsBox, model: Callable[[], Model]) -> None:
        self._store = store
        self._options = options
        self._model = model
        # Over the whole model: a column that the environment lacks now may come later.
        for table in build_model().tables.values():
            for column in table.columns.values():
                if column.kind in LOOKUPS or column.name in _INDEXED_NAMES:
                    store.index(table.name, column.wire, _indexed_value(column.wire))
        if not store.count("systemuser"):
            with store.transaction():
                self._first_rows()

    # reading

    def get(self, table: str, row_id: str | None) -> Document | None:
        return self._store.get(table, row_id) if row_id else None

    def all(self, table: str) -> list[Document]:
        return self._store.all(table)

    def where(self, table: str, wire: str, value: object) -> list[Document]:
        """Rows whose indexed column holds `value`: lookups and the sync columns are indexed."""
        return self._store.find(table, wire, _fold(value))

    def indexed(self, column: Column) -> bool:
        return column.kind in LOOKUPS or column.name in _INDEXED_NAMES

    def version(self) -> int:
        """The last rowversion given."""
        kept = self._store.get("_counter", "rowversion")
        return int(kept["value"]) if kept else FIRST_VERSION - 1

    # writing

    def insert(self, table: Table, values: Document, by: str, *, audited: bool = True) -> Document:
        """Creates a row; `values` may hold its id. Raises ValueError when that id is taken."""
        row_id = values.get(table.primary_id) or str(uuid.uuid4())
        if self.get(table.name, row_id) is not None:
            raise ValueError(f"{table.name} {row_id} exists already")
        now = values.get("modifiedon") or moment(self._modified())
        row: Document = {
            "createdon": now,
            "_createdby_value": USERS[by],
            "_createdby_type": "systemuser",
            "_ownerid_value": USERS["application"],
            "_ownerid_type": "systemuser",
            **({"statecode": 0} if "statecode" in table.columns else {}),
            **values,
            table.primary_id: row_id,
        }
        if "statuscode" in table.columns and row.get("statuscode") is None:
            row["statuscode"] = default_status(table, row["statecode"])
        if table.name not in PLAIN_TABLES and not row.get("_transactioncurrencyid_value"):
            row["_transactioncurrencyid_value"] = CAD
            row["_transactioncurrencyid_type"] = "transactioncurrency"
        self._put(table, row, now, by)
        if audited:
            self._audit(table, row_id, {}, values, by, None, "create")
        return row

    def update(
        self, table: Table, row: Document, changes: Document, by: str, if_match: str | None = None
    ) -> Document:
        changed = {**row, **changes}
        self._put(table, changed, moment(self._modified()), by)
        self._audit(table, row[table.primary_id], row, changes, by, if_match, "update")
        return changed

    def delete(self, table: Table, row: Document, by: str, if_match: str | None = None) -> None:
        """Deletes a row: required children go with it, other lookups to it are emptied."""
        row_id = row[table.primary_id]
        for child, column in self._model().pointing_at(table.name):
            if child.name in SYSTEM_TABLES:
                continue
            for found in self.where(child.name, column.wire, row_id):
                if "required" in column.flags:
                    self.delete(child, found, by)
                else:
                    self.update(child, found, {column.wire: None, column.type_key: None}, "plugin")
        self._store.delete(table.name, row_id)
        version = self._store.next_number("rowversion", FIRST_VERSION)
        self._store.put(
            "_deleted", row_id, {"table": table.name, "id": row_id, "versionnumber": version}
        )
        self._audit(table, row_id, row, {}, by, if_match, "delete")

    def seed(self, table: Table, values: Document) -> None:
        """Creates or replaces a row as it is given, its moments and state included."""
        row_id = values.get(table.primary_id)
        before = self.get(table.name, row_id)
        if before is not None:
            self._store.delete(table.name, before[table.primary_id])
        self.insert(table, values, "person", audited=False)

    def audit(self) -> list[Document]:
        return self._store.all("_audit")

    def _put(self, table: Table, row: Document, now: str, by: str) -> None:
        row["modifiedon"] = now
        row["_modifiedby_value"] = USERS[by]
        row["_modifiedby_type"] = "systemuser"
        row["versionnumber"] = self._store.next_number("rowversion", FIRST_VERSION)
        self._compute(table, row)
        self._store.put(table.name, row[table.primary_id], row)

    def _compute(self, table: Table, row: Document) -> None:
        if table.name == "contact":
            names = (row.get("firstname"), row.get("lastname"))
            row["fullname"] = " ".join(n for n in names if n) or None
        if table.name in PLAIN_TABLES:
            return
        currency = self.get("transactioncurrency", row["_transactioncurrencyid_value"]) or {}
        row["exchangerate"] = currency.get("exchangerate") or "1.0000000000"
        rate = Decimal(row["exchangerate"])
        for name in table.money:
            kept = row.get(name)
            base = None if kept is None else (Decimal(kept) / rate).quantize(_CENT, ROUND_HALF_UP)
            row[f"{name}_base"] = None if base is None else format(base, "f")

    def _modified(self) -> Any:
        current = self._options.current
        return current.now() - timedelta(seconds=current.modified_skew_s)

    def _audit(
        self, table: Table, row_id: str, before: Document, changes: Document, by: str,
        if_match: str | None, action: str,
    ) -> None:  # fmt: skip
        columns = sorted(c for c in changes if not c.endswith("_type"))
        self._store.put(
            "_audit",
            str(self._store.next_number("audit")),
            {
                "at": self._options.current.now().isoformat(),
                "action": action,
                "table": table.name,
                "id": row_id,
                "columns": columns,
                "old": {c: before.get(c) for c in columns},
                "new": {c: changes[c] for c in columns},
                "by": by,
                "if_match": if_match,
                "version": self.version(),
            },
        )

    def _first_rows(self) -> None:
        tables = self._model().tables
        for who, row_id in USERS.items():
            self.insert(
                tables["systemuser"],
                {"systemuserid": row_id, "fullname": who},
                "plugin",
                audited=False,
            )
        cad = {
            "transactioncurrencyid": CAD,
            "currencyname": "Dollar canadien",
            "isocurrencycode": "CAD",
            "currencyprecision": 2,
            "exchangerate": "1.0000000000",
        }
        self.insert(tables["transactioncurrency"], cad, "plugin", audited=False)
        for message in ("Create", "Update", "CreateMultiple", "UpdateMultiple"):
            message_id = stable_id("sdkmessage", message)
            self.insert(
                tables["sdkmessage"],
                {"sdkmessageid": message_id, "name": message},
                "plugin",
                audited=False,
            )
            for table in business_tables(tables.values()):
                values = {
                    "sdkmessagefilterid": stable_id("sdkmessagefilter", message, table.name),
                    "name": f"{message} {table.name}",
                    "primaryobjecttypecode": table.name,
                    "_sdkmessageid_value": message_id,
                    "_sdkmessageid_type": "sdkmessage",
                }
                self.insert(tables["sdkmessagefilter"], values, "plugin", audited=False)


def business_tables(tables: Iterable[Table]) -> list[Table]:
    return [t for t in tables if t.name not in SYSTEM_TABLES]


def default_status(table: Table, state: int) -> int:
    options = table.columns["statuscode"].options.options
    return next(o.value for o in options if o.state == state)


def etag(row: Document) -> str:
    return f'W/"{row["versionnumber"]}"'


def _fold(value: object) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _indexed_value(wire: str) -> Callable[[Document], Any]:
    return lambda row: _fold(row.get(wire))
