"""One simulated company: its records, their etags, its numbers, its open period.

In: stored values. Out: documents by resource name, as the store holds them. What starts with an
underscore in a document never leaves the system.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from ops.sandbox.business_central.answers import DIALOG, FIELD, Refusal
from ops.sandbox.business_central.options import Options
from ops.sandbox.business_central.properties import NO_DATE, NO_GUID, RESOURCES
from ops.sandbox.business_central.values import code
from ops.sandbox.kernel.offences import Offences
from ops.sandbox.kernel.store import Document, Store

_CODED = (
    *("paymentTerms", "paymentMethods", "shipmentMethods", "taxGroups", "taxAreas"),
    *("currencies", "countriesRegions", "_batches"),
)
_INDEXED: dict[str, tuple[str, ...]] = {
    "customers": ("number",),
    "salesInvoices": ("number", "externalDocumentNumber", "customerNumber"),
    "salesCreditMemos": ("number", "externalDocumentNumber", "customerNumber", "invoiceNumber"),
    "salesInvoiceLines": ("documentId",),
    "salesCreditMemoLines": ("documentId",),
    "customerPayments": ("journalId",),
    "journalLines": ("journalId",),
    "generalLedgerEntries": ("documentNumber", "accountNumber"),
    "_ledger": ("customer", "documentNumber"),
    "accounts": ("number",),
    **dict.fromkeys(_CODED, ("code",)),
}


@dataclass(frozen=True)
class Actor:
    """Who writes now: a program by its access token, or a person in the client (`writer` "")."""

    writer: str = ""
    method: str = ""
    path: str = ""

    @property
    def is_person(self) -> bool:
        return not self.writer


PERSON = Actor()


class Books:
    """The company of that GUID. `clock` gives aware datetimes."""

    def __init__(
        self,
        store: Store,
        company: str,
        clock: Callable[[], dt.datetime],
        options: Options,
        offences: Offences,
    ) -> None:
        self.store = store
        self.company = company
        self.options = options
        self.actor = PERSON
        self.is_other: Callable[[str], bool] = lambda _: True  # whether that writer lives on
        self._clock = clock
        self._offences = offences
        self._noted: list[tuple[str, str, Actor]] = []
        for name, properties in _INDEXED.items():
            for one in properties:
                store.index(self.kind(name), one, _value_of(one))

    def kind(self, name: str) -> str:
        return f"{self.company}/{name}"

    def all(self, name: str) -> list[Document]:
        return self.store.all(self.kind(name))

    def get(self, name: str, key: str) -> Document | None:
        return self.store.get(self.kind(name), key)

    def find(self, name: str, by: str, value: str) -> list[Document]:
        return self.store.find(self.kind(name), by, value)

    def indexed(self, name: str, by: str) -> bool:
        return by in _INDEXED.get(name, ())

    def named(self, name: str, text: str, by: str = "code") -> Document | None:
        """The one record with that code or number."""
        found = self.find(name, by, code(text)) if text else []
        return found[0] if found else None

    def insert(self, name: str, values: Document) -> Document:
        """A new record with an id, unless it brings its own."""
        return self._keep(name, {"id": str(uuid.uuid4()), **values}, 1)

    def change(self, name: str, before: Document, **values: object) -> Document:
        return self._keep(name, {**before, **values}, int(before["_version"]) + 1)

    def remove(self, name: str, document: Document) -> None:
        self.store.delete(self.kind(name), document["id"])

    def _keep(self, name: str, document: Document, version: int) -> Document:
        resource = RESOURCES.get(name)
        empty = {p.name: p.empty for p in resource.properties.values()} if resource else {}
        kept = {
            **empty,
            **document,
            "_version": version,
            "@odata.etag": f'W/"JzIwOz{document["id"][:8]}{version:06d}Jzsn"',
            "lastModifiedDateTime": self.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        self.store.put(self.kind(name), document["id"], kept)
        return self.get(name, document["id"]) or kept

    # Time and numbers.

    def now(self) -> dt.datetime:
        return self._clock().astimezone(dt.UTC)

    def today(self) -> str:
        return self.now().date().isoformat()

    def next_number(self, series: str) -> str:
        """The next of a number series: `S-INV` gives `S-INV102001`."""
        return f"{series}{self.store.next_number(self.kind(series), first=102001)}"

    def next_entry(self) -> int:
        return self.store.next_number(self.kind("entry"))

    @property
    def setup(self) -> Document:
        return self.all("generalLedgerSetup")[0]

    def check_period(self, day: str, field: str = "Posting Date", error: str = DIALOG) -> None:
        """Refuses a date outside the allowed range; the user's own dates win (section 7)."""
        setup = self.setup
        own = str(setup.get("_userFrom") or NO_DATE), str(setup.get("_userTo") or NO_DATE)
        if own == (NO_DATE, NO_DATE):
            own = str(setup["allowPostingFrom"]), str(setup["allowPostingTo"])
        first, last = own
        if day < first or NO_DATE < last < day:
            raise Refusal(error, "closed_period", field=field, day=dt.date.fromisoformat(day))

    # References.

    def referenced(self, name: str, guid: str, property_name: str, what: str) -> Document | None:
        """The record a `…Id` names; None when it is empty. Raises Refusal when unknown."""
        if guid in ("", NO_GUID):
            return None
        found = self.get(name, guid)
        if found is None:
            raise Refusal(DIALOG, "unmatched", name=property_name, what=what)
        return found

    def pair(
        self, name: str, values: Document, id_name: str, key_name: str, what: str, by: str
    ) -> Document | None:
        """The record that an id and a number name together. Both must agree."""
        one = self.referenced(name, values.get(id_name, NO_GUID), id_name, what)
        text = values.get(key_name, "")
        if not text:
            return one
        other = self.named(name, text, by)
        if other is None:
            raise Refusal(DIALOG, "unmatched", name=key_name, what=what)
        if one is not None and one["id"] != other["id"]:
            raise Refusal(DIALOG, "disagree", what=what)
        return other

    def postable(self, number: str, *, error: str = FIELD) -> Document:
        """A G/L account that takes entries by hand. Raises Refusal."""
        account = self.named("accounts", number, "number")
        if account is None:
            raise Refusal(DIALOG, "no_account")
        table, key = "G/L Account", f"No.={account['number']}"
        checks = (
            ("Account Type", "Posting", account["accountType"]),
            ("Blocked", "No", "Yes" if account["blocked"] else "No"),
            ("Direct Posting", "Yes", "Yes" if account["directPosting"] else "No"),
        )
        for field, wanted, value in checks:
            if value != wanted:
                raise Refusal(
                    error, "must_be", field=field, wanted=wanted, table=table, key=key, value=value
                )
        return account

    def offend(self, name: str, detail: str) -> None:
        """Notes bad manners of a program; a person may do what a person does."""
        if not self.actor.is_person:
            self._noted.append((name, detail, self.actor))

    def count_offences(self) -> None:
        """Keeps what was noted. Apart, so that a refused write does not take it back."""
        for name, detail, actor in self._noted:
            self._offences.add(name, detail, method=actor.method, path=actor.path)
        self._noted.clear()


def _value_of(name: str) -> Callable[[Document], Hashable]:
    return lambda document: document.get(name)


def incremented(text: str) -> str:
    """AL's IncStr: the last number in the text, plus one; the text itself when it has none."""
    found = list(re.finditer(r"\d+", text))
    if not found:
        return text
    last = found[-1]
    number = str(int(last[0]) + 1).zfill(len(last[0]))
    return text[: last.start()] + number + text[last.end() :]
