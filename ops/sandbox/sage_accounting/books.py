"""The books of one simulated business: its records, settings, numbers and closed period.

In: finished records. Out: records, by id or by contact. Refuses an id of another business (404),
and dates outside the open period (422; the texts are options).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.sage_accounting.answers import Problems, not_found
from ops.sandbox.sage_accounting.fields import fold
from ops.sandbox.sage_accounting.options import Options

Clock = Callable[[], datetime]
RECORDS = (
    *("contacts", "sales_invoices", "sales_credit_notes"),
    *("contact_payments", "contact_allocations", "journals"),
)
_BY_CONTACT = ("sales_invoices", "sales_credit_notes", "contact_payments", "contact_allocations")
START = ("START", "MICRO")


class Books:
    """One business. `clock` gives aware datetimes."""

    def __init__(self, store: Store, business: str, clock: Clock, options: Options) -> None:
        self.store = store
        self.business = business
        self.options = options
        self._clock = clock
        for resource in _BY_CONTACT:
            store.index(self.kind(resource), "contact", lambda record: record["contact"]["id"])
        store.index(self.kind("contacts"), "name", lambda record: fold(record["name"]))
        store.index(self.kind("contacts"), "reference", lambda record: fold(record["reference"]))
        store.index(self.kind("journals"), "reference", lambda record: record["reference"])
        store.index(self.kind("share"), "artefact", lambda share: share["artefact"])
        store.index(self.kind("share"), "owner", lambda share: share["owner"])

    def kind(self, name: str) -> str:
        return f"{self.business}/{name}"

    # Records.

    def get(self, resource: str, number: str) -> Document | None:
        return self.store.get(self.kind(resource), number)

    def existing(self, resource: str, number: str) -> Document:
        """Raises Refusal (404)."""
        found = self.get(resource, number)
        if found is None:
            raise not_found()
        return found

    def all(self, resource: str) -> list[Document]:
        return self.store.all(self.kind(resource))

    def of_contact(self, resource: str, contact: str) -> list[Document]:
        return self.store.find(self.kind(resource), "contact", contact)

    def shares(self, name: str, value: str) -> list[Document]:
        """Amounts put on an artefact ("artefact") or put by a payment or allocation ("owner")."""
        return self.store.find(self.kind("share"), name, value)

    def put(self, resource: str, record: Document, *, touched: bool = True) -> Document:
        """Keeps a record; its times are the service's. Returns what a reader will see."""
        now = self.timestamp()
        times = {"created_at": record.get("created_at", now)}
        times["updated_at"] = now if touched else record.get("updated_at", now)
        number = str(record["id"])
        self.store.put(self.kind(resource), number, {**record, **times})
        return self.existing(resource, number)

    def remove(self, resource: str, record: Document) -> None:
        """Deletes, and leaves what `deleted_since` shows."""
        number = str(record["id"])
        self.store.delete(self.kind(resource), number)
        grave = {
            "id": number,
            "displayed_as": record.get("displayed_as", ""),
            "deleted_at": self.timestamp(),
        }
        self.store.put(self.kind(f"_deleted/{resource}"), number, grave)

    def new_id(self) -> str:
        return uuid.uuid4().hex

    # Settings and time.

    @property
    def state(self) -> Document:
        """{name, edition, subscription, financial_settings, invoice_settings}."""
        return self.store.get("_business", self.business) or {}

    def change_state(self, **values: Any) -> None:
        """Groups of settings are merged, the rest is replaced."""
        before = self.state
        merged = {
            name: {**before.get(name, {}), **value} if isinstance(value, dict) else value
            for name, value in values.items()
        }
        self.store.put("_business", self.business, {**before, **merged})

    @property
    def is_start(self) -> bool:
        """Whether this is the limited edition."""
        return self.state.get("edition") in START

    def setting(self, group: str, name: str, default: Any = None) -> Any:
        value = self.state.get(group, {}).get(name)
        return default if value is None else value

    def now(self) -> datetime:
        return self._clock()

    def timestamp(self) -> str:
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def today(self) -> str:
        return self.now().date().isoformat()

    def is_closed(self, day: str) -> bool:
        return day <= str(self.setting("financial_settings", "year_end_lockdown_date", ""))

    def check_open(self, problems: Problems, day: str) -> None:
        """Adds a problem when `day` is before the accounts start or in the closed period."""
        if not day:
            return
        if day < str(self.setting("financial_settings", "accounts_start_date", "")):
            problems.add(self.options.before_start_text, "date")
        elif self.is_closed(day):
            problems.add(self.options.closed_text, "date")
