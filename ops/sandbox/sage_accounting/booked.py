"""A dump of the simulated Sage Accounting as books in words no system owns.

In: what `Companies.dump` gives. Out: `CompanyBooks` by business. A void document counts for
nothing: its figures are zero. Drafts, refunds and allocations that are no plain application of a
credit note are told in `other`, where whoever compares must find nothing.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any

from ops.sandbox.kernel.books import (
    BookedApplication,
    BookedCustomer,
    BookedDocument,
    BookedEntry,
    BookedPayment,
    CompanyBooks,
    Kind,
)
from ops.sandbox.sage_accounting.amounts import ZERO, cents, money
from ops.sandbox.sage_accounting.contacts import is_a

Row = dict[str, Any]


def company_books(dump: Row) -> CompanyBooks:
    """One business of the dump."""
    books = CompanyBooks(
        customers=[_customer(row) for row in dump["contacts"] if is_a(row, "CUSTOMER")],
        suppliers=[row["name"] for row in dump["contacts"] if is_a(row, "VENDOR")],
        entries=[_entry(row) for row in dump["journals"]],
    )
    for resource, kind in _DOCUMENTS:
        for row in dump[resource]:
            books.documents.append(_document(row, kind))
            if row["status"]["id"] in ("DRAFT", "PRO_FORMA"):
                books.other.append(f"{resource} {row['displayed_as']} is a draft: {row['id']}")
    later = _allocations(dump, books)
    for row in dump["contact_payments"]:
        if row["transaction_type"]["id"] == "CUSTOMER_RECEIPT":
            books.payments.append(_payment(row, later))
        else:
            books.other.append(f"refund {row['id']} of {row['total_amount']}")
    return books


_DOCUMENTS: tuple[tuple[str, Kind], ...] = (
    ("sales_invoices", "invoice"),
    ("sales_credit_notes", "credit_note"),
)


def _customer(row: Row) -> BookedCustomer:
    person = row.get("main_contact_person") or {}
    return BookedCustomer(
        id=row["id"],
        key=row["name"],
        name=row["name"],
        note=row["notes"],
        phone=person.get("telephone", ""),
        active=row["is_active"],
    )


def _document(row: Row, kind: Kind) -> BookedDocument:
    state = row["status"]["id"]
    counts = state != "VOID"
    return BookedDocument(
        id=row["id"],
        kind=kind,
        customer=row["contact"]["id"],
        number=row["reference"],
        note=row["notes"],
        day=dt.date.fromisoformat(row["date"]),
        total=_amount(row, "total_amount") if counts else cents(ZERO),
        tax=_amount(row, "tax_amount") if counts else cents(ZERO),
        balance=_amount(row, "outstanding_amount"),
        posted=state not in ("DRAFT", "PRO_FORMA"),
        other_names=(str(row.get("invoice_number") or row.get("credit_note_number") or ""),),
    )


def _payment(row: Row, later: dict[str, dict[str, Decimal]]) -> BookedPayment:
    on_account = row["payment_on_account"] or {}
    applied: dict[str, Decimal] = defaultdict(lambda: cents(ZERO))
    for one in row["allocated_artefacts"]:
        applied[one["artefact"]["id"]] += _amount(one, "amount")
    for invoice, amount in later.get(on_account.get("id", ""), {}).items():
        applied[invoice] += amount
    return BookedPayment(
        id=row["id"],
        customer=row["contact"]["id"],
        number=row["reference"],
        note="",
        day=dt.date.fromisoformat(row["date"]),
        total=_amount(row, "total_amount"),
        unapplied=_amount(on_account, "outstanding_amount"),
        applied=dict(applied),
    )


def _entry(row: Row) -> BookedEntry:
    lines: dict[str, Decimal] = defaultdict(lambda: cents(ZERO))
    for line in row["journal_lines"]:
        account = line["ledger_account"]["id"]
        lines[account] += _amount(line, "debit") - _amount(line, "credit")
    return BookedEntry(
        id=row["id"],
        number=row["reference"],
        note=row["description"],
        day=dt.date.fromisoformat(row["date"]),
        lines=dict(lines),
    )


def _allocations(dump: Row, books: CompanyBooks) -> dict[str, dict[str, Decimal]]:
    """Adds the applications of credit notes to `books`; gives payments on account → invoice →
    amount. An allocation says what is taken and what is paid, not which from which: in order."""
    credit_notes = {row["id"] for row in dump["sales_credit_notes"]}
    later: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(lambda: cents(ZERO)))
    for row in dump["contact_allocations"]:
        given = [
            (one["artefact"]["id"], _amount(one, "amount")) for one in row["allocated_artefacts"]
        ]
        paid = [[number, amount] for number, amount in given if amount > 0]
        for credit, amount in ((number, -amount) for number, amount in given if amount < 0):
            for invoice, part in _taken(paid, amount):
                if credit in credit_notes:
                    books.applications.append(BookedApplication(credit, invoice, part))
                else:
                    later[credit][invoice] += part
    return later


def _taken(paid: list[list[Any]], amount: Decimal) -> list[tuple[str, Decimal]]:
    """What one credit pays of the invoices that are left, which it lessens."""
    found = []
    for entry in paid:
        part = min(amount, entry[1])
        if part > 0:
            found.append((entry[0], part))
            entry[1] -= part
            amount -= part
    return found


def _amount(row: Row, name: str) -> Decimal:
    return cents(money(row, name))
