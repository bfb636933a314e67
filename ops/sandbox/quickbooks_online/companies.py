"""The simulated companies: each with its books, seeded from plain documents.

In: `{"realms": {id: {entity: [documents]}}}`. Out: `Books` by realm id, and a dump of them all.
Refuses a seed with a document the service itself would not hold.
"""

from __future__ import annotations

from typing import Any

from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.quickbooks_online.answers import plain, timestamp
from ops.sandbox.quickbooks_online.books import SERVER_ZONE, Books, Clock
from ops.sandbox.quickbooks_online.conform import conform
from ops.sandbox.quickbooks_online.links import linked_amounts, settle
from ops.sandbox.quickbooks_online.options import Options
from ops.sandbox.quickbooks_online.properties import ENTITIES, NUMBERS, READ_ONLY_ENTITIES
from ops.sandbox.quickbooks_online.writes import prepare, present

# What others refer to comes first.
_ORDER = (
    *("Account", "Term", "PaymentMethod", "TaxRate", "TaxCode", "Item"),
    *("Customer", "Vendor", "Employee", "Invoice", "CreditMemo", "Payment", "JournalEntry"),
)


class Companies:
    """Every company of the simulated service."""

    def __init__(self, store: Store, clock: Clock, options: Options) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._books: dict[str, Books] = {}

    def now(self) -> str:
        """The simulated time, as the service writes it."""
        return timestamp(self._clock().astimezone(SERVER_ZONE))

    def realms(self) -> list[str]:
        return self._store.keys("_realm")

    def books(self, realm: str) -> Books:
        """The books of a company. Raises KeyError when there is no such company."""
        if realm not in self._books:
            if self._store.get("_realm", realm) is None:
                raise KeyError(realm)
            self._books[realm] = Books(self._store, realm, self._clock, self._options)
        return self._books[realm]

    def seed(self, realms: dict[str, Document]) -> None:
        """Adds companies, or documents to them. Raises ValueError and Refusal."""
        try:
            for realm, content in realms.items():
                self._seed(realm, content)
        except BaseException:
            self._books.clear()  # their indexes saw writes that the store takes back
            raise

    def _seed(self, realm: str, content: Document) -> None:
        unknown = set(content) - set(ENTITIES) - {"environment"}
        if unknown:
            raise ValueError(f"unknown in the seed of {realm}: {', '.join(sorted(unknown))}")
        if self._store.get("_realm", realm) is None:
            state = {"environment": content.get("environment", self._options.environment)}
            self._store.put("_realm", realm, state)
        books = self.books(realm)
        self._reserve_ids(books, content)
        for entity in ("CompanyInfo", "Preferences"):
            if entity in content:
                books.put(entity, books.stamp(content[entity], None) | {"Id": "1"})
        for entity in _ORDER:
            for raw in content.get(entity, ()):
                self._seed_one(books, entity, raw)

    def _reserve_ids(self, books: Books, content: Document) -> None:
        """Numbers given later start above those of the seed."""
        given = [
            int(document["Id"])
            for entity in _ORDER
            for document in content.get(entity, ())
            if "Id" in document
        ]
        name = books.kind("id")
        current = int((self._store.get("_counter", name) or {}).get("value", 0))
        self._store.put("_counter", name, {"value": max([current, *given])})

    def _seed_one(self, books: Books, entity: str, raw: Document) -> None:
        document = conform(entity, _exact(raw))
        if entity in READ_ONLY_ENTITIES:
            prepared = {"Active": True, **document}
        else:
            prepared = prepare(books, entity, document, None)
        stamped = books.stamp(prepared, None)
        books.put(entity, {**stamped, "Id": str(raw.get("Id", stamped["Id"]))})
        if entity == "Payment":
            settle(books, set(linked_amounts(stamped)))

    def dump(self) -> dict[str, Any]:
        """{realm: {entity: [full documents]}}, amounts as numbers."""
        return {
            realm: {
                entity: [
                    plain(present(books, entity, document), NUMBERS)
                    for document in books.all(entity)
                ]
                for entity in ENTITIES
            }
            for realm in self.realms()
            for books in [self.books(realm)]
        }


def _exact(value: Any) -> Any:
    """A seed read from JSON or Python may hold floats; their shortest text is what was meant."""
    if isinstance(value, float):
        return str(value)
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    return value
