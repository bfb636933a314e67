"""Compares what is in Membri and in the books with what a world expects, to the cent.

In: an `Expected` and the dumps of both sandboxes. Out: one line for each difference; no line means
that the books match: nothing missing, doubled, altered, or there without reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from ops.sandbox.world.expected import (
    APPLICATION_MARKER,
    Expected,
    ExpectedBooks,
    ExpectedDocument,
    ExpectedPayment,
    RecordOutcome,
    invoice_marker,
    payment_marker,
)
from ops.sandbox.world.rules import status_of

Row = Mapping[str, Any]
Dump = Mapping[str, Any]

MEMBRI_TABLES = {
    "account": ("account", "accountid"),
    "invoice": ("invoice", "invoiceid"),
    "payment": ("membri_payment", "membri_paymentid"),
}
DOCUMENTS = ("Invoice", "CreditMemo")
NEVER_MADE = ("JournalEntry", "RefundReceipt", "SalesReceipt", "Deposit", "Purchase", "Estimate")


def compare(expected: Expected, membri_dump: Dump, qbo_dump: Dump) -> list[str]:
    """The differences, in words; empty when everything is as it must be.

    `membri_dump`: {table: [rows]}; `qbo_dump`: {realm: {entity: [objects]}}, from the admin ports.
    """
    found = {realm: _Books(qbo_dump.get(realm, {})) for realm in expected.realms}
    differences = [*_membri(expected, membri_dump, found)]
    for realm, books in expected.realms.items():
        if realm not in qbo_dump:
            differences.append(f"realm {realm}: missing")
            continue
        differences += [f"realm {realm}: {text}" for text in _books(books, found[realm])]
    differences += [f"realm {realm}: unexpected" for realm in qbo_dump if realm not in found]
    return differences


class _Books:
    """One company's dump, its documents and payments under the keys of the expectation."""

    def __init__(self, dump: Dump) -> None:
        self.dump = dump
        self.customers: dict[str, list[Row]] = defaultdict(list)
        self._customer_names: dict[str, str] = {}
        for customer in dump.get("Customer", ()):
            self.customers[str(customer["DisplayName"])].append(customer)
            self._customer_names[str(customer["Id"])] = str(customer["DisplayName"])
        self.documents: dict[str, list[tuple[str, Row]]] = defaultdict(list)
        self._keys: dict[tuple[str, str], str] = {}
        for entity in DOCUMENTS:
            for row in dump.get(entity, ()):
                key = _marker(row, "membri:invoice:") or f"{entity}:{row['Id']}"
                self.documents[key].append((entity, row))
                self._keys[entity, str(row["Id"])] = key
        self.payments: dict[str, list[Row]] = defaultdict(list)
        self.applications: dict[str, list[Row]] = defaultdict(list)
        for row in dump.get("Payment", ()):
            applies = _marker(row, APPLICATION_MARKER).removeprefix(APPLICATION_MARKER)
            if applies:
                self.applications[applies.partition(":")[0]].append(row)
            else:
                key = _marker(row, "membri:payment:") or f"Payment:{row['Id']}"
                self.payments[key].append(row)

    def customer_of(self, row: Row) -> str:
        """The customer's name as it is now: a document may still show the one before."""
        return self._customer_names.get(str((row.get("CustomerRef") or {}).get("value")), "nobody")

    def applied(self, payments: Iterable[Row]) -> dict[str, Decimal]:
        """Key of each document that these payments touch → amount put on it."""
        amounts: dict[str, Decimal] = defaultdict(Decimal)
        for payment in payments:
            for line in payment.get("Line", ()):
                for link in line.get("LinkedTxn", ()):
                    target = (str(link["TxnType"]), str(link["TxnId"]))
                    key = self._keys.get(target, ":".join(target))
                    amounts[key] += _money(line.get("Amount"))
        return dict(amounts)


# Membri


def _membri(expected: Expected, dump: Dump, books: Mapping[str, _Books]) -> Iterator[str]:
    for entity, (table, key) in MEMBRI_TABLES.items():
        rows = {str(row[key]): row for row in dump.get(table, ())}
        wanted = dict(expected.of(entity))
        for record_id, outcome in wanted.items():
            name = f"Membri {entity} {record_id}"
            row = rows.get(record_id)
            if row is None:
                yield f"{name}: missing"
                continue
            for text in _record(record_id, outcome, row, books.values()):
                yield f"{name}: {text}"
        for record_id in rows.keys() - wanted.keys():
            yield f"Membri {entity} {record_id}: unexpected"


def _record(
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
    if entity == "invoice":
        rows = [row for _, row in books.documents.get(invoice_marker(record_id), ())]
        fields = ("DocNumber", "Id")
    else:
        rows = books.payments.get(payment_marker(record_id), [])
        fields = ("PaymentRefNum", "Id")
    return [str(row[field]) for row in rows for field in fields if row.get(field)]


# The books


def _books(expected: ExpectedBooks, found: _Books) -> Iterator[str]:
    yield from _customers(expected, found)
    yield from _keyed("document", expected.documents, found.documents)
    for key, document in expected.documents.items():
        for entity, row in found.documents.get(key, ())[:1]:
            customer = found.customer_of(row)
            yield from (f"{key}: {text}" for text in _document(document, entity, row, customer))
    yield from _keyed("payment", expected.payments, found.payments)
    yield from _keyed("application of credit note", expected.applications, found.applications)
    for key, payment in expected.payments.items():
        rows = found.payments.get(key, [])[:1]
        yield from (f"{key}: {text}" for text in _payment(payment, rows, found))
    for key, payment in expected.applications.items():
        rows = found.applications.get(key, [])[:1]
        yield from (f"{APPLICATION_MARKER}{key}: {text}" for text in _payment(payment, rows, found))
    vendors = {str(row["DisplayName"]) for row in found.dump.get("Vendor", ())}
    yield from (f"vendor {name!r}: missing" for name in expected.vendors if name not in vendors)
    for entity in NEVER_MADE:
        for row in found.dump.get(entity, ()):
            yield f"{entity} {row.get('Id')}: unexpected"


def _keyed(
    what: str, expected: Mapping[str, object], found: Mapping[str, list[Any]]
) -> Iterator[str]:
    yield from (f"{what} {key}: missing" for key in expected if not found.get(key))
    for key, rows in found.items():
        if key not in expected:
            yield f"{what} {key}: unexpected"
        elif len(rows) > 1:
            yield f"{what} {key}: {len(rows)} times"


def _customers(expected: ExpectedBooks, found: _Books) -> Iterator[str]:
    yield from (
        f"customer {text}" for text in _names_of_customers(expected.customers, found.customers)
    )
    for name, customer in expected.customers.items():
        for row in found.customers.get(name, [])[:1]:
            if customer.marker and customer.marker not in str(row.get("Notes", "")).split():
                yield f"customer {name!r}: no marker {customer.marker} in its notes"
            phone = (row.get("PrimaryPhone") or {}).get("FreeFormNumber", "")
            if customer.phone and phone != customer.phone:
                yield f"customer {name!r}: phone {phone!r}, expected {customer.phone!r}"
            if row.get("Active") is False:
                yield f"customer {name!r}: inactive"


def _names_of_customers(
    expected: Mapping[str, object], found: Mapping[str, list[Row]]
) -> Iterator[str]:
    yield from (f"{name!r}: missing" for name in expected if name not in found)
    for name, rows in found.items():
        if name not in expected:
            yield f"{name!r}: unexpected"
        elif len(rows) > 1:
            yield f"{name!r}: {len(rows)} times"


def _document(expected: ExpectedDocument, entity: str, row: Row, customer: str) -> Iterator[str]:
    if entity != expected.kind:
        yield f"is a {entity}, expected a {expected.kind}"
    figures = {
        "number": (row.get("DocNumber") or "", expected.number),
        "customer": (customer, expected.customer),
        "total": (_money(row.get("TotalAmt")), expected.total),
        "tax": (_money((row.get("TxnTaxDetail") or {}).get("TotalTax")), expected.tax),
        "balance": (_money(row.get("Balance")), expected.balance),
    }
    for name, (is_now, wanted) in figures.items():
        if is_now != wanted:
            yield f"{name} {is_now}, expected {wanted}"


def _payment(expected: ExpectedPayment, rows: list[Row], books: _Books) -> Iterator[str]:
    for row in rows:
        amount = _money(row.get("TotalAmt"))
        if amount != expected.total:
            yield f"total {amount}, expected {expected.total}"
        if books.customer_of(row) != expected.customer:
            yield f"customer {books.customer_of(row)}, expected {expected.customer}"
        if _money(row.get("UnappliedAmt")):
            yield f"{row['UnappliedAmt']} not applied"
    applied = books.applied(rows)
    if rows and applied != expected.applied:
        yield f"applied {_told(applied)}, expected {_told(expected.applied)}"


def _told(amounts: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{amount} on {key}" for key, amount in sorted(amounts.items())) or "nothing"


def _marker(row: Row, start: str) -> str:
    words = str(row.get("PrivateNote") or "").split()
    return next((word for word in words if word.startswith(start)), "")


def _money(value: Any) -> Decimal:
    return Decimal(str(value if value is not None else 0)).quantize(Decimal("0.01"))
