"""What people do in the program itself while a connector works, through the admin port.

`POST /accountant` {"business", …} with one or more of: resource + `create`; resource + id + `set` |
`action` (void, delete, release) and `reason`; `closed_until` (a day or null); `roles` {area:
level}; `subscription` (true, false); `edition`; `accounts_start_date`; `financial_settings`;
`invoice_settings`; `businesses` and `lead` of the business's user. For contacts, `set` reaches what
the API cannot write: `is_active`, `gdpr_obfuscated`, `system`.
"""

from __future__ import annotations

from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting.books import RECORDS, Books
from ops.sandbox.sage_accounting.editions import How
from ops.sandbox.sage_accounting.options import EDITIONS
from ops.sandbox.sage_accounting.users import Users
from ops.sandbox.sage_accounting.writes import create, present, release, remove, update

_SETTINGS = (
    *("closed_until", "accounts_start_date", "roles", "subscription", "edition"),
    *("financial_settings", "invoice_settings", "businesses", "lead"),
)
_KNOWN = {"business", "resource", "id", "set", "action", "reason", "create", *_SETTINGS}
_FLAGS = ("is_active", "gdpr_obfuscated", "system")


def act(books: Books, users: Users, order: Document) -> Document:
    """Does what the order says; the record it touched. Raises ValueError, KeyError and Refusal."""
    unknown = set(order) - _KNOWN
    if unknown:
        raise ValueError(f"unknown in an accountant's order: {', '.join(sorted(unknown))}")
    with books.store.transaction():
        _settings(books, users, order)
        if "resource" not in order:
            return {}
        resource = str(order["resource"])
        if resource not in RECORDS:
            raise ValueError(f"unknown resource {resource!r}; known: {', '.join(RECORDS)}")
        if "create" in order:
            return create(books, resource, order["create"], How(by_hand=True))
        return _record(books, resource, str(order["id"]), order)


def _record(books: Books, resource: str, number: str, order: Document) -> Document:
    how = How(by_hand=True)
    action = order.get("action", "edit")
    if action in ("void", "delete"):
        reason = str(order.get("reason") or "Erreur de saisie")
        return remove(books, resource, number, reason, how) or {}
    if action == "release":
        return release(books, resource, number, how)
    if action != "edit":
        raise ValueError(f"unknown action {action!r}: void, delete, release, edit")
    changes: dict[str, Any] = dict(order["set"])
    flags = {name: changes.pop(name) for name in _FLAGS if name in changes}
    if changes:
        update(books, resource, number, changes, how)
    record = books.existing(resource, number)
    return present(books, resource, books.put(resource, {**record, **flags}) if flags else record)


def _settings(books: Books, users: Users, order: Document) -> None:
    financial = dict(order.get("financial_settings") or {})
    if "closed_until" in order:
        financial["year_end_lockdown_date"] = order["closed_until"]
    if "accounts_start_date" in order:
        financial["accounts_start_date"] = order["accounts_start_date"]
    changed: Document = {"financial_settings": financial} if financial else {}
    if order.get("invoice_settings"):
        changed["invoice_settings"] = order["invoice_settings"]
    if "edition" in order:
        if order["edition"] not in EDITIONS:
            raise ValueError(f"unknown edition {order['edition']!r}; known: {EDITIONS}")
        changed["edition"] = order["edition"]
    if "subscription" in order:
        changed["subscription"] = bool(order["subscription"])
    if changed:
        books.change_state(**changed)
    user = {name: order[name] for name in ("roles", "businesses", "lead") if name in order}
    if user:
        users.change(books.business, **user)
