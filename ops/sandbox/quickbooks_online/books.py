"""The books of one simulated company: its documents, numbers, references and closing date.

In: finished documents. Out: documents, found by Id or by indexed value. Refuses references to what
does not exist or is inactive. A transaction here covers the store and the index together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.quickbooks_online.answers import Refusal, timestamp
from ops.sandbox.quickbooks_online.index import Index, fold
from ops.sandbox.quickbooks_online.options import Options
from ops.sandbox.quickbooks_online.properties import ENTITIES

Clock = Callable[[], datetime]
# Intuit's servers stamp times, and choose the date of an undated transaction, in Pacific time.
SERVER_ZONE = timezone(timedelta(hours=-8))


class Books:
    """One company. `clock` gives aware datetimes."""

    def __init__(self, store: Store, realm: str, clock: Clock, options: Options) -> None:
        self.store = store
        self.realm = realm
        self.options = options
        self._clock = clock
        self._touched: list[tuple[str, str]] | None = None
        self._indexes: dict[str, Index] = {entity: Index() for entity in ENTITIES}
        for entity in ENTITIES:
            for number in store.keys(self.kind(entity)):
                self._indexes[entity].set(number, store.get(self.kind(entity), number))

    def kind(self, name: str) -> str:
        return f"{self.realm}/{name}"

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All the writes inside or none, in the store and in the index."""
        if self._touched is not None:
            yield
            return
        self._touched = []
        try:
            with self.store.transaction():
                yield
        except BaseException:
            for entity, number in self._touched:
                self._indexes[entity].set(number, self.get(entity, number))
            raise
        finally:
            self._touched = None

    def get(self, entity: str, number: str) -> Document | None:
        return self.store.get(self.kind(entity), number)

    def all(self, entity: str) -> list[Document]:
        return self.store.all(self.kind(entity))

    def find(self, entity: str, name: str, value: str) -> list[Document]:
        """Documents whose indexed field `name` folds to the same as `value`."""
        found = (self.get(entity, n) for n in self._indexes[entity].ids(name, value))
        return [document for document in found if document is not None]

    def count(self, entity: str, name: str, value: str) -> int:
        """How many `find` would give."""
        return self._indexes[entity].count(name, value)

    def put(self, entity: str, document: Document) -> Document:
        """Keeps a document as it is; returns it as a later reader will see it."""
        number = document["Id"]
        self._touch(entity, number)
        self.store.put(self.kind(entity), number, document)
        kept = self.store.get(self.kind(entity), number)
        self._indexes[entity].set(number, kept)
        return kept or document

    def remove(self, entity: str, number: str) -> None:
        """Deletes, and leaves the tombstone that change data capture shows."""
        self._touch(entity, number)
        self.store.delete(self.kind(entity), number)
        self._indexes[entity].set(number, None)
        tombstone = {
            "entity": entity,
            "Id": number,
            "domain": "QBO",
            "status": "Deleted",
            "MetaData": {"LastUpdatedTime": timestamp(self.now())},
        }
        self.store.put(self.kind("_deleted"), f"{entity}/{number}", tombstone)

    def _touch(self, entity: str, number: str) -> None:
        if self._touched is not None:
            self._touched.append((entity, number))

    def now(self) -> datetime:
        return self._clock().astimezone(SERVER_ZONE)

    def new_id(self) -> str:
        """One series for every kind: an Id of the wrong kind never happens to exist."""
        return str(self.store.next_number(self.kind("id")))

    def stamp(self, document: Document, before: Document | None) -> Document:
        """Id, SyncToken and times, as the service gives them."""
        now = timestamp(self.now())
        created = before["MetaData"]["CreateTime"] if before else now
        token = str(int(before["SyncToken"]) + 1) if before else "0"
        return {
            **document,
            "Id": before["Id"] if before else self.new_id(),
            "SyncToken": token,
            "domain": "QBO",
            "sparse": False,
            "MetaData": {"CreateTime": created, "LastUpdatedTime": now},
        }

    def touch_up(self, entity: str, document: Document, **changes: Any) -> Document:
        """A change the service makes by itself: the SyncToken moves as for any other."""
        return self.put(entity, self.stamp({**document, **changes}, document))

    # Company settings.

    @property
    def company(self) -> Document:
        return (self.all("CompanyInfo") or [{}])[0]

    @property
    def preferences(self) -> Document:
        return (self.all("Preferences") or [{}])[0]

    def preference(self, group: str, name: str, default: Any = None) -> Any:
        return self.preferences.get(group, {}).get(name, default)

    @property
    def state(self) -> Document:
        """What is known of the company beside its books: read_only, environment, password."""
        return self.store.get("_realm", self.realm) or {}

    def change_state(self, **changes: Any) -> None:
        self.store.put("_realm", self.realm, {**self.state, **changes})

    @property
    def home_currency(self) -> str:
        reference = self.preference("CurrencyPrefs", "HomeCurrency") or {}
        return str(reference.get("value", "CAD"))

    @property
    def multi_currency(self) -> bool:
        return bool(self.preference("CurrencyPrefs", "MultiCurrencyEnabled", default=False))

    def check_open(self, day: str | None) -> None:
        """Refuses a date in the closed period: 6200, or 6210 where a password protects it."""
        closed = self.preference("AccountingInfoPrefs", "BookCloseDate")
        if closed and day and day <= closed:
            code = 6210 if self.state.get("close_password") else 6200
            raise Refusal(
                code,
                f"The account period has closed on {closed}: the books cannot be updated through"
                " the services API for that date.",
                element="TxnDate",
            )

    # References.

    def reference(
        self, entity: str, reference: Document | None, element: str, code: int = 2500
    ) -> Document | None:
        """The active document a reference names, None without reference. Refuses with `code`."""
        if not reference:
            return None
        number = str(reference["value"])
        found = self.get(entity, number)
        if found is None or found.get("Active") is False:
            raise Refusal(
                code,
                f"Invalid Reference Id : {element} {number}: something you're trying to use does"
                " not exist or has been made inactive.",
                element=element,
            )
        return found

    def named(self, entity: str, name: str, field: str = "Name") -> Document | None:
        """The document of that name, active or not."""
        found = self.find(entity, field, name)
        return found[0] if found else None

    def is_deposited(self, payment: str) -> bool:
        return self.store.get(self.kind("_deposited"), payment) is not None

    def deposit(self, payment: str, *, taken_out: bool = False) -> None:
        """Puts a payment into a bank deposit, or takes it out again."""
        if taken_out:
            self.store.delete(self.kind("_deposited"), payment)
        else:
            self.store.put(self.kind("_deposited"), payment, {"Id": payment})


def reference_to(document: Document) -> Document:
    """`{"value", "name"}` as the service answers it."""
    name = document.get("DisplayName") or document.get("FullyQualifiedName") or document.get("Name")
    return {"value": document["Id"], "name": name}


def same_name(one: str, other: str) -> bool:
    return fold(one) == fold(other)
