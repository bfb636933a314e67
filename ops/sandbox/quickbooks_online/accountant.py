"""What people do in the program itself while a connector works, through the admin port.

`POST /accountant` {"realm", …} with one or more of: entity + id + `set` | `action` (void, delete,
deposit, undeposit); entity + `create`; `BookCloseDate`; `close_password`; `read_only`;
`preferences` {group: {name: value}}.
"""

from __future__ import annotations

from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.books import Books
from ops.sandbox.quickbooks_online.writes import How, delete, existing, save, void

_SETTINGS = ("BookCloseDate", "close_password", "read_only", "preferences")
_KNOWN = {"realm", "entity", "id", "set", "action", "create", *_SETTINGS}
BY_HAND = How(by_accountant=True)


def act(books: Books, order: Document) -> Document:
    """Does what the order says; the document it touched. Raises ValueError and Refusal."""
    unknown = set(order) - _KNOWN
    if unknown:
        raise ValueError(f"unknown in an accountant's order: {', '.join(sorted(unknown))}")
    with books.transaction():
        _settings(books, order)
        if "create" in order:
            return save(books, str(order["entity"]), order["create"], BY_HAND)
        if "entity" in order:
            return _document(books, str(order["entity"]), str(order["id"]), order)
    return {}


def _document(books: Books, entity: str, number: str, order: Document) -> Document:
    before = existing(books, entity, number, inactive=True)
    names = {"Id": number, "SyncToken": before["SyncToken"]}
    action = order.get("action", "edit")
    if action == "delete":
        return delete(books, entity, names, BY_HAND)
    if action == "void":
        return void(books, entity, names, BY_HAND)
    if action in ("deposit", "undeposit"):
        if entity != "Payment":
            raise ValueError("only a Payment can be deposited")
        books.deposit(number, taken_out=action == "undeposit")
        return before
    if action != "edit":
        raise ValueError(f"unknown action {action!r}: void, delete, deposit, undeposit, edit")
    alive = {"Active": True} if "Active" in before else {}
    return save(books, entity, {**alive, **order["set"], **names, "sparse": True}, BY_HAND)


def _settings(books: Books, order: Document) -> None:
    for name in ("read_only", "close_password"):
        if name in order:
            books.change_state(**{name: bool(order[name])})
    wanted: dict[str, dict[str, Any]] = dict(order.get("preferences") or {})
    if "BookCloseDate" in order:
        wanted.setdefault("AccountingInfoPrefs", {})["BookCloseDate"] = order["BookCloseDate"]
    if wanted:
        preferences = books.preferences
        changes = {
            group: {**preferences.get(group, {}), **values} for group, values in wanted.items()
        }
        books.touch_up("Preferences", preferences, **changes)
