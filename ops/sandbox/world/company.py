"""The books of one company before we come: customers, vendors, documents made by hand or earlier.

In: what an accountant entered. Out: plain facts for the expectation (`customers`, `documents`, …),
and the same as QuickBooks objects for the sandbox's seed (`objects`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ops.sandbox.world.membri_rows import Line, figures
from ops.sandbox.world.taxes import ZERO

FIRST_ID = 5000
"""Above every id of the default company (items, accounts, tax codes)."""


@dataclass
class BookCustomer:
    """A customer or a vendor. `marker`: our Notes text when an earlier transfer made it."""

    id: str
    name: str
    marker: str = ""
    phone: str = ""


@dataclass
class BookDocument:
    """An invoice or a credit memo. `balance`: what is still open, in dollars."""

    id: str
    kind: str
    customer: BookCustomer
    number: str
    day: dt.date
    lines: Sequence[Line]
    marker: str = ""
    balance: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return figures(self.lines)[3]

    @property
    def tax(self) -> Decimal:
        _, gst, qst, _ = figures(self.lines)
        return gst + qst


@dataclass
class BookPayment:
    """Money received on one document."""

    id: str
    document: BookDocument
    amount: Decimal
    day: dt.date
    marker: str = ""


@dataclass
class Company:
    """One company's books. `closed_until`: the last day of the closed period."""

    realm_id: str
    name: str
    closed_until: dt.date
    customers: list[BookCustomer] = field(default_factory=list)
    vendors: list[BookCustomer] = field(default_factory=list)
    documents: list[BookDocument] = field(default_factory=list)
    payments: list[BookPayment] = field(default_factory=list)
    last_id: int = FIRST_ID

    def customer(self, name: str, *, marker: str = "", phone: str = "") -> BookCustomer:
        found = BookCustomer(self._next_id(), name, marker, phone)
        self.customers.append(found)
        return found

    def vendor(self, name: str) -> BookCustomer:
        """A supplier: QuickBooks keeps its name from customers."""
        found = BookCustomer(self._next_id(), name)
        self.vendors.append(found)
        return found

    def invoice(
        self,
        customer: BookCustomer,
        lines: Sequence[Line],
        *,
        number: str,
        day: dt.date,
        marker: str = "",
    ) -> BookDocument:
        document = BookDocument(
            self._next_id(), "Invoice", customer, number, day, tuple(lines), marker
        )
        document.balance = document.total
        self.documents.append(document)
        return document

    def payment(self, document: BookDocument, amount: Decimal, *, marker: str = "") -> BookPayment:
        """Raises ValueError when more is paid than is open."""
        if amount > document.balance:
            raise ValueError(f"{document.number}: {amount} paid on a balance of {document.balance}")
        payment = BookPayment(self._next_id(), document, amount, document.day, marker)
        document.balance -= amount
        self.payments.append(payment)
        return payment

    def _next_id(self) -> str:
        self.last_id += 1
        return str(self.last_id)


@dataclass(frozen=True)
class Chart:
    """The ids of the default company that documents point at."""

    item: str
    deposit: str
    taxable: str
    exempt: str


def objects(company: Company, chart: Chart) -> dict[str, list[dict[str, Any]]]:
    """The company's books as QuickBooks objects by entity (quickbooks-online.md, section 6).

    Taxes, totals and balances are left to the service, as when a person enters the document.
    """
    return {
        "Customer": [_customer(customer) for customer in company.customers],
        "Vendor": [{"Id": v.id, "DisplayName": v.name} for v in company.vendors],
        "Invoice": [_document(document, chart) for document in company.documents],
        "Payment": [_payment(payment, chart) for payment in company.payments],
    }


def _customer(customer: BookCustomer) -> dict[str, Any]:
    return {
        "Id": customer.id,
        "DisplayName": customer.name,
        **({"Notes": customer.marker} if customer.marker else {}),
        **({"PrimaryPhone": {"FreeFormNumber": customer.phone}} if customer.phone else {}),
    }


def _document(document: BookDocument, chart: Chart) -> dict[str, Any]:
    return {
        "Id": document.id,
        "DocNumber": document.number,
        "TxnDate": document.day.isoformat(),
        "DueDate": (document.day + dt.timedelta(days=30)).isoformat(),
        "CustomerRef": {"value": document.customer.id},
        "GlobalTaxCalculation": "TaxExcluded",
        **({"PrivateNote": document.marker} if document.marker else {}),
        "Line": [_line(line, chart) for line in document.lines],
    }


def _line(line: Line, chart: Chart) -> dict[str, Any]:
    code = chart.taxable if line.taxable else chart.exempt
    return {
        "Amount": line.net,
        "Description": line.product,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {
            "ItemRef": {"value": chart.item},
            "TaxCodeRef": {"value": code},
        },
    }


def _payment(payment: BookPayment, chart: Chart) -> dict[str, Any]:
    link = {"TxnId": payment.document.id, "TxnType": "Invoice"}
    return {
        "Id": payment.id,
        "TxnDate": payment.day.isoformat(),
        "CustomerRef": {"value": payment.document.customer.id},
        "TotalAmt": payment.amount,
        "DepositToAccountRef": {"value": chart.deposit},
        **({"PrivateNote": payment.marker} if payment.marker else {}),
        "Line": [{"Amount": payment.amount, "LinkedTxn": [link]}],
    }
