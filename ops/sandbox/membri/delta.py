"""Change tracking: `Prefer: odata.track-changes`, delta links, deleted entries, expiry.

Source: Microsoft's "use change tracking to synchronize data" page, dataverse.md 2.5. Our own
writes come back too: a delta knows no author.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.membri.calls import Answer, Call
from ops.sandbox.membri.environment import Environment
from ops.sandbox.membri.errors import Refusal, syntax
from ops.sandbox.membri.metadata import Table
from ops.sandbox.membri.query import query_string
from ops.sandbox.membri.reads import Reader

_REJECTED = ("$filter", "$orderby", "$expand", "$top")
_MARK = "delta-"  # tells a delta's page token from that of a plain collection


def is_asked(call: Call) -> bool:
    query = call.query()
    follows = (query.skip_token or "").startswith(_MARK) or query.delta_token is not None
    return follows or "odata.track-changes" in call.preferences


def page(env: Environment, call: Call, table: Table) -> Answer:
    """A page of all rows, or of what changed since a delta token. Raises Refusal."""
    query = call.query()
    env.require(table, "Read")
    if not table.change_tracking:
        raise syntax(f"Change tracking is not enabled for '{table.name}'.")
    for option in _REJECTED:
        if option in query.raw:
            raise syntax(f"The query option '{option}' is not supported with change tracking.")
    start = _start(env, call, table)
    reader = Reader(env, call)
    size = call.page_size(env.options.current.page_size_max)
    changes = _changes(env, table, start["since"], start["upto"], start["after"])
    current = changes[: size or env.options.current.page_size_max]
    rows = [c for c in current if "reason" not in c]
    rendered = iter(reader.render_all(table, rows, query))
    value: list[dict[str, Any]] = [
        _deleted(call, table, c) if "reason" in c else next(rendered) for c in current
    ]
    content: dict[str, Any] = {
        "@odata.context": f"{call.base}$metadata#{table.set_name}/$delta",
        "value": value,
    }
    if len(changes) > len(current):
        token = {**start, "after": current[-1]["versionnumber"]}
        content["@odata.nextLink"] = _link(env, call, table, "$skiptoken", token)
    else:
        token = {"since": start["upto"], "at": env.options.current.now().isoformat()}
        content["@odata.deltaLink"] = _link(env, call, table, "$deltatoken", token)
    call.apply("odata.track-changes")
    return Answer(200, content)


def count(env: Environment, call: Call, table: Table) -> Answer:
    """`set/$count?$deltatoken=`: how many entries the delta would hold."""
    start = _start(env, call, table)
    total = len(_changes(env, table, start["since"], start["upto"], start["after"]))
    return Answer(200, str(total).encode(), content_type="text/plain")


def _start(env: Environment, call: Call, table: Table) -> dict[str, Any]:
    query = call.query()
    if query.skip_token is not None:
        return env.tokens.read(_bound(call, table), query.skip_token.removeprefix(_MARK))
    upto = env.rows.version()
    if query.delta_token is None:
        return {"since": -1, "upto": upto, "after": -1}
    token = env.tokens.read(_bound(call, table), query.delta_token)
    age = env.options.current.now() - datetime.fromisoformat(token["at"])
    if age.total_seconds() > env.options.current.delta_expiry_s:
        raise Refusal(
            400,
            "0x80044352",
            "Version stamp associated with the client has expired. Please perform a full sync.",
        )
    return {"since": token["since"], "upto": upto, "after": token["since"]}


def _changes(env: Environment, table: Table, since: int, upto: int, after: int) -> list[Document]:
    """Rows and deletions after `after`, oldest version first. A first pass knows no deletion. A
    row saved again while the pages are read moves past `upto` and comes with the next link."""
    found = [r for r in env.rows.all(table.name) if after < r["versionnumber"] <= upto]
    if since >= 0:
        found += [
            {**d, "reason": "deleted"}
            for d in env.store.all("_deleted")
            if d["table"] == table.name and after < d["versionnumber"] <= upto
        ]
    return sorted(found, key=lambda c: int(c["versionnumber"]))


def _deleted(call: Call, table: Table, entry: Document) -> dict[str, Any]:
    return {
        "@odata.context": f"{call.base}$metadata#{table.set_name}/$deletedEntity",
        "id": entry["id"],
        "reason": "deleted",
    }


def _bound(call: Call, table: Table) -> str:
    return f"delta/{table.name}?{call.query().raw.get('$select', '')}"


def _link(env: Environment, call: Call, table: Table, name: str, token: dict[str, Any]) -> str:
    options = {n: v for n, v in call.query().raw.items() if n not in ("$skiptoken", "$deltatoken")}
    text = env.tokens.make(_bound(call, table), **token)
    if name == "$skiptoken":
        text = _MARK + text
    return f"{call.base}{table.set_name}?{query_string({**options, name: text})}"
