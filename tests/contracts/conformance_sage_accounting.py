"""The bench of Sage Comptabilité: the connector on its sandbox, over a real socket.

Time is virtual for the limits on both sides. Whatever bad manners the sandbox sees are offences.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consumers.system import AccountsSettings, RemoteRef
from consumers.systems._keys import entry_number, payment_number
from consumers.systems.sage_accounting.connector import SageAccounting
from consumers.systems.sage_accounting.markers import marked
from consumers.systems.sage_accounting.settings import Connection
from ops.sandbox.kernel.serving import running
from ops.sandbox.kernel.store import Store
from ops.sandbox.sage_accounting import (
    Options,
    SageAccountingSystem,
    default_company,
    issue_tokens,
    sage_accounting_system,
)
from ops.sandbox.sage_accounting.accountant import act
from ops.sandbox.sage_accounting.company import BANK, DEFERRED, DUES, EVENTS
from schemas.chapters import ChapterSettings
from schemas.records import Account, Invoice, JournalEntry, Payment, Record
from tests.contracts.conformance_served import ServedBench, closing, sum_of
from tests.contracts.conformance_time import VirtualTime
from tests.contracts.conformance_world import Held

BUSINESS = "b" * 32
OTHER_BUSINESS = "c" * 32
CLIENT_ID = "app-id"
CLIENT_SECRET = "app-s3cr3t"
ACCOUNTS = AccountsSettings(
    default_income=DUES,
    income={"event": EVENTS},
    deposit=BANK,
    deferred_revenue=DEFERRED,
    payment_methods={"cheque": "Cheque"},
)


@dataclass
class SageBench(ServedBench[SageAccounting]):
    """A served sandbox with one company, and connectors on it."""

    API = "/v3.1/"
    FORGET_S = 2.0

    folder: Path
    accounts: AccountsSettings = field(default=ACCOUNTS, kw_only=True)
    values: dict[str, Any] = field(default_factory=dict)
    excused: set[str] = field(default_factory=set)

    @property
    def sandbox(self) -> SageAccountingSystem:
        assert isinstance(self.served.system, SageAccountingSystem)
        return self.served.system

    @property
    def options(self) -> Options:
        return self.sandbox.options

    @property
    def books(self) -> Any:
        return self.sandbox.companies.books(BUSINESS)

    @property
    def token_file(self) -> Path:
        return self.folder / "sage-token.json"

    def build(self) -> type[SageAccounting]:
        return SageAccounting

    def connection(self, **values: Any) -> Connection:
        given = {
            "api_root": f"{self.served.url}/v3.1",
            "authorize_url": f"{self.served.url}/oauth2/auth/central?filter=apiv3.1",
            "token_url": f"{self.served.url}/token",
            "revoke_url": f"{self.served.url}/revoke",
            "business_id": BUSINESS,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "token_file": str(self.token_file),
        }
        return Connection.model_validate({**given, **self.values, **values})

    def authorise(self, **changes: Any) -> None:
        """Puts a token file down, as `membri-sync authorize` does."""
        issued = issue_tokens(self.sandbox, BUSINESS)
        now = int(self.time.clock())
        content = {
            "access_token": issued["access_token"],
            "refresh_token": issued["refresh_token"],
            "expires_at": now + issued["expires_in"],
            "refresh_expires_at": now + issued["refresh_token_expires_in"],
            **changes,
        }
        self.token_file.write_text(json.dumps(content), encoding="utf-8")

    def rows(self, resource: str) -> list[dict[str, Any]]:
        """What is in the books: void documents are not."""
        found = self.sandbox.dump()[BUSINESS][resource]
        return [row for row in found if (row.get("status") or {}).get("id") != "VOID"]

    def held(self, record: Record) -> Held:
        match record:
            case Account():
                return Held(sum(marked(r, "account", record.id) for r in self.rows("contacts")))
            case Invoice():
                credit = record.kind == "credit_note"
                rows = self.rows("sales_credit_notes" if credit else "sales_invoices")
                mine = [row for row in rows if marked(row, "invoice", record.id)]
                return Held(
                    len(mine),
                    sum_of(row["total_amount"] for row in mine),
                    sum_of(row["outstanding_amount"] for row in mine),
                )
            case Payment():
                return self._by_key("contact_payments", payment_number(record.id))
            case JournalEntry():
                return self._by_key("journals", entry_number(record.id))

    def _by_key(self, resource: str, key: str) -> Held:
        mine = [row for row in self.rows(resource) if row["reference"] == key]
        return Held(len(mine), sum_of(row.get("total_amount", row.get("total")) for row in mine))

    def applications(self, record: Record) -> int:
        rows = self.rows("sales_credit_notes")
        (credit,) = [row for row in rows if marked(row, "invoice", record.id)]
        return sum(
            1
            for row in self.rows("contact_allocations")
            if credit["id"] in {one["artefact"]["id"] for one in row["allocated_artefacts"]}
        )

    def customer_name(self, remote_id: str) -> str:
        (row,) = [row for row in self.rows("contacts") if row["id"] == remote_id]
        return str(row["name"])

    def accountant(self, **order: Any) -> dict[str, Any]:
        """What a person does in Sage itself."""
        return act(self.books, self.sandbox.users, {"business": BUSINESS, **order})

    def add_customer(self, name: str, *, number: str = "", active: bool = True) -> RemoteRef:
        body = {"name": name, "contact_type_ids": ["CUSTOMER"]}
        if number:
            body["reference"] = number
        row = self.accountant(resource="contacts", create=body)
        if not active:
            self.accountant(resource="contacts", id=row["id"], set={"is_active": False})
        return RemoteRef(row["id"], name)

    def append_numbers(self) -> SageAccounting:
        return self.connector(ChapterSettings(duplicate_names="append_number"))

    def close_until(self, date: dt.date | None) -> None:
        self.accountant(closed_until=date.isoformat() if date else None)
        self.restarted()  # one that runs learns it from a refusal, or the next day

    def cut(self) -> None:
        self._connector = self.connector(api_root="http://localhost:9/v3.1")  # nobody listens there

    def throttle(self) -> None:
        self.sandbox.faults.arm(kind="status", status=429, path="/v3.1/")

    def expire(self) -> None:
        """Ends the access token early on Sage's side: our file still says that it lives."""
        store = self.sandbox.store
        for token in store.keys("_access"):
            store.delete("_access", token)

    def revoke(self) -> None:
        self.expire()
        for token in self.sandbox.store.keys("_refresh"):
            self.sandbox.authority.revoke(token)

    def restore(self) -> None:
        self.authorise()


@contextmanager
def sage_bench(folder: Path, *, edition: str = "ACCOUNTING", **options: Any) -> Iterator[SageBench]:
    """A sandbox of its own with one company of that edition, authorised."""
    virtual = VirtualTime()
    system = sage_accounting_system(
        Store(),
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        clock=virtual.now,
        monotonic=virtual.monotonic,
        options=Options(**options),
    )
    seed = {**default_company("Association des Érables"), "edition": edition}
    system.seed({"businesses": {BUSINESS: seed}})
    with running(system) as served:
        bench = SageBench(served, virtual, folder)
        bench.authorise()
        with closing(bench):
            yield bench
