"""`EntityDefinitions`: the metadata queries of a start-up check, unpaged.

In: a call on `EntityDefinitions…`. Out: metadata objects cut down to `$select`, `$filter`,
`$expand`. Refuses unknown entities, casts and properties, and filters on labels.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ops.sandbox.membri import definition_objects as objects
from ops.sandbox.membri.calls import Answer, Call
from ops.sandbox.membri.definition_objects import MetadataObject
from ops.sandbox.membri.environment import Environment
from ops.sandbox.membri.errors import (
    Refusal,
    no_property,
    no_segment,
    not_allowed,
    not_implemented,
    syntax,
)
from ops.sandbox.membri.filters import Comparison, Junction, Literal, Node, Not
from ops.sandbox.membri.metadata import Table
from ops.sandbox.membri.query import Expand, Query

_KEYED = re.compile(r"(\w+)(?:\((?:LogicalName='([^']*)'|([0-9a-fA-F-]{36}))\))?")
_CRM = "Microsoft.Dynamics.CRM."


def answer(env: Environment, call: Call) -> Answer:
    """Raises Refusal."""
    if call.method != "GET":
        raise not_allowed(call.method)
    query = call.query()
    if set(query.raw) - {"$select", "$filter", "$expand"}:
        raise syntax("Metadata queries take $select, $filter and $expand only.")
    segments = call.path.split("/")
    language = env.options.current.base_language
    found, is_one = _entities(env, segments[0], language)
    if len(segments) > 1:
        if not is_one:
            raise no_segment(segments[1])
        found, is_one = _below(env, found[0], segments[1:], language)
    cast = next((s.removeprefix(_CRM) for s in segments[2:] if s.startswith(_CRM)), "")
    kind = segments[1].partition("(")[0] if len(segments) > 1 else "EntityMetadata"
    return _cut(call, query, found, is_one, kind, cast)


def _entities(env: Environment, segment: str, language: int) -> tuple[list[MetadataObject], bool]:
    tables = env.model.tables.values()
    everything = [objects.entity(table, language) for table in tables]
    found = _keyed(everything, segment)
    return (everything, False) if found is None else ([found], True)


def _below(
    env: Environment, entity: MetadataObject, segments: list[str], language: int
) -> tuple[list[MetadataObject], bool]:
    table = env.model.tables[entity["LogicalName"]]
    navigation = segments[0].partition("(")[0]
    if navigation not in objects.ENTITY_NAVIGATIONS:
        raise no_segment(navigation)
    everything = _navigated(env, table, navigation, language)
    found = _keyed(everything, segments[0])
    chosen = everything if found is None else [found]
    if len(segments) > 1:
        if navigation != "Attributes" or not segments[1].startswith(_CRM):
            raise no_segment(segments[1])
        chosen = [o for o in chosen if o["@odata.type"] == f"#{segments[1]}"]
        known = segments[1].endswith("AttributeMetadata")
        if not known or (found is not None and not chosen):
            raise no_segment(segments[1])
    return chosen, found is not None


def _navigated(
    env: Environment, table: Table, navigation: str, language: int
) -> list[MetadataObject]:
    if navigation == "Attributes":
        columns = enumerate(table.columns.values(), 1)
        return [objects.attribute(table, c, language, n) for n, c in columns]
    many_to_one, one_to_many = objects.relationships(env.model, table)
    if navigation == "ManyToOneRelationships":
        return many_to_one
    return one_to_many if navigation == "OneToManyRelationships" else []


def _keyed(everything: list[MetadataObject], segment: str) -> MetadataObject | None:
    match = _KEYED.fullmatch(segment)
    if match is None:
        raise no_segment(segment)
    _, name, metadata_id = match.groups()
    if name is None and metadata_id is None:
        return None
    for found in everything:
        if found.get("LogicalName") == name or found["MetadataId"] == (metadata_id or "").lower():
            return found
    raise Refusal(
        404, "0x80041102", f"Could not find an entity or attribute '{name or metadata_id}'."
    )


def _cut(
    call: Call, query: Query, found: list[MetadataObject], is_one: bool, kind: str, cast: str
) -> Answer:  # fmt: skip
    type_name = cast or kind
    known = set(objects.ATTRIBUTE_PROPERTIES) if kind == "Attributes" and not cast else None
    if query.where is not None:
        test = _predicate(query.where, known, type_name)
        found = [one for one in found if test(one)]
    cut = [_cut_one(one, query, known, type_name, keep_type=kind == "Attributes") for one in found]
    context = f"{call.base}$metadata#EntityDefinitions"
    if is_one:
        return Answer(200, {"@odata.context": f"{context}/$entity", **cut[0]})
    return Answer(200, {"@odata.context": context, "value": cut})


def _cut_one(
    one: MetadataObject, query: Query, known: set[str] | None, type_name: str, *, keep_type: bool
) -> MetadataObject:
    out: MetadataObject = {}
    if keep_type and (query.select is None or known is not None):
        out["@odata.type"] = one["@odata.type"]
    names = query.select
    if names is None:
        hidden = (*objects.OPTION_SETS, "@odata.type")
        names = tuple(n for n in one if n not in hidden)
    for name in names:
        if name in objects.OPTION_SETS or not _has(one, name, known):
            raise no_property(name, type_name)
        out[name] = one[name]
    out["MetadataId"] = one["MetadataId"]
    for expand in query.expand:
        out[expand.nav] = _expanded(one, expand, known, type_name)
    return out


def _expanded(one: MetadataObject, expand: Expand, known: set[str] | None, type_name: str) -> Any:
    if expand.nav in objects.ENTITY_NAVIGATIONS:
        raise not_implemented(f"$expand={expand.nav}")
    if expand.nav not in objects.OPTION_SETS or known is not None or expand.nav not in one:
        raise no_property(expand.nav, type_name)
    inner = one[expand.nav]
    if inner is None or expand.query.select is None:
        return inner
    return {n: inner[n] for n in ("MetadataId", *expand.query.select) if n in inner}


def _has(one: MetadataObject, name: str, known: set[str] | None) -> bool:
    return name in one and (known is None or name in known)


def _predicate(
    node: Node, known: set[str] | None, type_name: str
) -> Callable[[MetadataObject], bool]:
    if isinstance(node, Junction):
        parts = [_predicate(part, known, type_name) for part in node.parts]
        every = all if node.operator == "and" else any
        return lambda one: every(part(one) for part in parts)
    if isinstance(node, Not):
        inner = _predicate(node.inner, known, type_name)
        return lambda one: not inner(one)
    plain = isinstance(node, Comparison) and node.operator in ("eq", "ne")
    if not isinstance(node, Comparison) or not plain or not isinstance(node.right, Literal):
        raise syntax("Metadata filters take eq and ne on plain properties.")
    name, value = node.left.parts[0], node.right.value
    if name in ("DisplayName", "Description", "DisplayCollectionName"):
        raise syntax(f"Metadata cannot be filtered on the label '{name}'.")
    if node.right.edm == "Edm.Int32":
        value = int(value)

    def test(one: MetadataObject) -> bool:
        if not _has(one, name, known):
            raise no_property(name, type_name)
        return (one[name] == value) is (node.operator == "eq")

    return test
