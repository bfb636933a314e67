"""Membri, a queue and books around an engine that may die at any moment: for random walks.

What comes in: what people, time and accidents do. What goes out: the books, and what was broken
(`broken`) the moment it is: a second document, or something sent that was known to be taken back.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

from consumers.ledger.memory import MemoryLedger
from consumers.ledger.port import Changes, Entry, Key, Lease, State
from consumers.system import Receipt, RemoteRef, Task
from schemas.events import FailedEvent, TransferredEvent, Withdrawn, entity_of
from schemas.records import Account, Invoice, Record
from schemas.statuses import Entity, Status
from schemas.wire.channel import Delivery
from schemas.wire.codec import decode
from schemas.wire.topology import OUTCOMES
from tests.builders import CHAPTER, account, credit_note, invoice, payment, sent, taken_back
from tests.engine_harness import LONGEST_CALL_S, LOST_REPLY, Bench, Books

CUSTOMER = "Les Amis"
NEEDS = {"i1": [], "i2": [], "p1": ["i1"], "p2": ["i2"], "c1": ["i1"]}


class Killed(BaseException):
    """The process dies here: no handler runs."""


@dataclass
class Fuse:
    """Dies at the n-th moment that matters; None never does."""

    left: int | None = None

    def burn(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Killed


class WorldLedger(MemoryLedger):
    def __init__(self, fuse: Fuse) -> None:
        super().__init__(CHAPTER)
        self.fuse = fuse

    def commit(self, changes: Changes, lease: Lease | None, now: float) -> None:
        self.fuse.burn()
        super().commit(changes, lease, now)
        self.fuse.burn()


@dataclass
class Late:
    """A call without answer that still runs in the vendor's house."""

    task: Task
    until: float


@dataclass
class WorldBooks(Books):
    """Calls may be answered late or never (`late`), and what is forbidden is noticed."""

    fuse: Fuse = field(default_factory=Fuse)
    late: int = 0
    running: list[Late] = field(default_factory=list)
    withdrawn: set[Key] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)
    clock: Any = None

    def transfer(self, task: Task) -> Receipt:
        key = Key(Entity(task.record.entity), task.record.id)
        if key in self.withdrawn and not task.remote_id:
            self.broken.append(f"{key} was sent though it was taken back")
        self.fuse.burn()
        if self.late and not task.remote_id:
            self.late -= 1
            self._demand_what_it_needs(task)
            self.running.append(Late(task, self.clock() + LONGEST_CALL_S))
            raise LOST_REPLY
        receipt = super().transfer(task)
        self.fuse.burn()
        return receipt

    def _write(self, task: Task) -> Receipt:
        receipt = super()._write(task)
        for key in {key for key, _, _ in self.rows}:
            if self.count(key.entity, key.id) > 1:
                self.broken.append(f"{key} is in the books twice")
        return receipt

    def land(self, before: float) -> None:
        """What was under way arrives, at the latest when its longest time is over."""
        due = [one for one in self.running if one.until <= before]
        self.running = [one for one in self.running if one.until > before]
        for one in due:
            if not (self.replays and one.task.key in self.by_key):
                self.by_key[one.task.key] = self._write(one.task)


class WorldBench(Bench):
    def __init__(self, books: WorldBooks) -> None:
        self.fuse = books.fuse
        super().__init__(books)
        books.clock = lambda: self.now

    def _lease(self):  # type: ignore[no-untyped-def]  # a hook of the bench
        self.ledger = WorldLedger(self.fuse)
        return super()._lease()


@dataclass
class Row:
    """A record in Membri."""

    status: Status | None
    version: int = 1
    net: str = "100.00"
    reference: str = ""
    published: bool = False


class World:
    """One account, two invoices, a payment on each, a credit note on the first."""

    def __init__(self, *, replays: bool) -> None:
        self.books = WorldBooks(replays=replays)
        self.books.known[CUSTOMER] = RemoteRef("77", CUSTOMER)
        self.bench = WorldBench(self.books)
        self.rows = {name: Row(Status.ON_HOLD) for name in NEEDS}
        self.account = Row(None)
        self.flagged = False
        self.queue: deque[Delivery] = deque()
        self.heard: dict[Key, bool] = {}
        """Newest event that the engine was given: is it to be transferred?"""
        self._told = 0

    # Membri

    def snapshot(self) -> Account:
        row = self.account
        return account(
            new_account=self.flagged,
            status=row.status,
            reference=row.reference,
            phone=row.net,
            dataversion=f"a{row.version}",
        )

    def record(self, name: str) -> Record:
        if name == "a1":
            return self.snapshot()
        row, of = self.rows[name], self.snapshot()
        values: dict[str, Any] = {"reference": row.reference}
        if name.startswith("p"):
            stub = self._stub(NEEDS[name][0])
            part = {"invoice": stub, "amount": row.net}
            return payment(name, of=of, amount=row.net, allocations=(part,), **values)
        if name.startswith("c"):
            note = credit_note(name, corrects="i1", of=of, net=row.net, **values)
            return note.model_copy(
                update={"corrects": note.corrects.model_copy(update=self._stub("i1"))}
            )  # type: ignore[union-attr]  # a credit note
        return invoice(name, of=of, net=row.net, **values)

    def _stub(self, name: str) -> dict[str, Any]:
        row = self.rows[name]
        return {"id": name, "reference": row.reference, "status": row.status}

    def row(self, name: str) -> Row:
        return self.account if name == "a1" else self.rows[name]

    def change(self, name: str, **values: Any) -> None:
        """A person changes a record and sets it À transférer."""
        row = self.row(name)
        self.touch(name, status=Status.TO_TRANSFER, **values)
        row.published = True
        self.queue.append(sent(self.record(name), self.etag(name)))

    def touch(self, name: str, **values: Any) -> None:
        """A person changes a record; nothing is published by itself."""
        row = self.row(name)
        row.version += 1
        for field_name, value in values.items():
            setattr(row, field_name, value)

    def take_back(self, name: str, status: Status) -> None:
        row = self.row(name)
        self.touch(name, status=status)
        if row.published:
            row.published = False
            self.queue.append(taken_back(self.record(name), self.etag(name), status))

    def republish(self) -> None:
        """The poller's lease ended, or the account changed: whatever is À transférer goes again."""
        for name in ("a1", *self.rows):
            if self.row(name).status is Status.TO_TRANSFER:
                self.queue.append(sent(self.record(name), self.etag(name)))

    def etag(self, name: str) -> str:
        return f"a{self.account.version}" if name == "a1" else f"v{self.rows[name].version}"

    def settle(self) -> None:
        """The settler writes what was told, unless a person was faster."""
        told, self._told = self.bench.told[self._told :], len(self.bench.told)
        for exchange, _, _, body in told:
            outcome = decode(body) if exchange == OUTCOMES else None
            if isinstance(outcome, TransferredEvent | FailedEvent):
                self._write_outcome(outcome)

    def _write_outcome(self, outcome: TransferredEvent | FailedEvent) -> None:
        name = outcome.subject
        if outcome.dataversion != self.etag(name):
            return
        if isinstance(outcome, FailedEvent):
            self.touch(name, status=Status.TRANSFER_ERROR, published=False)
        else:
            reference = outcome.data.reference
            self.touch(name, status=Status.TRANSFERRED, reference=reference, published=False)

    def remove(self, name: str) -> None:
        """An accountant deletes a document that is in the books, and a person empties its
        reference to have it sent anew."""
        self.books.remove(Key(Entity(self.record(name).entity), name))
        self.change(name, reference="")

    # The consumer

    def run(self, size: int, death: int | None) -> None:
        """Takes up to `size` deliveries; when the process dies they come again."""
        batch = [self.queue.popleft() for _ in range(min(size, len(self.queue)))]
        before = dict(self.heard)
        for delivery in batch:
            event = decode(delivery.body)
            self.heard[Key(entity_of(event), event.subject)] = not isinstance(event, Withdrawn)
        self._notice_withdrawals()
        self.bench.fuse.left = death
        try:
            self.bench.run(*batch)
        except Killed:
            self.queue.extendleft(replace(d, redelivered=True) for d in reversed(batch))
            self.heard = before
            self._notice_withdrawals()
            self.bench.restart()
        self.bench.fuse.left = None

    def _notice_withdrawals(self) -> None:
        docs = {key for key, wanted in self.heard.items() if not wanted}
        self.books.withdrawn = {key for key in docs if key.entity is not Entity.ACCOUNT}

    def pass_time(self, seconds: float) -> None:
        self.bench.now += seconds
        self.books.land(self.bench.now)

    # What must hold

    def fallen_out(self) -> list[str]:
        """Records that the engine was given to transfer, and that stand nowhere."""
        queued = {decode(d.body).subject for d in self.queue}
        found = []
        for key, wanted in self.heard.items():
            entry = self.bench.entry(key.entity, key.id)
            waits = self.bench.wait(key.entity, key.id) is not None
            settled = entry is not None and entry.state in (State.DONE, State.FAILED)
            if wanted and key.id not in queued and not waits and not settled:
                found.append(f"{key} is {entry.state if entry else 'unknown'} and waits nowhere")
        return found

    def forgotten(self) -> list[str]:
        """Who waits for a record that is in the books, and will not be tried again by itself."""
        ledger = self.bench.ledger
        waits = [w for w in ledger.waiting() if w.waits_for is not None and w.due_at is None]
        there = ledger.entries([w.waits_for for w in waits if w.waits_for is not None])
        return [
            f"{wait.key} waits for {wait.waits_for}"
            for wait in waits
            if wait.waits_for in there and there[wait.waits_for].state is State.DONE
        ]

    def untold(self) -> list[str]:
        """Documents in the books of which Membri was told nothing. (A customer may be linked while
        its update is refused, or come along while a person holds it: then Membri is not told.)"""
        bodies = [body for place, _, _, body in self.bench.told if place == OUTCOMES]
        bodies += [m.body for m in self.bench.ledger.outbox(1000) if m.exchange == OUTCOMES]
        told = {decode(body).subject for body in bodies}
        return [
            key.id
            for key in self.heard
            if key.entity is not Entity.ACCOUNT
            and (entry := self.bench.entry(key.entity, key.id)) is not None
            and entry.state is State.DONE
            and key.id not in told
            and self.row(key.id).status is not Status.TRANSFERRED
        ]

    def entry(self, name: str) -> Entry | None:
        return self.bench.entry(Entity(self.record(name).entity), name)

    def in_books(self, name: str) -> int:
        return self.books.count(Entity(self.record(name).entity), name)

    def contents(self, name: str) -> list[Any]:
        """What the books hold of a document: its total."""
        return [
            record.total
            for key, record, _ in self.books.rows
            if key.id == name and isinstance(record, Invoice)
        ]
