"""A whole consumer: hand-overs, the outbox, the end of an authorisation, stopping."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Collection

import pytest

from consumers.ledger.memory import MemoryLedger
from consumers.ledger.port import Changes, Key, OutboxMessage
from consumers.runtime import publish_outbox
from schemas.facts import SystemState
from schemas.reasons import SystemReason
from schemas.statuses import Entity
from schemas.wire.channel import BrokerUnavailable, Outgoing, PublishOutcome
from schemas.wire.memory import MemoryBroker
from schemas.wire.topology import Topology
from tests.builders import CHAPTER, SYSTEM, invoice
from tests.runtime_world import (
    PLACES,
    QUEUE,
    World,
    closed,
    eventually,
)


@pytest.fixture
def world() -> World:
    return World()


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
