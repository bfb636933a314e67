"""How the sandbox builds, seeds, configures and reads the simulated Sage Accounting.

In: the world's companies by business id. Out: a `Simulation`. What a person does once, the
authorisation, is done by `prepare`: it leaves the token file that `membri-sync authorize` writes.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from ops.sandbox.kernel.books import (
    CompanyBooks,
    Place,
    SeedCompany,
    SeedCustomer,
    SeedDocument,
    SeedLine,
    SeedPayment,
    Simulation,
)
from ops.sandbox.kernel.serving import System
from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.sage_accounting import company as chart
from ops.sandbox.sage_accounting.amounts import ZERO, cents
from ops.sandbox.sage_accounting.booked import company_books
from ops.sandbox.sage_accounting.company import default_company
from ops.sandbox.sage_accounting.doors import AUTHORISE, REVOKE, TOKEN
from ops.sandbox.sage_accounting.system import (
    SageAccountingSystem,
    issue_tokens,
    sage_accounting_system,
)

CLIENT_ID = "7d1f0c52-3a8e-4b6d-9e57-2c4a8f1b6d30/membri-sync"
SECRET_FILE = "sage-accounting-client-secret"  # noqa: S105 — the name of a file
TIMEOUT_S = 5
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
    "tax_codes": {},
    "payment_methods": {
        "cash": "CASH",
        "cheque": "CHECK",
        "card": "CREDIT_DEBIT",
        "transfer": "ELECTRONIC",
    },
    "terms": "",
}
_GST, _QST = Decimal("0.05"), Decimal("0.09975")


def build(store: Store, folder: Path) -> SageAccountingSystem:
    """The system; its client secret is kept in the folder, the same at every start."""
    path = folder / SECRET_FILE
    if not path.exists():
        _write_private(path, secrets.token_urlsafe(32))
    secret = path.read_text(encoding="utf-8").strip()
    return sage_accounting_system(store, client_id=CLIENT_ID, client_secret=secret)


def seed(system: System, companies: Mapping[str, SeedCompany]) -> None:
    """Every company, the default one with what its books held. Raises ValueError."""
    system.seed(
        {"businesses": {number: _business(number, one) for number, one in companies.items()}}
    )


def prepare(system: System, folder: Path, company: str) -> None:
    """Writes the token file of one business, never again once it is there: tokens rotate.

    Raises KeyError when there is no such business.
    """
    path = folder / token_name(company)
    if path.exists():
        return
    if not isinstance(system, SageAccountingSystem):
        raise TypeError(f"{system.name} is no Sage Accounting")
    answer = issue_tokens(system, company)
    now = int(time.time())  # of the machine: what the client compares it with
    token = {
        "access_token": answer["access_token"],
        "refresh_token": answer["refresh_token"],
        "expires_at": now + int(answer["expires_in"]),
        "refresh_expires_at": now + int(answer["refresh_token_expires_in"]),
        "business_id": company,
    }
    _write_private(path, json.dumps(token))


def token_name(company: str) -> str:
    return f"sage-accounting-token-{company}.json"


def connection(place: Place, company: str) -> dict[str, Any]:
    """`[chapters.connection]` for one business."""
    url = place.served.url
    return {
        "api_root": f"{url}/v3.1",
        "authorize_url": f"{url}{AUTHORISE}",
        "token_url": f"{url}{TOKEN}",
        "revoke_url": f"{url}{REVOKE}",
        "business_id": company,
        "client_id": CLIENT_ID,
        "client_secret_file": str((place.folder / SECRET_FILE).resolve()),
        "token_file": str((place.folder / token_name(company)).resolve()),
        "ca_bundle": str(place.ca.resolve()),
        "timeout_s": TIMEOUT_S,
        # Nobody else uses the client id of a rehearsal: its share of the quota may be larger.
        "requests_per_s": 20,
    }


def books(dump: Any) -> dict[str, CompanyBooks]:
    """What `/dump` holds, by business."""
    return {number: company_books(one) for number, one in dump.items()}


SIMULATION = Simulation(
    name="sage_accounting",
    build=build,
    seed=seed,
    connection=connection,
    accounts=ACCOUNTS,
    books=books,
    prepare=prepare,
)


def record_id(business: str, own: str) -> str:
    """The 32 hexadecimal characters under which a seeded record stands."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{business}/{own}").hex


def _business(number: str, company: SeedCompany) -> Document:
    found = default_company(company.name)
    if company.closed_until:
        found["financial_settings"]["year_end_lockdown_date"] = company.closed_until.isoformat()
    documents = {one.id: one for one in company.documents}
    found["contacts"] = [
        *(_customer(number, one) for one in company.customers),
        *(
            {"id": record_id(number, f"supplier/{name}"), "name": name, **_kind("VENDOR")}
            for name in company.suppliers
        ),
    ]
    found["sales_invoices"] = [_document(number, one) for one in company.documents]
    found["contact_payments"] = [
        _payment(number, one, documents[one.document]) for one in company.payments
    ]
    return found


def _kind(name: str) -> Document:
    return {"contact_type_ids": [name]}


def _customer(business: str, customer: SeedCustomer) -> Document:
    person = {"name": customer.name[:50], "telephone": customer.phone}
    return {
        "id": record_id(business, customer.id),
        "name": customer.key,
        "notes": customer.note,
        **_kind("CUSTOMER"),
        **({"main_contact_person": person} if customer.phone else {}),
    }


def _document(business: str, document: SeedDocument) -> Document:
    return {
        "id": record_id(business, document.id),
        "contact_id": record_id(business, document.customer),
        "date": document.day.isoformat(),
        "due_date": (document.day + dt.timedelta(days=30)).isoformat(),
        "reference": document.number,
        "notes": document.note,
        "tax_address_region_id": chart.REGION,
        "invoice_lines": _lines(document.lines),
    }


def _lines(lines: Sequence[SeedLine]) -> list[Document]:
    """Each line with its taxes; the last taxable one takes what rounding leaves over, as both
    taxes are of the whole taxable net."""
    taxable = [line for line in lines if line.taxable]
    left = _taxes(sum((line.net for line in taxable), ZERO))
    found: list[Document] = []
    for line in lines:
        tax = ZERO
        if line.taxable:
            last = line is taxable[-1]
            tax = left if last else _taxes(line.net)
            left -= tax
        found.append(
            {
                "description": line.description,
                "ledger_account_id": chart.DUES,
                "quantity": "1",
                "unit_price": format(line.net, "f"),
                "tax_rate_id": chart.TAX_GST_QST if line.taxable else chart.TAX_EXEMPT,
                "tax_amount": format(tax, "f"),
            }
        )
    return found


def _taxes(net: Decimal) -> Decimal:
    return cents(net * _GST) + cents(net * _QST)


def _payment(business: str, payment: SeedPayment, document: SeedDocument) -> Document:
    amount = format(payment.amount, "f")
    return {
        "id": record_id(business, payment.id),
        "transaction_type_id": "CUSTOMER_RECEIPT",
        "contact_id": record_id(business, document.customer),
        "bank_account_id": chart.BANK,
        "date": payment.day.isoformat(),
        "total_amount": amount,
        "reference": payment.number,
        "allocated_artefacts": [
            {"artefact_id": record_id(business, document.id), "amount": amount}
        ],
    }


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all, mode 0600."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
