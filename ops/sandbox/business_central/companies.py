"""The simulated companies: each with its books, seeded from plain records.

In: `{"companies": {guid: default_company(…)}}`. Out: `Books` by GUID or name, and a dump of all.
Refuses a company that is already there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from ops.sandbox.business_central import journals
from ops.sandbox.business_central.answers import NO_COMPANY, Refusal
from ops.sandbox.business_central.books import PERSON, Books
from ops.sandbox.business_central.company import BANK
from ops.sandbox.business_central.options import Options
from ops.sandbox.business_central.properties import RESOURCES
from ops.sandbox.kernel.offences import Offences
from ops.sandbox.kernel.store import Document, Store

LISTS = (
    *("generalLedgerSetup", "accounts", "taxAreas", "taxGroups", "paymentTerms"),
    *("paymentMethods", "shipmentMethods", "currencies", "countriesRegions"),
)
_DUMPED = (
    *(name for name in RESOURCES if name not in ("companies", "journals")),
    *("_ledger", "_applications", "_batches", "_jobs", "_vendors"),
)


class _Unwanted(Exception):
    pass


class Companies:
    """Every company of the simulated environment."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        options: Options,
        offences: Offences,
    ) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._offences = offences
        self._books: dict[str, Books] = {}

    @contextmanager
    def undoable(self) -> Iterator[Callable[[], None]]:
        """A transaction, and the way to take it back once the block is over."""
        unwanted: list[bool] = []
        try:
            with self._store.transaction():
                yield lambda: unwanted.append(True)
                if unwanted:
                    raise _Unwanted  # noqa: TRY301 — only raising takes a transaction back
        except _Unwanted:
            pass

    def ids(self) -> list[str]:
        return self._store.keys("_company")

    def books(self, company: str) -> Books:
        """The books of a company, for a person. Raises KeyError when there is no such company."""
        if company not in self._books:
            if self._store.get("_company", company) is None:
                raise KeyError(company)
            self._books[company] = Books(
                self._store, company, self._clock, self._options, self._offences
            )
        books = self._books[company]
        books.actor = PERSON
        books.is_other = lambda _: True
        return books

    def found(self, key: str) -> Books:
        """By GUID or by exact name. Raises Refusal (Internal_CompanyNotFound)."""
        for company in self.ids():
            if key and key in (company, self.described(company)["name"]):
                return self.books(company)
        raise Refusal(NO_COMPANY, "no_company", status=404, company=key)

    def described(self, company: str) -> Document:
        kept = self._store.get("_company", company) or {}
        return {"id": company, "name": kept["name"], "displayName": kept["displayName"]}

    def listed(self) -> list[Document]:
        return [self.described(company) for company in self.ids()]

    def seed(self, companies: dict[str, Document]) -> None:
        """Adds companies. Raises ValueError and KeyError."""
        for company, content in companies.items():
            try:
                self._seed(company.lower(), content)
            except Refusal as refusal:
                raise ValueError(str(refusal)) from refusal

    def _seed(self, company: str, content: Document) -> None:
        unknown = set(content) - set(LISTS) - {"name", "displayName", "batches"}
        if unknown:
            raise ValueError(f"unknown in the seed of {company}: {', '.join(sorted(unknown))}")
        if self._store.get("_company", company) is not None:
            raise ValueError(f"the company {company} is there already")
        self._store.put(
            "_company",
            company,
            {"name": content["name"], "displayName": content.get("displayName", "")},
        )
        books = self.books(company)
        for name in LISTS:
            for record in content.get(name, []):
                key = record.get("number") or record.get("code") or name
                own = str(uuid.uuid5(uuid.UUID(company), f"{name}/{key}"))
                books.insert(name, {"id": own, **record})
        bank = books.named("accounts", BANK, "number")
        for record in content.get("batches", []):
            values = {k: v for k, v in record.items() if k != "resource"}
            if record["resource"] == "customerPaymentJournals" and bank:
                values["balancingAccountId"] = bank["id"]
            journals.create_batch(books, record["resource"], values)

    def dump(self) -> dict[str, Any]:
        """{guid: {resource: [records as kept]}}, amounts as text."""
        return {
            company: {
                "company": self.described(company),
                **{name: self.books(company).all(name) for name in _DUMPED},
            }
            for company in self.ids()
        }
