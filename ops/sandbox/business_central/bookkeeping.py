"""What is in the simulated companies, in words no system owns (`kernel.books.CompanyBooks`).

In: the admin port's `/dump`. Out: customers by number, documents, payments, applications, entries
by company; `other` tells of drafts, half-written lines and batches left behind.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from ops.sandbox.business_central.journals import is_empty
from ops.sandbox.business_central.values import ZERO, amount
from ops.sandbox.kernel.books import (
    BookedApplication,
    BookedCustomer,
    BookedDocument,
    BookedEntry,
    BookedPayment,
    CompanyBooks,
    Kind,
)
from ops.sandbox.kernel.store import Document

_SALES: tuple[tuple[str, str, str, Kind], ...] = (
    ("salesInvoices", "salesInvoiceLines", "invoiceDate", "invoice"),
    ("salesCreditMemos", "salesCreditMemoLines", "creditMemoDate", "credit_note"),
)
_DRAFTS = ("Draft", "In Review")


def books(dump: Any) -> dict[str, CompanyBooks]:
    """The books of every company, by GUID."""
    return {company: _company(content) for company, content in dump.items()}


def _company(content: dict[str, Any]) -> CompanyBooks:
    found = CompanyBooks(
        customers=[_customer(one) for one in content["customers"]],
        suppliers=[one["displayName"] for one in content["_vendors"]],
    )
    for name, lines, date, kind in _SALES:
        notes = _notes(content[lines])
        for one in content[name]:
            found.documents.append(_document(one, kind, date, notes.get(one["id"], "")))
            if one["status"] in _DRAFTS:
                found.other.append(f"{kind} {one['number']} {one['status']}")
    _ledger(content, found)
    found.entries = _entries(content)
    found.other += _left_over(content)
    return found


def _customer(one: Document) -> BookedCustomer:
    return BookedCustomer(
        one["id"], one["number"], one["displayName"], phone=one["phoneNumber"],
        active=one["blocked"] == " ",
    )  # fmt: skip


def _notes(lines: list[Document]) -> dict[str, str]:
    """Document id → the second description of the first line that has one."""
    found: dict[str, str] = {}
    for line in sorted(lines, key=lambda one: int(one["sequence"])):
        if line["description2"]:
            found.setdefault(line["documentId"], line["description2"])
    return found


def _document(one: Document, kind: Kind, date: str, note: str) -> BookedDocument:
    return BookedDocument(
        one["id"], kind, one["customerId"], one["externalDocumentNumber"], note,
        dt.date.fromisoformat(one[date]), amount(one, "totalAmountIncludingTax"),
        amount(one, "totalTaxAmount"), amount(one, "remainingAmount"),
        one["status"] not in _DRAFTS, (one["number"],),
    )  # fmt: skip


def _ledger(content: dict[str, Any], found: CompanyBooks) -> None:
    """Payments and applications, from the customers' entries."""
    entries = {one["id"]: one for one in content["_ledger"]}
    customers = {one["number"]: one["id"] for one in content["customers"]}
    applied: dict[str, dict[str, Decimal]] = {}
    for one in content["_applications"]:
        credit, invoice = entries[one["credit"]], entries[one["invoice"]]
        value = amount(one, "amount")
        if credit["kind"] == "Credit Memo":
            found.applications.append(BookedApplication(credit["source"], invoice["source"], value))
            continue
        shares = applied.setdefault(credit["id"], {})
        shares[invoice["source"]] = shares.get(invoice["source"], ZERO) + value
    for one in entries.values():
        if one["kind"] == "Payment":
            found.payments.append(
                BookedPayment(
                    one["id"], customers.get(one["customer"], one["customer"]),
                    one["documentNumber"], one["description"],
                    dt.date.fromisoformat(one["postingDate"]), -amount(one, "amount"),
                    -amount(one, "remaining"), applied.get(one["id"], {}),
                )
            )  # fmt: skip


def _entries(content: dict[str, Any]) -> list[BookedEntry]:
    """Journal entries: what neither a document nor a payment posted, by number, day and text."""
    grouped: dict[tuple[str, str, int], list[Document]] = {}
    for one in content["generalLedgerEntries"]:
        if not one["_source"] and one["documentType"] == " ":
            key = (one["documentNumber"], one["postingDate"], int(one["_transaction"]))
            grouped.setdefault(key, []).append(one)
    found = []
    for (number, day, _), lines in grouped.items():
        sums: dict[str, Decimal] = {}
        for one in lines:
            value = amount(one, "debitAmount") - amount(one, "creditAmount")
            sums[one["accountNumber"]] = sums.get(one["accountNumber"], ZERO) + value
        found.append(
            BookedEntry(
                lines[0]["id"], number, lines[0]["description"], dt.date.fromisoformat(day), sums
            )
        )
    return found


def _left_over(content: dict[str, Any]) -> list[str]:
    codes = {one["id"]: one["code"] for one in content["_batches"]}
    lines = [*content["journalLines"], *content["customerPayments"]]
    return [
        f"line {one['documentNumber']} of {amount(one, 'amount')} left in the batch"
        f" {codes.get(one['journalId'], one['journalId'])}"
        for one in lines
        if not is_empty(one)
    ] + [f"posting job failed: {one['error']}" for one in content["_jobs"] if one["error"]]
