"""Outcomes → Membri: one conditional PATCH for each.

What comes in: the queue `membri.settle`: transfers that ended well, and dead letters. What goes
out: status, reference and error text on the record, together. Refused: placeholder references;
writing over a person's newer change; anything but outcomes. Every delivery is acknowledged when it
was dealt with, and only then; what Membri refuses for good is logged, so that nothing loops.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from producers.clock import SYSTEM_CLOCK, Clock
from producers.dataverse import (
    AuthFault,
    ConfigFault,
    MembriError,
    MembriUnavailable,
    OutcomeUnknown,
    RecordGone,
    Refused,
    VersionMismatch,
    system_reason,
)
from producers.decisions import Failure, Outcome, Success
from producers.membri import Membri
from producers.outcomes import NotAnOutcome, Receipt, key_of, read_outcome
from schemas.facts import Observer, Settled, SystemState, unobserved
from schemas.reasons import Reason
from schemas.statuses import Entity
from schemas.wire.channel import Broker, BrokerUnavailable, Delivery, PublishOutcome, Subscription
from schemas.wire.dead_letters import dead_letter
from schemas.wire.topology import SETTLE

log = logging.getLogger(__name__)

BATCH_MAX = 200
WRITERS = 8
ROUNDS = 4
"""Reads and writes of one record before it is given up: Membri answers, but not on this one."""
TAKE_S = 1.0
BACKOFF_S = 2.0
BACKOFF_S_MAX = 60.0
HOLD_S_MAX = 900.0
"""Deliveries are held unacknowledged no longer than this: brokers close a channel after 30 min."""

BUGS_MAX = 20
"""Outcomes in a row that met a bug of ours: each is let go (its record stays À transférer and comes
again); that many are not about one outcome any more, and the process stops."""

Explain = Callable[[Reason, str, str, str], str]
"""(reason, language, field, detail) → a text for an accountant."""


class Settler:
    """Writes outcomes. `language`: of the error texts. The observer is called from several
    threads; records are written in parallel, outcomes of one record one after the other."""

    def __init__(
        self,
        membri: Membri,
        broker: Broker,
        *,
        explain: Explain,
        language: str = "fr",
        writers: int = WRITERS,
        clock: Clock = SYSTEM_CLOCK,
        observer: Observer = unobserved,
    ) -> None:
        self._membri = membri
        self._broker = broker
        self._publisher = broker.publisher()
        self._explain = explain
        self._language = language
        self._writers = writers
        self._clock = clock
        self._observer = observer
        self._bugs = 0

    def close(self) -> None:
        self._publisher.close()

    def run(self, stop: threading.Event) -> None:
        """Settles until `stop` is set. Membri or the broker being away is waited out."""
        backoff_s = BACKOFF_S
        while not stop.is_set():
            try:
                self._session(stop)
                backoff_s = BACKOFF_S
            except BrokerUnavailable as error:
                log.warning("no outcome can be taken for now: %s", error)
                stop.wait(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)

    def drain(self) -> int:
        """Settles until the queue is empty; how many outcomes there were.

        Raises MembriError or BrokerUnavailable: what was not settled is back in the queue.
        """
        settled = 0
        subscription = self._broker.subscribe(SETTLE, prefetch=BATCH_MAX)
        try:
            with ThreadPoolExecutor(self._writers, "settler") as pool:
                while deliveries := subscription.take(BATCH_MAX, TAKE_S):
                    left, error = self._settle(pool, subscription, deliveries)
                    settled += len(deliveries) - len(left)
                    if error is not None:
                        raise error
        finally:
            subscription.close()
        return settled

    def _session(self, stop: threading.Event) -> None:
        """One subscription, until `stop`, a lost connection, or a hold that is too long."""
        subscription = self._broker.subscribe(SETTLE, prefetch=BATCH_MAX)
        try:
            with ThreadPoolExecutor(self._writers, "settler") as pool:
                while not stop.is_set():
                    deliveries = subscription.take(BATCH_MAX, TAKE_S)
                    if deliveries and not self._work_off(pool, subscription, deliveries, stop):
                        return
        finally:
            subscription.close()

    def _work_off(
        self,
        pool: ThreadPoolExecutor,
        subscription: Subscription,
        deliveries: Sequence[Delivery],
        stop: threading.Event,
    ) -> bool:
        """Settles a batch, however long Membri is away. False when the batch had to be left."""
        held_since = self._clock.monotonic()
        backoff_s = BACKOFF_S
        left = list(deliveries)
        while left and not stop.is_set():
            left, error = self._settle(pool, subscription, left)
            if error is None:
                self._observer(SystemState("membri", "", up=True))
                return True
            self._tell(error)
            if self._clock.monotonic() - held_since > HOLD_S_MAX:
                stop.wait(backoff_s)
                return False
            stop.wait(max(backoff_s, getattr(error, "retry_after_s", None) or 0.0))
            backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)
        return not left

    def _settle(
        self, pool: ThreadPoolExecutor, subscription: Subscription, deliveries: Sequence[Delivery]
    ) -> tuple[list[Delivery], MembriError | None]:
        """Deals with what it can, acknowledges it, returns what is left and why."""
        groups: dict[str, list[Delivery]] = {}
        for delivery in deliveries:
            groups.setdefault(key_of(delivery), []).append(delivery)
        running = [pool.submit(self._in_order, group) for group in groups.values()]
        done, error = _gathered(running)
        subscription.ack(done)
        tags = {id(delivery) for delivery in done}
        return [delivery for delivery in deliveries if id(delivery) not in tags], error

    def _in_order(self, group: Sequence[Delivery]) -> tuple[list[Delivery], MembriError | None]:
        """Outcomes of one record, oldest first, up to the first that must wait."""
        done: list[Delivery] = []
        for delivery in group:
            try:
                self._one(delivery)
            except (MembriUnavailable, AuthFault, ConfigFault) as error:
                return done, error
            except BrokerUnavailable:
                raise
            except Exception:
                log.exception("message %s is let go: a bug", delivery.message_id)
                self._bugs += 1
                if self._bugs >= BUGS_MAX:
                    raise
            else:
                self._bugs = 0
            done.append(delivery)
        return done, None

    def _one(self, delivery: Delivery) -> None:
        try:
            found = read_outcome(delivery, self._text)
        except NotAnOutcome as reason:
            log.error("message %s is let go: %s", delivery.message_id, reason)  # noqa: TRY400 - the reason is the message
            return
        if isinstance(found, Receipt):
            self._bury(found)
            return
        outcome, system = found
        ended = self._written(outcome)
        critical_s = None
        if ended == "written" and outcome.changed_at is not None:
            critical_s = (self._clock.now() - outcome.changed_at).total_seconds()
        told = "transferred" if isinstance(outcome, Success) else "failed"
        label = told if ended == "written" else ended
        self._observer(Settled(system, outcome.entity, label, critical_s))

    def _written(self, outcome: Outcome) -> str:
        """How it ended: written, kept (nothing to say any more), gone, refused."""
        if outcome.entity is Entity.JOURNAL_ENTRY:
            return "kept"  # Membri holds no such record
        try:
            return self._write(outcome)
        except RecordGone:
            log.warning("%s %s no longer exists in Membri", outcome.entity, outcome.id)
            return "gone"
        except Refused as error:
            log.error("%s %s could not be settled: %s", outcome.entity, outcome.id, error)  # noqa: TRY400 - the server's words are the trace
            return "refused"

    def _write(self, outcome: Outcome) -> str:
        repeated = isinstance(outcome, Failure) and outcome.is_repeated
        etag = "" if repeated else outcome.dataversion
        change = outcome.wanted()
        trouble: MembriError = Refused("nothing was tried")
        for round_number in range(ROUNDS):
            if not etag:
                now = self._membri.read(outcome.entity, outcome.id)
                decided = outcome.decide(now)
                if decided is None:
                    log.info("%s %s stays %s", outcome.entity, outcome.id, now.status)
                    return "kept"
                etag, change = now.etag, decided
            try:
                self._membri.write(outcome.entity, outcome.id, etag, change)
            except (VersionMismatch, OutcomeUnknown, Refused) as error:
                trouble, etag = error, ""
                if not isinstance(error, VersionMismatch):
                    self._clock.sleep(0.2 * 2**round_number)
            else:
                return "written"
        raise Refused(f"given up after {ROUNDS} times: {trouble}", code=trouble.code)

    def _bury(self, receipt: Receipt) -> None:
        """Receipts are not written to Membri here: kept where a person sees them."""
        message = dead_letter(
            receipt.delivery,
            reason=Reason.NOT_SUPPORTED,
            detail="receipts of the accounting system are not taken into Membri",
            first_failed_at=self._clock.now(),
            failed_by="settler",
            routing_key=receipt.routing_key,
        )
        [outcome] = self._publisher.publish([message])
        if outcome is not PublishOutcome.CONFIRMED:
            raise MembriUnavailable(f"a receipt could not be buried: {outcome}")

    def _text(self, reason: Reason, field: str, detail: str) -> str:
        return self._explain(reason, self._language, field, detail)

    def _tell(self, error: MembriError) -> None:
        log.warning("outcomes wait for Membri: %s", error)
        reason = system_reason(error)
        self._observer(SystemState("membri", "", up=False, reason=reason, detail=str(error)))


def _gathered(
    running: Iterable[Future[tuple[list[Delivery], MembriError | None]]],
) -> tuple[list[Delivery], MembriError | None]:
    done: list[Delivery] = []
    first: MembriError | None = None
    for future in running:
        some, error = future.result()
        done += some
        first = first or error
    return done, first
