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
from decimal import Decimal
from pathlib import Path
from typing import Any

from consumers.system import AccountsSettings, RemoteRef, Setup
from consumers.systems.quickbooks_online.connector import QuickBooksOnline
from consumers.systems.quickbooks_online.markers import marked
from consumers.systems.quickbooks_online.settings import Connection
from ops.sandbox.kernel.serving import Served, running
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
from schemas.facts import Fact
from schemas.records import Account, Invoice, JournalEntry, Payment, Record
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
class QuickBooksBench:
    """A served sandbox with one company, and connectors on it."""

    served: Served
    time: VirtualTime
    folder: Path
    facts: list[Fact] = field(default_factory=list)
    accounts: AccountsSettings = ACCOUNTS
    _connector: QuickBooksOnline | None = None
    _opened: list[QuickBooksOnline] = field(default_factory=list)

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

    @property
    def system(self) -> QuickBooksOnline:
        if self._connector is None:
            self._connector = self.connector()
        return self._connector

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

    def connector(self, settings: ChapterSettings | None = None, **values: Any) -> QuickBooksOnline:
        self.time.sleep(60)  # a new connector knows nothing of the requests of the former one
        connection = self.connection(**values)
        setup = Setup(
            "montreal",
            connection,
            self.accounts,
            settings or ChapterSettings(),
            self.facts.append,
        )
        made = QuickBooksOnline(
            setup, clock=self.time.clock, monotonic=self.time.monotonic, sleep=self.time.sleep
        )
        self._opened.append(made)
        return made

    def restarted(self) -> QuickBooksOnline:
        self._connector = self.connector()
        return self._connector

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
            return Held(len(mine), _sum(debits))
        return Held(
            len(mine),
            _sum(row.get("TotalAmt", 0) for row in mine),
            _sum(row.get("Balance", 0) for row in mine),
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

    def spoil(self, damage: str, request: int) -> None:
        kind = {"lost_before": "drop_before", "lost_after": "drop_after"}.get(damage)
        fault = {"kind": kind} if kind else {"kind": "status_after", "status": 504}
        self.sandbox.faults.arm(**fault, path="/v3/", skip=request)

    def spoiled(self) -> bool:
        left = self.sandbox.faults.armed()
        self.sandbox.faults.clear()
        return not left

    def cut(self) -> None:
        self._connector = self.connector(api_root="http://localhost:9/v3")  # nobody listens there

    def mend(self) -> None:
        self._connector = None

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

    def close(self) -> None:
        for connector in self._opened:
            connector.close()


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


def _sum(values: Any) -> Decimal:
    return sum((Decimal(str(value)) for value in values), Decimal(0)).quantize(Decimal("0.01"))


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
        try:
            yield bench
        finally:
            bench.close()
