"""A subscription whose link lives in its own thread while the caller works as long as it likes.

What comes in: a link that hands over deliveries. What goes out: batches of what is ready, and the
fewest acknowledgements. Refuses tags of an earlier link: they would settle something else.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from schemas.wire.channel import BrokerUnavailable, Delivery
from schemas.wire.settling import Outstanding


class Tag(NamedTuple):
    """A delivery tag and the link that it belongs to."""

    link: object
    number: int


class DeliveryListener(Protocol):
    """What a taking link tells, in its own thread. Tags of deliveries are `Tag`s."""

    def on_delivery(self, delivery: Delivery) -> None: ...

    def on_end(self) -> None: ...


class TakingLink(Protocol):
    """A consumer on one channel, in a thread of its own."""

    ended: str | None
    """Why it is of no use any more; None while it is."""

    def open(self) -> None:
        """Raises BrokerUnavailable."""
        ...

    def call(self, work: Callable[[], None]) -> bool: ...

    def ack(self, tag: int, *, multiple: bool) -> None:
        """In the link's thread only."""
        ...

    def give_back(self, tag: int, *, multiple: bool) -> None:
        """In the link's thread only."""
        ...

    def close(self) -> None: ...


def delivery_of(tag: object, queue: str, method: Any, properties: Any, body: bytes) -> Delivery:
    """A delivery made of AMQP's method and properties, whichever library holds them."""
    headers = properties.headers or {}
    return Delivery(
        tag=tag,
        body=body,
        queue=queue,
        exchange=method.exchange,
        routing_key=method.routing_key,
        message_id=properties.message_id or "",
        headers=headers,
        redelivered=method.redelivered,
        delivery_count=int(headers.get("x-delivery-count", 0)),
    )


class ThreadedSubscription:
    def __init__(self, new_link: Callable[[DeliveryListener], TakingLink]) -> None:
        self._new_link = new_link
        self._link: TakingLink | None = None
        self._arrived: deque[Delivery] = deque()
        self._outstanding = Outstanding()
        self._changed = threading.Condition()
        self._closed = False

    def take(self, max_count: int, wait_s: float) -> list[Delivery]:
        deadline = time.monotonic() + wait_s
        link = self._open_link()
        with self._changed:
            while not self._arrived and link.ended is None and not self._closed:
                remaining_s = deadline - time.monotonic()
                if remaining_s <= 0:
                    return []
                self._changed.wait(remaining_s)
            if link.ended is not None or self._closed:
                self._link = None
                raise BrokerUnavailable(link.ended or "the subscription was closed")
            taken = [self._arrived.popleft() for _ in range(min(max_count, len(self._arrived)))]
            for delivery in taken:
                self._outstanding.add(delivery.tag.number)  # type: ignore[attr-defined]  # a Tag
        return taken

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        link = self._link
        if link is not None:
            self._settle(link, deliveries, link.ack)

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        link = self._link
        if link is not None:
            self._settle(link, deliveries, link.give_back)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            link, self._link = self._link, None
            self._changed.notify_all()
        if link is not None:
            link.close()

    def _open_link(self) -> TakingLink:
        with self._changed:
            if self._closed:
                raise BrokerUnavailable("the subscription was closed")
            if self._link is not None:
                return self._link
            self._arrived.clear()
            self._outstanding = Outstanding()
            self._link = link = self._new_link(self)
        try:
            link.open()
        except BrokerUnavailable:
            self._link = None
            raise
        self._close_late(link)
        return link

    def _close_late(self, link: TakingLink) -> None:
        """Whoever closed us while the link was opening could not close it."""
        if self._closed:
            link.close()

    def _settle(
        self, link: TakingLink, deliveries: Sequence[Delivery], send: Callable[..., None]
    ) -> None:
        tags = [d.tag.number for d in deliveries if isinstance(d.tag, Tag) and d.tag.link is link]
        with self._changed:
            up_to, singly = self._outstanding.settle(tags)

        def work() -> None:
            if up_to is not None:
                send(up_to, multiple=True)
            for tag in singly:
                send(tag, multiple=False)

        if tags:
            link.call(work)

    # Below: in the link's thread.

    def on_delivery(self, delivery: Delivery) -> None:
        with self._changed:
            # One of a link that was given up is void, and would come again.
            if isinstance(delivery.tag, Tag) and delivery.tag.link is self._link:
                self._arrived.append(delivery)
                self._changed.notify()

    def on_end(self) -> None:
        with self._changed:
            self._changed.notify_all()
