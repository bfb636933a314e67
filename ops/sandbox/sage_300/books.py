"""The books of one simulated company: its records, found by key or by an indexed value.

In: finished records. Out: records by resource and key. Keys are the values of a resource's key
properties. Everything is kept in the store, so a killed process wakes with the same books.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.sage_300.answers import Refusal, field_invalid
from ops.sandbox.sage_300.options import Options
from ops.sandbox.sage_300.resources import RESOURCES

Clock = Callable[[], datetime]
# The session date of an undated record is that of the server, which stands at the customer's.
SERVER_ZONE = ZoneInfo("America/Toronto")
LISTED = (
    *("ARCustomerGroups", "ARTerms", "ARDistributionCodes", "ARPaymentCodes", "APVendors"),
    *("BKBanks", "GLAccounts", "GLSourceCodes", "CSFiscalCalendars", "CSCompanyProfile"),
    *("TXTaxGroups", "TXTaxAuthorities", "TXTaxRates", "ARCustomers"),
)
"""What a seed may hold as plain records."""


class Books:
    """One company. `clock` gives aware datetimes."""

    def __init__(self, store: Store, company: str, clock: Clock, options: Options) -> None:
        self.store = store
        self.company = company
        self.options = options
        self._clock = clock
        for resource in RESOURCES.values():
            for name in resource.indexed:
                store.index(self._kind(resource.name), name, operator.itemgetter(name))

    def _kind(self, resource: str) -> str:
        return f"{self.company}/{resource}"

    def transaction(self) -> AbstractContextManager[None]:
        return self.store.transaction()

    def get(self, resource: str, *key: Any) -> Document | None:
        return self.store.get(self._kind(resource), _text(key))

    def all(self, resource: str) -> list[Document]:
        return self.store.all(self._kind(resource))

    def find(self, resource: str, name: str, value: Any) -> list[Document]:
        """The records whose indexed property is `value`."""
        return self.store.find(self._kind(resource), name, value)

    def key_of(self, resource: str, record: Document) -> tuple[Any, ...]:
        return tuple(record[name] for name in RESOURCES[resource].keys)

    def put(self, resource: str, record: Document) -> Document:
        """Keeps a record as it is; returns it as a later reader will see it."""
        for name in RESOURCES[resource].indexed:
            record.setdefault(name, "")
        key = self.key_of(resource, record)
        self.store.put(self._kind(resource), _text(key), record)
        return self.get(resource, *key) or record

    def delete(self, resource: str, *key: Any) -> None:
        self.store.delete(self._kind(resource), _text(key))

    def number(self, series: str, first: int = 1) -> int:
        """The next number of a series; none is ever given twice."""
        return self.store.next_number(self._kind(f"number/{series}"), first)

    def now(self) -> datetime:
        return self._clock()

    def today(self) -> str:
        return self.now().astimezone(SERVER_ZONE).date().isoformat()

    @property
    def profile(self) -> Document:
        """CSCompanyProfile: the name, the currency, what a locked period does."""
        found = self.all("CSCompanyProfile")
        return found[0] if found else {}

    @property
    def state(self) -> Document:
        """What is known of the company beside its books: rights of its users, locks, demands."""
        return self.store.get("_company", self.company) or {}

    def change_state(self, **changes: Any) -> None:
        self.store.put("_company", self.company, {**self.state, **changes})

    def made_under(self, resource: str, customer: str, number: str) -> list[list[Any]]:
        """The keys of the batches that the API made with this number of this customer."""
        found = self.store.get(self._kind(f"_made/{resource}"), _text((customer, number)))
        return list(found["keys"]) if found else []

    def remember_made(self, resource: str, customer: str, number: str, key: Sequence[Any]) -> None:
        keys = [*self.made_under(resource, customer, number), list(key)]
        self.store.put(self._kind(f"_made/{resource}"), _text((customer, number)), {"keys": keys})

    # References.

    def existing(self, resource: str, *key: Any, what: str) -> Document:
        """The record that another one names. Raises Refusal when there is none or it sleeps."""
        found = self.get(resource, *key)
        shown = "-".join(str(part) for part in key)
        if found is None:
            raise field_invalid(f"{what} {shown} does not exist.")
        if found.get("Status", "Active") != "Active":
            raise field_invalid(f"{what} {shown} is inactive.")
        return found

    def one(self, resource: str, *key: Any) -> Document:
        """The record a URL names. Raises Refusal."""
        found = self.get(resource, *key)
        if found is None:
            shown = ",".join(str(part) for part in key)
            raise Refusal("RecordNotFound", f"Record not found: {resource}({shown}).")
        return found

    def account(self, written: str) -> str:
        """The unformatted key of an account that may be posted to. Raises Refusal."""
        key = written.replace("-", "")
        found = self.existing("GLAccounts", key, what="G/L account")
        if found.get("PostToAccount", "Detail") == "Prohibited":
            raise field_invalid(f"G/L account {written}: posting to it is not permitted.")
        return key


def _text(key: Sequence[Any]) -> str:
    return "|".join(str(part) for part in key)
