"""Contact payments: receipts of customers, and refunds.

In: the body of a write, and the payment it changes. Out: the payment; what it leaves unallocated
is a payment on account with an id of its own. Refuses wrong sums, another contact's artefacts, and
in Start whatever is not wholly allocated (sage-accounting.md, section 7).
"""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting import shares
from ops.sandbox.sage_accounting.allocated import NAME, Allocated, check_open, read
from ops.sandbox.sage_accounting.amounts import ZERO, given_cents, money, shown
from ops.sandbox.sage_accounting.answers import Problems, invalid, reference
from ops.sandbox.sage_accounting.books import Books
from ops.sandbox.sage_accounting.contacts import customer
from ops.sandbox.sage_accounting.editions import How, check_feature
from ops.sandbox.sage_accounting.fields import day, texts
from ops.sandbox.sage_accounting.lists import referred

RESOURCE, ROOT = "contact_payments", "contact_payment"
RECEIPT, REFUND = "CUSTOMER_RECEIPT", "CUSTOMER_REFUND"
TEXTS = {"reference": 25}
KNOWN = frozenset(
    {
        *("id", "idempotency_id", "transaction_type_id", "contact_id", "bank_account_id", "date"),
        *("total_amount", "payment_method_id", "reference", "allocated_artefacts"),
    }
)


def save(books: Books, body: Document, before: Document | None, how: How) -> Document:
    """Creates, or changes what the body names. Raises Refusal."""
    problems = Problems(ROOT)
    record: Document = {
        "reference": "",
        **(before or {"id": (how.seeding and body.get("id")) or books.new_id()}),
        **texts(problems, body, TEXTS),
    }
    if before is not None:
        books.check_open(problems, before["date"])
    _head(books, problems, body, record, before, how)
    total = _total(problems, body, record, before)
    problems.check()
    if record["transaction_type"]["id"] == REFUND:
        check_feature(books, how, "A refund")
    if before is None or NAME in body:
        _allocate(books, problems, body, record, total, how)
    elif total < sum((money(one, "amount") for one in books.shares("owner", record["id"])), ZERO):
        problems.add("total_amount is less than what is allocated", "total_amount")
    problems.check()
    _set_on_account(books, record, total, how)
    label = record["reference"] or record["transaction_type"]["displayed_as"]
    return books.put(RESOURCE, record | reference(RESOURCE, record["id"], label))


def delete(books: Books, record: Document) -> None:
    """Takes the payment back from what it paid. Raises Refusal."""
    problems = Problems(ROOT)
    books.check_open(problems, record["date"])
    problems.check()
    on_account = record.get("on_account", "")
    if on_account and shares.used(books, on_account):
        raise invalid("The payment on account is allocated: remove the allocation first.")
    shares.take_back(books, record["id"])
    if on_account:
        books.store.delete(books.kind(shares.ON_ACCOUNT), on_account)
    books.remove(RESOURCE, record)


def present(books: Books, record: Document) -> Document:
    kept = {name: value for name, value in record.items() if name != "on_account"}
    credit = books.get(shares.ON_ACCOUNT, record.get("on_account", ""))
    on_account = credit and {
        **reference(shares.ON_ACCOUNT, credit["id"], record["displayed_as"]),
        "net_amount": credit["total_amount"],
        "total_amount": credit["total_amount"],
        "outstanding_amount": shown(shares.outstanding(books, credit)),
    }
    return {
        **kept,
        "allocated_artefacts": shares.of_owner(books, record["id"]),
        "payment_on_account": on_account,
        "transaction": reference("transactions", record["id"][::-1], record["displayed_as"]),
    }


def _head(
    books: Books,
    problems: Problems,
    body: Document,
    record: Document,
    before: Document | None,
    how: How,
) -> None:
    if before is None:
        kind = body.get("transaction_type_id")
        if kind not in (RECEIPT, REFUND):
            problems.add("transaction_type_id is not included in the list", "transaction_type_id")
        record["transaction_type"] = referred(books, "transaction_types", kind)
        found = customer(books, problems, body.get("contact_id"))
        if found:
            record["contact"] = reference("contacts", found["id"], found["name"])
    elif body.get("contact_id", before["contact"]["id"]) != before["contact"]["id"]:
        problems.add("contact_id cannot be changed", "contact_id")
    if before is None or "date" in body:
        record["date"] = day(problems, body, "date")
    if not how.seeding:
        books.check_open(problems, record["date"])
    for name, resource, default in (
        ("bank_account", "bank_accounts", None),
        ("payment_method", "payment_methods", "CREDIT_DEBIT"),
    ):
        number = body.get(f"{name}_id", default if before is None else record[name]["id"])
        record[name] = referred(books, resource, number)
        if record[name] is None:
            problems.add(f"Couldn't find {name} {number}", f"{name}_id")


def _total(
    problems: Problems, body: Document, record: Document, before: Document | None
) -> Decimal:
    if before is not None and "total_amount" not in body:
        return money(before, "total_amount")
    total = given_cents(problems, body, "total_amount") or ZERO
    if total <= 0:
        problems.add("total_amount must be greater than 0", "total_amount")
    record["total_amount"] = record["net_amount"] = shown(total)
    return total


def _allocate(
    books: Books, problems: Problems, body: Document, record: Document, total: Decimal, how: How
) -> None:
    """Puts the payment on its artefacts instead of on those it was on."""
    shares.take_back(books, record["id"])
    given = {NAME: body.get(NAME) or []} if body.get(NAME) is None else body
    allocated = read(books, problems, given, record["contact"]["id"])
    refund = record["transaction_type"]["id"] == REFUND
    for kind, _, amount in allocated:
        if (kind == "sales_invoices") == refund:
            problems.add("The artefact is of the wrong type for this payment", NAME)
        if amount < 0:
            problems.add("amount must be greater than 0", NAME)
    check_open(books, problems, allocated)
    put = sum((amount for _, _, amount in allocated), ZERO)
    if put > total:
        problems.add("total_amount is less than the allocated amounts", "total_amount")
    if refund and put < total:
        problems.add("A refund must be wholly allocated", NAME)
    problems.check()
    _spread(books, record, allocated)
    if not refund and put < total:
        check_feature(books, how, "A payment on account")


def _spread(books: Books, record: Document, allocated: Allocated) -> None:
    for kind, one, amount in allocated:
        shares.put(books, record["id"], kind, one, amount, record["date"])


def _set_on_account(books: Books, record: Document, total: Decimal, how: How) -> None:
    """What is left of a receipt: an artefact of its own, whose id stays as long as it is there."""
    put = sum((money(one, "amount") for one in books.shares("owner", record["id"])), ZERO)
    left = total - put
    number = record.get("on_account", "")
    if number and shares.used(books, number) > left:
        raise invalid("The payment on account is allocated: remove the allocation first.")
    if left <= 0:
        if number:
            books.store.delete(books.kind(shares.ON_ACCOUNT), number)
        record["on_account"] = ""
        return
    check_feature(books, how, "A payment on account")
    record["on_account"] = number or books.new_id()
    credit = {
        "id": record["on_account"],
        "payment": record["id"],
        "contact": record["contact"],
        "total_amount": shown(left),
        "displayed_as": record["reference"],
    }
    books.store.put(books.kind(shares.ON_ACCOUNT), record["on_account"], credit)
