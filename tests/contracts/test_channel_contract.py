"""What every broker does, RabbitMQ and the one in memory alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from schemas.reasons import Reason
from schemas.wire.channel import (
    Broker,
    BrokerUnavailable,
    Delivery,
    Outgoing,
    Publisher,
    PublishOutcome,
    Subscription,
    TopologyConflict,
)
from schemas.wire.dead_letters import is_dead_letter, read_dead_letter
from schemas.wire.memory import MemoryBroker
from schemas.wire.rabbit import RabbitBroker
from schemas.wire.topology import (
    DEAD,
    DELIVERY_LIMIT,
    OUTCOMES,
    RECORDS,
    SETTLE,
    UNROUTED_QUEUE,
    dead_queue,
    topology,
    work_queue,
)

PAIR = ("quickbooks_online", "montreal")
WORK = work_queue(*PAIR)
DEAD_INVOICES = dead_queue("quickbooks_online", "invoice")
KEY = "invoice.quickbooks_online.montreal"
PATIENCE_S = 20.0


@pytest.fixture(params=["memory", "rabbit"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    if request.param == "memory":
        made: Broker = MemoryBroker()
    else:
        node = request.getfixturevalue("broker_node")
        made = RabbitBroker(node.url, client_name="contract")
    yield made
    made.close()


@pytest.fixture
def publisher(broker: Broker) -> Iterator[Publisher]:
    broker.apply(topology([PAIR]))
    made = broker.publisher()
    yield made
    made.close()


@pytest.fixture
def subscribe(broker: Broker) -> Iterator[Callable[..., Subscription]]:
    made: list[Subscription] = []

    def subscribe(queue: str = WORK, prefetch: int = 100) -> Subscription:
        made.append(broker.subscribe(queue, prefetch=prefetch))
        return made[-1]

    yield subscribe
    for subscription in made:
        subscription.close()


def message(n: int = 0, *, exchange: str = RECORDS, key: str = KEY, **others: object) -> Outgoing:
    return Outgoing(exchange, key, f"id-{n}", f"body {n}".encode(), **others)  # type: ignore[arg-type]  # test data


def taken(subscription: Subscription, count: int) -> list[Delivery]:
    """Exactly `count` deliveries, however many takes it needs."""
    got: list[Delivery] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(got) < count:
        got += subscription.take(count - len(got), 0.5)
        assert time.monotonic() < deadline, f"only {len(got)} of {count} deliveries came"
    return got


def wait_for_depth(broker: Broker, queue: str, depth: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while broker.depth(queue) != depth:
        assert time.monotonic() < deadline, f"{queue} holds {broker.depth(queue)}, not {depth}"
        time.sleep(0.05)


def bodies(deliveries: list[Delivery]) -> list[bytes]:
    return [d.body for d in deliveries]


def test_a_published_message_arrives_as_it_was_sent(publisher, subscribe):
    sent = message(7, headers={"x-reason": "bug", "x-attempts": 3})
    assert publisher.publish([sent]) == [PublishOutcome.CONFIRMED]
    (got,) = taken(subscribe(), 1)
    assert (got.body, got.message_id) == (sent.body, "id-7")
    assert (got.exchange, got.routing_key, got.queue) == (RECORDS, KEY, WORK)
    assert got.headers["x-reason"] == "bug"
    assert got.headers["x-attempts"] == 3
    assert (got.redelivered, got.delivery_count) == (False, 0)


def test_a_thousand_messages_are_confirmed_and_arrive_in_order(publisher, subscribe):
    sent = [message(n) for n in range(1200)]
    assert publisher.publish(sent) == [PublishOutcome.CONFIRMED] * 1200
    subscription = subscribe(prefetch=300)
    got: list[Delivery] = []
    while len(got) < 1200:
        batch = taken(subscription, 100)
        subscription.ack(batch)
        got += batch
    assert bodies(got) == [m.body for m in sent]


def test_nothing_to_publish_has_no_outcome(publisher):
    assert publisher.publish([]) == []


def test_each_chapter_has_its_own_queue(broker, subscribe):
    other = ("sage_300", "quebec")
    broker.apply(topology([PAIR, other]))
    publisher = broker.publisher()
    publisher.publish([message(1), message(2, key="payment.sage_300.quebec")])
    publisher.close()
    assert bodies(taken(subscribe(work_queue(*other)), 1)) == [b"body 2"]
    assert bodies(taken(subscribe(WORK), 1)) == [b"body 1"]


def test_a_record_for_an_unknown_chapter_reaches_the_unrouted_queue_and_the_settler(
    broker, publisher, subscribe
):
    lost = message(1, key="invoice.quickbooks_online.nowhere")
    assert publisher.publish([lost]) == [PublishOutcome.CONFIRMED]
    for queue in (UNROUTED_QUEUE, SETTLE):
        (got,) = taken(subscribe(queue), 1)
        assert is_dead_letter(got)
        letter = read_dead_letter(got)
        assert letter.reason is Reason.UNKNOWN_CHAPTER
        assert (letter.system, letter.chapter) == ("quickbooks_online", "nowhere")
        assert "invoice.quickbooks_online.nowhere" in letter.detail


def test_an_outcome_that_no_queue_takes_is_returned_between_confirmed_ones(publisher, subscribe):
    there = "invoice.quickbooks_online.montreal.transferred"
    nowhere = "invoice.quickbooks_online.montreal.failed"
    sent = [message(n, exchange=OUTCOMES, key=nowhere if n % 3 == 1 else there) for n in range(9)]
    outcomes = publisher.publish(sent)
    for n, outcome in enumerate(outcomes):
        expected = PublishOutcome.RETURNED if n % 3 == 1 else PublishOutcome.CONFIRMED
        assert outcome is expected
    got = taken(subscribe(SETTLE), 6)
    assert not any(is_dead_letter(d) for d in got)


def test_a_message_nobody_needs_to_take_is_not_returned(publisher):
    failed = message(exchange=OUTCOMES, key=f"{KEY}.failed", mandatory=False)
    assert publisher.publish([failed]) == [PublishOutcome.CONFIRMED]


def test_a_dead_letter_reaches_its_queue_and_the_settler(publisher, subscribe):
    buried = message(1, exchange=DEAD, headers={"x-reason": "tax_mismatch"})
    assert publisher.publish([buried]) == [PublishOutcome.CONFIRMED]
    for queue in (DEAD_INVOICES, SETTLE):
        (got,) = taken(subscribe(queue), 1)
        assert read_dead_letter(got).reason is Reason.TAX_MISMATCH


def test_a_full_queue_refuses(broker):
    broker.apply(topology([PAIR], max_length=5))
    publisher = broker.publisher()
    outcomes = publisher.publish([message(n) for n in range(50)])
    assert outcomes[:5] == [PublishOutcome.CONFIRMED] * 5
    assert publisher.publish([message(99)]) == [PublishOutcome.REFUSED]
    publisher.close()


def test_publishing_to_a_missing_exchange_says_so_and_the_next_publish_works(publisher):
    with pytest.raises(BrokerUnavailable, match=r"membri\.nothing"):
        publisher.publish([message(exchange="membri.nothing")])
    assert publisher.publish([message()]) == [PublishOutcome.CONFIRMED]


def test_take_does_not_wait_for_a_second_message(publisher, subscribe):
    publisher.publish([message(1)])
    # Would fail by the test's own time limit if it waited for more.
    assert bodies(subscribe().take(100, PATIENCE_S)) == [b"body 1"]


def test_an_empty_queue_is_an_idle_tick(broker, publisher, subscribe):
    assert subscribe().take(10, 0.05) == []


def test_acknowledged_messages_are_gone_and_the_others_come_back_in_order(
    broker, publisher, subscribe
):
    publisher.publish([message(n) for n in range(6)])
    first = subscribe()
    got = taken(first, 6)
    first.ack([got[0], got[1], got[4]])
    first.close()
    again = taken(subscribe(), 3)
    assert bodies(again) == [b"body 2", b"body 3", b"body 5"]
    assert all(d.redelivered and d.delivery_count == 1 for d in again)


def test_given_back_messages_come_again_in_order(publisher, subscribe):
    publisher.publish([message(n) for n in range(4)])
    subscription = subscribe()
    got = taken(subscription, 4)
    subscription.ack([got[1]])
    subscription.give_back([got[0], got[2], got[3]])
    again = taken(subscription, 3)
    assert bodies(again) == [b"body 0", b"body 2", b"body 3"]
    assert [d.delivery_count for d in again] == [1, 1, 1]


def test_no_more_than_the_prefetch_is_out_at_once(publisher, subscribe):
    publisher.publish([message(n) for n in range(5)])
    subscription = subscribe(prefetch=2)
    got = taken(subscription, 2)
    assert subscription.take(10, 0.2) == []
    subscription.ack(got)
    assert bodies(taken(subscription, 2)) == [b"body 2", b"body 3"]


def test_acknowledging_twice_is_harmless(publisher, subscribe):
    publisher.publish([message(1), message(2)])
    subscription = subscribe()
    first, second = taken(subscription, 2)
    subscription.ack([first])
    subscription.ack([first])
    subscription.give_back([first])
    subscription.ack([second])
    assert subscription.take(1, 0.2) == []


def test_deliveries_of_another_subscription_cannot_be_settled(publisher, subscribe):
    publisher.publish([message(1)])
    first = subscribe()
    (old,) = taken(first, 1)
    first.close()
    second = subscribe()
    (new,) = taken(second, 1)
    second.ack([old])
    second.close()
    assert bodies(taken(subscribe(), 1)) == [new.body]


def test_one_subscription_is_active_and_the_next_takes_over(publisher, subscribe):
    active, standby = subscribe(), subscribe()
    assert active.take(1, 0.2) == []
    assert standby.take(1, 0.2) == []
    publisher.publish([message(1), message(2)])
    (got, _) = taken(active, 2)
    assert standby.take(10, 0.2) == []
    active.ack([got])
    active.close()
    assert bodies(taken(standby, 1)) == [b"body 2"]


def test_a_closed_subscription_says_so(publisher, subscribe):
    subscription = subscribe()
    subscription.close()
    with pytest.raises(BrokerUnavailable, match="closed"):
        subscription.take(1, 0)


def test_a_subscription_to_a_missing_queue_is_unavailable(publisher, subscribe):
    with pytest.raises(BrokerUnavailable, match="nothing"):
        subscribe("membri.nothing").take(1, 0.1)


def test_a_message_given_back_too_often_reaches_the_dead_letters_and_the_settler(
    publisher, subscribe
):
    publisher.publish([message(1)])
    subscription = subscribe()
    for n in range(DELIVERY_LIMIT + 1):
        (got,) = taken(subscription, 1)
        assert got.delivery_count == n
        subscription.give_back([got])
    for queue in (DEAD_INVOICES, SETTLE):
        (dead,) = taken(subscribe(queue), 1)
        assert is_dead_letter(dead)
        assert (dead.body, dead.message_id, dead.routing_key) == (b"body 1", "id-1", KEY)
        letter = read_dead_letter(dead)
        assert letter.reason is Reason.DELIVERY_LIMIT
        assert letter.first_failed_at is not None
        assert WORK in letter.detail
    assert subscription.take(1, 0.2) == []


def test_depth_counts_what_is_ready_and_knows_no_missing_queue(broker, publisher):
    publisher.publish([message(n) for n in range(3)])
    wait_for_depth(broker, WORK, 3)
    with pytest.raises(KeyError, match=r"membri\.nothing"):
        broker.depth("membri.nothing")


def test_browsing_leaves_everything_in_its_order(broker, publisher):
    publisher.publish([message(n, exchange=DEAD) for n in range(5)])
    assert bodies(broker.browse(DEAD_INVOICES, 3)) == [b"body 0", b"body 1", b"body 2"]
    wait_for_depth(broker, DEAD_INVOICES, 5)
    assert bodies(broker.browse(DEAD_INVOICES, 100)) == [f"body {n}".encode() for n in range(5)]
    with pytest.raises(KeyError):
        broker.browse("membri.nothing", 1)


def test_browsing_more_often_than_a_delivery_limit_loses_nothing(broker, publisher):
    publisher.publish([message(1, exchange=DEAD)])
    for _ in range(DELIVERY_LIMIT + 5):
        assert len(broker.browse(DEAD_INVOICES, 1)) == 1
        wait_for_depth(broker, DEAD_INVOICES, 1)


def test_browsing_an_empty_queue_shows_nothing(broker, publisher):
    assert broker.browse(DEAD_INVOICES, 10) == []


def test_removing_takes_only_what_matches(broker, publisher):
    publisher.publish([message(n, exchange=DEAD) for n in range(6)])
    odd = {"id-1", "id-3", "id-5"}
    assert broker.remove(DEAD_INVOICES, lambda d: d.message_id in odd) == 3
    wait_for_depth(broker, DEAD_INVOICES, 3)
    assert bodies(broker.browse(DEAD_INVOICES, 9)) == [b"body 0", b"body 2", b"body 4"]
    assert broker.remove(DEAD_INVOICES, lambda _: False) == 0
    with pytest.raises(KeyError):
        broker.remove("membri.nothing", lambda _: True)


def test_applying_the_topology_twice_changes_nothing(broker, publisher):
    publisher.publish([message(1)])
    broker.apply(topology([PAIR]))
    broker.verify(topology([PAIR]))
    wait_for_depth(broker, WORK, 1)


def test_a_queue_with_other_arguments_is_a_conflict_that_names_it(broker, publisher):
    with pytest.raises(TopologyConflict, match=WORK):
        broker.apply(topology([PAIR], max_length=7))


def test_verifying_names_what_is_missing(broker, publisher):
    with pytest.raises(TopologyConflict, match=r"membri\.sage_300\.quebec") as caught:
        broker.verify(topology([PAIR, ("sage_300", "quebec")]))
    assert WORK not in str(caught.value)
