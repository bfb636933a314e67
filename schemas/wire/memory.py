"""A broker in memory that honours the topology: for tests of everything above the port.

What comes in: a topology, messages, and the accidents a test asks for. What goes out: the outcomes,
deliveries and errors that RabbitMQ would give (one contract suite runs on both). It keeps routing,
alternate exchange, dead-lettering by delivery limit, maximum length, single active consumer,
prefetch, and unsettled deliveries that come back. It refuses what RabbitMQ would refuse.

Not like RabbitMQ: maximum length is exact, and a message is with a subscription only from `take`.
"""

from __future__ import annotations

import datetime as dt
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from schemas.wire.channel import (
    BrokerUnavailable,
    Delivery,
    Outgoing,
    PublishOutcome,
    TopologyConflict,
)
from schemas.wire.topology import Binding, Exchange, Queue, Topology, matches


@dataclass(frozen=True)
class _Message:
    outgoing: Outgoing
    delivery_count: int = 0
    deaths: tuple[dict[str, object], ...] = ()


@dataclass
class _Store:
    """One queue: what is ready, what is out, and who subscribed, first come first."""

    spec: Queue
    ready: deque[_Message] = field(default_factory=deque)
    subscribers: list[MemorySubscription] = field(default_factory=list)

    def full(self) -> bool:
        limit = self.spec.arguments.get("x-max-length")
        return limit is not None and len(self.ready) >= int(limit)


@dataclass(frozen=True)
class _Accident:
    outcome: PublishOutcome
    stored: bool


class MemoryBroker:
    """`topology` may also be given later, by `apply`. `clock` dates the broker's dead letters."""

    def __init__(
        self,
        topology: Topology | None = None,
        *,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.published: list[Outgoing] = []
        """Every message that was stored or tried to be, in order."""
        self._exchanges: dict[str, Exchange] = {}
        self._queues: dict[str, _Store] = {}
        self._bindings: list[Binding] = []
        self._accidents: deque[_Accident] = deque()
        self._clock = clock
        self._up = True
        if topology is not None:
            self.apply(topology)

    def next_publish(
        self, outcome: PublishOutcome, *, stored: bool = False, count: int = 1
    ) -> None:
        """The next `count` messages end so; `stored` ones arrive all the same (a lost answer)."""
        with self.changed:
            self._accidents.extend([_Accident(outcome, stored)] * count)

    def drop_connections(self) -> None:
        """Every subscription loses its connection once, as in a restart of the broker."""
        with self.changed:
            for store in self._queues.values():
                for subscription in list(store.subscribers):
                    subscription.lose()
            self.changed.notify_all()

    def go_down(self) -> None:
        """Nothing can be reached until `come_up`. What is stored stays."""
        with self.changed:
            self._up = False
        self.drop_connections()

    def come_up(self) -> None:
        with self.changed:
            self._up = True
            self.changed.notify_all()

    def publisher(self) -> MemoryPublisher:
        return MemoryPublisher(self)

    def subscribe(self, queue: str, *, prefetch: int) -> MemorySubscription:
        return MemorySubscription(self, queue, prefetch)

    def depth(self, queue: str) -> int:
        with self.changed:
            return len(self.store(queue).ready)

    def browse(self, queue: str, limit: int) -> list[Delivery]:
        with self.changed:
            store = self.store(queue)
            taken = list(itertools.islice(store.ready, limit))
            for n, message in enumerate(taken):
                store.ready[n] = replace(message, delivery_count=message.delivery_count + 1)
            return [_delivery(None, queue, message) for message in taken]

    def remove(self, queue: str, match: Callable[[Delivery], bool]) -> int:
        with self.changed:
            store = self.store(queue)
            kept = [m for m in store.ready if not match(_delivery(None, queue, m))]
            removed = len(store.ready) - len(kept)
            store.ready = deque(kept)
            return removed

    def apply(self, topology: Topology) -> None:
        with self.changed:
            self._require_up()
            for exchange in topology.exchanges:
                known = self._exchanges.setdefault(exchange.name, exchange)
                if known != exchange:
                    raise TopologyConflict(f"exchange {exchange.name} exists with other arguments")
            for queue in topology.queues:
                store = self._queues.setdefault(queue.name, _Store(queue))
                if store.spec != queue:
                    raise TopologyConflict(f"queue {queue.name} exists with other arguments")
            for binding in topology.bindings:
                if binding not in self._bindings:
                    self._bindings.append(binding)

    def verify(self, topology: Topology) -> None:
        with self.changed:
            self._require_up()
            missing = [
                f"exchange {e.name}" for e in topology.exchanges if e.name not in self._exchanges
            ]
            missing += [f"queue {q.name}" for q in topology.queues if q.name not in self._queues]
            if missing:
                raise TopologyConflict("missing: " + ", ".join(missing))

    def close(self) -> None:
        self.drop_connections()

    def _require_up(self) -> None:
        if not self._up:
            raise BrokerUnavailable("the broker in memory was taken down")

    def store(self, queue: str) -> _Store:
        """Raises KeyError when there is no such queue."""
        self._require_up()
        if queue not in self._queues:
            raise KeyError(queue)
        return self._queues[queue]

    def store_message(self, outgoing: Outgoing) -> PublishOutcome:
        """Routes one message, or lets happen to it what a test asked for."""
        self._require_up()
        if outgoing.exchange not in self._exchanges:
            raise BrokerUnavailable(f"no exchange {outgoing.exchange!r}")
        self.published.append(outgoing)
        accident = self._accidents.popleft() if self._accidents else None
        if accident is not None and not accident.stored:
            return accident.outcome
        outcome = self._route(_Message(outgoing), outgoing.exchange)
        return accident.outcome if accident is not None else outcome

    def _route(self, message: _Message, exchange: str) -> PublishOutcome:
        targets = self._targets(exchange, message.outgoing.routing_key)
        if not targets:
            alternate = self._exchanges[exchange].arguments.get("alternate-exchange")
            if alternate is not None:
                return self._route(message, str(alternate))
            mandatory = message.outgoing.mandatory
            return PublishOutcome.RETURNED if mandatory else PublishOutcome.CONFIRMED
        refused = [store for store in targets if store.full()]
        for store in targets:
            if store not in refused:
                store.ready.append(message)
        self.changed.notify_all()
        return PublishOutcome.REFUSED if refused else PublishOutcome.CONFIRMED

    def _targets(self, exchange: str, routing_key: str) -> list[_Store]:
        everything = self._exchanges[exchange].kind == "fanout"
        names = dict.fromkeys(
            b.queue
            for b in self._bindings
            if b.exchange == exchange and (everything or matches(b.pattern, routing_key))
        )
        return [self._queues[name] for name in names]

    def put_back(self, store: _Store, messages: Sequence[_Message]) -> None:
        """Returns deliveries to the front of their queue, in order; beyond the limit, they die."""
        limit = store.spec.arguments.get("x-delivery-limit")
        for message in reversed(messages):
            again = replace(message, delivery_count=message.delivery_count + 1)
            if limit is not None and again.delivery_count > int(limit):
                self._bury(store.spec, again)
            else:
                store.ready.appendleft(again)
        self.changed.notify_all()

    def _bury(self, queue: Queue, message: _Message) -> None:
        target = queue.arguments.get("x-dead-letter-exchange")
        if target is None:
            return
        death: dict[str, object] = {
            "count": 1,
            "reason": "delivery_limit",
            "queue": queue.name,
            "time": self._clock().replace(tzinfo=None),
            "exchange": message.outgoing.exchange,
            "routing-keys": [message.outgoing.routing_key],
        }
        outgoing = replace(message.outgoing, exchange=str(target))
        self._route(_Message(outgoing, deaths=(death, *message.deaths)), str(target))


def _delivery(tag: object, queue: str, message: _Message) -> Delivery:
    headers: dict[str, object] = dict(message.outgoing.headers)
    headers["x-delivery-count"] = message.delivery_count
    if message.deaths:
        headers["x-death"] = list(message.deaths)
    return Delivery(
        tag=tag,
        body=message.outgoing.body,
        queue=queue,
        exchange=message.outgoing.exchange,
        routing_key=message.outgoing.routing_key,
        message_id=message.outgoing.message_id,
        headers=headers,
        redelivered=message.delivery_count > 0,
        delivery_count=message.delivery_count,
    )


class MemoryPublisher:
    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def publish(self, messages: Sequence[Outgoing]) -> list[PublishOutcome]:
        outcomes: list[PublishOutcome] = []
        with self._broker.changed:
            for message in messages:
                try:
                    outcomes.append(self._broker.store_message(message))
                except BrokerUnavailable:
                    if not outcomes:
                        raise
                    # The channel died on it: nobody knows about this one and the rest.
                    outcomes += [PublishOutcome.UNKNOWN] * (len(messages) - len(outcomes))
                    break
        return outcomes

    def close(self) -> None:
        """Nothing is held."""


class MemorySubscription:
    """Connects at the first `take`, as the real one does."""

    def __init__(self, broker: MemoryBroker, queue: str, prefetch: int) -> None:
        self._broker = broker
        self._queue = queue
        self._prefetch = prefetch
        self._out: dict[object, _Message] = {}
        self._tags = itertools.count(1)
        self._lost = False
        self._attached = False
        self._closed = False

    def take(self, max_count: int, wait_s: float) -> list[Delivery]:
        deadline = time.monotonic() + wait_s
        with self._broker.changed:
            while True:
                self._require_connection()
                taken = self._take_ready(max_count)
                remaining_s = deadline - time.monotonic()
                if taken or remaining_s <= 0:
                    return taken
                self._broker.changed.wait(remaining_s)

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        with self._broker.changed:
            for delivery in deliveries:
                self._out.pop(delivery.tag, None)
            self._broker.changed.notify_all()

    def give_back(self, deliveries: Sequence[Delivery]) -> None:
        with self._broker.changed:
            held = [d.tag for d in deliveries if d.tag in self._out]
            self._put_back([self._out.pop(tag) for tag in held])

    def close(self) -> None:
        with self._broker.changed:
            self._closed = True
            self.lose()

    def lose(self) -> None:
        """The connection ends: what was not settled goes back, its tags are void."""
        if not self._attached:
            return
        self._attached = False
        self._lost = True
        self._broker._queues[self._queue].subscribers.remove(self)  # noqa: SLF001 - one module
        unsettled = list(self._out.values())
        self._out.clear()
        self._put_back(unsettled)

    def _attach(self) -> None:
        try:
            store = self._broker.store(self._queue)
        except KeyError:
            raise BrokerUnavailable(f"no queue {self._queue!r}") from None
        store.subscribers.append(self)
        self._attached = True

    def _require_connection(self) -> None:
        if self._closed:
            raise BrokerUnavailable("the subscription was closed")
        if self._lost:
            self._lost = False
            raise BrokerUnavailable(f"the connection was lost while taking from {self._queue}")
        if not self._attached:
            self._attach()

    def _take_ready(self, max_count: int) -> list[Delivery]:
        store = self._broker.store(self._queue)
        if store.spec.arguments.get("x-single-active-consumer") and store.subscribers[0] != self:
            return []
        room = min(max_count, self._prefetch - len(self._out), len(store.ready))
        taken = []
        for _ in range(room):
            message = store.ready.popleft()
            tag = (id(self), next(self._tags))
            self._out[tag] = message
            taken.append(_delivery(tag, self._queue, message))
        return taken

    def _put_back(self, messages: Sequence[_Message]) -> None:
        if messages:
            self._broker.put_back(self._broker._queues[self._queue], messages)  # noqa: SLF001 - one module
