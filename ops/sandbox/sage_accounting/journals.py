"""Journals: entries between ledger accounts.

In: the body of a creation. Out: the journal. Refuses lines without both amounts, an entry that does
not balance, accounts closed to journals (sage-accounting.md, section 7.1). There is no PUT.
"""

from __future__ import annotations

from decimal import Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting.amounts import ZERO, given_cents, money, shown
from ops.sandbox.sage_accounting.answers import Problems, reference
from ops.sandbox.sage_accounting.books import Books
from ops.sandbox.sage_accounting.editions import How
from ops.sandbox.sage_accounting.fields import day, objects, texts
from ops.sandbox.sage_accounting.lists import find

RESOURCE, ROOT, LINES = "journals", "journal", "journal_lines"
KNOWN = frozenset({"id", "idempotency_id", "date", "reference", "description", LINES})


def create(books: Books, body: Document, how: How) -> Document:
    """Raises Refusal."""
    problems = Problems(ROOT)
    number = (how.seeding and body.get("id")) or books.new_id()
    record: Document = {
        "id": number,
        "description": "",
        **texts(problems, body, {"reference": 255, "description": 200}),
        "date": day(problems, body, "date"),
    }
    if not how.seeding:
        books.check_open(problems, record["date"])
    if books.options.future_journals == "refuse" and record["date"] > books.today():
        problems.add("The date must not be in the future", "date")
    if not record.get("reference"):
        problems.add("reference can't be blank", "reference")
    lines = [
        _line(books, problems, place, one)
        for place, one in enumerate(objects(problems, body, LINES))
    ]
    debit = _sum(lines, "debit")
    if len(lines) < 2:
        problems.add("At least two lines are needed", LINES)
    if debit != _sum(lines, "credit"):
        problems.add("The journal does not balance", LINES)
    problems.check()
    record |= {LINES: lines, "total": shown(debit)}
    return books.put(RESOURCE, record | reference(RESOURCE, number, record["reference"]))


def delete(books: Books, record: Document) -> None:
    """Raises Refusal when the journal is in the closed period."""
    problems = Problems(ROOT)
    books.check_open(problems, record["date"])
    problems.check()
    books.remove(RESOURCE, record)


def _sum(lines: list[Document], side: str) -> Decimal:
    return sum((money(line, side) for line in lines), ZERO)


def _line(books: Books, problems: Problems, place: int, body: Document) -> Document:
    at = f"{LINES}[{place}]"
    amounts = {side: _side(problems, body, side, at) for side in ("debit", "credit")}
    if bool(amounts["debit"]) == bool(amounts["credit"]):
        problems.add("A line has a debit or a credit, the other being 0.0", at)
    number = body.get("ledger_account_id")
    account = find(books, "ledger_accounts", number)
    if account is None or not account["visible_in_journals"]:
        problems.add(
            f"Couldn't find ledger account {number} for journals", f"{at}.ledger_account_id"
        )
    elif account["is_control_account"] and books.options.control_accounts_refused:
        problems.add("Control accounts cannot be used in journals", f"{at}.ledger_account_id")
    return {
        "id": books.new_id(),
        "ledger_account": account
        and reference("ledger_accounts", account["id"], account["displayed_as"]),
        "details": str(body.get("details") or ""),
        "include_on_tax_return": bool(body.get("include_on_tax_return")),
        **{side: shown(amount) for side, amount in amounts.items()},
    }


def _side(problems: Problems, body: Document, side: str, at: str) -> Decimal:
    amount = given_cents(problems, body, side, f"{at}.{side}") or ZERO
    if amount < 0:
        problems.add(f"{side} must not be negative", f"{at}.{side}")
    return amount
