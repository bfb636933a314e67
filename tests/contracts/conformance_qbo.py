"""The bench of QuickBooks Online: the connector on its sandbox, over a real socket.

Time is virtual for the limits on both sides: waiting for a slot costs nothing, and the sandbox
still counts every request that comes too early as an offence.
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
from consumers.systems.quickbooks_online.connector import QuickBooksOnline
from consumers.systems.quickbooks_online.markers import marked
from consumers.systems.quickbooks_online.settings import Connection
from ops.sandbox.kernel.serving import running
from ops.sandbox.kernel.store import Store
from ops.sandbox.quickbooks_online import (
    QuickBooksSystem,
    default_company,
    issue_tokens,
    quickbooks_system,
)
from ops.sandbox.quickbooks_online.accountant import act
from ops.sandbox.quickbooks_online.company import (
    BANK,
    DEFERRED,
    ITEM_DUES,
    ITEM_EVENT,
)
from schemas.chapters import ChapterSettings
from schemas.records import Account, Invoice, JournalEntry, Payment, Record
from tests.contracts.conformance_served import ServedBench, closing, sum_of
from tests.contracts.conformance_time import VirtualTime
from tests.contracts.conformance_world import Held

REALM = "4620816365"
CLIENT_ID = "app-id"
CLIENT_SECRET = "app-s3cr3t"
ACCOUNTS = AccountsSettings(
    default_income=ITEM_DUES,
    income={"event": ITEM_EVENT},
    deposit=BANK,
    deferred_revenue=DEFERRED,
    payment_methods={"cheque": "Chèque"},
)


@dataclass
class QuickBooksBench(ServedBench[QuickBooksOnline]):
    """A served sandbox with one company, and connectors on it."""

    API = "/v3/"
    FORGET_S = 60.0

    folder: Path
    accounts: AccountsSettings = field(default=ACCOUNTS, kw_only=True)

    @property
    def sandbox(self) -> QuickBooksSystem:
        assert isinstance(self.served.system, QuickBooksSystem)
        return self.served.system

    @property
    def books(self) -> Any:
        return self.sandbox.companies.books(REALM)

    @property
    def token_file(self) -> Path:
        return self.folder / "qbo-token.json"

    def build(self) -> type[QuickBooksOnline]:
        return QuickBooksOnline

    def connection(self, **values: Any) -> Connection:
        given = {
            "api_root": f"{self.served.url}/v3",
            "discovery_url": f"{self.served.url}/.well-known/openid_configuration",
            "realm_id": REALM,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "token_file": str(self.token_file),
        }
        return Connection.model_validate({**given, **values})

    def authorise(self, **changes: Any) -> None:
        """Puts a token file down, as `membri-sync authorize` does."""
        issued = issue_tokens(self.sandbox, REALM)
        now = int(self.time.clock())
        content = {
            "access_token": issued["access_token"],
            "refresh_token": issued["refresh_token"],
            "expires_at": now + issued["expires_in"],
            "refresh_expires_at": now + issued["x_refresh_token_expires_in"],
            "realm_id": REALM,
            **changes,
        }
        self.token_file.write_text(json.dumps(content), encoding="utf-8")

    def rows(self, kind: str) -> list[dict[str, Any]]:
        return self.sandbox.dump()[REALM][kind]  # type: ignore[no-any-return]  # a dump is plain JSON

    def held(self, record: Record) -> Held:
        kind, what = _kind_of(record)
        mine = [row for row in self.rows(kind) if marked(row, what, record.id)]
        if isinstance(record, JournalEntry):
            debits = [line["Amount"] for row in mine for line in row["Line"]][::2]
            return Held(len(mine), sum_of(debits))
        return Held(
            len(mine),
            sum_of(row.get("TotalAmt", 0) for row in mine),
            sum_of(row.get("Balance", 0) for row in mine),
        )

    def applications(self, record: Record) -> int:
        return sum(1 for row in self.rows("Payment") if marked(row, "application", record.id))

    def customer_name(self, remote_id: str) -> str:
        (row,) = [row for row in self.rows("Customer") if row["Id"] == remote_id]
        return str(row["DisplayName"])

    def accountant(self, **order: Any) -> dict[str, Any]:
        """What a person does in QuickBooks itself."""
        return act(self.books, {"realm": REALM, **order})

    def add_customer(
        self,
        name: str,
        *,
        number: str = "",  # noqa: ARG002 — QuickBooks' customers have none
        active: bool = True,
    ) -> RemoteRef:
        row = self.accountant(entity="Customer", create={"DisplayName": name})
        if not active:
            self.accountant(entity="Customer", id=row["Id"], set={"Active": False})
        return RemoteRef(row["Id"], name)

    def append_numbers(self) -> QuickBooksOnline:
        return self.connector(ChapterSettings(duplicate_names="append_number"))

    def close_until(self, date: dt.date | None) -> None:
        self.accountant(BookCloseDate=date.isoformat() if date else None)
        self.restarted()  # one that runs learns it from a refusal, or the next day

    def cut(self) -> None:
        self._connector = self.connector(api_root="http://localhost:9/v3")  # nobody listens there

    def throttle(self) -> None:
        self.sandbox.faults.arm(
            kind="status", status=429, path="/v3/", body="{}", headers={"Retry-After": "1"}
        )

    def expire(self) -> None:
        self.time.sleep(3601)  # quickbooks-online.md, section 2: an access lasts an hour

    def revoke(self) -> None:
        token = json.loads(self.token_file.read_text(encoding="utf-8"))
        self.sandbox.authority.revoke(token["refresh_token"])

    def restore(self) -> None:
        self.authorise()


def _kind_of(record: Record) -> tuple[str, str]:
    match record:
        case Account():
            return "Customer", "account"
        case Invoice(kind="credit_note"):
            return "CreditMemo", "invoice"
        case Invoice():
            return "Invoice", "invoice"
        case Payment():
            return "Payment", "payment"
        case JournalEntry():
            return "JournalEntry", "journal_entry"


@contextmanager
def quickbooks_bench(folder: Path, **served: Any) -> Iterator[QuickBooksBench]:
    """A sandbox of its own with one company, authorised."""
    virtual = VirtualTime()
    system = quickbooks_system(
        Store(),
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        clock=virtual.now,
        monotonic=virtual.monotonic,
    )
    system.seed({"realms": {REALM: default_company("Association des Érables")}})
    with running(system, **served) as running_system:
        bench = QuickBooksBench(running_system, virtual, folder)
        bench.authorise()
        with closing(bench):
            yield bench
