"""POST, PATCH and DELETE on rows, and the bulk actions, with their conditions.

A PATCH without If-Match is an upsert: it works, as in Dataverse, and counts as an offence.
"""

from __future__ import annotations

from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.membri.audit import write_offences
from ops.sandbox.membri.calls import Answer, Call
from ops.sandbox.membri.effects import after_write, check_business_rules
from ops.sandbox.membri.environment import Environment
from ops.sandbox.membri.errors import Refusal, invalid, not_found, payload, version_mismatch
from ops.sandbox.membri.metadata import Table
from ops.sandbox.membri.payloads import read_changes
from ops.sandbox.membri.reads import Reader
from ops.sandbox.membri.rows import etag

_BULK_LIMIT = 1000


class Writer:
    """Answers one call. Every write is one transaction: a refusal leaves nothing behind."""

    def __init__(self, env: Environment, call: Call) -> None:
        self._env = env
        self._call = call

    def create(self, table: Table, row_id: str | None = None) -> Answer:
        """Raises Refusal: 400 for the body, 412 when the id is taken."""
        self._env.require(table, "Write")
        body = self._call.json(table.set_name)
        with self._env.store.transaction():
            row = self._insert(table, body, row_id)
        return self._written(table, row, created=True)

    def patch(self, table: Table, row_id: str) -> Answer:
        """Update or upsert by the headers. Raises Refusal."""
        self._env.require(table, "Write")
        body = self._call.json(table.set_name)
        self._judge(table, body)
        row = self._env.rows.get(table.name, row_id)
        if_match = self._call.headers.get("if-match")
        if row is None:
            if if_match is not None:
                raise not_found(table.name, row_id)
            return self.create(table, row_id)
        if self._call.headers.get("if-none-match") == "*":
            raise _duplicate(table)
        self._check_version(table, row)
        with self._env.store.transaction():
            row = self._update(table, row, body, if_match)
        return self._written(table, row, created=False)

    def delete(self, table: Table, row_id: str) -> Answer:
        """Raises Refusal."""
        self._env.require(table, "Write")
        self._judge(table, {})
        row = self._env.rows.get(table.name, row_id)
        if row is None:
            raise not_found(table.name, row_id)
        self._check_version(table, row)
        check_business_rules(self._env, table, row, {})
        with self._env.store.transaction():
            if_match = self._call.headers.get("if-match")
            self._env.rows.delete(table, row, "application", if_match)
        return Answer(204)

    def bulk(self, table: Table, action: str) -> Answer:
        """CreateMultiple and UpdateMultiple: all or nothing. Raises Refusal."""
        self._env.require(table, "Write")
        targets = self._targets(table)
        ids: list[str] = []
        if action == "UpdateMultiple":
            for target in targets:
                self._judge(table, target)
        with self._env.store.transaction():
            for target in targets:
                if action == "CreateMultiple":
                    ids.append(self._insert(table, target, None)[table.primary_id])
                else:
                    self._update_target(table, target)
        if action == "UpdateMultiple":
            return Answer(204)
        kind = "Microsoft.Dynamics.CRM.CreateMultipleResponse"
        return Answer(200, {"@odata.context": f"{self._call.base}$metadata#{kind}", "Ids": ids})

    # parts

    def _insert(self, table: Table, body: dict[str, Any], row_id: str | None) -> Document:
        changes = read_changes(self._env, self._call, table, body, None)
        if row_id is not None:
            changes[table.primary_id] = row_id
        taken = self._env.rows.get(table.name, changes.get(table.primary_id))
        if taken is not None:
            raise _duplicate(table)
        check_business_rules(self._env, table, changes, changes)
        row = self._env.rows.insert(table, changes, "application")
        return after_write(self._env, table, row, "application")

    def _update(
        self, table: Table, row: Document, body: dict[str, Any], if_match: str | None
    ) -> Document:
        changes = read_changes(self._env, self._call, table, body, row)
        check_business_rules(self._env, table, row, changes)
        row = self._env.rows.update(table, row, changes, "application", if_match)
        return after_write(self._env, table, row, "application")

    def _update_target(self, table: Table, target: dict[str, Any]) -> None:
        row_id = str(target.get(table.primary_id, "")).lower()
        row = self._env.rows.get(table.name, row_id)
        if row is None:
            raise not_found(table.name, row_id)
        self._update(table, row, target, None)

    def _targets(self, table: Table) -> list[dict[str, Any]]:
        targets = self._call.json(table.set_name).get("Targets")
        if not isinstance(targets, list) or not all(isinstance(t, dict) for t in targets):
            raise payload(table.set_name, "A collection 'Targets' was expected.")
        if len(targets) > _BULK_LIMIT:
            raise invalid(f"At most {_BULK_LIMIT} targets are taken at once.")
        expected = f"Microsoft.Dynamics.CRM.{table.name}"
        for target in targets:
            if str(target.get("@odata.type", "")).lstrip("#") != expected:
                raise payload(table.set_name, f"'@odata.type' must be '{expected}'.")
        return targets

    def _judge(self, table: Table, body: dict[str, Any]) -> None:
        headers = self._call.headers
        found = write_offences(
            table, body, self._call.method, headers.get("if-match"), headers.get("if-none-match")
        )
        for code, detail in found:
            self._env.note(code, detail, self._call.method, self._call.path)

    def _check_version(self, table: Table, row: Document) -> None:
        if_match = self._call.headers.get("if-match")
        if if_match is None or if_match == "*":
            return
        if not table.concurrency:
            raise Refusal(
                400,
                "0x8006088D",
                f"Optimistic concurrency isn't enabled for entity type {table.name}.",
            )
        if if_match != etag(row):
            raise version_mismatch()

    def _written(self, table: Table, row: Document, *, created: bool) -> Answer:
        url = f"{self._call.base}{table.set_name}({row[table.primary_id]})"
        headers = {"OData-EntityId": url}
        if created:
            headers["Location"] = url
        if not self._call.representation:
            return Answer(204, headers=headers)
        self._call.apply("return=representation")
        headers["ETag"] = etag(row)
        content = Reader(self._env, self._call).entity(table, row, self._call.query())
        return Answer(201 if created else 200, content, headers)


def _duplicate(table: Table) -> Refusal:
    return Refusal(
        412, "0x80040237", f"A record of '{table.name}' with matching key values already exists."
    )
