"""What was done, what waits and why, what is in error and why: the report of a synchronisation.

What comes in: ledgers and dead letters. What goes out: a `Report`, as JSON or as a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from consumers.ledger.port import Key, Ledger, State, Wait
from ops.dead_letters import Letter
from schemas.events import Withdrawn
from schemas.records import Account, DocumentRef, Invoice, JournalEntry, Payment
from schemas.statuses import Entity
from schemas.wire.codec import Unreadable, decode

WAITING_SHOWN = 10_000


@dataclass(frozen=True)
class Waiting:
    """One record that waits. `for_` names the record it waits for, empty when none; `for_label` is
    what a person calls that one."""

    chapter: str
    entity: str
    id: str
    label: str
    reason: str
    for_: str
    detail: str
    for_label: str = ""


@dataclass(frozen=True)
class Failure:
    """One record in Erreur de transfert."""

    chapter: str
    entity: str
    id: str
    label: str
    reason: str
    field: str
    detail: str


@dataclass(frozen=True)
class Report:
    transferred: Mapping[str, int]
    waiting: tuple[Waiting, ...]
    errors: tuple[Failure, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)

    def entities(self) -> dict[str, dict[str, int]]:
        """Counts by entity: transferred, waiting, errors."""
        return {
            str(entity): {
                "transferred": self.transferred.get(entity, 0),
                "waiting": sum(one.entity == entity for one in self.waiting),
                "errors": sum(one.entity == entity for one in self.errors),
            }
            for entity in Entity
        }

    def as_json(self) -> dict[str, Any]:
        """The contract's keys: entities, waiting, errors, and what the caller added."""
        return {
            "entities": self.entities(),
            "waiting": [
                {
                    "chapter": one.chapter,
                    "entity": one.entity,
                    "id": one.id,
                    "label": one.label,
                    "reason": one.reason,
                    "detail": one.detail,
                    "waits_for": one.for_,
                }
                for one in self.waiting
            ],
            "errors": [vars(one) for one in self.errors],
            **self.extra,
        }


def collect(ledgers: Mapping[str, Ledger], letters: Iterable[Letter], **extra: Any) -> Report:
    """`ledgers` by chapter slug. A record with several dead letters is one error."""
    transferred: dict[str, int] = {}
    waiting: list[Waiting] = []
    for slug, ledger in ledgers.items():
        for (state, entity), count in ledger.state_counts().items():
            if state is State.DONE:
                transferred[entity] = transferred.get(entity, 0) + count
        waiting += [_waiting(slug, wait) for wait in ledger.waiting(WAITING_SHOWN)]
    failures: dict[tuple[str, str], Failure] = {}
    for letter in letters:
        if overtaken(letter, ledgers):
            continue
        if letter.dead.chapter in ledgers or letter.dead.subject is None:
            failures[letter.dead.entity, letter.dead.subject or letter.id] = _failure(letter)
    return Report(transferred, tuple(waiting), tuple(failures.values()), extra)


def overtaken(letter: Letter, ledgers: Mapping[str, Ledger]) -> bool:
    """Whether its record went on since: a person corrected it in Membri, nobody replayed it."""
    dead = letter.dead
    ledger = ledgers.get(dead.chapter)
    if ledger is None or dead.subject is None or dead.entity not in set(Entity):
        return False
    key = Key(Entity(dead.entity), dead.subject)
    entry = ledger.entries([key]).get(key)
    if entry is None or entry.state is State.FAILED or dead.first_failed_at is None:
        return False
    return entry.changed_at > dead.first_failed_at.timestamp()


def _waiting(slug: str, wait: Wait) -> Waiting:
    waits_for = f"{wait.waits_for.entity} {wait.waits_for.id}" if wait.waits_for else ""
    return Waiting(
        slug,
        str(wait.key.entity),
        wait.key.id,
        label_of(wait.body),
        str(wait.reason),
        waits_for,
        wait.detail,
        _label_of_the_other(wait),
    )


def _label_of_the_other(wait: Wait) -> str:
    """The record waited for, as the waiting one names it. Nothing when it waits for itself."""
    if wait.waits_for is None or wait.waits_for == wait.key:
        return ""
    match _record_of(wait.body):
        case Invoice(account=account) | Payment(account=account) if account.id == wait.waits_for.id:
            return account.name
        case Invoice(corrects=other) if other is not None:
            return other.number
        case Payment(allocations=parts):
            numbers = [part.invoice.number for part in parts]
            return ", ".join(number for number in numbers if number)
        case _:
            return ""


def _failure(letter: Letter) -> Failure:
    dead = letter.dead
    return Failure(
        dead.chapter,
        dead.entity,
        dead.subject or "",
        label_of(dead.body),
        str(dead.reason),
        dead.field,
        dead.detail,
    )


def label_of(body: bytes) -> str:
    """As `called`, of the record that a message holds; empty when it holds none."""
    return called(_record_of(body))


def called(record: object) -> str:
    """What a person calls the record: name of the account, number of the document."""
    match record:
        case Account(name=name):
            return name
        case Invoice(number=number, account=account) | Payment(number=number, account=account):
            return " · ".join(part for part in (number, account.name) if part)
        case JournalEntry(invoice=DocumentRef(number=number), account=account):
            return " · ".join(part for part in (number, account.name) if part)
        case _:
            return ""


def _record_of(body: bytes) -> object:
    try:
        event = decode(body)
    except Unreadable:
        return None
    return None if isinstance(event, Withdrawn) else event.data
