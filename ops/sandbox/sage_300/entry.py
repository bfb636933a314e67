"""How a body becomes a record: each property Put in the order of the payload.

In: a body, the properties it may hold, what each Put sets off. Out: the record. A later Put
overwrites what an earlier one set, defaults included (sage-300.md, section 2): a value that the
client sent and a default then overwrote is noted as an offence. Refuses unknown properties.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300.answers import Refusal, bad_payload
from ops.sandbox.sage_300.books import Books
from ops.sandbox.sage_300.fields import read
from ops.sandbox.sage_300.properties import Properties

_NUMBERS = ("BatchNumber", "EntryNumber", "LineNumber", "TransactionNumber")


@dataclass
class Session:
    """One write. `by_person`: typed in the program itself, where no offence is counted."""

    books: Books
    by_person: bool = False
    noted: list[tuple[str, str]] = field(default_factory=list)

    def note(self, offence: str, detail: str) -> None:
        if not self.by_person:
            self.noted.append((offence, detail))


@dataclass
class Puts:
    """A record while it is written. `creating`: it is new, and its details with it."""

    session: Session
    record: Document
    creating: bool = True
    sent: dict[str, Any] = field(default_factory=dict)

    @property
    def books(self) -> Books:
        return self.session.books

    def default(self, name: str, value: Any) -> None:
        """What a Put sets off in another property, whatever stands there."""
        if name in self.sent and self.sent[name] != value:
            self.session.note(
                "key_order",
                f"{name} was sent before what sets its default, and is lost",
            )
            del self.sent[name]
        self.record[name] = value

    def warn(self, text: str) -> None:
        self.record.setdefault("Warnings", []).append({"Message": text, "Priority": "Warning"})


Effect = Callable[[Puts], None]
DetailsPut = Callable[[Puts, str, list[Document]], None]


def put_all(
    puts: Puts,
    properties: Properties,
    body: Mapping[str, Any],
    effects: Mapping[str, Effect],
    on_details: DetailsPut,
) -> None:
    """Puts a whole body. Details come at their place in it. Raises Refusal."""
    check_names(properties, body)
    for name, raw in body.items():
        owned = properties[name]
        if owned.assigned or name == "UpdateOperation":
            if puts.creating and name in _NUMBERS:
                puts.session.note("numbers_sent", f"{name} sent on create: the system assigns it")
            read(name, owned, raw)
            continue
        value = read(name, owned, raw)
        if owned.kind == "details":
            on_details(puts, name, value)
            continue
        puts.record[name] = value
        puts.sent[name] = value
        if name in effects:
            effects[name](puts)


def check_names(properties: Properties, body: Mapping[str, Any]) -> None:
    """Raises Refusal on a property that the record does not have."""
    for name in body:
        if name not in properties:
            raise bad_payload(f"The property '{name}' does not exist.")


def merge(
    puts: Puts,
    kept: list[Document],
    raws: list[Document],
    key: str,
    make: Callable[[Document], Document],
    change: Callable[[Document, Document], Document],
) -> list[Document]:
    """The elements of a detail collection after a body's operations on them.

    On create every element is new. On PATCH `UpdateOperation` says what to do; without it, an
    existing key is updated and anything else is silently added (sage-300.md, section 2).
    """
    if puts.creating:
        return [*kept, *(make(raw) for raw in raws)]
    found = list(kept)
    for raw in raws:
        operation = str(raw.get("UpdateOperation", "Unspecified"))
        if operation == "Unspecified":
            puts.session.note("update_operation_missing", f"a detail without it ({key})")
        at = next((n for n, one in enumerate(found) if one[key] == raw.get(key)), None)
        if operation == "Insert" or (operation == "Unspecified" and at is None):
            found.append(make(raw))
        elif at is None:
            raise Refusal("RecordNotFound", f"Record not found: {key} {raw.get(key)}.")
        elif operation == "Delete":
            del found[at]
        else:
            found[at] = change(found[at], raw)
    return found


def optional_fields(kept: list[Document], raws: list[Document]) -> list[Document]:
    """Optional fields by their name; a value is always text (sage-300.md, section 5)."""
    found = {one["OptionalField"]: one for one in kept}
    for raw in raws:
        name, value = raw.get("OptionalField"), raw.get("Value", "")
        if not isinstance(name, str) or not isinstance(value, str):
            raise bad_payload("An optional field has a name and a value, both texts.")
        if raw.get("UpdateOperation") == "Delete":
            found.pop(name.upper(), None)
        else:
            found[name.upper()] = {"OptionalField": name.upper(), "Value": value}
    return list(found.values())
