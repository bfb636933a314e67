"""The simulated businesses: each with its books, seeded from plain documents.

In: `{business id: default_company(…) with more records}`. Out: `Books` by business id, and a dump
of them all. Refuses a seed with a record the service itself would not hold.
"""

from __future__ import annotations

from typing import Any

from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.sage_accounting.answers import Refusal
from ops.sandbox.sage_accounting.books import RECORDS, Books, Clock
from ops.sandbox.sage_accounting.editions import How
from ops.sandbox.sage_accounting.lists import SEEDED
from ops.sandbox.sage_accounting.options import EDITIONS, Options
from ops.sandbox.sage_accounting.users import Users
from ops.sandbox.sage_accounting.writes import create, present

_STATE = ("name", "edition", "subscription", "financial_settings", "invoice_settings")
_ID_LENGTH = 32


class Companies:
    """Every business of the simulated service."""

    def __init__(self, store: Store, clock: Clock, options: Options, users: Users) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._users = users
        self._books: dict[str, Books] = {}

    def businesses(self) -> list[str]:
        return self._store.keys("_business")

    def books(self, business: str) -> Books:
        """The books of a business. Raises KeyError when there is none."""
        if business not in self._books:
            if self._store.get("_business", business) is None:
                raise KeyError(business)
            self._books[business] = Books(self._store, business, self._clock, self._options)
        return self._books[business]

    def seed(self, businesses: dict[str, Document]) -> None:
        """Adds businesses, or records to them. Raises ValueError."""
        try:
            for business, content in businesses.items():
                self._seed(business, content)
        except Refusal as refusal:
            raise ValueError(f"seed of {business}: {refusal}") from refusal
        finally:
            self._books.clear()  # of a refused seed, the store takes the businesses back

    def _seed(self, business: str, content: Document) -> None:
        unknown = set(content) - {*_STATE, *SEEDED, *RECORDS}
        if unknown:
            raise ValueError(f"unknown in the seed of {business}: {', '.join(sorted(unknown))}")
        if len(business) != _ID_LENGTH or set(business) - set("0123456789abcdef"):
            raise ValueError(f"a business id is {_ID_LENGTH} hexadecimal characters: {business!r}")
        if content.get("edition", EDITIONS[0]) not in EDITIONS:
            raise ValueError(f"unknown edition {content['edition']!r}; known: {EDITIONS}")
        if self._store.get("_business", business) is None:
            state = {"subscription": True, "edition": self._options.edition}
            self._store.put("_business", business, state)
        self._users.of_business(business)
        books = self.books(business)
        books.change_state(**{name: content[name] for name in _STATE if name in content})
        for resource in SEEDED:
            for row in content.get(resource, ()):
                self._store.put(books.kind(resource), str(row["id"]), row)
        how = How(by_hand=True, seeding=True)
        for resource in RECORDS:
            for body in content.get(resource, ()):
                given = {"id": body.get("id") or books.new_id(), **body}
                create(books, resource, given, how)

    def dump(self) -> dict[str, Any]:
        """{business: {resource: [full records], "business": settings}}."""
        return {
            business: {
                "business": books.state,
                **{
                    resource: [present(books, resource, one) for one in books.all(resource)]
                    for resource in RECORDS
                },
            }
            for business in self.businesses()
            for books in [self.books(business)]
        }
