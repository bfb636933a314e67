"""Deferred revenue all the way: a simulated Membri, our producers, our engine, books in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from consumers.system import Declaration
from producers.poll_state import PollState
from schemas.days import ZONE
from schemas.money import total
from schemas.records import Account, Payment
from schemas.statuses import Entity
from schemas.wire.channel import Outgoing
from schemas.wire.topology import OUTCOMES
from tests.deferral_bench import EntryBench, EntryBooks
from tests.integration.producers_world import (
    MEMBERSHIP,
    MONTREAL,
    SYSTEM,
    TRANSFERRED,
    World,
    chapter,
    open_world,
)

DAY_S = 86_400.0
QUEUE = f"membri.{SYSTEM}.montreal"


class QboBooks(EntryBooks):
    @property
    def declaration(self) -> Declaration:
        return replace(super().declaration, name=SYSTEM)


@dataclass
class Whole:
    """Both halves, with a queue between them. The clock of the bench follows that of the world."""

    world: World
    bench: EntryBench
    settled: int = 0

    def turn(self) -> None:
        """The poller publishes, the consumer takes, the settler writes."""
        self.world.poller().run_pass()
        self.bench.now = self.world.time.clock().now().timestamp()
        subscription = self.world.broker.subscribe(QUEUE, prefetch=1000)
        while deliveries := subscription.take(50, 0.01):
            self.bench.run(*deliveries)
            subscription.ack(deliveries)
        subscription.close()
        self.bench.settle_down(turns=40)
        told, self.settled = self.bench.told[self.settled :], len(self.bench.told)
        for place, key, headers, body in told:
            if place == OUTCOMES:
                self.world.publish(Outgoing(place, key, "m", body, headers, mandatory=False))
        self.world.settler().drain()

    def later(self, days: float) -> None:
        self.world.advance(days * DAY_S)
        self.turn()

    def today(self) -> dt.date:
        return self.world.time.clock().now().astimezone(ZONE).date()

    def posted(self) -> list[dt.date]:
        return self.bench.posted()


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Whole]:
    monkeypatch.setattr("producers.settler.TAKE_S", 0.01)
    with open_world(tmp_path, chapter(MONTREAL, "montreal", deferred_revenue="on_date")) as world:
        yield Whole(world, EntryBench(QboBooks(), paid=False))


def paid_dues(whole: Whole) -> tuple[str, str]:
    """Invoice and payment of a new member, both À transférer; the payment of today."""
    world = whole.world
    bill = world.invoice(world.account(), membri_invoicetype=MEMBERSHIP)
    return bill, world.payment(bill, membri_paymentdate=whole.today().isoformat())


def test_a_year_of_dues_is_earned_month_by_month(whole: Whole) -> None:
    _, payment = paid_dues(whole)
    whole.turn()
    assert whole.world.row("membri_payment", payment)["membri_syncstatus"] == TRANSFERRED
    while len(whole.posted()) < 12:
        before = len(whole.posted())
        whole.later(31)
        assert len(whole.posted()) > before
        assert all(day <= whole.today() for day in whole.posted())
    assert whole.posted() == sorted(set(whole.posted()))
    assert str(total(entry.amount for entry in whole.bench.books.entries())) == "100.00"


def test_ledger_and_poll_state_lost_together_lose_nothing(whole: Whole) -> None:
    paid_dues(whole)
    whole.turn()
    whole.later(40)
    there = whole.posted()
    assert there
    whole.bench.lose_the_ledger()
    remember_customers(whole)
    with PollState() as whole.world.state:
        whole.later(200)
        assert whole.posted()[: len(there)] == there
        assert len(whole.posted()) >= len(there) + 6
        whole.later(200)
    assert len(whole.posted()) == 12
    assert whole.posted() == sorted(set(whole.posted()))
    kinds = [type(record) for _, record, _ in whole.bench.books.rows]
    assert (kinds.count(Account), kinds.count(Payment)) == (1, 1)


def remember_customers(whole: Whole) -> None:
    """The books find a customer by the key that Membri has now."""
    for key, _, reference in whole.bench.books.rows:
        if key.entity is Entity.ACCOUNT:
            ref = whole.bench.books.by_key.values()
            whole.bench.books.known[reference] = next(
                one.ref for one in ref if one.ref.reference == reference
            )


def test_a_cancelled_invoice_keeps_what_is_left_from_going(whole: Whole) -> None:
    bill, _ = paid_dues(whole)
    whole.turn()
    whole.later(40)
    there = whole.posted()
    whole.world.person("invoice", bill, statecode=3, statuscode=100003)
    for days in (2, 5, 400):
        whole.later(days)
        reasons = [reason for reason, _ in whole.bench.letters()]
        assert reasons == ["cancelled_after_entry"] * len(there)
        assert whole.posted() == there
