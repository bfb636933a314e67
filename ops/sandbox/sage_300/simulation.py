"""How whoever runs the sandbox builds, seeds, configures and reads the simulated Sage 300.

In: a store, a folder for the password, the world's companies by database org id. Out: the system,
`[chapters.connection]`, `[chapters.accounts]`, the books. See kernel/books.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from ops.sandbox.kernel.books import Place, SeedCompany, SeedDocument, SeedPayment, Simulation
from ops.sandbox.kernel.secrets import write_private
from ops.sandbox.kernel.serving import System
from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.sage_300 import company as chart
from ops.sandbox.sage_300.accountant import closed_until, enter
from ops.sandbox.sage_300.books import Books
from ops.sandbox.sage_300.companies import keep
from ops.sandbox.sage_300.inventory import books
from ops.sandbox.sage_300.resources import INVOICES, RECEIPTS
from ops.sandbox.sage_300.system import NAME, Sage300System, sage_300_system

USER = "WEBAPI"
PASSWORD_FILE = "sage-300-password"  # noqa: S105 — a file's name

ACCOUNTS: dict[str, Any] = {
    "default_income": chart.EVENTS,
    "earned_revenue": chart.DUES,
    "income": {
        "membership": chart.DEFERRED,
        "renewal": chart.DEFERRED,
        "upgrade": chart.DUES,
        "donation": chart.DONATIONS,
    },
    "deposit": chart.BANK,
    "deferred_revenue": chart.DEFERRED,
    "tax_codes": {"taxable": str(chart.CLASS_TAXABLE), "exempt": str(chart.CLASS_EXEMPT)},
    "payment_methods": {
        "cash": "CASH",
        "cheque": "CHECK",
        "card": "CARD",
        "transfer": "TRANSF",
    },
    "terms": chart.NET_30,
}


def _build(store: Store, folder: Path) -> System:
    return sage_300_system(store, user=USER, password=_password(folder / PASSWORD_FILE))


def _password(path: Path) -> str:
    """Made once, upper-case as Sage's users type them, mode 0600."""
    if not path.exists():
        write_private(path, secrets.token_hex(20).upper())
    return path.read_text(encoding="utf-8").strip()


def _seed(system: System, companies: Mapping[str, SeedCompany]) -> None:
    if not isinstance(system, Sage300System):
        raise TypeError(f"{system.name} is not the simulated Sage 300")
    for name, content in companies.items():
        system.companies.seed({name: chart.default_company(content.name)})
        _fill(system.companies.books(name), content)


def _fill(own: Books, content: SeedCompany) -> None:
    """What the books held before, typed by hand; the period is closed afterwards."""
    for number, name in enumerate(content.suppliers, 1):
        keep(own, "APVendors", {"VendorNumber": f"F{number:05d}", "VendorName": name})
    keys = {customer.id: customer.key for customer in content.customers}
    for customer in content.customers:
        record = {"CustomerNumber": customer.key, "GroupCode": chart.GROUP}
        record |= {"CustomerName": customer.name, "PhoneNumber": customer.phone}
        keep(own, "ARCustomers", record)
    documents: dict[str, Document] = {}
    for document in content.documents:
        batch = enter(own, INVOICES, _invoice(document, keys[document.customer]))
        documents[document.id] = batch["Invoices"][0]
    for payment in content.payments:
        enter(own, RECEIPTS, _receipt(payment, documents[payment.document]))
    if content.closed_until:
        closed_until(own, content.closed_until.isoformat())


def _invoice(document: SeedDocument, customer: str) -> Document:
    day = document.day.isoformat()
    return {
        **_described(document.note),
        "CustomerNumber": customer,
        "DocumentNumber": document.number,
        "DocumentType": "Invoice",
        "DocumentDate": day,
        "PostingDate": day,
        "InvoiceDetails": [
            {
                "RevenueAccount": chart.EVENTS,
                "Description": line.description[:60],
                "ExtendedAmountWithTIP": Decimal(line.net),
                "TaxClass1": chart.CLASS_TAXABLE if line.taxable else chart.CLASS_EXEMPT,
                "TaxClass2": chart.CLASS_TAXABLE if line.taxable else chart.CLASS_EXEMPT,
            }
            for line in document.lines
        ],
    }


def _receipt(payment: SeedPayment, invoice: Document) -> Document:
    day = payment.day.isoformat()
    applied = {
        "CustomerNumber": invoice["CustomerNumber"],
        "DocumentNumber": invoice["DocumentNumber"],
        "CustomerReceiptAmount": Decimal(payment.amount),
    }
    return {
        **_described(payment.note),
        "BankCode": chart.BANK,
        "CustomerNumber": invoice["CustomerNumber"],
        "ReceiptDateAdjustmentDate": day,
        "PostingDate": day,
        "PaymentCode": "CHECK",
        "CheckReceiptNumber": payment.number,
        "BankReceiptAmount": Decimal(payment.amount),
        "AppliedReceiptsAdjustments": [applied],
    }


def _described(note: str) -> Document:
    return {"Description": note} if note else {}


def _connection(place: Place, company: str) -> dict[str, Any]:
    return {
        "base_url": f"{place.served.url}/Sage300WebApi/v1.0/-/{company}",
        "user": USER,
        "password_file": str((place.folder / PASSWORD_FILE).resolve()),
        "ca_bundle": str(place.ca.resolve()),
        "bank": chart.BANK,
        "customer_group": chart.GROUP,
        "tax_group": chart.TAX_GROUP,
        # On this machine an answer takes milliseconds; a real server may need 80 s and more.
        "timeout_s": 5,
        "longest_server_call_s": 5,
    }


SIMULATION = Simulation(
    name=NAME,
    build=_build,
    seed=_seed,
    connection=_connection,
    accounts=ACCOUNTS,
    books=books,
)
