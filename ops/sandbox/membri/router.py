"""From a call's method and path to its handler. Refuses what is no resource here."""

from __future__ import annotations

import re

from ops.sandbox.membri import delta, entity_definitions
from ops.sandbox.membri.calls import Answer, Call, refused
from ops.sandbox.membri.environment import Environment
from ops.sandbox.membri.errors import (
    Refusal,
    no_segment,
    not_allowed,
    not_found,
    not_implemented,
)
from ops.sandbox.membri.metadata import Table, stable_id
from ops.sandbox.membri.reads import Reader, unknown_key
from ops.sandbox.membri.rows import USERS
from ops.sandbox.membri.values import GUID
from ops.sandbox.membri.writes import Writer

_SET = re.compile(r"(\w+)(?:\(([^()]*)\))?")
_ACTIONS = ("CreateMultiple", "UpdateMultiple")


def answer(env: Environment, call: Call) -> Answer:
    """One operation, its refusals answered and its offences noted."""
    try:
        found = _route(env, call)
    except Refusal as refusal:
        env.note_refusal(refusal, call.method, call.path)
        found = refused(refusal)
    if call.applied:
        found.headers["Preference-Applied"] = ",".join(call.applied)
    return found


def row_written(env: Environment, call: Call) -> tuple[str, str] | None:
    """The (table, id) that a PATCH or DELETE would change."""
    match = _SET.fullmatch(call.path)
    table = env.model.by_set(match.group(1)) if match else None
    if match is None or table is None or call.method not in ("PATCH", "DELETE"):
        return None
    return (table.name, (match.group(2) or "").lower())


def _route(env: Environment, call: Call) -> Answer:
    first, _, rest = call.path.partition("/")
    if not first:
        return _service_document(env, call)
    if first.removesuffix("()") == "WhoAmI":
        return _who_am_i(call)
    if first.startswith("EntityDefinitions"):
        return entity_definitions.answer(env, call)
    match = _SET.fullmatch(first)
    table = env.model.by_set(match.group(1)) if match else None
    if match is None or table is None:
        raise no_segment(first.partition("(")[0])
    if match.group(2) is None:
        return _set(env, call, table, rest)
    row_id = match.group(2)
    if not GUID.fullmatch(row_id):
        raise unknown_key(table, row_id)
    return _row(env, call, table, row_id.lower(), rest)


def _set(env: Environment, call: Call, table: Table, rest: str) -> Answer:
    if rest == "$count" and call.method == "GET":
        if call.query().delta_token is not None:
            return delta.count(env, call, table)
        return Reader(env, call).count(table)
    action = rest.removeprefix("Microsoft.Dynamics.CRM.")
    if rest and action in _ACTIONS and call.method == "POST":
        return Writer(env, call).bulk(table, action)
    if rest:
        raise no_segment(rest)
    if call.method == "GET":
        if delta.is_asked(call):
            return delta.page(env, call, table)
        return Reader(env, call).collection(table, call.path)
    if call.method == "POST":
        return Writer(env, call).create(table)
    raise not_allowed(call.method)


def _row(env: Environment, call: Call, table: Table, row_id: str, rest: str) -> Answer:
    if rest:
        return _related(env, call, table, row_id, rest)
    if call.method == "GET":
        return Reader(env, call).single(table, row_id)
    if call.method == "PATCH":
        return Writer(env, call).patch(table, row_id)
    if call.method == "DELETE":
        return Writer(env, call).delete(table, row_id)
    raise not_allowed(call.method)


def _related(env: Environment, call: Call, table: Table, row_id: str, nav: str) -> Answer:
    if "/" in nav or nav.startswith("$"):
        raise not_implemented(f"The path '{nav}' below a row")
    row = env.rows.get(table.name, row_id)
    collection, single = table.collections.get(nav), table.nav(nav)
    if collection is None and single is None:
        raise no_segment(nav)
    if call.method != "GET":
        raise not_allowed(call.method)
    if row is None:
        raise not_found(table.name, row_id)
    if collection is not None:
        child = env.model.tables[collection.table]
        within = env.compiler().children(row_id, collection)
        return Reader(env, call).collection(child, call.path, within)
    lookup, target = single or (None, "")
    if lookup is None or row.get(lookup.type_key) != target:
        return Answer(204)
    return Reader(env, call).single(env.model.tables[target], row[lookup.wire])


def _service_document(env: Environment, call: Call) -> Answer:
    sets = [
        {"name": t.set_name, "kind": "EntitySet", "url": t.set_name}
        for t in env.model.tables.values()
    ]
    return Answer(200, {"@odata.context": f"{call.base}$metadata", "value": sets})


def _who_am_i(call: Call) -> Answer:
    if call.method != "GET":
        raise not_allowed(call.method)
    return Answer(
        200,
        {
            "@odata.context": f"{call.base}$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse",
            "BusinessUnitId": stable_id("businessunit"),
            "UserId": USERS["application"],
            "OrganizationId": stable_id("organization"),
        },
    )
