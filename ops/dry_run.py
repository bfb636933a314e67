"""The engine itself, on what is À transférer, with nothing that it can write to.

What comes in: records as deliveries, a chapter's ledger and its accounting system. What goes out:
how each record would end, and what would be sent, in order. The ledger is read and never written:
what the engine decides stays in memory. The system is asked (`probe`, `check`, `find`, `draft`) and
never told: instead of `transfer` its draft is kept, under an id that stands for the one that only
the books would give. So the rules, their order and their words are the engine's own.

Raises Unavailable when the system cannot be asked, LedgerUnavailable.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from consumers.engine import Engine
from consumers.ledger.memory import MemoryLedger
from consumers.ledger.port import Changes, Entry, Key, Lease, Ledger, Wait
from consumers.retrying import RetryPolicy
from consumers.system import (
    PENDING_CUSTOMER,
    Declaration,
    Draft,
    Found,
    Health,
    Lookup,
    Problem,
    Receipt,
    RemoteRef,
    SettingCheck,
    System,
    Task,
    is_pending,
    pending,
)
from ops.foreseen import Foreseen
from schemas.events import FailedEvent, ToTransfer
from schemas.outcomes import Action, TransferFailed
from schemas.records import Account, Record
from schemas.statuses import Entity
from schemas.wire.channel import Delivery
from schemas.wire.codec import Unreadable, decode

_WAITING_MAX = 100_000
_NEVER_S = 1e12


@dataclass(frozen=True)
class Moved:
    """It would be in the books: sent, linked or confirmed. `action` as in `schemas.outcomes`."""

    action: Action
    reference: str


End = Moved | TransferFailed | Wait
"""How a record would end; one that nothing would happen to has none."""


@dataclass(frozen=True)
class DryRun:
    """`ends` and `drafts` by record; `drafts` in the order in which they would be sent, of those
    that are sent one after the other. `records`: also accounts that documents bring along."""

    ends: dict[Key, End]
    drafts: dict[Key, Draft]
    records: dict[Key, Record]


class Watched(System):
    """The system, asked and never told. Thread-safe as the system is."""

    def __init__(
        self, system: System, on_look: Callable[[int], None], *, appends: bool = False
    ) -> None:
        """`on_look` is told how many records were looked at so far; `appends` as in Foreseen."""
        self._system = system
        self._foreseen = Foreseen(system, appends=appends)
        self._on_look = on_look
        self._lock = threading.Lock()
        self._looked: set[Key] = set()
        self.drafts: dict[Key, Draft] = {}
        self.records: dict[Key, Record] = {}

    @property
    def declaration(self) -> Declaration:
        return self._system.declaration

    def probe(self) -> Health:
        return self._system.probe()

    def check(self, record: Record) -> Sequence[Problem]:
        self._look(Key(record.entity, record.id))
        return self._system.check(record)

    def check_settings(self) -> Sequence[SettingCheck]:
        return self._system.check_settings()

    def draft(self, task: Task) -> Draft:
        return self._system.draft(task)

    def find(self, lookup: Lookup) -> Found | None:
        """A customer that is not in the books yet has nothing in them either: it is not named."""
        self._look(Key(lookup.entity, lookup.record_id))
        if lookup.record is not None:
            with self._lock:
                self.records[Key(lookup.entity, lookup.record_id)] = lookup.record
        if lookup.customer is not None and is_pending(lookup.customer.remote_id):
            lookup = replace(lookup, customer=None)
        return self._system.find(lookup)

    def transfer(self, task: Task) -> Receipt:
        """Keeps the draft. Raises what `draft` does."""
        record = task.record
        key = Key(record.entity, record.id)
        draft = self._system.draft(task)
        self._foreseen.post(task)
        with self._lock:
            self.drafts[key] = draft
            self.records[key] = record
        called = self._called(record)
        if not task.remote_id:
            return Receipt(_stand_in(record, called), Action.CREATED)
        known = RemoteRef(task.remote_id, record.reference or called)
        return Receipt(known, Action.UPDATED if draft.requests else Action.CONFIRMED)

    def close(self) -> None:
        self._system.close()

    def _called(self, record: Record) -> str:
        """What a person would look for in the books."""
        if isinstance(record, Account):
            by_number = self.declaration.customer_key == "number"
            return (record.number if by_number else "") or record.name
        return getattr(record, "number", "") or record.id

    def _look(self, key: Key) -> None:
        with self._lock:
            self._looked.add(key)
            self._on_look(len(self._looked))


def _stand_in(record: Record, called: str) -> RemoteRef:
    """What stands for an id that only the books will give."""
    if isinstance(record, Account):
        return RemoteRef(PENDING_CUSTOMER.remote_id, called)
    return RemoteRef(pending(f"{record.entity} {called}"), called)


class Shadow(MemoryLedger):
    """Reads the real ledger, writes in memory, and keeps how each record ended."""

    def __init__(self, real: Ledger) -> None:
        super().__init__("preview")
        self._real = real
        self._left: set[Key] = set()
        self.ends: dict[Key, End] = {}

    def entries(self, keys: Collection[Key]) -> dict[Key, Entry]:
        ours = super().entries(keys)
        return {**self._real.entries([key for key in keys if key not in ours]), **ours}

    def waits(self, keys: Collection[Key]) -> dict[Key, Wait]:
        ours = super().waits(keys)
        asked = [key for key in keys if key not in ours and key not in self._left]
        return {**self._real.waits(asked), **ours}

    def waiters(self, keys: Collection[Key]) -> dict[Key, list[Key]]:
        return self._real.waiters(keys)

    def steps(self, key: Key, generation: int) -> dict[str, str]:
        return {**self._real.steps(key, generation), **super().steps(key, generation)}

    def commit(self, changes: Changes, lease: Lease | None, now: float) -> None:
        super().commit(changes, lease, now)
        self._left.update(changes.leave)
        for note in changes.notes:
            kind, _, action = note.what.partition(".")
            if kind == "transferred":
                self.ends[note.key] = Moved(Action(action), note.detail)
        for message in changes.outbox:
            self._failed(message.body)
        for wait in changes.waits:
            self.ends[wait.key] = wait

    def _failed(self, body: bytes) -> None:
        try:
            event = decode(body)
        except Unreadable:
            return
        if isinstance(event, FailedEvent):
            entity = Entity(event.type.split(".")[1])
            self.ends[Key(entity, event.data.id)] = event.data


@dataclass(frozen=True)
class _Held:
    """A lease on nothing but memory."""

    lease: Lease

    def current(self) -> Lease:
        return self.lease


def dry_run(
    system: System,
    ledger: Ledger,
    deliveries: Sequence[Delivery],
    *,
    chapter: str,
    appends: bool = False,
    upfront: bool = False,
    now: Callable[[], float] = time.time,
    on_look: Callable[[int], None] = lambda _: None,
) -> DryRun:
    """All of `deliveries` as one batch, and the journal entries that stand in the waiting room.

    Raises Unavailable, LedgerUnavailable.
    """
    shadow, watched = Shadow(ledger), Watched(system, on_look, appends=appends)
    lease = shadow.take_lease("preview", now(), _NEVER_S, 0.0)
    if lease is None:
        raise AssertionError("a ledger in memory has no other owner")
    with ThreadPoolExecutor(system.declaration.concurrency, "preview") as threads:
        engine = Engine(
            watched,
            shadow,
            chapter=chapter,
            failed_by="preview",
            lease=_Held(lease),
            executor=threads,
            policy=RetryPolicy(),
            now=now,
            dead_letter_run_max=len(deliveries) + _WAITING_MAX,
            upfront=upfront,
        )
        result = engine.run(deliveries, _entries_waiting(ledger))
    if result.closed is not None:
        raise result.closed
    records = {**_records(deliveries), **watched.records}
    return DryRun(shadow.ends, watched.drafts, records)


def _records(deliveries: Sequence[Delivery]) -> dict[Key, Record]:
    found: dict[Key, Record] = {}
    for delivery in deliveries:
        event = decode(delivery.body)
        if isinstance(event, ToTransfer):
            found[Key(event.data.entity, event.data.id)] = event.data
    return found


def _entries_waiting(ledger: Ledger) -> list[Wait]:
    """Membri has no table of them: they wait for their dates in the ledger."""
    return [w for w in ledger.waiting(_WAITING_MAX) if w.key.entity is Entity.JOURNAL_ENTRY]
