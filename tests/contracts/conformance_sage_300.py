"""The bench of Sage 300: the connector on its sandbox, over a real socket.

Time is virtual for the limits and the waits on both sides. Whatever bad manners the sandbox sees
are offences.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from consumers.system import AccountsSettings, RemoteRef
from consumers.systems._keys import entry_number
from consumers.systems.sage_300.connector import Sage300
from consumers.systems.sage_300.markers import marker, receipt_number
from consumers.systems.sage_300.settings import Connection
from ops.sandbox.kernel.books import CompanyBooks
from ops.sandbox.kernel.serving import running
from ops.sandbox.kernel.store import Store
from ops.sandbox.sage_300 import Options, Sage300System, default_company, sage_300_system
from ops.sandbox.sage_300 import company as chart
from ops.sandbox.sage_300.accountant import act
from ops.sandbox.sage_300.inventory import books as booked
from schemas.records import Account, Invoice, JournalEntry, Payment, Record
from tests.contracts.conformance_served import ServedBench, closing, sum_of
from tests.contracts.conformance_time import VirtualTime
from tests.contracts.conformance_world import Held

COMPANY = "ERABLE"
USER = "WEBAPI"
PASSWORD = "S3CRET-WORD"
ACCOUNTS = AccountsSettings(
    default_income=chart.EVENTS,
    income={"membership": chart.DUES, "event": chart.DISTRIBUTION_EVENTS},
    deposit=chart.BANK,
    deferred_revenue=chart.DEFERRED,
    earned_revenue=chart.DUES,
    tax_codes={"taxable": str(chart.CLASS_TAXABLE), "exempt": str(chart.CLASS_EXEMPT)},
    payment_methods={"cheque": "CHECK", "card": "CARD"},
    terms=chart.NET_30,
)


@dataclass
class Sage300Bench(ServedBench[Sage300]):
    """A served sandbox with one company, and connectors on it."""

    API = "/Sage300WebApi/"

    accounts: AccountsSettings = field(default=ACCOUNTS, kw_only=True)
    user: str = USER

    @property
    def sandbox(self) -> Sage300System:
        assert isinstance(self.served.system, Sage300System)
        return self.served.system

    @property
    def options(self) -> Options:
        return self.sandbox.options

    def build(self) -> type[Sage300]:
        return Sage300

    def connection(self, **values: Any) -> Connection:
        given = {
            "base_url": f"{self.served.url}/Sage300WebApi/v1.0/-/{COMPANY}",
            "user": self.user,
            "password": PASSWORD,
            "customer_group": chart.GROUP,
            "tax_group": chart.TAX_GROUP,
        }
        return Connection.model_validate({**given, **values})

    def rows(self, resource: str) -> list[dict[str, Any]]:
        return self.sandbox.dump()[COMPANY][resource]  # type: ignore[no-any-return]  # a dump is plain JSON

    def books(self) -> CompanyBooks:
        return booked(self.sandbox.dump())[COMPANY]

    def held(self, record: Record) -> Held:
        found = self.books()
        match record:
            case Account():
                number = record.number.upper()
                return Held(sum(1 for one in found.customers if one.key == number))
            case Invoice():
                note = marker("invoice", record.id)
                mine = [one for one in found.documents if one.note == note]
                return Held(
                    *(len(mine), sum_of(one.total for one in mine)),
                    sum_of(one.balance for one in mine),
                )
            case Payment():
                number = receipt_number(record.id)
                paid = [one for one in found.payments if one.number == number]
                return Held(len(paid), sum_of(one.total for one in paid))
            case JournalEntry():
                number = entry_number(record.id)
                entries = [one for one in found.entries if one.number == number]
                return Held(len(entries), sum_of(one.lines[chart.DEFERRED] for one in entries))

    def applications(self, record: Record) -> int:
        found = self.books()
        note = marker("invoice", record.id)
        (credit,) = [one for one in found.documents if one.note == note]
        return sum(1 for one in found.applications if one.credit_note == credit.id)

    def customer_name(self, remote_id: str) -> str:
        (row,) = [one for one in self.rows("ARCustomers") if one["CustomerNumber"] == remote_id]
        return str(row["CustomerName"])

    def accountant(self, **order: Any) -> dict[str, Any]:
        """What a person does in Sage 300 itself."""
        return act(self.sandbox.companies.books(COMPANY), {"company": COMPANY, **order})

    def add_customer(self, name: str, *, number: str = "", active: bool = True) -> RemoteRef:
        record = {"CustomerNumber": number, "CustomerName": name, "GroupCode": chart.GROUP}
        self.accountant(create={"resource": "ARCustomers", "record": record})
        if not active:
            self.alter("ARCustomers", number, Status="Inactive")
        return RemoteRef(number, number)

    def alter(self, resource: str, *key: str, **values: Any) -> None:
        self.accountant(alter={"resource": resource, "key": list(key), "set": values})

    def append_numbers(self) -> Sage300:
        raise AssertionError("asked of systems keyed by name only")

    def close_until(self, date: dt.date | None) -> None:
        # The whole month: a period is locked, not a day.
        last = date.replace(day=28) + dt.timedelta(days=7) if date else None
        self.accountant(closed_until=last.isoformat() if last else None)
        self.restarted()  # one that runs learns it from a refusal, or the next day

    def cut(self) -> None:
        # nobody listens there
        self._connector = self.connector(base_url="http://localhost:9/Sage300WebApi/v1.0/-/X")

    def throttle(self) -> None:
        self.sandbox.faults.arm(kind="status", status=429, path="/Sage300WebApi/")

    def expire(self) -> None:
        """Basic authentication does not end early."""

    def revoke(self) -> None:
        self.accountant(users=["SOMEBODY"])

    def restore(self) -> None:
        self.accountant(users=[USER])
        self.restarted()  # an administrator who gave the right back starts the connector anew


@contextmanager
def sage_300_bench(user: str = USER, **options: Any) -> Iterator[Sage300Bench]:
    """A sandbox of its own with one company."""
    virtual = VirtualTime()
    system = sage_300_system(
        Store(),
        user=user,
        password=PASSWORD,
        clock=virtual.now,
        monotonic=virtual.monotonic,
        options=Options(**options),
    )
    system.seed({"companies": {COMPANY: default_company("Association des Érables")}})
    with running(system) as served:
        bench = Sage300Bench(served, virtual, user=user)
        with closing(bench):
            yield bench
