"""An engine with everything around it in memory, and books that do as a test says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from consumers.engine import Engine, Result
from consumers.errors import OutcomeUnknown, Rejected, Unavailable
from consumers.ledger.memory import MemoryLedger
from consumers.ledger.port import Entry, Key, Lease, Wait
from consumers.retrying import RetryPolicy
from consumers.system import Declaration, Found, Health, Lookup, Problem, Receipt, RemoteRef, Task
from schemas.events import TransferredEvent
from schemas.facts import Fact
from schemas.outcomes import Action
from schemas.reasons import Reason, SystemReason
from schemas.records import Account, Invoice, Payment, Record
from schemas.statuses import Entity
from schemas.wire.channel import Delivery
from schemas.wire.codec import decode
from tests.builders import CHAPTER, account, invoice, sent

LONGEST_CALL_S = 100.0


@dataclass
class Books:
    """A system in memory that keeps a row per document, doubled when sent twice with two keys.

    `before`/`after`: exceptions raised at the next transfers, without or with the work done.
    """

    replays: bool = True
    rows: list[tuple[Key, Record, str]] = field(default_factory=list)
    by_key: dict[str, Receipt] = field(default_factory=dict)
    before: list[Exception | None] = field(default_factory=list)
    after: list[Exception | None] = field(default_factory=list)
    on_find: list[Exception | None] = field(default_factory=list)
    problems: dict[str, Problem] = field(default_factory=dict)
    known: dict[str, RemoteRef] = field(default_factory=dict)
    totals: dict[str, Decimal] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)

    @property
    def declaration(self) -> Declaration:
        return Declaration(
            name="reference",
            title="Reference",
            entities=frozenset({Entity.ACCOUNT, Entity.INVOICE, Entity.PAYMENT}),
            customer_key="name",
            concurrency=1,
            rate_per_s=1000,
            longest_call_s=LONGEST_CALL_S,
            replays_same_key=self.replays,
        )

    def probe(self) -> Health:
        return Health("Livres")

    def check(self, record: Record) -> Sequence[Problem]:
        self.calls.append(("check", record.id))
        return [self.problems[record.id]] if record.id in self.problems else []

    def find(self, lookup: Lookup) -> Found | None:
        self.calls.append(("find", lookup.record_id))
        _raise_next(self.on_find)
        if lookup.reference and lookup.reference in self.known:
            return self._found(lookup, self.known[lookup.reference], by_marker=False)
        for key, _, reference in self.rows:
            if key == Key(lookup.entity, lookup.record_id):
                return self._found(lookup, RemoteRef(f"r-{reference}", reference), by_marker=True)
        return None

    def _found(self, lookup: Lookup, ref: RemoteRef, *, by_marker: bool) -> Found:
        differences: tuple[str, ...] = ()
        there = self.totals.get(ref.reference)
        if isinstance(lookup.record, Invoice) and there not in (None, lookup.record.total):
            differences = (f"total {lookup.record.total} ≠ {there}",)
        return Found(ref, by_marker=by_marker, differences=differences)

    def transfer(self, task: Task) -> Receipt:
        self.calls.append(("transfer", task.record.id))
        self.tasks.append(task)
        _raise_next(self.before)
        if self.replays and task.key in self.by_key:
            receipt = self.by_key[task.key]
        else:
            receipt = self._write(task)
            self.by_key[task.key] = receipt
        _raise_next(self.after)
        return receipt

    def _write(self, task: Task) -> Receipt:
        record = task.record
        self._demand_what_it_needs(task)
        reference = record.name if isinstance(record, Account) else f"N-{record.id}"
        if task.remote_id:
            return Receipt(RemoteRef(task.remote_id, reference), Action.UPDATED)
        self.rows.append((Key(record.entity, record.id), record, reference))
        if isinstance(record, Invoice):
            self.totals[reference] = record.total
        return Receipt(RemoteRef(f"r-{reference}", reference), Action.CREATED)

    def _demand_what_it_needs(self, task: Task) -> None:
        if isinstance(task.record, Account):
            return
        if task.customer is None:
            raise Rejected(Reason.REFUSED_BY_SYSTEM, detail="no customer")
        if isinstance(task.record, Payment):
            for allocation in task.record.allocations:
                if allocation.invoice.id not in task.documents:
                    raise Rejected(Reason.REFUSED_BY_SYSTEM, detail="no invoice")

    def close(self) -> None:
        return None

    def remove(self, key: Key) -> None:
        """An accountant deletes a document."""
        self.rows = [row for row in self.rows if row[0] != key]

    def count(self, entity: Entity, record_id: str) -> int:
        return Counter(key for key, _, _ in self.rows)[Key(entity, record_id)]

    def sent(self) -> list[str]:
        return [record_id for verb, record_id in self.calls if verb == "transfer"]


def _raise_next(queue: list[Exception | None]) -> None:
    if queue and (error := queue.pop(0)) is not None:
        raise error


LOST_REPLY = OutcomeUnknown("the connection broke")


@dataclass
class Held:
    """A lease that lasts until a test ends it."""

    lease: Lease
    check: Callable[[], None] = lambda: None

    def current(self) -> Lease:
        self.check()
        return self.lease


class Bench:
    """An engine at work: `run` deliveries, `due` what came due, read what was told."""

    def __init__(self, books: Books | None = None, **options: object) -> None:
        self.books = books or Books()
        self.ledger = MemoryLedger(CHAPTER)
        self.now = 1_000_000.0
        self.facts: list[Fact] = []
        self.lease = self._lease()
        self._options = options
        self.engine = self._engine()
        self.told: list[tuple[str, str, dict[str, str | int], bytes]] = []

    def _lease(self) -> Held:
        lease = self.ledger.take_lease("bench", self.now, 1e9, 0.0)
        assert lease is not None
        return Held(lease)

    def _engine(self) -> Engine:
        return Engine(
            self.books,
            self.ledger,
            chapter=CHAPTER,
            failed_by="bench",
            lease=self.lease,
            executor=None,
            policy=RetryPolicy(retry_max=3),
            now=lambda: self.now,
            observer=self.facts.append,
            **self._options,  # type: ignore[arg-type]  # keyword options of the engine
        )

    def restart(self) -> None:
        """A new process on the same ledger and books."""
        self.engine = self._engine()

    def run(self, *deliveries: Delivery) -> Result:
        result = self.engine.run(deliveries, self.ledger.due(self.now, 100))
        self._publish()
        return result

    def settle_down(self, turns: int = 10) -> None:
        """Runs whatever is due now until nothing is."""
        for _ in range(turns):
            due = self.ledger.due(self.now, 100)
            if not due:
                return
            self.engine.run([], due)
            self._publish()
        raise AssertionError("still due after many turns")

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.run()
        self.settle_down()

    def _publish(self) -> None:
        while messages := self.ledger.outbox(100):
            for m in messages:
                self.told.append((m.exchange, m.routing_key, dict(m.headers), m.body))
            self.ledger.published([m.id for m in messages])

    def entry(self, entity: Entity, record_id: str) -> Entry | None:
        return self.ledger.entries([Key(entity, record_id)]).get(Key(entity, record_id))

    def wait(self, entity: Entity, record_id: str) -> Wait | None:
        return self.ledger.waits([Key(entity, record_id)]).get(Key(entity, record_id))

    def transferred(self) -> list[tuple[str, str, str]]:
        """(record id, action, reference) of each success told to Membri, in order."""
        found = []
        for exchange, _, _, body in self.told:
            if exchange != "membri.outcomes":
                continue
            event = decode(body)
            if isinstance(event, TransferredEvent):
                found.append((event.subject, str(event.data.action), event.data.reference))
        return found

    def buried(self) -> list[tuple[str, str]]:
        """(routing key, reason) of each dead letter, in order."""
        return [
            (key, str(headers["x-reason"]))
            for exchange, key, headers, _ in self.told
            if exchange == "membri.dead"
        ]


CLOSED = Unavailable(SystemReason.UNREACHABLE, "refused")
LINKED = account(reference="Les Amis")


def linked_books(**values: object) -> Books:
    """Books that know one customer, so that only documents are written."""
    return Books(known={"Les Amis": RemoteRef("77", "Les Amis")}, **values)  # type: ignore[arg-type]  # fields of Books


def bill(version: str = "v1", **values: object) -> Delivery:
    return sent(invoice(of=LINKED, **values), version)  # type: ignore[arg-type]  # fields of Invoice
