"""The books of the simulated companies in words that no system owns, from the admin port's dump.

In: `/dump`. Out: `CompanyBooks` by company: posted documents, receipts, applications and entries,
what stands in batches not posted, and everything that nobody should have left behind.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
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
from ops.sandbox.sage_300.fields import ZERO, decimal
from ops.sandbox.sage_300.ledger import ORIGINAL
from ops.sandbox.sage_300.receipts import DUE

Row = Mapping[str, Any]
_LIVE = ("Open", "ReadyToPost", "PostInProgress")
_KIND: dict[str, Kind] = {
    "Invoice": "invoice",
    "DebitNote": "invoice",
    "Interest": "invoice",
    "CreditNote": "credit_note",
}
_BATCHES = (
    ("ARInvoiceBatches", "BatchStatus"),
    ("ARReceiptAndAdjustmentBatches", "BatchStatus"),
    ("GLJournalBatches", "Status"),
)


def books(dump: Mapping[str, Mapping[str, list[Row]]]) -> dict[str, CompanyBooks]:
    """Company → its books."""
    return {company: _company(tables) for company, tables in dump.items()}


def _company(tables: Mapping[str, list[Row]]) -> CompanyBooks:
    receipts = tables["ARPostedReceipts"]
    return CompanyBooks(
        customers=[_customer(row) for row in tables["ARCustomers"]],
        suppliers=[str(row["VendorName"]) for row in tables["APVendors"]],
        documents=[*_posted(tables), *_unposted(tables)],
        payments=[
            *(_payment(row) for row in receipts if decimal(row, "BankReceiptAmount")),
            *_unposted_payments(tables),
        ],
        applications=[*_applications(tables), *_offsets(receipts)],
        entries=list(_entries(tables)),
        other=[*_left_behind(tables), *_clashes(tables)],
    )


def _customer(row: Row) -> BookedCustomer:
    number = str(row["CustomerNumber"])
    name, phone = str(row["CustomerName"]), str(row["PhoneNumber"])
    return BookedCustomer(number, number, name, "", phone, row["Status"] == "Active")


def _id(customer: object, number: object) -> str:
    return f"{customer}/{number}"


def _posted(tables: Mapping[str, list[Row]]) -> Iterator[BookedDocument]:
    for row in tables["ARPostedDocuments"]:
        kind = _KIND.get(row["DocumentType"])
        if kind is None:
            continue
        sign = -1 if kind == "credit_note" else 1
        yield BookedDocument(
            id=_id(row["CustomerNumber"], row["DocumentNumber"]),
            kind=kind,
            customer=row["CustomerNumber"],
            number=row["DocumentNumber"],
            note=row["_note"],
            day=dt.date.fromisoformat(row["DocumentDate"]),
            total=sign * decimal(row, ORIGINAL),
            tax=sign * decimal(row, "TaxAmountInCustomerCurrency"),
            balance=sign * decimal(row, DUE) + ZERO,  # -0.00 is nobody's balance
        )


def _live(rows: list[Row], status: str, entries: str) -> Iterator[tuple[Row, Row]]:
    """(batch, entry) of what waits to be posted; error batches apart."""
    for batch in rows:
        if batch[status] in _LIVE and "_errors" not in batch:
            yield from ((batch, entry) for entry in batch[entries])


def _unposted(tables: Mapping[str, list[Row]]) -> Iterator[BookedDocument]:
    for batch, entry in _live(tables["ARInvoiceBatches"], "BatchStatus", "Invoices"):
        total = decimal(entry, "DocumentTotalIncludingTax")
        yield BookedDocument(
            id=f"ARInvoiceBatches({batch['BatchNumber']})/{entry['EntryNumber']}",
            kind=_KIND[entry["DocumentType"]],
            customer=entry["CustomerNumber"],
            number=entry["DocumentNumber"],
            note=batch["Description"],
            day=dt.date.fromisoformat(entry["DocumentDate"]),
            total=total,
            tax=decimal(entry, "TaxTotal"),
            balance=total,
            posted=False,
        )


def _payment(row: Row) -> BookedPayment:
    applied = {
        _id(row["CustomerNumber"], one["DocumentNumber"]): decimal(one, "Amount")
        for one in row["_applied"]
        if decimal(one, "Amount") > 0
    }
    total = decimal(row, "BankReceiptAmount")
    taken = sum((decimal(one, "Amount") for one in row["_applied"]), ZERO)
    return BookedPayment(
        id=_id(row["CustomerNumber"], row["DocumentNumber"]),
        customer=row["CustomerNumber"],
        number=row["CheckReceiptNumber"],
        note=row["_note"],
        day=dt.date.fromisoformat(row["ReceiptDate"]),
        total=total,
        unapplied=total - taken,
        applied=applied,
    )


def _unposted_payments(tables: Mapping[str, list[Row]]) -> Iterator[BookedPayment]:
    rows = tables["ARReceiptAndAdjustmentBatches"]
    for batch, entry in _live(rows, "BatchStatus", "ReceiptsAdjustments"):
        total = decimal(entry, "BankReceiptAmount")
        yield BookedPayment(
            id=f"ARReceiptAndAdjustmentBatches({batch['BatchNumber']})/{entry['EntryNumber']}",
            customer=entry["CustomerNumber"],
            number=entry["CheckReceiptNumber"],
            note=batch["Description"],
            day=dt.date.fromisoformat(entry["ReceiptDateAdjustmentDate"]),
            total=total,
            unapplied=total,
            applied={},
            posted=False,
        )


def _applications(tables: Mapping[str, list[Row]]) -> Iterator[BookedApplication]:
    for row in tables["ARPostedDocuments"]:
        if row["DocumentType"] == "CreditNote":
            customer = row["CustomerNumber"]
            for one in row["_applied"]:
                yield BookedApplication(
                    _id(customer, row["DocumentNumber"]),
                    _id(customer, one["DocumentNumber"]),
                    decimal(one, "Amount"),
                    row["_note"],
                )


def _offsets(receipts: list[Row]) -> Iterator[BookedApplication]:
    """Credits put on invoices by a receipt with lines of both signs (sage-300.md, section 6)."""
    for row in receipts:
        customer = row["CustomerNumber"]
        credits_left = [
            [one["DocumentNumber"], -decimal(one, "Amount")]
            for one in row["_applied"]
            if decimal(one, "Amount") < 0
        ]
        for one in row["_applied"]:
            left = decimal(one, "Amount")
            while left > 0 and credits_left:
                source = credits_left[0]
                part = min(left, source[1])
                yield BookedApplication(
                    _id(customer, source[0]),
                    _id(customer, one["DocumentNumber"]),
                    part,
                    row["_note"],
                )
                left -= part
                source[1] -= part
                if not source[1]:
                    credits_left.pop(0)


def _entries(tables: Mapping[str, list[Row]]) -> Iterator[BookedEntry]:
    for batch in tables["GLJournalBatches"]:
        if batch["Status"] not in (*_LIVE, "Posted") or "_errors" in batch:
            continue
        for header in batch["JournalHeaders"]:
            if header["ErrorBatch"]:
                continue
            lines: dict[str, Decimal] = {}
            for line in header["JournalDetails"]:
                account = line["AccountNumber"]
                lines[account] = lines.get(account, ZERO) + decimal(line, "Amount")
            yield BookedEntry(
                id=f"{batch['BatchNumber']}/{header['EntryNumber']}",
                number=header["JournalDetails"][0]["Reference"],
                note=batch["Description"],
                day=dt.date.fromisoformat(header["PostingDate"]),
                lines=lines,
                posted=batch["Status"] == "Posted",
            )


def _left_behind(tables: Mapping[str, list[Row]]) -> Iterator[str]:
    for name, status in _BATCHES:
        for batch in tables[name]:
            if batch[status] not in _LIVE:
                continue
            number, text = batch["BatchNumber"], batch["Description"]
            if "_errors" in batch:
                yield f"{name}({number}): errors of {batch['_errors_of']}: {batch['_errors'][0]}"
            else:
                yield f"{name}({number}): {batch[status]}: {text}"


def _clashes(tables: Mapping[str, list[Row]]) -> Iterator[str]:
    """Numbers that stand twice for one customer, in what is posted or waits to be."""
    posted = [
        (row["CustomerNumber"], row["DocumentNumber"])
        for row in tables["ARPostedDocuments"]
        if row["DocumentType"] in _KIND
    ]
    waiting = [
        (entry["CustomerNumber"], entry["DocumentNumber"])
        for _, entry in _live(tables["ARInvoiceBatches"], "BatchStatus", "Invoices")
    ]
    for (customer, number), count in Counter([*posted, *waiting]).items():
        if count > 1:
            yield f"document {number} of {customer}: {count} times"
