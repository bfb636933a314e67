"""The admin side: seed and read plain rows, act as a person, set options, read the audit list.

Rows are plain columns with lookups as `_x_value`; money is text with its exact digits on the way
out, text or a number on the way in. Wrong content is refused with 400 and a reason.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ops.sandbox.kernel.store import Document
from ops.sandbox.membri.calls import LOOKUP_TABLE
from ops.sandbox.membri.effects import after_write, do_what_is_due
from ops.sandbox.membri.environment import Environment
from ops.sandbox.membri.errors import Refusal
from ops.sandbox.membri.login import Login
from ops.sandbox.membri.metadata import DECIMALS, LOOKUPS, Column, Table
from ops.sandbox.membri.rows import business_tables, default_status, etag
from ops.sandbox.membri.values import to_kept

_Handler = Callable[[Request], Awaitable[Response]]


class Admin:
    def __init__(self, env: Environment, login: Login) -> None:
        self._env = env
        self._login = login

    def routes(self) -> list[Route]:
        both = ["GET", "POST"]
        return [
            Route("/person", _explained(self._person), methods=["POST"]),
            Route("/rows/{table}", _explained(self._rows)),
            Route("/options", _explained(self._options), methods=both),
            Route("/audit", self._audit),
            Route("/revoke", self._revoke, methods=["POST"]),
        ]

    def dump(self) -> dict[str, list[Document]]:
        """Every row, by table. Can be seeded again."""
        do_what_is_due(self._env)
        tables = business_tables(self._env.model.tables.values())
        return {table.name: self._plain_rows(table) for table in tables}

    def seed(self, content: dict[str, list[dict[str, Any]]]) -> None:
        """Creates or replaces rows, by set or table name. Raises ValueError."""
        named = [(self._env.model.named(name), rows) for name, rows in content.items()]
        coming = {
            str(row[table.primary_id]).lower(): table.name
            for table, rows in named
            for row in rows
            if table.primary_id in row
        }
        for table, rows in named:
            for row in rows:
                self._env.rows.seed(table, self._kept(table, row, coming))

    async def _person(self, request: Request) -> Response:
        """{"table", "id"?, "set"? , "delete"?}: without an id, creates."""
        body = await request.json()
        table = self._env.model.named(body["table"])
        changes = self._kept(table, body.get("set", {}), {})
        do_what_is_due(self._env)
        with self._env.store.transaction():
            row = self._as_person(table, body, changes)
        return JSONResponse(self._plain(table, row))

    def _as_person(self, table: Table, body: dict[str, Any], changes: Document) -> Document:
        rows = self._env.rows
        if "id" not in body:
            return after_write(self._env, table, rows.insert(table, changes, "person"), "person")
        row = rows.get(table.name, str(body["id"]).lower())
        if row is None:
            raise ValueError(f"no {table.name} {body['id']}")
        if body.get("delete"):
            rows.delete(table, row, "person")
            return row
        if "statecode" in changes and "statuscode" not in changes:
            changes["statuscode"] = default_status(table, changes["statecode"])
        return after_write(self._env, table, rows.update(table, row, changes, "person"), "person")

    async def _rows(self, request: Request) -> Response:
        do_what_is_due(self._env)
        return JSONResponse(self._plain_rows(self._env.model.named(request.path_params["table"])))

    async def _options(self, request: Request) -> Response:
        if request.method == "POST":
            self._env.options.change(await request.json())
        return JSONResponse(self._env.options.as_dict())

    async def _audit(self, request: Request) -> Response:
        """Every change of a row, oldest first; `?table=`, `?id=`, `?by=` narrow it."""
        wanted = request.query_params
        return JSONResponse(
            [e for e in self._env.rows.audit() if all(e.get(n) == v for n, v in wanted.items())]
        )

    async def _revoke(self, _: Request) -> Response:
        self._login.revoke()
        return JSONResponse({"ok": True})

    def _plain_rows(self, table: Table) -> list[Document]:
        return [self._plain(table, row) for row in self._env.rows.all(table.name)]

    def _plain(self, table: Table, row: Document) -> Document:
        out: Document = {"@odata.etag": etag(row)}
        for column in table.columns.values():
            out[column.wire] = row.get(column.wire)
            if len(column.targets) > 1 and row.get(column.wire):
                out[f"{column.wire}@{LOOKUP_TABLE}"] = row[column.type_key]
        return out

    def _kept(self, table: Table, values: dict[str, Any], coming: dict[str, str]) -> Document:
        kept: Document = {}
        for name, value in values.items():
            if "@" in name:
                continue
            column = table.by_wire.get(name)
            if column is None:
                raise ValueError(f"{table.name} has no column {name!r}")
            if column.kind in LOOKUPS:
                annotated = values.get(f"{name}@{LOOKUP_TABLE}")
                kept |= self._lookup(table, column, value, annotated, coming)
                continue
            try:
                kept[name] = to_kept(table, column, _exact(column, value))
            except Refusal as refusal:
                raise ValueError(refusal.message) from None
        return kept

    def _lookup(
        self, table: Table, column: Column, value: Any, target: str | None, coming: dict[str, str]
    ) -> Document:
        if value is None:
            return {column.wire: None, column.type_key: None}
        row_id = str(value).lower()
        for name in [target] if target else list(column.targets):
            if coming.get(row_id) == name or self._env.rows.get(name, row_id) is not None:
                return {column.wire: row_id, column.type_key: name}
        raise ValueError(f"{table.name}.{column.wire}: no row {row_id}")


def _exact(column: Column, value: Any) -> Any:
    """Money from a float's shortest text or from text; other values as they are."""
    if column.kind in DECIMALS and isinstance(value, float | str):
        try:
            return Decimal(str(value))
        except InvalidOperation:
            raise ValueError(f"{column.name}: {value!r} is no amount") from None
    return value


def _explained(handler: _Handler) -> _Handler:
    """Answers wrong admin input with its reason."""

    async def explained(request: Request) -> Response:
        try:
            return await handler(request)
        except (ValueError, KeyError, json.JSONDecodeError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)

    return explained
