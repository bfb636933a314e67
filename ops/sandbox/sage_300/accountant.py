"""What people do in the program itself while a connector works, through the admin port.

`POST /accountant` {"company", …} with one or more of the orders of `_ORDERS`:
`create` {"resource", "record"} · `alter` {"resource", "key", "set"} ·
`remove` {"resource", "key"} ·
`batch` {"resource", "key", "action": open, ready, post, delete, print} · `invoice` | `receipt` |
`journal` {the entry, "Description" of the batch, "post": true} · `edit` {"resource", "key",
"set"}, an open batch · `closed_until` date or null ·
`lock` | `unlock` {"modules", "until" | "year" + "periods"} · `fiscal_year` | `remove_fiscal_year` ·
`locked_period` None, Warning, Error · `users` [names] · `rights` {user: [modules]} ·
`required_customer_fields` [names] · `hold` | `release` [resource, key…] · `clear_history` true.
Raises ValueError on an unknown order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300 import customers
from ops.sandbox.sage_300.batches import KINDS, Kind, change, create, mark
from ops.sandbox.sage_300.books import LISTED, Books
from ops.sandbox.sage_300.companies import keep
from ops.sandbox.sage_300.company import fiscal_year
from ops.sandbox.sage_300.entry import Session
from ops.sandbox.sage_300.fields import read_day
from ops.sandbox.sage_300.processes import post_now
from ops.sandbox.sage_300.resources import INVOICES, JOURNALS, RECEIPTS

MODULES = ("AR", "BK", "GL")


def act(books: Books, order: Document) -> Document:
    """Does what the order says; the last record it touched. Raises ValueError and Refusal."""
    unknown = set(order) - set(_ORDERS) - {"company"}
    if unknown:
        raise ValueError(f"unknown in an accountant's order: {', '.join(sorted(unknown))}")
    found: Document = {}
    with books.transaction():
        for name, work in _ORDERS.items():
            if name in order:
                found = work(books, order[name]) or found
    return found


def _listed(order: Document) -> str:
    resource = str(order["resource"])
    if resource not in LISTED:
        raise ValueError(f"unknown resource {resource!r}")
    return resource


def _create(books: Books, order: Document) -> Document:
    return keep(books, _listed(order), order["record"])


def _alter(books: Books, order: Document) -> Document:
    resource, key = _listed(order), list(order["key"])
    if resource == customers.RESOURCE:
        return customers.change(Session(books, by_person=True), key[0], order["set"])
    return keep(books, resource, {**books.one(resource, *key), **order["set"]})


def _remove(books: Books, order: Document) -> Document:
    resource, key = _listed(order), list(order["key"])
    if resource == customers.RESOURCE:
        customers.remove(Session(books, by_person=True), key[0])
    else:
        books.one(resource, *key)
        books.delete(resource, *key)
    return {}


# Batches.


def _batch(books: Books, order: Document) -> Document:
    kind = KINDS[str(order["resource"])]
    record = books.one(kind.resource, *order["key"])
    action = str(order["action"])
    if action == "print":
        return books.put(kind.resource, {**record, "BatchPrintedFlag": "Yes"})
    if action not in _STATUS:
        raise ValueError(f"unknown action {action!r}: print, {', '.join(_STATUS)}")
    if record[kind.status] not in ("Open", "ReadyToPost"):
        raise ValueError(f"batch {record['BatchNumber']} is {record[kind.status]}")
    marked = dict(record)
    mark(kind, marked, _STATUS[action])
    books.put(kind.resource, marked)
    if action == "post":
        post_now(books, kind, marked)
    return books.one(kind.resource, *order["key"])


_STATUS = {"open": "Open", "ready": "ReadyToPost", "delete": "Deleted", "post": "ReadyToPost"}


def enter(books: Books, resource: str, order: Document) -> Document:
    """A batch typed by hand with one entry, posted unless `post` is False.

    Raises Refusal; ValueError when posting made an error batch.
    """
    kind: Kind = KINDS[resource]
    entry = dict(order)
    posted = entry.pop("post", True)
    header: Document = {"Description": entry.pop("Description", "Saisie manuelle")}
    if resource == RECEIPTS:
        header = {"BatchRecordType": entry.pop("BatchRecordType", "CA"), **header}
        header["BankCode"] = entry.pop("BankCode")
    made = create(Session(books, by_person=True), kind, {**header, kind.entries: [entry]})
    if not posted:
        return made
    marked = dict(made)
    mark(kind, marked, "ReadyToPost")
    books.put(resource, marked)
    post_now(books, kind, marked)
    done = books.one(resource, *books.key_of(resource, made))
    if done["NumberOfErrors"]:
        raise ValueError(f"batch {done['BatchNumber']} has errors")
    return done


# Periods.


def lock(books: Books, order: Document, value: str = "Yes") -> Document:
    """Locks or unlocks periods: all that end by `until`, or some of a year."""
    modules = order.get("modules", MODULES)
    until = order.get("until")
    for calendar in books.all("CSFiscalCalendars"):
        changes: Document = {}
        for number in range(1, int(calendar["NumberofFiscalPeriods"]) + 1):
            ends = calendar[f"FiscalPeriod{number}EndDate"]
            named = calendar["FiscalYear"] == order.get("year") and number in order["periods"]
            if named or (until and ends <= until):
                changes |= {f"FiscalPeriod{number}{module}Locked": value for module in modules}
        if changes:
            books.put("CSFiscalCalendars", {**calendar, **changes})
    return {}


def closed_until(books: Books, day: str | None) -> Document:
    """Locks every period that ends by that day for all applications, and unlocks the others."""
    lock(books, {"until": "9999-12-31"}, "No")
    if day:
        lock(books, {"until": read_day("closed_until", day)})
    return {}


def _add_year(books: Books, year: Any) -> Document:
    return keep(books, "CSFiscalCalendars", fiscal_year(int(year)))


def _remove_year(books: Books, year: Any) -> Document:
    books.one("CSFiscalCalendars", str(year))
    books.delete("CSFiscalCalendars", str(year))
    return {}


def _mode(books: Books, mode: str) -> Document:
    if mode not in ("None", "Warning", "Error"):
        raise ValueError(f"unknown mode {mode!r}: None, Warning, Error")
    return books.put("CSCompanyProfile", {**books.profile, "LockedFiscalPeriod": mode})


# People and locks.


def _state(name: str) -> Callable[[Books, Any], Document]:
    def change_state(books: Books, value: Any) -> Document:
        books.change_state(**{name: value})
        return {}

    return change_state


def _hold(books: Books, lock_of: list[Any]) -> Document:
    held = books.state.get("held", [])
    books.change_state(held=[*held, [str(part) for part in lock_of]])
    return {}


def _release(books: Books, lock_of: list[Any]) -> Document:
    wanted = [str(part) for part in lock_of]
    books.change_state(held=[one for one in books.state.get("held", []) if one != wanted])
    return {}


def _clear_history(books: Books, wanted: bool) -> Document:
    for kind in KINDS.values() if wanted else ():
        for batch in books.all(kind.resource):
            if batch[kind.status] in ("Posted", "Deleted"):
                books.delete(kind.resource, *books.key_of(kind.resource, batch))
    return {}


def edit_batch(books: Books, resource: str, key: tuple[Any, ...], body: Document) -> Document:
    """A person edits an open batch, with the rules of a PATCH. Raises Refusal."""
    kind = KINDS[resource]
    return change(Session(books, by_person=True), kind, books.one(resource, *key), body)


_ORDERS: dict[str, Callable[[Books, Any], Document]] = {
    "fiscal_year": _add_year,
    "remove_fiscal_year": _remove_year,
    "locked_period": _mode,
    "create": _create,
    "alter": _alter,
    "remove": _remove,
    "invoice": lambda books, order: enter(books, INVOICES, order),
    "receipt": lambda books, order: enter(books, RECEIPTS, order),
    "journal": lambda books, order: enter(books, JOURNALS, order),
    "batch": _batch,
    "edit": lambda books, o: edit_batch(books, o["resource"], tuple(o["key"]), o["set"]),
    "closed_until": closed_until,
    "lock": lock,
    "unlock": lambda books, order: lock(books, order, "No"),
    "users": _state("users"),
    "rights": _state("rights"),
    "required_customer_fields": _state("required_customer_fields"),
    "hold": _hold,
    "release": _release,
    "clear_history": _clear_history,
}
