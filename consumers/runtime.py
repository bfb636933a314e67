"""One consumer process: lease, probe, take, run, publish, acknowledge; and wait when told to.

What comes in: a broker, a system, a ledger. What goes out: nothing returns; records move. Whatever
is unreachable (broker, ledger, system) is waited for and said; nothing is lost by stopping.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from consumers.engine import Engine, Result
from consumers.errors import Unavailable
from consumers.fencing import HeldLease, is_dead, process_name
from consumers.ledger.port import LeaseLost, Ledger, LedgerUnavailable, OutboxMessage
from consumers.retrying import RetryPolicy, Stopped, until_available
from consumers.system import Health, System
from schemas.facts import Observer, SystemState, unobserved
from schemas.wire.channel import (
    Broker,
    BrokerUnavailable,
    Outgoing,
    Publisher,
    PublishOutcome,
    Subscription,
)
from schemas.wire.topology import work_queue

log = logging.getLogger(__name__)

OUTBOX_PAGE = 1000
_NEXT_TRY_S = 2.0
_PROBE_EVERY_S = 300.0


@dataclass(frozen=True)
class Limits:
    """Sizes and periods of a consumer. The first delivery starts a batch, none is waited for.

    `batch_s`: a batch is no more than the system takes in that many seconds, since Membri hears of
    a record only when its batch ends, and members get their invoice by e-mail only then.
    """

    batch_max: int = 500
    batch_s: float = 5.0
    idle_tick_s: float = 1.0
    lease_ttl_s: float = 15.0
    dead_letter_run_max: int = 20
    policy: RetryPolicy = field(default_factory=RetryPolicy)


class Consumer:
    """Moves the records of one chapter into one system until it is stopped."""

    def __init__(
        self,
        broker: Broker,
        system: System,
        ledger: Ledger,
        *,
        chapter: str,
        stop: threading.Event,
        limits: Limits | None = None,
        observer: Observer = unobserved,
        now: Callable[[], float] = time.time,
        owner: str = "",
        upfront: bool = False,
    ) -> None:
        """`upfront`: whether the chapter's deferred revenue is sent at once, dated ahead."""
        self._broker = broker
        self._system = system
        self._ledger = ledger
        self._chapter = chapter
        self._stop = stop
        self._limits = limits or Limits()
        self._observer = observer
        self._now = now
        self._owner = owner or process_name()
        self._upfront = upfront
        self._name = system.declaration.name
        self._queue = work_queue(self._name, chapter)
        in_time = int(system.declaration.rate_per_s * self._limits.batch_s)
        self._batch_max = max(1, min(self._limits.batch_max, in_time))
        self._probed_at = 0.0
        self._closings = 0
        self._said = ""
        self.idle = threading.Event()
        """Set while nothing is ready, nothing is due, and the outbox is empty."""

    def run(self) -> None:
        """Until the stop event is set."""
        while not self._stop.is_set():
            try:
                self._serve()
            except Stopped:
                return
            except (BrokerUnavailable, LedgerUnavailable, LeaseLost) as error:
                self.idle.clear()
                self._say("waiting: %s", error)
                self._stop.wait(_NEXT_TRY_S)

    def _serve(self) -> None:
        lease = self._take_lease()
        try:
            with self._pool() as executor:
                engine = Engine(
                    self._system,
                    self._ledger,
                    chapter=self._chapter,
                    failed_by=f"consume {self._chapter}",
                    lease=lease,
                    executor=executor,
                    policy=self._limits.policy,
                    now=self._now,
                    observer=self._observer,
                    dead_letter_run_max=self._limits.dead_letter_run_max,
                    upfront=self._upfront,
                )
                while not self._stop.is_set():
                    lease.current()
                    self._until_resumed(lease)
                    self._until_open()
                    self._work(engine, lease)
        finally:
            lease.close()

    def _pool(self) -> ThreadPoolExecutor:
        workers = max(1, self._system.declaration.concurrency)
        return ThreadPoolExecutor(workers, thread_name_prefix=self._chapter)

    # --- what must hold before anything is taken ------------------------------------------------

    def _take_lease(self) -> HeldLease:
        grace_s = self._system.declaration.longest_call_s
        while True:
            lease = self._ledger.take_lease(
                self._owner, self._now(), self._limits.lease_ttl_s, grace_s, is_dead
            )
            if lease is not None:
                return HeldLease(self._ledger, lease, ttl_s=self._limits.lease_ttl_s, now=self._now)
            self._say("standing by: another process serves %s", self._chapter)
            self._wait(1.0)

    def _until_resumed(self, lease: HeldLease) -> None:
        while (reason := self._ledger.paused()) is not None:
            self.idle.set()
            self._say("paused (%s); `membri-sync resume %s` goes on", reason, self._chapter)
            lease.current()
            self._wait(_NEXT_TRY_S)

    def _until_open(self) -> None:
        def on_closed(error: Unavailable, seconds: float) -> None:
            self._shut(error)
            log.debug("next try in %.0f s", seconds)

        policy, wait = self._limits.policy, self._stop.wait
        self._open(until_available(self._system.probe, policy, wait, on_closed))

    def _open(self, health: Health) -> None:
        until = health.authorised_until
        self._probed_at = self._now()
        self._tell(
            SystemState(
                self._name,
                self._chapter,
                True,
                detail=health.company,
                authorised_until=until.timestamp() if until else None,
            )
        )
        self._say("serving %s into %s (%s)", self._chapter, self._name, health.company)

    # --- the work -------------------------------------------------------------------------------

    def _work(self, engine: Engine, lease: HeldLease) -> None:
        """Batches until the system closes, a person is needed, or the process stops."""
        publisher = self._broker.publisher()
        try:
            publish_outbox(self._ledger, publisher)
            subscription = self._broker.subscribe(self._queue, prefetch=2 * self._batch_max)
            try:
                self._batches(engine, lease, publisher, subscription)
            finally:
                subscription.close()
        finally:
            publisher.close()

    def _batches(
        self,
        engine: Engine,
        lease: HeldLease,
        publisher: Publisher,
        subscription: Subscription,
    ) -> None:
        while not self._stop.is_set():
            result = self._batch(engine, publisher, subscription)
            lease.current()
            closed = result.closed or self._still_open()
            if closed is not None:
                self._shut(closed)
                subscription.close()
                self._wait(self._pause_s(closed))
                return
            if not self.idle.is_set():
                self._closings = 0
            if result.paused is not None or self._ledger.paused() is not None:
                return

    def _pause_s(self, error: Unavailable) -> float:
        """Before the next probe. A system whose probe succeeds and that takes nothing all the same
        (read-only, say) is asked at growing distances."""
        self._closings += 1
        again = self._closings - 1
        delay_s = self._limits.policy.probe_delay_s(again) if again else 0.0
        return max(delay_s, error.retry_after_s or 0.0)

    def _still_open(self) -> Unavailable | None:
        """Probed now and then, so that an authorisation that ends is announced ahead."""
        if self._now() - self._probed_at < _PROBE_EVERY_S:
            return None
        try:
            self._open(self._system.probe())
        except Unavailable as error:
            return error
        return None

    def _shut(self, error: Unavailable) -> None:
        self.idle.clear()
        self._tell(SystemState(self._name, self._chapter, False, error.reason, error.detail))
        self._say("%s takes nothing: %s", self._name, error)

    def _batch(self, engine: Engine, publisher: Publisher, subscription: Subscription) -> Result:
        deliveries = subscription.take(self._batch_max, self._until_due_s())
        due = self._ledger.due(self._now(), self._batch_max)
        if not deliveries and not due:
            self.idle.set()
            return Result()
        self.idle.clear()
        result = engine.run(deliveries, due)
        publish_outbox(self._ledger, publisher)
        subscription.ack(deliveries)
        return result

    def _until_due_s(self) -> float:
        due_at = self._ledger.next_due()
        tick = self._limits.idle_tick_s
        return tick if due_at is None else min(tick, max(0.0, due_at - self._now()))

    # --- small pieces ---------------------------------------------------------------------------

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped

    def _tell(self, fact: SystemState) -> None:
        self._observer(fact)

    def _say(self, message: str, *values: object) -> None:
        """Once, not at every try."""
        text = message % values
        if text != self._said:
            self._said = text
            log.info("%s", text)


def publish_outbox(ledger: Ledger, publisher: Publisher) -> int:
    """Publishes what commits left in the outbox, in order, and removes what was confirmed.

    Returns how many were published. Raises BrokerUnavailable when one was not: it stays, and what
    it speaks of must not be acknowledged yet.
    """
    count = 0
    while waiting := ledger.outbox(OUTBOX_PAGE):
        outcomes = publisher.publish([_unboxed(message) for message in waiting])
        sent = [
            message.id
            for message, outcome in zip(waiting, outcomes, strict=True)
            if outcome is PublishOutcome.CONFIRMED
            or (outcome is PublishOutcome.RETURNED and not message.mandatory)
        ]
        ledger.published(sent)
        count += len(sent)
        if len(sent) < len(waiting):
            raise BrokerUnavailable(_why_not(waiting, outcomes))
        if len(waiting) < OUTBOX_PAGE:
            break
    return count


def _why_not(messages: list[OutboxMessage], outcomes: list[PublishOutcome]) -> str:
    for message, outcome in zip(messages, outcomes, strict=True):
        if outcome is PublishOutcome.RETURNED and message.mandatory:
            return (
                f"no queue takes {message.routing_key} of {message.exchange}: "
                "`membri-sync topology apply` makes them"
            )
    return "the broker did not confirm all outcomes; they are published again"


def _unboxed(message: OutboxMessage) -> Outgoing:
    return Outgoing(
        exchange=message.exchange,
        routing_key=message.routing_key,
        message_id=message.message_id,
        body=message.body,
        headers=message.headers,
        mandatory=message.mandatory,
    )
