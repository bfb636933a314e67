"""A whole consumer on a broker and a ledger in memory, through outages, pauses and hand-overs."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from consumers.errors import Unavailable
from consumers.ledger.memory import MemoryLedger
from consumers.ledger.port import Changes, Key, Lease, LedgerUnavailable, OutboxMessage
from consumers.retrying import RetryPolicy
from consumers.runtime import Consumer, Limits, publish_outbox
from consumers.system import Health, Receipt, Task
from schemas.events import TransferredEvent
from schemas.facts import Fact, SystemState
from schemas.reasons import SystemReason
from schemas.records import Record
from schemas.statuses import Entity
from schemas.wire.channel import BrokerUnavailable, Outgoing, PublishOutcome
from schemas.wire.codec import decode, to_outgoing
from schemas.wire.memory import MemoryBroker
from schemas.wire.topology import SETTLE, Topology, topology, work_queue
from tests.builders import CHAPTER, SYSTEM, account, event, invoice, payment
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


@pytest.fixture
def world() -> World:
    return World()


def closed(reason: SystemReason = SystemReason.UNREACHABLE, wish: float | None = None):  # type: ignore[no-untyped-def]  # Unavailable
    return Unavailable(reason, "refused", retry_after_s=wish)


def test_records_go_into_the_books_membri_is_told_and_the_queue_is_empty(world: World) -> None:
    world.send(payment(), invoice(), account())
    with world.serving() as (consumer, _):
        eventually(lambda: world.settled("a1", "i1", "p1"))
        eventually(consumer.idle.is_set)
    assert world.books.sent() == ["a1", "i1", "p1"]
    assert world.ledger.lease_holder() is None, "given back"


def test_nothing_is_taken_while_the_system_is_closed_and_all_goes_when_it_opens(
    world: World,
) -> None:
    world.books.closed = closed()
    world.send(invoice())
    with world.serving():
        eventually(lambda: world.books.log.count("probe") >= 3)
        assert world.broker.depth(QUEUE) == 1
        assert world.books.sent() == []
        world.books.closed = None
        eventually(lambda: world.settled("a1", "i1"))
    assert world.states()[0] is False
    assert world.states()[-1] is True
    assert world.broker.depth("membri.dead.reference.invoice") == 0


def test_a_system_that_closes_at_work_pauses_fails_nothing_and_resumes(world: World) -> None:
    with world.serving() as (_, stop):
        world.send(invoice("i1"))
        eventually(lambda: world.settled("i1"))
        world.books.closed = closed()
        world.send(invoice("i2"))
        eventually(lambda: world.states()[-1] is False)
        probes = world.books.log.count("probe")
        eventually(lambda: world.books.log.count("probe") >= probes + 3)
        assert max(stop.wished) >= QUICK.probe_first_s, "the probes are apart"
        world.books.closed = None
        eventually(lambda: world.settled("i2"))
    assert world.books.count(Entity.INVOICE, "i2") == 1
    assert world.broker.depth("membri.dead.reference.invoice") == 0


def test_a_wish_to_be_left_alone_is_honoured_before_the_next_probe(world: World) -> None:
    seen: list[tuple[int, float]] = []

    def throttle() -> None:
        world.books.in_call = lambda: None
        seen.append((world.books.log.count("probe"), len(stop.wished)))
        raise closed(SystemReason.THROTTLED, wish=77.0)

    with world.serving() as (_, stop):
        world.books.in_call = throttle
        world.send(invoice())
        eventually(lambda: world.settled("i1"))
    [(probes, waits)] = seen
    assert 77.0 in stop.wished[int(waits) :]
    after = world.books.log.index("a1") + 1
    assert world.books.log[after] == "probe", "asked whether it is open before it is used again"
    assert world.books.log[:after].count("probe") == probes


def test_a_probes_own_wish_is_honoured(world: World) -> None:
    world.books.probes = [closed(wish=88.0)]
    with world.serving() as (_, stop):
        world.send(invoice())
        eventually(lambda: world.settled("i1"))
    assert 88.0 in stop.wished


def test_a_system_that_is_reachable_and_takes_nothing_is_asked_at_growing_distances(
    world: World,
) -> None:
    def read_only() -> None:
        raise closed(SystemReason.READ_ONLY)

    world.books.in_call = read_only
    world.send(invoice())
    with world.serving() as (_, stop):
        eventually(lambda: sum(wish >= 4 * QUICK.probe_first_s for wish in stop.wished) >= 1)
        world.ahead_s += 1000.0
        world.books.in_call = lambda: None
        eventually(lambda: world.settled("i1"))
    growing = [wish for wish in stop.wished if wish >= QUICK.probe_first_s]
    assert growing[0] < growing[2]


def test_the_broker_may_go_away_and_come_back(world: World) -> None:
    with world.serving():
        world.send(invoice("i1"))
        eventually(lambda: world.settled("i1"))
        world.broker.go_down()
        time.sleep(0.02)
        world.broker.come_up()
        world.send(invoice("i2"))
        eventually(lambda: world.settled("i2"))
    assert world.books.count(Entity.INVOICE, "i2") == 1


def test_a_connection_lost_during_a_batch_doubles_nothing(world: World) -> None:
    def cut() -> None:
        world.books.in_call = lambda: None
        world.broker.drop_connections()

    world.books.in_call = cut
    world.send(invoice(), payment())
    with world.serving():
        eventually(lambda: world.settled("i1", "p1"))
    assert world.books.count(Entity.INVOICE, "i1") == 1


def test_the_ledger_may_go_away_and_come_back(world: World) -> None:
    def unplug() -> None:
        world.books.in_call = lambda: None
        world.ledger.away = True

    with world.serving() as (_, stop):
        world.books.in_call = unplug
        world.send(invoice())
        eventually(lambda: world.ledger.away)
        waits = len(stop.wished)
        eventually(lambda: len(stop.wished) > waits)
        assert world.told() == []
        world.ledger.away = False
        eventually(lambda: world.settled("a1", "i1"))
    assert world.books.count(Entity.ACCOUNT, "a1") == 1
    assert world.books.count(Entity.INVOICE, "i1") == 1


def test_a_paused_consumer_takes_nothing_until_it_is_resumed(world: World) -> None:
    world.ledger.pause("a person asked")
    world.send(invoice())
    with world.serving() as (_, stop):
        eventually(lambda: len(stop.wished) > 3)
        assert world.books.log == []
        assert world.broker.depth(QUEUE) == 1
        world.ledger.pause(None)
        eventually(lambda: world.settled("i1"))


def test_a_consumer_that_is_paused_at_work_stops_taking(world: World) -> None:
    with world.serving() as (consumer, stop):
        world.send(invoice("i1"))
        eventually(lambda: world.settled("i1"))
        world.ledger.pause("a person asked")
        waits = len(stop.wished)
        eventually(lambda: len(stop.wished) > waits + 3)
        world.send(invoice("i2"))
        eventually(lambda: world.broker.depth(QUEUE) == 1)
        assert "i2" not in world.books.log
        assert consumer.idle.is_set()
        world.ledger.pause(None)
        eventually(lambda: world.settled("i2"))


def test_bugs_in_a_row_pause_the_consumer_until_a_person_resumes_it(world: World) -> None:
    def bug() -> None:
        raise KeyError("oups")

    world.books.in_call = bug
    world.send(*[invoice(f"i{n}", of=account(f"a{n}")) for n in range(6)])
    with world.serving(dead_letter_run_max=3):
        eventually(lambda: world.ledger.paused() is not None)
        world.books.in_call = lambda: None
        buried = world.broker.depth("membri.dead.reference.account")
        assert buried == 3
        world.ledger.pause(None)
        eventually(lambda: len([r for r in world.told() if r.startswith("i")]) == 3)


def test_a_standby_takes_over_when_the_first_one_ends(world: World) -> None:
    world.send(invoice("i1"))
    with world.serving("first"):
        eventually(lambda: world.settled("i1"))
        with world.serving("second") as (_, standby):
            eventually(lambda: len(standby.wished) > 2)
            assert world.ledger.lease_holder().owner == "first"  # type: ignore[union-attr]  # held
            world.ledger.release_lease(world.ledger.lease_holder())  # type: ignore[arg-type]  # held
            eventually(lambda: getattr(world.ledger.lease_holder(), "owner", "") == "second")
    with world.serving("third"):
        world.send(invoice("i2"))
        eventually(lambda: world.settled("i2"))
    assert world.books.count(Entity.INVOICE, "i2") == 1


def test_a_consumer_whose_lease_was_taken_sends_nothing_more(world: World) -> None:
    def robbed() -> None:
        world.books.in_call = lambda: None
        world.ledger.take_lease("thief", world.now(), 1e6, 0.0, lambda _owner: True)

    world.books.in_call = robbed
    world.send(invoice())
    with world.serving(lease_ttl_s=0.03) as (_, stop):
        eventually(lambda: 1.0 in stop.wished)  # it stands by
        assert world.books.sent() == ["a1"]
        assert world.told() == []
        world.ledger.release_lease(world.ledger.lease_holder())  # type: ignore[arg-type]  # held
        eventually(lambda: world.settled("a1", "i1"))
    assert world.books.count(Entity.ACCOUNT, "a1") == 1


def test_a_lease_that_ended_is_not_taken_while_its_longest_call_may_still_run(
    world: World,
) -> None:
    """Nobody knows whether that process is dead: it may be frozen in the middle of a call."""
    world.ledger.take_lease("frozen", world.now(), 10.0, 0.0)
    world.send(invoice())
    with world.serving("second") as (_, standby):
        world.ahead_s += 11.0
        waits = len(standby.wished)
        eventually(lambda: len(standby.wished) > waits + 3)
        assert world.books.log == []
        world.ahead_s += world.books.declaration.longest_call_s
        eventually(lambda: world.settled("i1"))


def test_an_idle_consumer_whose_lease_was_taken_leaves_the_queue_to_the_other(
    world: World,
) -> None:
    with world.serving(lease_ttl_s=0.03) as (consumer, stop):
        world.send(invoice("i1"))
        eventually(lambda: world.settled("i1"))
        eventually(consumer.idle.is_set)
        world.ledger.take_lease("thief", world.now(), 1e6, 0.0, lambda _owner: True)
        eventually(lambda: 1.0 in stop.wished)
        assert world.broker.store(QUEUE).subscribers == []


def test_stopping_ends_every_kind_of_waiting(world: World) -> None:
    for prepare in (
        lambda: None,
        lambda: world.ledger.pause("a person asked"),
        lambda: setattr(world.books, "closed", closed(wish=3600.0)),
        lambda: world.ledger.take_lease("other", world.now(), 1e6, 0.0),
    ):
        prepare()
        stop = threading.Event()
        thread = threading.Thread(target=world.consumer(stop).run)
        thread.start()
        stop.set()
        thread.join(20.0)
        assert not thread.is_alive()
        world.ledger.pause(None)
        world.books.closed = None


def test_what_was_committed_and_not_published_is_published_by_the_next_process(
    world: World,
) -> None:
    world.send(invoice())
    world.ledger.die_before_publishing = True
    with pytest.raises(SystemExit):
        world.consumer(threading.Event()).run()
    assert world.told() == []
    assert world.broker.depth(QUEUE) == 1, "not acknowledged"
    writes = world.books.sent()
    world.ledger.die_before_publishing = False
    with world.serving("second"):
        eventually(lambda: world.settled("a1", "i1"))
    assert world.books.sent() == writes


def test_the_outbox_is_published_even_when_nothing_more_arrives(world: World) -> None:
    world.send(invoice())
    world.ledger.die_before_publishing = True
    with pytest.raises(SystemExit):
        world.consumer(threading.Event()).run()
    world.broker.remove(QUEUE, lambda _delivery: True)
    world.ledger.die_before_publishing = False
    with world.serving():
        eventually(lambda: set(world.told()) == {"a1", "i1"})


def test_nothing_is_acknowledged_before_its_outcome_was_confirmed(world: World) -> None:
    world.send(invoice())
    world.broker.next_publish(PublishOutcome.REFUSED, count=4)
    with world.serving():
        eventually(lambda: world.settled("a1", "i1"))
        assert world.ledger.outbox_count() == 0
    first = next(m for m in world.broker.published if m.exchange == "membri.outcomes")
    again = [m for m in world.broker.published if m.message_id == first.message_id]
    assert len(again) > 1, "published again, under the same id"


def test_an_authorisation_that_ends_is_announced_while_all_is_well(world: World) -> None:
    world.books.until = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    with world.serving(lease_ttl_s=1e5):
        eventually(lambda: world.books.log.count("probe") == 1)
        eventually(lambda: world.states() == [True])
        world.books.until = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
        world.ahead_s += 10.0
        time.sleep(0.05)
        assert world.books.log.count("probe") == 1, "not at every batch"
        world.ahead_s += 400.0
        eventually(lambda: world.books.log.count("probe") >= 2)
    announced = [f.authorised_until for f in world.facts if isinstance(f, SystemState)]
    assert announced[0] == dt.datetime(2026, 3, 1, tzinfo=dt.UTC).timestamp()
    assert announced[-1] == dt.datetime(2026, 6, 1, tzinfo=dt.UTC).timestamp()


def test_an_authorisation_that_ended_meanwhile_pauses_the_consumer(world: World) -> None:
    with world.serving(lease_ttl_s=1e5):
        eventually(lambda: world.states() == [True])
        world.books.closed = closed(SystemReason.UNAUTHORISED)
        world.ahead_s += 400.0
        eventually(lambda: world.states()[-1] is False)
        world.send(invoice())
        world.books.closed = None
        world.ahead_s = 0.0
        eventually(lambda: world.settled("i1"))


# --- the outbox ---------------------------------------------------------------------------------


def box(count: int = 1, *, mandatory: bool = True, key: str = "") -> MemoryLedger:
    ledger = MemoryLedger(CHAPTER)
    messages = [
        OutboxMessage(
            "membri.outcomes",
            key or f"invoice.{SYSTEM}.{CHAPTER}.transferred",
            f"m{n}",
            b"{}",
            mandatory=mandatory,
        )
        for n in range(count)
    ]
    ledger.commit(Changes(outbox=messages), None, 0.0)
    return ledger


def test_messages_leave_the_outbox_in_order_and_whole_pages_are_followed_by_others() -> None:
    broker, ledger = MemoryBroker(PLACES), box(2001)
    assert publish_outbox(ledger, broker.publisher()) == 2001
    assert [m.message_id for m in broker.published] == [f"m{n}" for n in range(2001)]
    assert ledger.outbox_count() == 0


def test_a_mandatory_message_without_a_queue_stays_and_says_what_to_do() -> None:
    ledger = box(key="nowhere")
    with pytest.raises(BrokerUnavailable, match=r"no queue takes nowhere.*topology apply"):
        publish_outbox(ledger, MemoryBroker(PLACES).publisher())
    assert ledger.outbox_count() == 1


def test_a_message_that_nobody_needs_to_listen_to_is_done_when_it_returns() -> None:
    class Returning:
        def publish(self, messages: Collection[Outgoing]) -> list[PublishOutcome]:
            return [PublishOutcome.RETURNED for _ in messages]

        def close(self) -> None:
            return None

    ledger = box(mandatory=False)
    assert publish_outbox(ledger, Returning()) == 1
    assert ledger.outbox_count() == 0


@pytest.mark.parametrize("outcome", [PublishOutcome.REFUSED, PublishOutcome.UNKNOWN])
def test_what_was_not_confirmed_stays_and_what_was_is_not_told_again(
    outcome: PublishOutcome,
) -> None:
    broker, ledger = MemoryBroker(PLACES), box(3)
    broker.next_publish(PublishOutcome.CONFIRMED, stored=True)
    broker.next_publish(outcome)
    with pytest.raises(BrokerUnavailable, match="published again"):
        publish_outbox(ledger, broker.publisher())
    assert [m.message_id for m in ledger.outbox(10)] == ["m1"]


def test_a_queue_that_is_missing_is_waited_for(world: World) -> None:
    world.broker = MemoryBroker(Topology((), (), ()))
    with world.serving() as (_, stop):
        eventually(lambda: len(stop.wished) > 3)
        world.broker.apply(PLACES)
        world.send(invoice())
        eventually(lambda: world.settled("i1"))
    assert world.ledger.entries([Key(Entity.INVOICE, "i1")])
