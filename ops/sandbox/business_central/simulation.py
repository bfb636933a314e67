"""The simulated Business Central as whoever runs the sandbox sees it (`kernel.books.Simulation`).

In: a store, a folder for the secret, the world's companies. Out: the system, its configuration, its
books in words no system owns.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.sandbox.business_central import posting, sales, writes
from ops.sandbox.business_central.accountant import act
from ops.sandbox.business_central.answers import Refusal
from ops.sandbox.business_central.bookkeeping import books
from ops.sandbox.business_central.books import Books
from ops.sandbox.business_central.company import (
    AREA,
    DEFERRED,
    DONATIONS,
    DUES,
    EVENTS,
    EXEMPT,
    TAXABLE,
    TERM,
    default_company,
)
from ops.sandbox.business_central.company import BANK as DEPOSIT
from ops.sandbox.business_central.ledger import (
    Posting,
    apply,
    open_invoice,
    post_accounts,
    post_customer,
)
from ops.sandbox.business_central.options import Options
from ops.sandbox.business_central.properties import RESOURCES
from ops.sandbox.business_central.sales import INVOICE
from ops.sandbox.business_central.system import (
    ENVIRONMENT,
    TENANT,
    BusinessCentralSystem,
    business_central_system,
)
from ops.sandbox.kernel.books import Place, SeedCompany, SeedDocument, SeedPayment, Simulation
from ops.sandbox.kernel.serving import System
from ops.sandbox.kernel.store import Document, Store

CLIENT_ID = "2d6f3f1c-58c5-4b0e-8f0b-7a9e4c1d5b02"
SECRET_FILE = "business-central-client-secret"  # noqa: S105 — a file name

ACCOUNTS: dict[str, Any] = {
    "default_income": EVENTS,
    "earned_revenue": DUES,
    "income": {"membership": DEFERRED, "renewal": DEFERRED, "upgrade": DUES, "donation": DONATIONS},
    "deposit": DEPOSIT,
    "deferred_revenue": DEFERRED,
    "tax_codes": {"taxable": TAXABLE, "exempt": EXEMPT},
    "payment_methods": {
        "cash": "COMPTANT", "cheque": "CHEQUE", "card": "CARTE", "transfer": "VIREMENT",
    },
    "terms": TERM,
}  # fmt: skip
"""`[chapters.accounts]` of every company: all start from the same chart."""


def build(store: Store, folder: Path) -> BusinessCentralSystem:
    """The system; its client secret is kept in the folder, mode 0600."""
    return business_central_system(
        store, client_id=CLIENT_ID, client_secret=_secret(folder / SECRET_FILE), options=Options()
    )


def _secret(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32), encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()


def seed(system: System, companies: Mapping[str, SeedCompany]) -> None:
    """The companies by their GUID, as a person would have entered them. Raises ValueError."""
    if not isinstance(system, BusinessCentralSystem):
        raise TypeError("the seed of a Business Central goes into a Business Central")
    for company, content in companies.items():
        try:
            # Canadian books only, as everywhere in the made-up world.
            kept = {**default_company(content.name), "currencies": []}
            system.companies.seed({company: kept})
            _fill(system.companies.books(company.lower()), content)
        except Refusal as refusal:
            raise ValueError(f"{content.name}: {refusal}") from refusal


def _fill(company: Books, content: SeedCompany) -> None:
    area = company.named("taxAreas", AREA)
    numbers: dict[str, str] = {}
    for customer in content.customers:
        made = writes.create(
            company,
            RESOURCES["customers"],
            "",
            {
                "number": customer.key,
                "displayName": customer.name,
                "phoneNumber": customer.phone,
                "taxLiable": True,
                "taxAreaId": area["id"] if area else None,
            },
        )
        numbers[customer.id] = made["number"]
    for name in content.suppliers:
        company.insert("_vendors", {"displayName": name})
    posted = {one.id: _document(company, one, numbers[one.customer]) for one in content.documents}
    for payment in content.payments:
        _payment(company, payment, posted[payment.document])
    if content.closed_until:
        act(company, {"closed_until": content.closed_until.isoformat()})


def _document(company: Books, one: SeedDocument, customer: str) -> Document:
    lines = [
        {
            "lineType": "Account",
            "lineObjectNumber": EVENTS,
            "description": line.description[:100],
            "description2": one.note if first else "",
            "quantity": "1",
            "unitPrice": str(line.net),
            "taxCode": TAXABLE if line.taxable else EXEMPT,
        }
        for first, line in ((number == 0, line) for number, line in enumerate(one.lines))
    ]
    day = one.day.isoformat()
    header = {
        "customerNumber": customer,
        "externalDocumentNumber": one.number.strip().upper(),
        "invoiceDate": day,
        "postingDate": day,
        "dueDate": (one.day + dt.timedelta(days=30)).isoformat(),
    }
    draft = sales.create(company, INVOICE, header, lines)
    return posting.post(company, INVOICE, draft)


def _payment(company: Books, payment: SeedPayment, invoice: Document) -> None:
    customer = invoice["billToCustomerNumber"]
    number = payment.number.strip().upper() or f"ENC{company.next_entry():06d}"
    bearing = Posting(payment.day.isoformat(), number, "Payment", payment.note)
    receivable = company.setup["_receivables"]
    post_accounts(company, bearing, [(receivable, -payment.amount), (DEPOSIT, payment.amount)])
    entry = post_customer(company, bearing, customer, -payment.amount)
    apply(company, entry, open_invoice(company, invoice["number"], customer))


def connection(place: Place, company: str) -> dict[str, Any]:
    """`[chapters.connection]` of one company."""
    return {
        "api_root": f"{place.served.url}/v2.0/{TENANT}/{ENVIRONMENT}/api/v2.0",
        "authority": f"{place.served.url}/{TENANT}",
        "company_id": company,
        "client_id": CLIENT_ID,
        "client_secret_file": str(place.folder / SECRET_FILE),
        "ca_bundle": str(place.ca),
        "tax_area": AREA,  # no template gives one to a customer made through the API
        # On this machine an answer takes milliseconds.
        "timeout_s": 5,
        "longest_server_call_s": 5,
    }


SIMULATION = Simulation(
    name="business_central",
    build=build,
    seed=seed,
    connection=connection,
    accounts=ACCOUNTS,
    books=books,
)
