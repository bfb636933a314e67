"""What people do in the program itself while a connector works, through the admin port.

`POST /accountant` {"company", …} with one or more of:
`closed_until` (last closed day, "" opens all), `allow_posting_to`, `user_from`, `user_to`;
`create_customer` {properties}; `customer` (number) + `set` {properties} | `posting_groups` bool;
`account` (number) + `set` {"blocked", "directPosting"}; `tax_group` (code) + `rates` {…};
`invoice` | `credit_memo` {properties and lines}, posted unless `draft`;
`journal_line` {"journal": id or code, properties}, `payment_line` the same;
`document` (id) + `action` (approve, post, cancel, delete); `post_batch` (id or code);
`run_job_queue`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from ops.sandbox.business_central import journal_posting, journals, posting, sales, writes
from ops.sandbox.business_central.books import Books
from ops.sandbox.business_central.properties import NO_DATE, RESOURCES
from ops.sandbox.business_central.sales import INVOICE, MEMO, Sale
from ops.sandbox.kernel.store import Document


def act(books: Books, order: Document) -> Document:
    """Does what the order says; the record it touched. Raises ValueError, KeyError, Refusal."""
    unknown = set(order) - set(_WORKS) - {"company", "set", "action", "draft", *_BESIDE}
    if unknown:
        raise ValueError(f"unknown in an accountant's order: {', '.join(sorted(unknown))}")
    done: Document = {}
    with books.store.transaction():
        for name, work in _WORKS.items():
            if name in order:
                done = work(books, order, order[name]) or done
    return done


_BESIDE = ("posting_groups", "rates")


def _closed(books: Books, _: Document, value: Any) -> Document:
    """Everything up to that day is closed."""
    first = NO_DATE
    if value:
        first = (dt.date.fromisoformat(str(value)) + dt.timedelta(days=1)).isoformat()
    return books.change("generalLedgerSetup", books.setup, allowPostingFrom=first)


def _setup(name: str) -> Callable[[Books, Document, Any], Document]:
    return lambda books, _, value: books.change("generalLedgerSetup", books.setup, **{name: value})


def _create_customer(books: Books, _: Document, value: Any) -> Document:
    return writes.create(books, RESOURCES["customers"], "", value)


def _customer(books: Books, order: Document, value: Any) -> Document:
    found = _named(books, "customers", str(value), "number")
    if "posting_groups" in order:
        found = books.change("customers", found, _postingGroups=bool(order["posting_groups"]))
    if "set" in order:
        found = writes.change(books, RESOURCES["customers"], found, order["set"])
    return found


def _account(books: Books, order: Document, value: Any) -> Document:
    return books.change("accounts", _named(books, "accounts", str(value), "number"), **order["set"])


def _tax_group(books: Books, order: Document, value: Any) -> Document:
    found = _named(books, "taxGroups", str(value), "code")
    return books.change("taxGroups", found, _rates=order["rates"])


def _sale(sale: Sale) -> Callable[[Books, Document, Any], Document]:
    def work(books: Books, order: Document, value: Any) -> Document:
        made = writes.create(books, RESOURCES[sale.name], "", value)
        if order.get("draft"):
            return made
        return posting.post(books, sale, {**made, "_approved": True})

    return work


def _line(resource: str) -> Callable[[Books, Document, Any], Document]:
    def work(books: Books, _: Document, value: Any) -> Document:
        body = dict(value)
        batch = _batch(books, str(body.pop("journal")))
        return writes.create(books, RESOURCES[resource], batch["id"], body)

    return work


def _document(books: Books, order: Document, value: Any) -> Document:
    for sale in (INVOICE, MEMO):
        found = books.get(sale.name, str(value))
        if found is not None:
            return _on_document(books, sale, found, str(order.get("action")))
    raise KeyError(value)


def _on_document(books: Books, sale: Sale, found: Document, action: str) -> Document:
    if action == "approve":
        approved = books.change(sale.name, found, status="Draft", _approved=True)
        return posting.post(books, sale, approved)
    if action == "post":
        return posting.post(books, sale, {**found, "_approved": True})
    if action == "cancel":
        posting.act(books, sale, found, "cancel")
        return books.get(sale.name, found["id"]) or found
    if action == "delete":
        sales.remove(books, sale, found)
        return {}
    raise ValueError(f"unknown action {action!r}: approve, post, cancel, delete")


def _post_batch(books: Books, _: Document, value: Any) -> Document:
    batch = _batch(books, str(value))
    journal_posting.post(books, batch)
    return batch


def _run_jobs(books: Books, _: Document, __: Any) -> Document:
    journal_posting.run_jobs(books, all_of_them=True)
    return {}


def _batch(books: Books, key: str) -> Document:
    found = journals.batch(books, "journals", key) or next(
        iter(books.find("_batches", "code", key)), None
    )
    if found is None:
        raise KeyError(key)
    return found


def _named(books: Books, resource: str, key: str, by: str) -> Document:
    found = books.named(resource, key, by)
    if found is None:
        raise KeyError(key)
    return found


_WORKS: dict[str, Callable[[Books, Document, Any], Document]] = {
    "closed_until": _closed,
    "allow_posting_to": _setup("allowPostingTo"),
    "user_from": _setup("_userFrom"),
    "user_to": _setup("_userTo"),
    "create_customer": _create_customer,
    "customer": _customer,
    "account": _account,
    "tax_group": _tax_group,
    "invoice": _sale(INVOICE),
    "credit_memo": _sale(MEMO),
    "journal_line": _line("journalLines"),
    "payment_line": _line("customerPayments"),
    "document": _document,
    "post_batch": _post_batch,
    "run_job_queue": _run_jobs,
}
