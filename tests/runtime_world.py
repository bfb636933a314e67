"""A whole consumer on a broker and a ledger in memory, and a company that does as told."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from consumers.errors import Unavailable
from consumers.ledger.memory import MemoryLedger
from consumers.ledger.port import Changes, Lease, LedgerUnavailable, OutboxMessage
from consumers.retrying import RetryPolicy
from consumers.runtime import Consumer, Limits
from consumers.system import Health, Receipt, Task
from schemas.events import TransferredEvent
from schemas.facts import Fact, SystemState
from schemas.reasons import SystemReason
from schemas.records import Record
from schemas.wire.channel import PublishOutcome
from schemas.wire.codec import decode, to_outgoing
from schemas.wire.memory import MemoryBroker
from schemas.wire.topology import SETTLE, topology, work_queue
from tests.builders import CHAPTER, SYSTEM, event
from tests.engine_harness import Books

QUEUE = work_queue(SYSTEM, CHAPTER)
PLACES = topology([(SYSTEM, CHAPTER)])
QUICK = RetryPolicy(
    first_s=0.01, cap_s=0.02, unknown_first_s=0.01, unknown_cap_s=0.02, probe_first_s=0.5
)


def eventually(happens: Callable[[], object], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not happens():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


class Stop(threading.Event):
    """A stop that remembers how long the consumer wished to wait, and lets it go on at once."""

    def __init__(self) -> None:
        super().__init__()
        self.wished: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is not None:
            self.wished.append(timeout)
        return super().wait(0.002)


class Company(Books):
    """Books with a probe that does as told; `closed` makes all calls fail."""

    def __init__(self) -> None:
        super().__init__()
        self.closed: Unavailable | None = None
        self.probes: list[Unavailable | None] = []
        self.until: dt.datetime | None = None
        self.log: list[str] = []
        self.in_call: Callable[[], None] = lambda: None

    def probe(self) -> Health:
        self.log.append("probe")
        if self.probes and (error := self.probes.pop(0)) is not None:
            raise error
        if self.closed is not None:
            raise self.closed
        return Health("Livres", authorised_until=self.until)

    def transfer(self, task: Task) -> Receipt:
        self.log.append(task.record.id)
        self.in_call()
        if self.closed is not None:
            raise self.closed
        return super().transfer(task)


class Ledger(MemoryLedger):
    """A ledger that can be away, and says when it forgets what was published."""

    def __init__(self) -> None:
        super().__init__(CHAPTER)
        self.away = False
        self.die_before_publishing = False

    def _reach(self) -> None:
        if self.away:
            raise LedgerUnavailable("no disk")

    def commit(self, changes: Changes, lease: Lease | None, now: float) -> None:
        self._reach()
        super().commit(changes, lease, now)

    def next_due(self) -> float | None:
        self._reach()
        return super().next_due()

    def take_lease(  # type: ignore[no-untyped-def]  # the same as what it overrides
        self, *args, **options
    ):
        self._reach()
        return super().take_lease(*args, **options)

    def outbox(self, limit: int) -> list[OutboxMessage]:
        if self.die_before_publishing and super().outbox_count():
            raise SystemExit("killed between the commit and the publication")
        return super().outbox(limit)


@dataclass
class World:
    broker: MemoryBroker = field(default_factory=lambda: MemoryBroker(PLACES))
    books: Company = field(default_factory=Company)
    ledger: Ledger = field(default_factory=Ledger)
    facts: list[Fact] = field(default_factory=list)
    ahead_s: float = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_s

    def consumer(self, stop: threading.Event, owner: str = "first", **limits: object) -> Consumer:
        sizes = {"idle_tick_s": 0.01, "lease_ttl_s": 30.0, "policy": QUICK, **limits}
        return Consumer(
            self.broker,
            self.books,
            self.ledger,
            chapter=CHAPTER,
            stop=stop,
            limits=Limits(**sizes),  # type: ignore[arg-type]  # its fields
            observer=self.facts.append,
            now=self.now,
            owner=owner,
        )

    @contextmanager
    def serving(self, owner: str = "first", **limits: object) -> Iterator[tuple[Consumer, Stop]]:
        stop = Stop()
        consumer = self.consumer(stop, owner, **limits)
        trouble: list[BaseException] = []

        def run() -> None:
            try:
                consumer.run()
            except BaseException as error:  # noqa: BLE001 — shown to the test
                trouble.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield consumer, stop
        finally:
            stop.set()
            thread.join(20.0)
            assert not thread.is_alive(), "it did not stop"
        assert trouble == []

    def send(self, *records: Record) -> None:
        outcomes = self.broker.publisher().publish([to_outgoing(event(r)) for r in records])
        assert set(outcomes) == {PublishOutcome.CONFIRMED}

    def told(self) -> list[str]:
        """Ids of records that Membri was told are transferred."""
        bodies = [decode(d.body) for d in self.broker.browse(SETTLE, 1000)]
        return [e.subject for e in bodies if isinstance(e, TransferredEvent)]

    def settled(self, *ids: str) -> bool:
        return set(ids) <= set(self.told()) and self.acknowledged()

    def acknowledged(self) -> bool:
        store = self.broker.store(QUEUE)
        return not store.ready and not any(s._out for s in store.subscribers)

    def states(self) -> list[bool]:
        return [fact.up for fact in self.facts if isinstance(fact, SystemState)]


def closed(reason: SystemReason = SystemReason.UNREACHABLE, wish: float | None = None):  # type: ignore[no-untyped-def]  # Unavailable
    return Unavailable(reason, "refused", retry_after_s=wish)
