"""GET on rows: one, a collection page by page, the children of one; rendered with what was asked.

The primary key and `@odata.etag` always come; annotations only when `Prefer` asks for them.
"""

from __future__ import annotations

from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.membri.calls import FORMATTED, LOOKUP_NAV, LOOKUP_TABLE, Answer, Call
from ops.sandbox.membri.environment import Environment
from ops.sandbox.membri.errors import Refusal, no_property, not_found, syntax
from ops.sandbox.membri.metadata import LOOKUPS, Collection, Column, Table
from ops.sandbox.membri.paging import Keyed, Page, page_after, sort_key
from ops.sandbox.membri.predicates import Compiler, orderable
from ops.sandbox.membri.query import Expand, Query, query_string
from ops.sandbox.membri.rows import etag
from ops.sandbox.membri.values import formatted, from_kept

COUNT_LIMIT = 5000
_TOTAL = "Microsoft.Dynamics.CRM.totalrecordcount"
_EXCEEDED = "Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"


class Reader:
    """Answers one call."""

    def __init__(self, env: Environment, call: Call) -> None:
        self._env = env
        self._call = call
        self._compiler: Compiler = env.compiler()
        self._language = env.options.current.base_language
        self._formatted = call.wants(FORMATTED)
        self._lookup_table = call.wants(LOOKUP_TABLE)
        self._lookup_nav = call.wants(LOOKUP_NAV)
        self._page_size = call.page_size(env.options.current.page_size_max)
        annotations = call.preferences.get("odata.include-annotations")
        if annotations:
            call.apply(f'odata.include-annotations="{annotations}"')

    def collection(self, table: Table, path: str, within: list[Document] | None = None) -> Answer:
        """A page of a set, or of `within`: the children of one row. Raises Refusal."""
        query = self._call.query()
        self._env.require(table, "Read")
        page = self._page(table, path, query, within, query.raw)
        content: dict[str, Any] = {"@odata.context": self._context(table, query)}
        if query.count:
            content["@odata.count"] = min(page.total, COUNT_LIMIT)
            if self._call.wants(_EXCEEDED):
                content[f"@{_TOTAL}"] = min(page.total, COUNT_LIMIT)
                content[f"@{_EXCEEDED}"] = page.total > COUNT_LIMIT
        content["value"] = self.render_all(table, page.rows, query)
        if page.last is not None and (query.top is None or self._page_size is not None):
            content["@odata.nextLink"] = self._next_link(path, query.raw, page)
        return Answer(200, content)

    def single(self, table: Table, row_id: str) -> Answer:
        """One row. Raises Refusal (404)."""
        query = self._call.query()
        self._env.require(table, "Read")
        row = self._env.rows.get(table.name, row_id)
        if row is None:
            raise not_found(table.name, row_id)
        wanted = self._call.headers.get("if-none-match")
        if wanted == etag(row) and not query.expand:
            return Answer(304, headers={"ETag": etag(row)})
        return Answer(200, self.entity(table, row, query), {"ETag": etag(row)})

    def entity(self, table: Table, row: Document, query: Query) -> dict[str, Any]:
        context = f"{self._context(table, query)}/$entity"
        return {"@odata.context": context, **self.render_all(table, [row], query)[0]}

    def count(self, table: Table) -> Answer:
        """`set/$count`: plain text, at most 5,000."""
        query = self._call.query()
        self._env.require(table, "Read")
        total = min(len(self._matching(table, query, None)), COUNT_LIMIT)
        return Answer(200, str(total).encode(), content_type="text/plain")

    def render_all(self, table: Table, rows: list[Document], query: Query) -> list[dict[str, Any]]:
        columns = self._columns(table, query)
        expands = [self._expander(table, expand) for expand in query.expand]
        rendered: list[dict[str, Any]] = []
        for row in rows:
            out: dict[str, Any] = {"@odata.etag": etag(row)}
            for column in columns:
                self._render(out, column, row)
            for expand in expands:
                expand(out, row)
            rendered.append(out)
        return rendered

    # parts

    def _page(
        self, table: Table, path: str, query: Query, within: list[Document] | None,
        raw: dict[str, str],
    ) -> Page:  # fmt: skip
        key = self._key(table, query)
        size = self._page_size or self._env.options.current.page_size_max
        if self._page_size is None and query.top is not None:
            size = min(query.top, size)
        after = None
        if query.skip_token is not None:
            token = self._env.tokens.read(_bound(path, raw), query.skip_token)
            after = tuple(token["after"])
            if token["size"] != size:
                detail = f"page size {token['size']} became {size}"
                self._env.note("page_size_changed", detail, "GET", path)
        matching = self._matching(table, query, within)
        if size == 0:
            return Page([], None, len(matching))
        return page_after(matching, key, after, size)

    def _matching(
        self, table: Table, query: Query, within: list[Document] | None
    ) -> list[Document]:
        rows = self._compiler.candidates(table, query.where) if within is None else within
        if query.where is None:
            return rows
        test = self._compiler.predicate(table, query.where)
        return [row for row in rows if test(row)]

    def _key(self, table: Table, query: Query) -> Keyed:
        parts = []
        for order in query.order:
            column, read = self._compiler.column(table, order.path)
            if column.kind in LOOKUPS:
                parts.append((self._named(column), order.descending))
            elif column.kind != "uuid" or len(order.path.parts) > 1:
                parts.append((orderable(column, read), order.descending))
            elif order.descending:
                parts.append((orderable(column, read), True))
            else:
                break  # the row's own id ends every key: nothing after it can matter
        return sort_key(parts, table.primary_id)

    def _named(self, column: Column) -> Any:
        """Orders by the related row's name, as Dataverse does for a lookup."""

        def read(row: Document) -> str:
            return (self._lookup_name(column, row) or "").casefold()

        return read

    def _next_link(self, path: str, raw: dict[str, str], page: Page) -> str:
        size = self._page_size or self._env.options.current.page_size_max
        last = list(page.last or ())
        token = self._env.tokens.make(_bound(path, raw), after=last, size=size)
        options = {n: v for n, v in raw.items() if n != "$skiptoken"}
        return f"{self._call.base}{path}?{query_string({**options, '$skiptoken': token})}"

    def _context(self, table: Table, query: Query) -> str:
        chosen = f"({','.join(query.select)})" if query.select else ""
        return f"{self._call.base}$metadata#{table.set_name}{chosen}"

    def _columns(self, table: Table, query: Query) -> list[Column]:
        if query.select is None or "*" in query.select:
            return list(table.columns.values())
        columns: dict[str, Column] = {}
        for name in query.select:
            column = table.by_wire.get(name)
            if column is None:
                raise no_property(name, table.name)
            columns[name] = column
        columns[table.primary_id] = table.columns[table.primary_id]
        return list(columns.values())

    def _render(self, out: dict[str, Any], column: Column, row: Document) -> None:
        kept = row.get(column.wire)
        out[column.wire] = from_kept(column, kept)
        if kept is None:
            return
        if column.kind not in LOOKUPS:
            text = formatted(column, kept, self._language) if self._formatted else None
            if text is not None:
                out[f"{column.wire}@{FORMATTED}"] = text
            return
        target = row[column.type_key]
        if self._formatted and (name := self._lookup_name(column, row)) is not None:
            out[f"{column.wire}@{FORMATTED}"] = name
        if self._lookup_table:
            out[f"{column.wire}@{LOOKUP_TABLE}"] = target
        if self._lookup_nav:
            out[f"{column.wire}@{LOOKUP_NAV}"] = column.targets[target]

    def _lookup_name(self, column: Column, row: Document) -> str | None:
        target = row.get(column.type_key)
        if target is None:
            return None
        other = self._env.rows.get(target, row.get(column.wire))
        return None if other is None else other.get(self._env.model.tables[target].primary_name)

    def _expander(self, table: Table, expand: Expand) -> Any:
        collection = table.collections.get(expand.nav)
        if collection is not None:
            return self._collection_expander(table, expand, collection)
        nav = table.nav(expand.nav)
        if nav is None:
            raise no_property(expand.nav, table.name)
        if set(expand.query.raw) - {"$select", "$expand"}:
            raise syntax(f"Only $select and $expand suit the single-valued '{expand.nav}'.")
        lookup, target = nav
        other_table = self._env.model.tables[target]
        self._env.require(other_table, "Read")
        self._columns(other_table, expand.query)

        def single(out: dict[str, Any], row: Document) -> None:
            linked = row.get(lookup.type_key) == target
            other = self._env.rows.get(target, row.get(lookup.wire)) if linked else None
            found = [] if other is None else self.render_all(other_table, [other], expand.query)
            out[expand.nav] = found[0] if found else None

        return single

    def _collection_expander(self, table: Table, expand: Expand, collection: Collection) -> Any:
        child = self._env.model.tables[collection.table]
        self._env.require(child, "Read")
        self._columns(child, expand.query)

        def several(out: dict[str, Any], row: Document) -> None:
            row_id = row[table.primary_id]
            path = f"{table.set_name}({row_id})/{expand.nav}"
            within = self._compiler.children(row_id, collection)
            page = self._page(child, path, expand.query, within, expand.query.raw)
            out[expand.nav] = self.render_all(child, page.rows, expand.query)
            if page.last is not None and expand.query.top is None:
                link = self._next_link(path, expand.query.raw, page)
                out[f"{expand.nav}@odata.nextLink"] = link

        return several


def _bound(path: str, raw: dict[str, str]) -> str:
    """What a token is bound to: the path and every option but the token."""
    return path + "?" + query_string({n: v for n, v in raw.items() if n != "$skiptoken"})


def unknown_key(table: Table, text: str) -> Refusal:
    return Refusal(
        400, "0x80060888", f"'{text}' is neither an id nor a defined key of '{table.name}'."
    )
