"""The simulated QuickBooks Online as whoever runs the sandbox sees it.

In: the world's companies, by realm. Out: the seed in QuickBooks' own objects, the configuration
that reaches a company, and its books in words that no system owns.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from ops.sandbox.kernel.books import (
    BookedApplication,
    BookedCustomer,
    BookedDocument,
    BookedEntry,
    BookedPayment,
    CompanyBooks,
    Place,
    SeedCompany,
    SeedDocument,
    SeedLine,
    SeedPayment,
    Simulation,
)
from ops.sandbox.kernel.secrets import secret_in, write_private
from ops.sandbox.kernel.serving import System
from ops.sandbox.kernel.store import Store
from ops.sandbox.quickbooks_online import company as chart
from ops.sandbox.quickbooks_online.company import default_company
from ops.sandbox.quickbooks_online.system import (
    QuickBooksSystem,
    issue_tokens,
    quickbooks_system,
)

NAME = "quickbooks_online"
CLIENT_ID = "ABsandboxMembriSync0123456789"
ACCOUNTS: dict[str, Any] = {
    "default_income": chart.ITEM_EVENT,
    "earned_revenue": chart.ITEM_DUES,
    "income": {
        "membership": chart.ITEM_DEFERRED,
        "renewal": chart.ITEM_DEFERRED,
        "upgrade": chart.ITEM_DUES,
        "donation": chart.ITEM_DONATION,
    },
    "deposit": chart.UNDEPOSITED,
    "deferred_revenue": chart.DEFERRED,
    "tax_codes": {"exempt": chart.TAX_EXEMPT},
    "payment_methods": {"cash": "60", "cheque": "61", "card": "62", "transfer": "64"},
    "terms": chart.TERM_NET_30,
}
"""`[chapters.accounts]` of every chapter: all companies start from the same chart."""
APPLICATION = "membri:application:"
KINDS = {"Invoice": "invoice", "CreditMemo": "credit_note"}
NEVER_MADE = ("RefundReceipt", "SalesReceipt", "Deposit", "Purchase", "Estimate")


def build(store: Store, folder: Path) -> System:
    return quickbooks_system(
        store, client_id=CLIENT_ID, client_secret=secret_in(_secret_file(folder))
    )


def seed(system: System, companies: Mapping[str, SeedCompany]) -> None:
    system.seed({"realms": {realm: objects(company) for realm, company in companies.items()}})


def objects(company: SeedCompany) -> dict[str, Any]:
    """The company's books as QuickBooks objects by entity (quickbooks-online.md, section 6).

    Taxes, totals and balances are left to the service, as when a person enters the document.
    """
    made = default_company(company.name)
    if company.closed_until:
        made["Preferences"]["AccountingInfoPrefs"]["BookCloseDate"] = (
            company.closed_until.isoformat()
        )
    customers = {document.id: document.customer for document in company.documents}
    written: dict[str, list[dict[str, Any]]] = {
        "Customer": [
            {
                "Id": one.id,
                "DisplayName": one.name,
                **({"Notes": one.note} if one.note else {}),
                **({"PrimaryPhone": {"FreeFormNumber": one.phone}} if one.phone else {}),
            }
            for one in company.customers
        ],
        "Vendor": [
            {"Id": str(9000 + number), "DisplayName": name}
            for number, name in enumerate(company.suppliers)
        ],
        "Invoice": [_document(one) for one in company.documents],
        "Payment": [_payment(one, customers[one.document]) for one in company.payments],
    }
    for entity, rows in written.items():
        made[entity] = [*made.get(entity, []), *rows]
    return made


def _document(document: SeedDocument) -> dict[str, Any]:
    return {
        "Id": document.id,
        "DocNumber": document.number,
        "TxnDate": document.day.isoformat(),
        "DueDate": (document.day + dt.timedelta(days=30)).isoformat(),
        "CustomerRef": {"value": document.customer},
        "GlobalTaxCalculation": "TaxExcluded",
        **({"PrivateNote": document.note} if document.note else {}),
        "Line": [_line(line) for line in document.lines],
    }


def _line(line: SeedLine) -> dict[str, Any]:
    code = chart.TAX_GST_QST if line.taxable else chart.TAX_EXEMPT
    return {
        "Amount": f"{line.net:f}",
        "Description": line.description,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {
            "ItemRef": {"value": chart.ITEM_DUES},
            "TaxCodeRef": {"value": code},
        },
    }


def _payment(payment: SeedPayment, customer: str) -> dict[str, Any]:
    link = {"TxnId": payment.document, "TxnType": "Invoice"}
    return {
        "Id": payment.id,
        "TxnDate": payment.day.isoformat(),
        "CustomerRef": {"value": customer},
        "TotalAmt": f"{payment.amount:f}",
        "DepositToAccountRef": {"value": chart.UNDEPOSITED},
        **({"PrivateNote": payment.note} if payment.note else {}),
        "Line": [{"Amount": f"{payment.amount:f}", "LinkedTxn": [link]}],
    }


def prepare(system: System, folder: Path, company: str) -> None:
    """The token file, as `membri-sync authorize` writes it; never again once it is there: tokens
    rotate."""
    path = _token_file(folder, company)
    if path.exists():
        return
    if not isinstance(system, QuickBooksSystem):
        raise TypeError(f"{system.name} is no QuickBooks Online")
    answer = issue_tokens(system, company)
    now = int(time.time())
    token = {
        "access_token": answer["access_token"],
        "refresh_token": answer["refresh_token"],
        "expires_at": now + int(answer["expires_in"]),
        "refresh_expires_at": now + int(answer["x_refresh_token_expires_in"]),
        "realm_id": company,
    }
    write_private(path, json.dumps(token))


def connection(place: Place, company: str) -> dict[str, Any]:
    """`[chapters.connection]` of one company."""
    url = place.served.url
    return {
        "api_root": f"{url}/v3",
        "discovery_url": f"{url}/.well-known/openid_configuration",
        "realm_id": company,
        "client_id": CLIENT_ID,
        "client_secret_file": str(_secret_file(place.folder).resolve()),
        "token_file": str(_token_file(place.folder, company).resolve()),
        "ca_bundle": str(place.ca),
        # On this machine an answer takes milliseconds; whoever must be sure that a call of a
        # killed predecessor is over waits several times this long.
        "timeout_s": 5,
    }


def _secret_file(folder: Path) -> Path:
    return folder / "quickbooks-online-client-secret"


def _token_file(folder: Path, company: str) -> Path:
    return folder / f"qbo-token-{company}.json"


def books(dump: Any) -> dict[str, CompanyBooks]:
    """What the admin port's `/dump` holds, by realm."""
    return {realm: _books(rows) for realm, rows in dump.items()}


def _books(dump: Mapping[str, Any]) -> CompanyBooks:
    found = CompanyBooks()
    found.customers = [
        BookedCustomer(
            str(row["Id"]),
            str(row["DisplayName"]),
            str(row["DisplayName"]),
            str(row.get("Notes") or ""),
            str((row.get("PrimaryPhone") or {}).get("FreeFormNumber") or ""),
            row.get("Active") is not False,
        )
        for row in dump.get("Customer", ())
    ]
    found.suppliers = [str(row["DisplayName"]) for row in dump.get("Vendor", ())]
    found.documents = [
        _booked_document(entity, row) for entity in KINDS for row in dump.get(entity, ())
    ]
    for row in dump.get("Payment", ()):
        if APPLICATION in _note(row):
            found.applications += _booked_applications(row)
        else:
            found.payments.append(_booked_payment(row))
    found.entries = [_booked_entry(row) for row in dump.get("JournalEntry", ())]
    found.other = [f"{kind} {row.get('Id')}" for kind in NEVER_MADE for row in dump.get(kind, ())]
    return found


def _booked_document(entity: str, row: Mapping[str, Any]) -> BookedDocument:
    tax = (row.get("TxnTaxDetail") or {}).get("TotalTax")
    return BookedDocument(
        id=str(row["Id"]),
        kind="invoice" if entity == "Invoice" else "credit_note",
        customer=_customer(row),
        number=str(row.get("DocNumber") or ""),
        note=_note(row),
        day=dt.date.fromisoformat(str(row["TxnDate"])),
        total=_money(row.get("TotalAmt")),
        tax=_money(tax),
        balance=_money(row.get("Balance")),
    )


def _booked_payment(row: Mapping[str, Any]) -> BookedPayment:
    return BookedPayment(
        id=str(row["Id"]),
        customer=_customer(row),
        number=str(row.get("PaymentRefNum") or ""),
        note=_note(row),
        day=dt.date.fromisoformat(str(row["TxnDate"])),
        total=_money(row.get("TotalAmt")),
        unapplied=_money(row.get("UnappliedAmt")),
        applied={target: amount for _, target, amount in _links(row)},
    )


def _booked_applications(row: Mapping[str, Any]) -> Iterator[BookedApplication]:
    """A zero payment of ours: one line on the credit memo, one on the invoice."""
    links = list(_links(row))
    notes = [target for kind, target, _ in links if kind == "CreditMemo"]
    for kind, target, amount in links:
        if kind == "Invoice":
            yield BookedApplication(notes[0] if notes else "", target, amount, _note(row))


def _links(row: Mapping[str, Any]) -> Iterator[tuple[str, str, Decimal]]:
    for line in row.get("Line", ()):
        for link in line.get("LinkedTxn", ()):
            yield str(link["TxnType"]), str(link["TxnId"]), _money(line.get("Amount"))


def _booked_entry(row: Mapping[str, Any]) -> BookedEntry:
    lines: dict[str, Decimal] = {}
    for line in row.get("Line", ()):
        detail = line["JournalEntryLineDetail"]
        sign = 1 if detail["PostingType"] == "Debit" else -1
        account = str(detail["AccountRef"]["value"])
        lines[account] = lines.get(account, Decimal(0)) + sign * _money(line["Amount"])
    day = dt.date.fromisoformat(str(row["TxnDate"]))
    return BookedEntry(str(row["Id"]), str(row.get("DocNumber") or ""), _note(row), day, lines)


def _customer(row: Mapping[str, Any]) -> str:
    return str((row.get("CustomerRef") or {}).get("value"))


def _note(row: Mapping[str, Any]) -> str:
    return str(row.get("PrivateNote") or "")


def _money(value: Any) -> Decimal:
    return Decimal(str(value if value is not None else 0)).quantize(Decimal("0.01"))


SIMULATION = Simulation(NAME, build, seed, connection, ACCOUNTS, books, prepare)
