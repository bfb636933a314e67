"""A write's JSON body, checked property by property, as the changes a row will take.

Refuses unknown and read-only properties, wrong types, values out of range, lookups written as
`_x_value`, and bindings to a wrong navigation, set or row.
"""

from __future__ import annotations

import re
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.membri.calls import Call
from ops.sandbox.membri.environment import Environment
from ops.sandbox.membri.errors import Refusal, invalid, not_found, payload
from ops.sandbox.membri.metadata import LOOKUPS, Column, Table
from ops.sandbox.membri.rows import default_status
from ops.sandbox.membri.values import GUID, to_kept

_BIND = "@odata.bind"
_ROW_PATH = re.compile(rf"(\w+)\(({GUID.pattern})\)")


def read_changes(
    env: Environment, call: Call, table: Table, body: dict[str, Any], row: Document | None
) -> Document:
    """What the row takes: wire names and kept values. `row` None means a creation.
    Raises Refusal."""
    changes: Document = {}
    for name, value in body.items():
        nav, at, annotation = name.partition("@")
        if at and f"@{annotation}" != _BIND:
            continue  # @odata.type, @odata.etag and formatted values may come along
        if at:
            changes.update(_binding(env, call, table, nav, value))
        elif (found := table.nav(name)) is not None and name not in table.by_wire and value is None:
            changes.update({found[0].wire: None, found[0].type_key: None})
        else:
            column = _column(table, name)
            _check_writable(table, column, row, value)
            changes[name] = to_kept(table, column, value)
    if row is not None:
        changes.pop(table.primary_id, None)
    _check_state(table, changes, row)
    if row is None:
        _check_required(table, changes)
    return changes


def _column(table: Table, name: str) -> Column:
    column = table.by_wire.get(name)
    if column is not None and column.kind in LOOKUPS:
        raise Refusal(
            400,
            "0x80060888",
            "CRM do not support direct update of Entity Reference properties, Use Navigation"
            " properties instead.",
        )
    if column is None:
        raise _undeclared(table, name)
    return column


def _undeclared(table: Table, name: str) -> Refusal:
    refusal = payload(
        table.set_name,
        f"An undeclared property '{name}' which only has property annotations in the payload but"
        " no property value was found in the payload.",
    )
    refusal.offence = "unknown_property"
    return refusal


def _check_writable(table: Table, column: Column, row: Document | None, value: Any) -> None:
    if column.kind == "uuid":
        if row is not None and str(value).lower() != row[table.primary_id]:
            raise invalid(f"The id '{column.name}' of '{table.name}' cannot change.")
        return
    if not (column.creatable if row is None else column.updatable):
        raise invalid(f"The property '{column.name}' of '{table.name}' cannot be modified.")


def _binding(env: Environment, call: Call, table: Table, nav: str, value: Any) -> Document:
    found = table.nav(nav)
    if found is None:
        raise _undeclared(table, nav)
    lookup, target = found
    if value is None:
        return {lookup.wire: None, lookup.type_key: None}
    if not isinstance(value, str):
        raise payload(table.set_name, f"The value of '{nav}{_BIND}' must be a string.")
    if "createonly" in lookup.flags and call.method == "PATCH":
        raise invalid(f"The property '{lookup.name}' of '{table.name}' cannot be modified.")
    path = call.content_ids.get(value, value).removeprefix(call.base).lstrip("/")
    match = _ROW_PATH.fullmatch(path)
    expected = env.model.tables[target]
    if match is None or match.group(1) != expected.set_name:
        raise payload(
            table.set_name,
            f"Invalid URI '{value}' for '{nav}': '{expected.set_name}(id)' expected.",
        )
    row_id = match.group(2).lower()
    if env.rows.get(target, row_id) is None:
        raise not_found(target, row_id)
    return {lookup.wire: row_id, lookup.type_key: target}


def _check_state(table: Table, changes: Document, row: Document | None) -> None:
    if "statecode" not in changes and "statuscode" not in changes:
        return
    before = row or {"statecode": 0}
    state = changes.get("statecode", before.get("statecode", 0))
    status = changes.get("statuscode")
    if state is None:
        raise invalid("statecode cannot be empty.")
    if status is None:
        changes["statuscode"] = default_status(table, state)
        return
    option = table.columns["statuscode"].options.option(status)
    if option is None or option.state != state:
        raise Refusal(
            400, "0x80048408", f"{status} is not a valid status code for state code {state}."
        )


def _check_required(table: Table, changes: Document) -> None:
    for column in table.columns.values():
        if "required" in column.flags and changes.get(column.wire) is None:
            raise Refusal(
                400,
                "0x80040203",
                f"{table.name}: the required attribute '{column.name}' is missing.",
            )
