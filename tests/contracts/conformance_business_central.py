"""The bench of Business Central: the connector on its sandbox, over a real socket with TLS.

Time is virtual for the limits on both sides. Whatever bad manners the sandbox sees are offences.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consumers.system import AccountsSettings, RemoteRef
from consumers.systems.business_central.connector import BusinessCentral
from consumers.systems.business_central.keys import entry_number, marker, payment_number
from consumers.systems.business_central.settings import Connection
from ops.sandbox.business_central import (
    ENVIRONMENT,
    TENANT,
    BusinessCentralSystem,
    Options,
    business_central_system,
    default_company,
)
from ops.sandbox.business_central.accountant import act
from ops.sandbox.business_central.bookkeeping import books as booked
from ops.sandbox.business_central.company import AREA, BANK, DEFERRED, DUES, EVENTS, TERM
from ops.sandbox.kernel.books import CompanyBooks
from ops.sandbox.kernel.serving import running
from ops.sandbox.kernel.store import Store
from ops.sandbox.kernel.tls import Certificate, loopback_certificate
from schemas.records import Account, Invoice, JournalEntry, Payment, Record
from tests.contracts.conformance_served import ServedBench, closing, sum_of
from tests.contracts.conformance_time import VirtualTime
from tests.contracts.conformance_world import Held

COMPANY = "5d115c9c-44e3-ea11-bb43-000d3a2feca1"
CLIENT_ID = "app-id"
CLIENT_SECRET = "app-s3cr3t"
ACCOUNTS = AccountsSettings(
    default_income=EVENTS,
    income={"membership": DUES},
    deposit=BANK,
    deferred_revenue=DEFERRED,
    earned_revenue=DUES,
    payment_methods={"cheque": "CHEQUE"},
    terms=TERM,
)


@dataclass
class BusinessCentralBench(ServedBench[BusinessCentral]):
    """A served sandbox with one company, and connectors on it."""

    API = "/api/v2.0/"

    certificate: Certificate
    accounts: AccountsSettings = field(default=ACCOUNTS, kw_only=True)

    @property
    def sandbox(self) -> BusinessCentralSystem:
        assert isinstance(self.served.system, BusinessCentralSystem)
        return self.served.system

    @property
    def options(self) -> Options:
        return self.sandbox.options

    def build(self) -> type[BusinessCentral]:
        return BusinessCentral

    def connection(self, **values: Any) -> Connection:
        given = {
            "api_root": f"{self.served.url}/v2.0/{TENANT}/{ENVIRONMENT}/api/v2.0",
            "authority": f"{self.served.url}/{TENANT}",
            "company_id": COMPANY,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "ca_bundle": str(self.certificate.ca),
            "tax_area": AREA,
        }
        return Connection.model_validate({**given, **values})

    def dump(self) -> dict[str, Any]:
        return self.sandbox.dump()[COMPANY]  # type: ignore[no-any-return]  # a dump is plain JSON

    def books(self) -> CompanyBooks:
        return booked(self.sandbox.dump())[COMPANY]

    def held(self, record: Record) -> Held:
        found = self.books()
        match record:
            case Account():
                return Held(sum(1 for one in found.customers if one.key == record.number))
            case Invoice():
                mine = [one for one in found.documents if one.note == marker(record.id)]
                return Held(
                    len(mine),
                    sum_of(one.total for one in mine),
                    sum_of(one.balance for one in mine),
                )
            case Payment():
                paid = [one for one in found.payments if one.number == payment_number(record.id)]
                lines = len({one.invoice.id for one in record.allocations})
                assert len(paid) % lines == 0, paid
                return Held(len(paid) // lines, sum_of(one.total for one in paid))
            case JournalEntry():
                entries = [one for one in found.entries if one.number == entry_number(record.id)]
                return Held(len(entries), sum_of(one.lines[DEFERRED] for one in entries))

    def applications(self, record: Record) -> int:
        found = self.books()
        (memo,) = [one for one in found.documents if one.note == marker(record.id)]
        return sum(1 for one in found.applications if one.credit_note == memo.id)

    def customer_name(self, remote_id: str) -> str:
        (row,) = [row for row in self.dump()["customers"] if row["id"] == remote_id]
        return str(row["displayName"])

    def accountant(self, **order: Any) -> dict[str, Any]:
        """What a person does in Business Central itself."""
        books = self.sandbox.companies.books(COMPANY)
        return act(books, {"company": COMPANY, **order})

    def add_customer(self, name: str, *, number: str = "", active: bool = True) -> RemoteRef:
        row = self.accountant(create_customer={"number": number, "displayName": name})
        if not active:
            self.accountant(customer=row["number"], set={"blocked": "All"})
        return RemoteRef(row["id"], row["number"])

    def append_numbers(self) -> BusinessCentral:
        raise AssertionError("asked of systems keyed by name only")

    def close_until(self, date: dt.date | None) -> None:
        self.accountant(closed_until=date.isoformat() if date else "")
        self.restarted()  # one that runs learns it from a refusal, or the next day

    def cut(self) -> None:
        # nobody listens there
        self._connector = self.connector(api_root="https://localhost:9/v2.0/t/e/api/v2.0")

    def throttle(self) -> None:
        self.sandbox.limits.order(1, 429, 0)

    def expire(self) -> None:
        self.sandbox.login.revoke()

    def revoke(self) -> None:
        self.options.application_enabled = False

    def restore(self) -> None:
        self.options.application_enabled = True


@contextmanager
def business_central_bench(folder: Path, **options: Any) -> Iterator[BusinessCentralBench]:
    """A sandbox of its own with one company."""
    virtual = VirtualTime()
    certificate = loopback_certificate(folder / "tls")
    system = business_central_system(
        Store(),
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        clock=virtual.now,
        monotonic=virtual.monotonic,
        options=Options(**options),
    )
    system.seed({"companies": {COMPANY: default_company("Association des Érables")}})
    with running(system, certificate=certificate) as served:
        bench = BusinessCentralBench(served, virtual, certificate)
        with closing(bench):
            yield bench
