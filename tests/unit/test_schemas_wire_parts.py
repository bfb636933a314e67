"""The parts of the broker link that need no broker: windows, tags, addresses, and accidents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.wire.address import BrokerAddressError, broker_address
from schemas.wire.channel import BrokerUnavailable, Outgoing, PublishOutcome
from schemas.wire.confirms import ConfirmWindow
from schemas.wire.memory import MemoryBroker
from schemas.wire.rabbit import RabbitBroker
from schemas.wire.settling import Outstanding, Settlement
from schemas.wire.topology import RECORDS, topology, work_queue

C, R, N, U = (
    PublishOutcome.CONFIRMED,
    PublishOutcome.RETURNED,
    PublishOutcome.REFUSED,
    PublishOutcome.UNKNOWN,
)
PAIR = ("sage_300", "laval")


def message(n: int = 0) -> Outgoing:
    return Outgoing(RECORDS, "invoice.sage_300.laval", f"id-{n}", b"")


def window(count: int, size: int = 500, first_tag: int = 1) -> ConfirmWindow:
    made = ConfirmWindow([message(n) for n in range(count)], first_tag=first_tag, size=size)
    while made.next() is not None:
        pass
    return made


def test_a_window_sends_no_more_than_its_size_until_answers_come():
    made = window(5, size=2)
    assert made.sent == 2
    made.confirm(1, multiple=False, stored=True)
    assert made.next() is not None
    assert made.next() is None
    made.confirm(3, multiple=True, stored=True)
    while made.next() is not None:
        pass
    made.confirm(5, multiple=True, stored=True)
    assert made.done
    assert made.outcomes() == [C] * 5


def test_the_four_outcomes_are_told_apart():
    made = window(4, first_tag=101)
    made.returned(RECORDS, "invoice.sage_300.laval", "id-1")
    made.confirm(102, multiple=True, stored=True)
    made.confirm(103, multiple=False, stored=False)
    assert made.outcomes() == [C, R, N, U]
    assert not made.done


def test_the_same_message_returned_twice_is_returned_twice():
    made = ConfirmWindow([message(1), message(1), message(1)], first_tag=1, size=9)
    while made.next() is not None:
        pass
    for _ in range(2):
        made.returned(RECORDS, "invoice.sage_300.laval", "id-1")
    made.confirm(3, multiple=True, stored=True)
    assert made.outcomes() == [R, R, C]


def test_answers_that_are_not_for_this_batch_are_ignored():
    made = window(2, first_tag=10)
    made.confirm(9, multiple=False, stored=False)
    made.confirm(12, multiple=False, stored=False)
    made.confirm(10, multiple=False, stored=True)
    made.confirm(10, multiple=False, stored=False)
    assert made.outcomes() == [C, U]


@given(st.lists(st.lists(st.integers(1, 40), max_size=12), max_size=8))
def test_acknowledgements_settle_what_was_asked_and_nothing_else(rounds):
    tags = Outstanding()
    at_the_broker = set(range(1, 41))
    for tag in sorted(at_the_broker):
        tags.add(tag)
    asked: set[int] = set()
    for chosen in rounds:
        asked |= set(chosen)
        up_to, singly = tags.settle(chosen)
        settled = {t for t in at_the_broker if up_to is not None and t <= up_to} | set(singly)
        at_the_broker -= settled
        assert at_the_broker == set(range(1, 41)) - asked
        assert len(tags) == len(at_the_broker)


def test_a_whole_batch_needs_one_acknowledgement():
    tags = Outstanding()
    for tag in range(1, 501):
        tags.add(tag)
    assert tags.settle(range(1, 251)) == Settlement(250, [])
    assert tags.settle([252, 254]) == Settlement(None, [252, 254])
    assert tags.settle([251, 253]) == Settlement(253, [])


def test_an_address_is_read_from_its_url_and_hides_its_password():
    address = broker_address("amqps://u%40x:p%2Fw@mq.example.com/my%2Fvhost")
    assert (address.host, address.port, address.vhost) == ("mq.example.com", 5671, "my/vhost")
    assert (address.user, address.password, address.tls) == ("u@x", "p/w", True)
    assert "p/w" not in f"{address} {address!r}"
    assert broker_address("amqp://localhost").vhost == "/"
    assert broker_address("amqp://u:p@[::1]:5000/").port == 5000


@pytest.mark.parametrize("host", ["mq.example.com", "10.0.0.5", "localhost.example.com"])
def test_an_open_connection_to_another_machine_is_refused(host):
    with pytest.raises(BrokerAddressError, match=r"use amqps://") as caught:
        RabbitBroker(f"amqp://user:top-secret@{host}/", client_name="x")
    assert "top-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://u:top-secret@localhost", "must start with amqps"),
        ("amqps://", "names no host"),
        ("amqps://u:top-secret@h:port/", "not a URL"),
        ("amqps://u:top-secret@h/?verify=verify_none", "unknown option 'verify'"),
        ("amqps://u:top-secret@h/?cacertfile=/nowhere.pem", "no file /nowhere.pem"),
    ],
)
def test_a_bad_url_says_what_is_expected_without_the_password(url, words):
    with pytest.raises(BrokerAddressError, match="broker url") as caught:
        broker_address(url)
    assert words in str(caught.value)
    assert "top-secret" not in str(caught.value)


def test_a_certificate_file_that_is_none_is_named(tmp_path):
    bad = tmp_path / "ca.pem"
    bad.write_text("no certificate")
    address = broker_address(f"amqps://h/?cacertfile={bad}")
    with pytest.raises(BrokerAddressError, match=r"ca\.pem"):
        address.ssl_context()


def test_accidents_in_memory_end_as_asked():
    broker = MemoryBroker(topology([PAIR]))
    publisher = broker.publisher()
    broker.next_publish(U, stored=True)
    broker.next_publish(N)
    assert publisher.publish([message(1), message(2), message(3)]) == [U, N, C]
    subscription = broker.subscribe(work_queue(*PAIR), prefetch=10)
    assert [d.message_id for d in subscription.take(10, 0)] == ["id-1", "id-3"]


def test_a_broker_in_memory_that_goes_down_keeps_what_it_had():
    broker = MemoryBroker(topology([PAIR]))
    publisher = broker.publisher()
    publisher.publish([message(1)])
    subscription = broker.subscribe(work_queue(*PAIR), prefetch=10)
    (held,) = subscription.take(10, 0)
    broker.go_down()
    for attempt in (
        lambda: subscription.take(1, 0),
        lambda: subscription.take(1, 0),
        lambda: publisher.publish([message(2)]),
        lambda: broker.depth(work_queue(*PAIR)),
        lambda: broker.apply(topology([PAIR])),
    ):
        with pytest.raises(BrokerUnavailable):
            attempt()
    broker.come_up()
    (again,) = subscription.take(10, 0)
    subscription.ack([held])
    assert (again.message_id, again.delivery_count) == ("id-1", 1)
    broker.drop_connections()
    with pytest.raises(BrokerUnavailable):
        subscription.take(1, 0)
    assert len(subscription.take(1, 0)) == 1
