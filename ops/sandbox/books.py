"""Compares what is in Membri and in the books with what a world expects, to the cent.

In: an `Expected`, the dump of Membri's sandbox and the books of each company. Out: one line for
each difference; no line means that the books match: nothing missing, doubled, altered, or there
without reason.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from ops.sandbox.kernel.books import (
    BookedCustomer,
    BookedDocument,
    BookedEntry,
    BookedPayment,
    CompanyBooks,
)
from ops.sandbox.world.expected import (
    Expected,
    ExpectedBooks,
    ExpectedDocument,
    ExpectedEntry,
    ExpectedPayment,
    RecordOutcome,
)
from ops.sandbox.world.rules import status_of
from ops.sandbox.world.taxes import ZERO
from ops.sandbox.world.traits import recognised

Row = Mapping[str, Any]
Dump = Mapping[str, Any]

MEMBRI_TABLES = {
    "account": ("account", "accountid"),
    "invoice": ("invoice", "invoiceid"),
    "payment": ("membri_payment", "membri_paymentid"),
}


def compare(
    expected: Expected, membri_dump: Dump, books: Mapping[str, CompanyBooks], today: dt.date
) -> list[str]:
    """The differences, in words; empty when everything is as it must be.

    `membri_dump`: {table: [rows]} of the admin port; `books`: by the key of the company; `today`:
    entries of deferred revenue are there up to that day.
    """
    found = {
        company: _Books(one, books[company])
        for company, one in expected.companies.items()
        if company in books
    }
    differences = [*_membri(expected, membri_dump, found.values())]
    for company in expected.companies:
        if company not in found:
            differences.append(f"company {company}: missing")
        else:
            told = _company(found[company], today)
            differences += [f"company {company}: {text}" for text in told]
    differences += [f"company {key}: unexpected" for key in books if key not in found]
    return differences


class _Books:
    """One company's books, its documents and payments under the keys of the expectation."""

    def __init__(self, expected: ExpectedBooks, found: CompanyBooks) -> None:
        self.expected = expected
        self.found = found
        self.customers: dict[str, list[BookedCustomer]] = defaultdict(list)
        self._customer_keys: dict[str, str] = {}
        for customer in found.customers:
            self.customers[customer.key].append(customer)
            self._customer_keys[customer.id] = customer.key
        invoices = recognised("invoice", expected.documents)
        numbers = {
            d.number.casefold(): key
            for key, d in expected.documents.items()
            if key.startswith("by hand")
        }
        self.documents: dict[str, list[BookedDocument]] = defaultdict(list)
        self._document_keys: dict[str, str] = {}
        for document in found.documents:
            mine = _record(invoices, document.number, document.note)
            key = mine or numbers.get(document.number.casefold()) or f"document {document.id}"
            self.documents[key].append(document)
            self._document_keys[document.id] = key
        payments = recognised("payment", expected.payments)
        self.payments: dict[str, list[BookedPayment]] = defaultdict(list)
        for payment in found.payments:
            key = _record(payments, payment.number, payment.note) or f"payment {payment.id}"
            self.payments[key].append(payment)
        self.applications: dict[str, list[tuple[str, Decimal]]] = defaultdict(list)
        for application in found.applications:
            note = self.document_key(application.credit_note)
            target = self.document_key(application.invoice)
            self.applications[note].append((target, application.amount))

    def customer_of(self, booked: BookedDocument | BookedPayment) -> str:
        """The key of its customer as it is now: a document may still show the one before."""
        return self._customer_keys.get(booked.customer, "nobody")

    def document_key(self, document_id: str) -> str:
        return self._document_keys.get(document_id, f"document {document_id}")


def _record(known: Mapping[str, str], *texts: str) -> str:
    """The record that a word of these texts names; empty for none of ours."""
    words = (word for text in texts for word in text.casefold().split())
    return next((known[word] for word in words if word in known), "")


# Membri


def _membri(expected: Expected, dump: Dump, books: Iterable[_Books]) -> Iterator[str]:
    books = list(books)
    for entity, (table, key) in MEMBRI_TABLES.items():
        rows = {str(row[key]): row for row in dump.get(table, ())}
        wanted = dict(expected.of(entity))
        for record_id, outcome in wanted.items():
            name = f"Membri {entity} {record_id}"
            row = rows.get(record_id)
            if row is None:
                yield f"{name}: missing"
                continue
            for text in _outcome(record_id, outcome, row, books):
                yield f"{name}: {text}"
        for record_id in rows.keys() - wanted.keys():
            yield f"Membri {entity} {record_id}: unexpected"


def _outcome(
    record_id: str, outcome: RecordOutcome, row: Row, books: Iterable[_Books]
) -> Iterator[str]:
    status = status_of(dict(row))
    reference, error = row.get("membri_syncreference") or "", row.get("membri_syncerror") or ""
    if status != outcome.status:
        yield f"status {status or 'empty'}, expected {outcome.status or 'empty'} ({error})"
        return
    if outcome.status == "transfer_error" and not error:
        yield "in error without an error text"
    if outcome.moved and error:
        yield f"transferred, yet an error text stays: {error}"
    if outcome.reference is not None and reference != outcome.reference:
        yield f"reference {reference!r}, expected {outcome.reference!r}"
    elif outcome.moved and outcome.reference is None:
        named = [name for one in books for name in _names(one, outcome.entity, record_id)]
        if reference not in named:
            yield f"reference {reference!r}, the books have {', '.join(named) or 'nothing'}"
    elif not outcome.moved and not outcome.reason and not outcome.reference and reference:
        yield f"reference {reference!r} where there was none"


def _names(books: _Books, entity: str, record_id: str) -> list[str]:
    """What a sync reference may say of the record's document."""
    kept = books.documents if entity == "invoice" else books.payments
    return [
        name
        for one in kept.get(record_id, ())
        for name in (one.number, one.id, *one.other_names)
        if name
    ]


# The books


def _company(books: _Books, today: dt.date) -> Iterator[str]:
    expected = books.expected
    yield from _customers(books)
    yield from _keyed("document", expected.documents, books.documents)
    for key, document in expected.documents.items():
        for booked in books.documents.get(key, ())[:1]:
            told = _document(document, booked, books.customer_of(booked))
            yield from (f"document {key}: {text}" for text in told)
    yield from _keyed("payment", expected.payments, books.payments)
    for key, payment in expected.payments.items():
        for paid in books.payments.get(key, ())[:1]:
            yield from (f"payment {key}: {text}" for text in _payment(payment, paid, books))
    yield from _applications(books)
    yield from _entries(expected.entries_on(today), books.found.entries)
    missing = set(expected.suppliers) - set(books.found.suppliers)
    yield from (f"supplier {name!r}: missing" for name in sorted(missing))
    yield from (f"{text}: unexpected" for text in books.found.other)


def _keyed(
    what: str, expected: Mapping[str, object], found: Mapping[str, list[Any]]
) -> Iterator[str]:
    yield from (f"{what} {key}: missing" for key in expected if not found.get(key))
    for key, rows in found.items():
        if key not in expected:
            yield f"{what} {key}: unexpected"
        elif len(rows) > 1:
            yield f"{what} {key}: {len(rows)} times"


def _customers(books: _Books) -> Iterator[str]:
    yield from _keyed("customer", books.expected.customers, books.customers)
    marks = recognised("account", [c.record for c in books.expected.customers.values() if c.record])
    for key, customer in books.expected.customers.items():
        for booked in books.customers.get(key, ())[:1]:
            if booked.name != customer.name:
                yield f"customer {key}: name {booked.name!r}, expected {customer.name!r}"
            if customer.record and booked.note and _record(marks, booked.note) != customer.record:
                yield f"customer {key}: the mark of another account in {booked.note!r}"
            if customer.phone and _digits(booked.phone) != _digits(customer.phone):
                yield f"customer {key}: phone {booked.phone!r}, expected {customer.phone!r}"
            if not booked.active:
                yield f"customer {key}: inactive"


def _digits(phone: str) -> str:
    """Systems show telephone numbers each in its own way."""
    return "".join(sign for sign in phone if sign.isdigit())


def _document(expected: ExpectedDocument, booked: BookedDocument, customer: str) -> Iterator[str]:
    if not booked.posted:
        yield "is not posted"
    if booked.kind != expected.kind:
        yield f"is a {booked.kind}, expected a {expected.kind}"
    # Where Membri gave no number, the books may have one of their own.
    number = booked.number if expected.number else ""
    figures = {
        "number": (number.casefold(), expected.number.casefold()),
        "customer": (customer, expected.customer),
        "total": (booked.total, expected.total),
        "tax": (booked.tax, expected.tax),
        "balance": (booked.balance, expected.balance),
    }
    for name, (is_now, wanted) in figures.items():
        if is_now != wanted:
            yield f"{name} {is_now}, expected {wanted}"


def _payment(expected: ExpectedPayment, booked: BookedPayment, books: _Books) -> Iterator[str]:
    if not booked.posted:
        yield "is not posted"
    if booked.total != expected.total:
        yield f"total {booked.total}, expected {expected.total}"
    if books.customer_of(booked) != expected.customer:
        yield f"customer {books.customer_of(booked)}, expected {expected.customer}"
    if booked.unapplied:
        yield f"{booked.unapplied} not applied"
    applied = {books.document_key(one): amount for one, amount in booked.applied.items()}
    if applied != expected.applied:
        yield f"applied {_told(applied)}, expected {_told(expected.applied)}"


def _applications(books: _Books) -> Iterator[str]:
    wanted = {key: [one] for key, one in books.expected.applications.items()}
    for key in wanted.keys() | books.applications.keys():
        found = books.applications.get(key, [])
        if found != wanted.get(key, []):
            told = ", ".join(f"{amount} on {to}" for to, amount in found) or "nothing"
            meant = ", ".join(f"{amount} on {to}" for to, amount in wanted.get(key, []))
            yield f"credit note {key}: applied {told}, expected {meant or 'nothing'}"


def _entries(expected: Iterable[ExpectedEntry], found: Iterable[BookedEntry]) -> Iterator[str]:
    """Each day and amount as often as expected, between the same two accounts everywhere."""
    booked: Counter[ExpectedEntry] = Counter()
    pairs: set[tuple[str, str]] = set()
    for entry in found:
        debits = {account: amount for account, amount in entry.lines.items() if amount > 0}
        credits_ = {account: amount for account, amount in entry.lines.items() if amount < 0}
        if not entry.posted:
            yield f"entry {entry.number}: is not posted"
        if len(debits) != 1 or len(credits_) != 1 or sum(entry.lines.values(), ZERO):
            yield f"entry {entry.number}: lines {_told(entry.lines)}"
            continue
        ((debit, amount),) = debits.items()
        pairs.add((debit, next(iter(credits_))))
        booked[ExpectedEntry(entry.day, amount)] += 1
    wanted = Counter(expected)
    yield from (f"entry of {e.amount} on {e.day}: missing" for e in (wanted - booked).elements())
    yield from (f"entry of {e.amount} on {e.day}: unexpected" for e in (booked - wanted).elements())
    if len(pairs) > 1:
        yield f"entries between different accounts: {sorted(pairs)}"


def _told(amounts: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{amount} on {key}" for key, amount in sorted(amounts.items())) or "nothing"
