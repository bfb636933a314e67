"""What `GET` answers: businesses, settings, reference lists, records one by one or in pages.

In: a call and the books it is about. Out: a JSON body. Refuses what does not exist (404). A plain
read of one invoice or credit note marks it as sent (sage-accounting.md, section 3).
"""

from __future__ import annotations

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting import contacts, lists, sales, shares
from ops.sandbox.sage_accounting.answers import not_found, reference
from ops.sandbox.sage_accounting.books import RECORDS, Books
from ops.sandbox.sage_accounting.calls import Call
from ops.sandbox.sage_accounting.editions import How
from ops.sandbox.sage_accounting.listing import deleted, finds, page, selected
from ops.sandbox.sage_accounting.taxes import is_valid_for
from ops.sandbox.sage_accounting.writes import present

SETTINGS = ("financial_settings", "invoice_settings")


def read(books: Books, call: Call, how: How) -> Document:
    """Raises Refusal."""
    resource, number = call.resource, call.rest[1] if len(call.rest) > 1 else ""
    if resource in SETTINGS and not number:
        return dict(books.state.get(resource, {}))
    if resource in lists.LISTS:
        rows = _list_rows(books, resource, call.params)
        if number:
            return _one_of(lists.rows(books, resource), number)
        return _page(rows, call, how)
    if resource not in RECORDS:
        raise not_found("The resource could not be found.")
    if number:
        return _record(books, call, number, how)
    return _records(books, call, how)


def businesses(found: list[Books], call: Call, how: How) -> Document:
    """`/businesses` and `/businesses/{id}`: those of the user. Raises Refusal."""
    rows = [business(books) for books in found]
    if len(call.rest) > 1:
        return _one_of(rows, call.rest[1])
    return _page(rows, call, how, size_name="$items_per_page")


def business(books: Books) -> Document:
    state = books.state
    active = bool(state.get("subscription", True))
    subscription = {
        "id": state.get("edition"),
        "displayed_as": state.get("edition"),
        "active": active,
        "status": "ACTIVE" if active else "EXPIRED",
    }
    return {
        **reference("businesses", books.business, str(state.get("name"))),
        "name": state.get("name"),
        "country": reference("countries", "CA", "Canada (CA)"),
        "subscriptions": [subscription],
    }


def _record(books: Books, call: Call, number: str, how: How) -> Document:
    resource = call.resource
    record = books.existing(resource, number)
    if resource in sales.KINDS and call.params.get("mark_as_sent") != "false":
        how.offend("mark_as_sent", f"a read of {resource} that marks it as sent")
        record = books.put(resource, {**record, "sent": True})
    return present(books, resource, record, call.params)


def _records(books: Books, call: Call, how: How) -> Document:
    resource, params = call.resource, call.params
    if "deleted_since" in params:
        return _page(deleted(books, resource, params["deleted_since"]), call, how)
    rows = selected(books, resource, params)
    if resource == "contacts":
        rows = [one for one in rows if contacts.matches(one, params)]
    if resource in sales.KINDS:
        if params.get("search"):
            rows = [one for one in rows if finds(one, params["search"])]
        if params.get("status_id"):
            rows = [one for one in rows if shares.status(books, one) == params["status_id"]]
    envelope, past = page(
        rows, resource, params, lambda record: present(books, resource, record, params)
    )
    _note_past(how, call, past=past)
    return envelope


def _list_rows(books: Books, resource: str, params: dict[str, str]) -> list[Document]:
    rows = lists.rows(books, resource)
    if resource == "ledger_accounts" and params.get("visible_in"):
        rows = [one for one in rows if one.get(f"visible_in_{params['visible_in']}")]
    if resource == "tax_rates" and params.get("address_region_id"):
        region = params["address_region_id"]
        rows = [one for one in rows if is_valid_for(books.existing(resource, one["id"]), region)]
    return rows


def _page(
    rows: list[Document], call: Call, how: How, *, size_name: str = "$itemsPerPage"
) -> Document:
    envelope, past = page(rows, call.resource, call.params, lambda row: row, size_name=size_name)
    _note_past(how, call, past=past)
    return envelope


def _note_past(how: How, call: Call, *, past: bool) -> None:
    if past:
        how.offend("page_past_end", f"page {call.params.get('page')} of {call.resource}")


def _one_of(rows: list[Document], number: str) -> Document:
    for row in rows:
        if row["id"] == number:
            return row
    raise not_found()
