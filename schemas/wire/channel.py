"""The broker as this project needs it: publish with a known outcome, take, acknowledge.

Implementations: `rabbit.py` (RabbitMQ over pika) and `memory.py`; one contract suite runs on both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from schemas.wire.topology import Topology

HeaderValue = str | int


class BrokerUnavailable(Exception):
    """The broker cannot be reached or refuses us; the text says where and why, without secrets."""


class TopologyConflict(Exception):
    """The broker holds something else than the topology: what is missing, or what differs."""


class PublishOutcome(StrEnum):
    """The four outcomes of a publish. All but CONFIRMED: publish again, same message id."""

    CONFIRMED = "confirmed"
    RETURNED = "returned"  # no queue is bound for the routing key
    REFUSED = "refused"  # basic.nack: a queue is full or the broker failed
    UNKNOWN = "unknown"  # connection lost or no answer: it may be stored


@dataclass(frozen=True)
class Outgoing:
    """A message to publish. Always persistent."""

    exchange: str
    routing_key: str
    message_id: str
    body: bytes
    headers: Mapping[str, HeaderValue] = field(default_factory=dict)
    content_type: str = "application/cloudevents+json"
    mandatory: bool = True


@dataclass(frozen=True)
class Delivery:
    """A message taken from a queue and not yet settled. `tag` belongs to its subscription only."""

    tag: object
    body: bytes
    queue: str
    exchange: str
    routing_key: str
    message_id: str
    headers: Mapping[str, object]
    redelivered: bool
    delivery_count: int = 0


class Publisher(Protocol):
    def publish(self, messages: Sequence[Outgoing]) -> list[PublishOutcome]:
        """Publishes in order, pipelined; one outcome for each message, in the same order.

        Blocks until every outcome is known. Reconnects by itself for the next call.
        Raises BrokerUnavailable only when not one message could be sent, or when the broker
        refuses the first of them altogether (no such exchange, no permission).
        """
        ...

    def close(self) -> None: ...


class Subscription(Protocol):
    def take(self, max_count: int, wait_s: float) -> list[Delivery]:
        """What is ready, at most `max_count`. Waits at most `wait_s` for the first one, never for
        a second. An empty list is an idle tick. Raises BrokerUnavailable when the connection or
        the channel was lost: unsettled deliveries will come again, their tags are void. The
        next call connects again, and raises again when it cannot."""
        ...

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Removes them from the queue. Deliveries of a lost connection are ignored."""
        ...

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Puts them back in the queue, redelivered to whoever is next."""
        ...

    def close(self) -> None:
        """Stops taking; what was not settled goes back to the queue."""
        ...


class Broker(Protocol):
    """One broker, many short conversations. Safe to share between threads."""

    def publisher(self) -> Publisher:
        """Connects at the first `publish` only, so this never fails."""
        ...

    def subscribe(self, queue: str, *, prefetch: int) -> Subscription:
        """Connects at the first `take` only, so this never fails."""
        ...

    def depth(self, queue: str) -> int:
        """Messages ready in the queue. Raises BrokerUnavailable; KeyError when there is none."""
        ...

    def browse(self, queue: str, limit: int) -> list[Delivery]:
        """The first `limit` messages, which stay in the queue and keep their order.

        Others do not see them meanwhile, and their delivery count grows: for dead-letter queues,
        not for work queues. Raises BrokerUnavailable; KeyError when there is no such queue.
        """
        ...

    def remove(self, queue: str, match: Callable[[Delivery], bool]) -> int:
        """Takes every message now in the queue that matches out of it; how many they were.

        The others stay, in their order. Raises as `browse` does, then nothing or only some of
        the matching ones were removed.
        """
        ...

    def apply(self, topology: Topology) -> None:
        """Declares all of it; nothing changes where it is there already.

        Raises TopologyConflict where something exists with other arguments, BrokerUnavailable.
        """
        ...

    def verify(self, topology: Topology) -> None:
        """Looks whether the exchanges and queues are there, with no right to declare them.

        Raises TopologyConflict with what is missing, BrokerUnavailable.
        """
        ...

    def close(self) -> None: ...
