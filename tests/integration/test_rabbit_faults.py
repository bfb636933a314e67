"""The pika side when the broker, the network of its connection or its memory fails."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from ops.broker.management import management_client, put_permissions
from ops.broker.node import PrivateNode
from schemas.wire.channel import BrokerUnavailable, Delivery, Outgoing, PublishOutcome
from schemas.wire.consuming import Tag
from schemas.wire.dead_letters import read_dead_letter
from schemas.wire.rabbit import RabbitBroker
from schemas.wire.topology import (
    RECORDS,
    SETTLE,
    dead_queue,
    topology,
    work_queue,
)

PAIR = ("quickbooks_online", "montreal")
WORK = work_queue(*PAIR)
PATIENCE_S = 60.0


@pytest.fixture
def own_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateNode]:
    """A node that this test may kill."""
    base = tmp_path_factory.mktemp("node")
    with PrivateNode(base, output=subprocess.DEVNULL) as node:
        yield node


def with_old_queues(node: PrivateNode, client_name: str) -> RabbitBroker:
    """A broker whose queues outlive a kill.

    RabbitMQ 3.10 writes the name of a new quorum queue to disk (quorum/names.dets) seconds after
    it confirmed the declaration: killed before that, the queue comes back empty. A clean stop
    writes it.
    """
    broker = RabbitBroker(node.url, client_name=client_name)
    broker.apply(topology([PAIR]))
    node.restart(clean=True)
    return broker


def message(n: int) -> Outgoing:
    return Outgoing(RECORDS, "invoice.quickbooks_online.montreal", f"id-{n}", f"{n}".encode())


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def drained(broker: RabbitBroker, queue: str) -> list[Delivery]:
    subscription = broker.subscribe(queue, prefetch=1000)
    got: list[Delivery] = []
    while batch := subscription.take(1000, 2.0):
        subscription.ack(batch)
        got += batch
    subscription.close()
    return got


def test_no_confirmed_message_is_lost_when_the_broker_is_killed_while_publishing(own_node):
    broker = with_old_queues(own_node, "kill")
    publisher = broker.publisher()
    outcomes: dict[int, PublishOutcome] = {}
    enough, over = threading.Event(), threading.Event()

    def publish_on() -> None:
        first = 0
        while not over.is_set():
            batch = [message(n) for n in range(first, first + 2000)]
            first += 2000
            try:
                results = publisher.publish(batch)
            except BrokerUnavailable:
                continue
            outcomes.update(zip(range(first - 2000, first), results, strict=True))
            if first > 6000:
                enough.set()
            if PublishOutcome.UNKNOWN in results:
                return

    worker = threading.Thread(target=publish_on)
    worker.start()
    assert enough.wait(PATIENCE_S)
    own_node.stop(clean=False)
    over.set()
    worker.join(PATIENCE_S)
    assert not worker.is_alive()
    own_node.start()
    assert publisher.publish([message(10**6)]) == [PublishOutcome.CONFIRMED]
    publisher.close()

    bodies = [int(d.body) for d in drained(broker, WORK)]
    confirmed = {n for n, outcome in outcomes.items() if outcome is PublishOutcome.CONFIRMED}
    assert len(confirmed) > 4000
    assert confirmed <= set(bodies)
    assert len(bodies) == len(set(bodies))
    assert bodies == sorted(bodies)


def test_a_publisher_with_no_broker_says_where_without_the_password(own_node):
    broker = RabbitBroker(own_node.url, client_name="gone")
    own_node.stop(clean=False)
    with pytest.raises(BrokerUnavailable) as caught:
        broker.publisher().publish([message(1)])
    assert f"127.0.0.1:{own_node.address.amqp_port}" in str(caught.value)
    assert own_node.address.password not in str(caught.value)
    for attempt in (lambda: broker.depth(WORK), lambda: broker.apply(topology([PAIR]))):
        with pytest.raises(BrokerUnavailable):
            attempt()


def test_a_subscription_tells_of_a_killed_broker_and_takes_again_after_it_is_back(own_node):
    broker = with_old_queues(own_node, "kill")
    publisher = broker.publisher()
    publisher.publish([message(1), message(2)])
    subscription = broker.subscribe(WORK, prefetch=10)
    before: list[Delivery] = []
    while len(before) < 2:
        before += subscription.take(2, 5)
    own_node.stop(clean=False)
    with pytest.raises(BrokerUnavailable):
        subscription.take(1, PATIENCE_S)
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1"):
        subscription.take(1, 0)
    own_node.start()
    after: list[Delivery] = []
    while len(after) < 2:
        after += subscription.take(2, 5)
    subscription.ack(before)  # tags of the lost connection: must not settle the new ones
    subscription.close()
    publisher.close()
    assert [d.body for d in after] == [b"1", b"2"]
    assert all(d.redelivered for d in after)
    wait_until(lambda: broker.depth(WORK) == 2, "the messages were settled by void tags")


def test_a_memory_alarm_makes_the_outcome_unknown_instead_of_hanging(own_node):
    broker = RabbitBroker(
        own_node.url, client_name="alarm", blocked_timeout_s=2, answer_timeout_s=5
    )
    broker.apply(topology([PAIR]))
    publisher = broker.publisher()
    assert publisher.publish([message(1)]) == [PublishOutcome.CONFIRMED]
    own_node.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
    outcomes = publisher.publish([message(n) for n in range(2, 700)])
    assert outcomes[-1] is PublishOutcome.UNKNOWN
    assert set(outcomes) <= {PublishOutcome.UNKNOWN, PublishOutcome.CONFIRMED}
    own_node.ctl("set_vm_memory_high_watermark", "absolute", "2GB")
    wait_until(lambda: "[]" in own_node.ctl("eval", "rabbit_alarm:get_alarms()."), "still alarmed")
    assert publisher.publish([message(1000)]) == [PublishOutcome.CONFIRMED]
    publisher.close()


def test_heartbeats_go_on_while_the_caller_works_for_several_of_them(broker_node):
    broker = RabbitBroker(broker_node.url, client_name="slow work", heartbeat_s=2)
    broker.apply(topology([PAIR]))
    publisher = broker.publisher()
    publisher.publish([message(1)])
    subscription = broker.subscribe(WORK, prefetch=10)
    (delivery,) = subscription.take(1, PATIENCE_S)
    # Three heartbeats of 2 s: RabbitMQ hangs up after two missed ones.
    threading.Event().wait(8)
    subscription.ack([delivery])
    assert subscription.take(1, 0.2) == []
    assert publisher.publish([message(2)]) == [PublishOutcome.CONFIRMED]
    (second,) = subscription.take(1, PATIENCE_S)
    assert second.body == b"2"
    subscription.close()
    publisher.close()


def test_a_channel_that_the_broker_closed_is_noticed(broker_node):
    broker = RabbitBroker(broker_node.url, client_name="bad tag")
    broker.apply(topology([PAIR]))
    publisher = broker.publisher()
    publisher.publish([message(1)])
    publisher.close()
    subscription = broker.subscribe(WORK, prefetch=10)
    (delivery,) = subscription.take(1, PATIENCE_S)
    link = delivery.tag.link
    link.call(lambda: link.ack(9999, multiple=False))
    with pytest.raises(BrokerUnavailable, match="unknown delivery tag"):
        subscription.take(1, PATIENCE_S)
    (again,) = subscription.take(1, PATIENCE_S)
    assert again.redelivered
    assert isinstance(again.tag, Tag)
    assert again.tag.link is not link
    subscription.close()


def test_a_deleted_queue_is_noticed_by_its_subscription(broker_node):
    broker = RabbitBroker(broker_node.url, client_name="deleted")
    broker.apply(topology([PAIR]))
    subscription = broker.subscribe(WORK, prefetch=10)
    assert subscription.take(1, 0.2) == []
    with management_client(
        broker_node.management_url, broker_node.user, broker_node.password
    ) as api:
        api.delete(f"/api/queues/{broker_node.vhost}/{WORK}").raise_for_status()
    with pytest.raises(BrokerUnavailable, match="deleted"):
        subscription.take(1, PATIENCE_S)
    subscription.close()


def test_a_consumer_that_dies_too_often_leaves_its_message_to_a_person(broker_node):
    broker = RabbitBroker(broker_node.url, client_name="crash loop")
    broker.apply(topology([PAIR]))
    publisher = broker.publisher()
    publisher.publish([message(1)])
    publisher.close()
    for count in range(21):
        subscription = broker.subscribe(WORK, prefetch=1)
        (delivery,) = subscription.take(1, PATIENCE_S)
        assert delivery.delivery_count == count
        delivery.tag.link.abort()
        subscription.close()
    for queue in (dead_queue("quickbooks_online", "invoice"), SETTLE):
        (dead,) = drained(broker, queue)
        assert read_dead_letter(dead).reason == "delivery_limit"


def test_a_role_that_may_not_write_is_told_so(broker_node):
    RabbitBroker(broker_node.url, client_name="setup").apply(topology([PAIR]))
    with management_client(
        broker_node.management_url, broker_node.user, broker_node.password
    ) as api:
        put_permissions(
            api, broker_node.vhost, broker_node.user, configure="^$", write="^$", read=".*"
        )
    broker = RabbitBroker(broker_node.url, client_name="reader")
    broker.verify(topology([PAIR]))
    assert broker.depth(WORK) == 0
    with pytest.raises(BrokerUnavailable, match=r"membri\.records"):
        broker.publisher().publish([message(1)])


def test_a_wrong_password_is_named_but_not_shown(broker_node):
    url = broker_node.url.replace(broker_node.password, "not-the-password")
    broker = RabbitBroker(url, client_name="stranger")
    for attempt in (
        lambda: broker.publisher().publish([message(1)]),
        lambda: broker.subscribe(WORK, prefetch=1).take(1, 0.1),
        lambda: broker.depth(WORK),
    ):
        with pytest.raises(BrokerUnavailable, match=r"(?i)refused|auth") as caught:
            attempt()
        assert "not-the-password" not in str(caught.value)


def test_a_killed_connection_leaves_no_thread_behind(broker_node):
    before = threading.active_count()
    broker = RabbitBroker(broker_node.url, client_name="threads")
    broker.apply(topology([PAIR]))
    publisher, subscription = broker.publisher(), broker.subscribe(WORK, prefetch=5)
    publisher.publish([message(1)])
    assert subscription.take(1, PATIENCE_S)
    publisher.close()
    subscription.close()
    wait_until(lambda: threading.active_count() == before, "a connection thread stayed")
