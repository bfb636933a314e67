"""A random walk of deliveries, restarts, deaths and jumps of the clock: each entry is posted once
at most, never before its date, and no entry overtakes an earlier one of its account."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.errors import OutcomeUnknown
from consumers.ledger.port import Key, State
from consumers.system import Receipt, Task
from producers.deferral import Terms
from schemas.days import midnight
from schemas.records import JournalEntry
from schemas.statuses import Entity
from schemas.wire.channel import Delivery
from schemas.wire.codec import decode
from tests.builders import sent
from tests.deferral_bench import (
    DAY_S,
    DUES,
    PAYMENT,
    EntryBench,
    EntryBooks,
    asked,
    cancelled,
    entries,
)
from tests.engine_harness import LOST_REPLY, linked_books
from tests.engine_world import Fuse, Killed, WorldLedger

PAYMENTS = ("p1", "p2")
MONTHS = 6
LAST = dt.date(2026, 12, 31)


class WatchedBooks(EntryBooks):
    """Notices what must not be, the moment it happens."""

    def __init__(self, *, replays: bool) -> None:
        super().__init__(known=linked_books().known, replays=replays)
        self.fuse = Fuse()
        self.broken: list[str] = []
        self.bench: DeferralWorld | None = None

    def transfer(self, task: Task) -> Receipt:
        self.fuse.burn()
        try:
            receipt = super().transfer(task)
        except OutcomeUnknown:
            if self.bench is not None:
                self.bench.unknown.add(task.record.id)
            raise
        self.fuse.burn()
        return receipt

    def _write(self, task: Task) -> Receipt:
        receipt: Receipt = super()._write(task)
        if isinstance(task.record, JournalEntry) and self.bench is not None:
            self.broken += self.bench.wrong_with(task.record)
        return receipt


class DeferralWorld(EntryBench):
    """Two payments of one account, each earned over half a year; the first one upfront or not."""

    def __init__(self, books: WatchedBooks, *, upfront: bool) -> None:
        self.fuse = books.fuse
        super().__init__(books, paid=False)
        self.watched = books
        terms = Terms(periods=MONTHS, start="payment_month", day="last", upfront=upfront)
        self.all = {paid: entries(terms, paid=paid) for paid in PAYMENTS}
        self.queue: deque[Delivery] = deque()
        self.heard: dict[str, JournalEntry] = {}
        self.dropped: set[str] = set()
        self.unknown: set[str] = set()
        books.bench = self

    def _lease(self):  # type: ignore[no-untyped-def]  # a hook of the bench
        self.ledger = WorldLedger(self.fuse)
        return super()._lease()

    def wrong_with(self, record: JournalEntry) -> list[str]:
        """What is wrong with this entry being posted now."""
        wrong = []
        if self.books.count(Entity.JOURNAL_ENTRY, record.id) > 1:
            wrong.append(f"{record.period} of {record.payment_id} is posted twice")
        if record.not_before is not None and self.now < record.not_before.timestamp():
            wrong.append(f"{record.date} is posted before its time")
        if record.id in self.dropped:
            wrong.append(f"{record.date} is posted though it was cancelled")
        return wrong + [f"{record.date} overtakes {one.date}" for one in self._overtaken(record)]

    def _overtaken(self, record: JournalEntry) -> list[JournalEntry]:
        posted = {one.id for one in self.books.entries()}
        return [
            one
            for one in self.heard.values()
            if one.date < record.date
            and one.id not in posted | self.dropped
            and (one.not_before is None or one.not_before.timestamp() <= self.now)
            and self.books.count(Entity.PAYMENT, one.payment_id)
            and self._can_go(one)
        ]

    def _can_go(self, one: JournalEntry) -> bool:
        """An entry whose fate is unknown is asked about at growing distances: the others need not
        wait for it."""
        paid = self.entry(Entity.PAYMENT, one.payment_id)
        return one.id not in self.unknown and paid is not None and paid.state is State.DONE

    def owe(self, paid: str) -> None:
        """A payment of half the dues is published."""
        allocation = PAYMENT.allocations[0].model_copy(update={"amount": Decimal("57.49")})
        one = PAYMENT.model_copy(update={"id": paid, "allocations": (allocation,)})
        self.queue.append(sent(one))

    def publish(self, paid: str, periods: list[int]) -> None:
        self.queue.extend(asked(*(self.all[paid][index] for index in periods)))

    def pass_days(self, days: float) -> None:
        self.now = min(self.now + days * DAY_S, midnight(LAST).timestamp())

    def lose_a_reply(self, arrives: bool) -> None:
        (self.books.after if arrives else self.books.before).append(LOST_REPLY)

    def come_to_rest(self) -> None:
        """All that was published is delivered, and time passes until nothing moves any more."""
        self.books.before.clear()
        self.books.after.clear()
        self.now = midnight(LAST).timestamp()
        for _ in range(30):
            self.now += 1000.0
            while self.queue or self.ledger.due(self.now, 1):
                self.take(8, 8, None)

    def missing(self) -> list[str]:
        """Entries that were asked for, of payments that are in the books, and are not there."""
        return [
            one.id
            for one in self.heard.values()
            if self.books.count(Entity.PAYMENT, one.payment_id)
            and one.id not in self.dropped
            and not self.books.count(Entity.JOURNAL_ENTRY, one.id)
        ]

    def take(self, size: int, due: int, death: int | None) -> None:
        batch = [self.queue.popleft() for _ in range(min(size, len(self.queue)))]
        before = (dict(self.heard), set(self.dropped))
        for delivery in batch:
            event = decode(delivery.body)
            if not isinstance(event.data, JournalEntry):
                self.dropped |= {event.subject} if event.type.endswith("withdrawn") else set()
            else:
                self.heard[event.subject] = event.data
        keys = [Key(Entity.JOURNAL_ENTRY, one) for one in self.heard]
        self.unknown = {
            key.id
            for key, entry in self.ledger.entries(keys).items()
            if entry.state in (State.SENDING, State.UNKNOWN)
        }
        self.fuse.left = death
        try:
            self.engine.run(batch, self.ledger.due(self.now, due))
            self._publish()
        except Killed:
            self.queue.extendleft(replace(d, redelivered=True) for d in reversed(batch))
            self.heard, self.dropped = before  # as far as anybody may rely on
            self.restart()
        self.fuse.left = None


CONSUME = st.builds(
    lambda size, due, death: lambda world: world.take(size, due, death),
    st.integers(0, 8),
    st.integers(1, 8),
    st.none() | st.none() | st.integers(0, 12),
)
PUBLISH = st.builds(
    lambda paid, order, count: lambda world: world.publish(paid, order[:count]),
    st.sampled_from(PAYMENTS),
    st.permutations(range(MONTHS)),
    st.integers(2, MONTHS),
)
STEPS = st.one_of(
    *[CONSUME] * 5,
    *[PUBLISH] * 3,
    *[st.builds(lambda days: lambda w: w.pass_days(days), st.sampled_from([0.01, 20, 31, 90]))] * 2,
    *[st.builds(lambda paid: lambda world: world.owe(paid), st.sampled_from(PAYMENTS))] * 2,
    st.builds(lambda arrives: lambda world: world.lose_a_reply(arrives), st.booleans()),
    st.just(lambda world: world.restart()),
)


@settings(max_examples=150, deadline=None)
@given(
    replays=st.booleans(),
    upfront=st.booleans(),
    paid=st.booleans(),
    steps=st.lists(STEPS, min_size=20, max_size=60),
    cancelled_at=st.none() | st.integers(0, 60),
)
def test_whatever_happens_each_entry_goes_once_on_its_date_in_turn_and_never_when_cancelled(
    replays: bool,
    upfront: bool,
    paid: bool,
    steps: list[Callable[[DeferralWorld], None]],
    cancelled_at: int | None,
) -> None:
    world = DeferralWorld(WatchedBooks(replays=replays), upfront=upfront)
    world.queue.append(sent(DUES))
    if paid:
        for one in PAYMENTS:
            world.owe(one)
        world.take(8, 8, None)
    for number, step in enumerate(steps):
        if number == cancelled_at:
            world.queue.extend(cancelled(*world.all["p2"]))
        step(world)
        assert world.watched.broken == []
    world.come_to_rest()
    assert world.watched.broken == []
    assert world.missing() == []
    told = [detail for reason, detail in world.letters() if reason == "cancelled_after_entry"]
    in_books = [one for one in world.books.entries() if one.id in world.dropped]
    assert len(set(told)) == len(told) == len(in_books)
