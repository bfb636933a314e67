"""What plug-ins do around a save: refuse it, finish it, or save the row once more a moment later.

Delayed saves are kept in the store and done before the first request that finds them due, so a
restart forgets none and an injected clock decides.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ops.sandbox.kernel.store import Document
from ops.sandbox.membri.audit import TRANSFERRED
from ops.sandbox.membri.environment import Environment
from ops.sandbox.membri.errors import Refusal
from ops.sandbox.membri.metadata import Table

PAID = 2
COMPLETE = 100_001


def check_business_rules(env: Environment, table: Table, row: Document, changes: Document) -> None:
    """Raises Refusal where a plug-in would: told to by the options, or the invoice is read-only."""
    options = env.options.current
    for target in (table.name, str(row.get(table.primary_id))):
        if target in options.refuse_writes:
            raise Refusal(400, "0x80040265", options.refuse_writes[target])
    closed = table.name == "invoice" and row.get("statecode", 0) != 0
    if closed and options.read_only_paid_invoices and "statecode" not in changes:
        raise Refusal(
            400, "0x8004022E", "The invoice is read-only: it is paid, closed or canceled."
        )


def after_write(env: Environment, table: Table, row: Document, by: str) -> Document:
    """Finishes a save inside its transaction; returns the row as it then is."""
    options = env.options.current
    done = row.get("statecode") == PAID and row.get("membri_syncstatus") == TRANSFERRED
    open_still = done and row.get("statuscode") != COMPLETE
    if options.paid_becomes_complete and table.name == "invoice" and open_still:
        row = env.rows.update(table, row, {"statuscode": COMPLETE}, "plugin")
    delay_s = options.bump_after_person_s if by == "person" else options.bump_after_write_s
    if delay_s is not None and by != "plugin":
        due = options.now() + timedelta(seconds=delay_s)
        pending = {"table": table.name, "id": row[table.primary_id], "due": due.isoformat()}
        env.store.put("_pending", f"{table.name}/{row[table.primary_id]}", pending)
    return row


def do_what_is_due(env: Environment) -> None:
    """Does the delayed saves whose moment has come."""
    if not env.store.count("_pending"):
        return
    now = env.options.current.now()
    for pending in env.store.all("_pending"):
        if datetime.fromisoformat(pending["due"]) > now:
            continue
        with env.store.transaction():
            env.store.delete("_pending", f"{pending['table']}/{pending['id']}")
            row = env.rows.get(pending["table"], pending["id"])
            if row is not None:
                env.rows.update(env.model.tables[pending["table"]], row, {}, "plugin")
