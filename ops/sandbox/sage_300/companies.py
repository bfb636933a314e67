"""The simulated companies: each with its books, seeded from plain records.

In: `{company: {resource: [records]}}`. Out: `Books` by company, and a dump of them all. Refuses
a seed that names an unknown resource (ValueError).
"""

from __future__ import annotations

from typing import Any

from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.sage_300 import customers
from ops.sandbox.sage_300.books import LISTED, Books, Clock
from ops.sandbox.sage_300.entry import Session
from ops.sandbox.sage_300.options import Options
from ops.sandbox.sage_300.processes import finish_due
from ops.sandbox.sage_300.resources import RESOURCES

_DUMPED = (
    *LISTED,
    *("ARInvoiceBatches", "ARReceiptAndAdjustmentBatches", "GLJournalBatches"),
    *("ARPostedDocuments", "ARPostedReceipts", "GLPostedTransactions"),
)


class Companies:
    """Every company of the simulated server."""

    def __init__(self, store: Store, clock: Clock, options: Options) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._books: dict[str, Books] = {}

    def names(self) -> list[str]:
        return self._store.keys("_company")

    def books(self, company: str) -> Books:
        """The books of a company, with the postings that are over by now ended.

        Raises KeyError when there is no such company.
        """
        if company not in self._books:
            if self._store.get("_company", company) is None:
                raise KeyError(company)
            self._books[company] = Books(self._store, company, self._clock, self._options)
        found = self._books[company]
        finish_due(found)
        return found

    def seed(self, companies: dict[str, Document]) -> None:
        """Adds companies, or records to them. Raises ValueError and Refusal."""
        for company, content in companies.items():
            unknown = set(content) - set(LISTED)
            if unknown:
                raise ValueError(f"unknown in the seed of {company}: {', '.join(sorted(unknown))}")
            if self._store.get("_company", company) is None:
                self._store.put("_company", company, {})
            books = self.books(company)
            for resource in LISTED:
                for raw in content.get(resource, ()):
                    keep(books, resource, raw)

    def dump(self) -> dict[str, Any]:
        """{company: {resource: [records as kept]}}; amounts are texts."""
        return {
            company: {name: books.all(name) for name in _DUMPED}
            for company in self.names()
            for books in [self.books(company)]
        }


def keep(books: Books, resource: str, raw: Document) -> Document:
    """A record that a person typed in a set-up screen. Raises Refusal for a customer."""
    if resource == "ARCustomers":
        return customers.create(Session(books, by_person=True), raw)
    defaults = {name: one.default for name, one in RESOURCES[resource].properties.items()}
    own = {"DatabaseID": books.company} if resource == "CSCompanyProfile" else {}
    unknown = set(raw) - set(defaults)
    if unknown:
        raise ValueError(f"unknown in {resource}: {', '.join(sorted(unknown))}")
    return books.put(resource, {**defaults, **own, **raw})
