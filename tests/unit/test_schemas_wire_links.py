"""A link that ended cannot disturb the one that follows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.wire.channel import BrokerUnavailable, Delivery, Outgoing, PublishOutcome
from schemas.wire.consuming import DeliveryListener, Tag, ThreadedSubscription
from schemas.wire.publishing import ConfirmListener, PipelinedPublisher


class Link:
    """A link without a thread: work is done at once, confirms when the test says."""

    def __init__(self, listener: ConfirmListener | DeliveryListener, *, opens: bool = True) -> None:
        self.listener = listener
        self.opens = opens
        self.ended: str | None = None
        self.refused = False
        self.sent: list[Outgoing] = []
        self.on_send: Callable[[Link], None] = lambda _: None
        self.settled: list[tuple[str, int, bool]] = []
        self.closed = False

    def open(self) -> None:
        if not self.opens:
            raise BrokerUnavailable("nobody there")

    def call(self, work: Callable[[], None]) -> bool:
        work()
        return True

    def send(self, message: Outgoing) -> bool:
        self.sent.append(message)
        self.on_send(self)
        return self.ended is None

    def ack(self, tag: int, *, multiple: bool) -> None:
        self.settled.append(("ack", tag, multiple))

    def give_back(self, tag: int, *, multiple: bool) -> None:
        self.settled.append(("give_back", tag, multiple))

    def end(self, why: str) -> None:
        self.ended = why
        self.listener.on_end()

    def close(self) -> None:
        self.closed = True
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.end("aborted")


def message(n: int = 0) -> Outgoing:
    return Outgoing("e", "k", f"id-{n}", b"")


def confirming(link: Link) -> None:
    link.listener.on_confirm(len(link.sent), multiple=False, stored=True)


def a_publisher(*behaviours: Callable[[Link], None]) -> tuple[PipelinedPublisher, list[Link]]:
    links: list[Link] = []

    def new_link(listener: ConfirmListener) -> Link:
        link = Link(listener)
        link.on_send = behaviours[len(links)]
        links.append(link)
        return link

    return PipelinedPublisher(new_link, window=5, answer_timeout_s=0.05), links


def test_what_an_ended_link_says_late_changes_nothing():
    def die(link: Link) -> None:
        link.end("lost")

    def confirm_while_the_old_one_talks(link: Link) -> None:
        links[0].listener.on_confirm(1, multiple=True, stored=False)
        links[0].listener.on_end()
        confirming(link)

    publisher, links = a_publisher(die, confirm_while_the_old_one_talks)
    assert publisher.publish([message(1)]) == [PublishOutcome.UNKNOWN]
    assert publisher.publish([message(2), message(3)]) == [PublishOutcome.CONFIRMED] * 2


def test_a_silent_broker_leaves_the_outcome_unknown_and_a_new_link_for_the_next_batch():
    publisher, links = a_publisher(lambda _: None, confirming)
    assert publisher.publish([message(1)]) == [PublishOutcome.UNKNOWN]
    assert links[0].ended == "aborted"
    assert publisher.publish([message(1)]) == [PublishOutcome.CONFIRMED]


def test_tags_go_on_counting_over_batches_of_one_link():
    publisher, links = a_publisher(confirming)
    for _ in range(3):
        assert publisher.publish([message(1), message(2)]) == [PublishOutcome.CONFIRMED] * 2
    assert len(links) == 1
    publisher.close()
    assert links[0].closed


def a_subscription(*, opens: list[bool]) -> tuple[ThreadedSubscription, list[Link]]:
    links: list[Link] = []

    def new_link(listener: DeliveryListener) -> Link:
        links.append(Link(listener, opens=opens[len(links)]))
        return links[-1]

    return ThreadedSubscription(new_link), links


def delivery(link: Link, number: int) -> Delivery:
    return Delivery(Tag(link, number), b"", "q", "e", "k", f"id-{number}", {}, redelivered=False)


def test_a_late_delivery_of_an_ended_link_is_not_handed_out():
    subscription, links = a_subscription(opens=[True, True])
    assert subscription.take(1, 0) == []
    links[0].end("lost")
    with pytest.raises(BrokerUnavailable, match="lost"):
        subscription.take(1, 0)
    assert subscription.take(1, 0) == []
    links[1].listener.on_delivery(delivery(links[0], 7))
    links[1].listener.on_delivery(delivery(links[1], 1))
    assert [d.message_id for d in subscription.take(5, 0)] == ["id-1"]


def test_a_link_that_does_not_open_is_tried_again_by_the_next_take():
    subscription, links = a_subscription(opens=[False, True])
    with pytest.raises(BrokerUnavailable, match="nobody there"):
        subscription.take(1, 0)
    assert subscription.take(1, 0) == []
    assert len(links) == 2


def test_a_batch_is_acknowledged_at_once_and_stragglers_one_by_one():
    subscription, links = a_subscription(opens=[True])
    subscription.take(1, 0)
    for number in range(1, 6):
        links[0].listener.on_delivery(delivery(links[0], number))
    taken = subscription.take(5, 0)
    subscription.ack(taken[:2] + taken[3:4])
    subscription.give_back(taken[2:3])
    assert links[0].settled == [
        ("ack", 2, True),
        ("ack", 4, False),
        ("give_back", 3, True),
    ]
