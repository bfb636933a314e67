"""One synchronisation from start to end, in one process: the manual's « Commencer ».

What comes in: settings and chapters. What goes out: a report. Raises what is unavailable instead
of waiting for it; whatever was not finished stays in the queues and the ledger, and goes next time.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from consumers.errors import Unavailable
from consumers.fencing import is_dead
from consumers.ledger.port import Ledger
from consumers.runtime import Consumer
from ops import wiring
from ops.dead_letters import DeadLetters
from ops.language import Said, said
from ops.report import Report, collect
from ops.settings import Settings
from producers.poller import Poller
from producers.settler import Settler
from schemas.facts import Fact, SystemState, TransferEnded
from schemas.reasons import SystemReason
from schemas.wire.rabbit import RabbitBroker
from schemas.wire.topology import work_queue

Step = Callable[[str], None]
_TICK_S = 0.2
_QUIET_TURNS = 2


class NotFreeError(Exception):
    """A chapter is paused by a person, or another process serves it."""

    def __init__(self, why: Said) -> None:
        super().__init__(str(why))
        self.why = why


class Synchronisation:
    """`counts`: (entity, outcome) → how many so far, for whoever shows progress."""

    def __init__(
        self, settings: Settings, slugs: Sequence[str], step: Step = lambda _: None
    ) -> None:
        self._settings = settings
        self._slugs = list(slugs)
        self.step = step
        self.counts: Counter[tuple[str, str]] = Counter()
        self._open: set[str] = set()
        self._closed: SystemState | None = None
        self._crash: Exception | None = None

    def observe(self, fact: Fact) -> None:
        if isinstance(fact, TransferEnded):
            self.counts[fact.entity, fact.outcome] += 1
        if isinstance(fact, SystemState) and fact.chapter:
            if fact.up:
                self._open.add(fact.chapter)
            else:
                self._closed = fact

    def run(self) -> Report:
        """Raises Unavailable, BrokerUnavailable, MembriError, LedgerUnavailable, CheckFailed,
        NotFreeError."""
        settings = self._settings
        self.step("connect")
        for slug in self._slugs:
            self._require_free(slug)
        wire = wiring.broker(settings, "once")
        wire.apply(wiring.the_topology(settings))
        stop = threading.Event()
        with contextlib.ExitStack() as stack:
            client = stack.enter_context(wiring.dataverse(settings))
            membri = wiring.membri(settings, client)
            consumers = [stack.enter_context(self._consumer(s, wire, stop)) for s in self._slugs]
            poller = stack.enter_context(wiring.poller(settings, membri, wire))
            settler = stack.enter_context(wiring.settler(settings, membri, wire))
            threads = [
                threading.Thread(target=self._consume, args=(one,), name="consumer")
                for one in consumers
            ]
            for thread in threads:
                thread.start()
            try:
                self._until_open()
                self._until_quiet(poller, settler, consumers, wire)
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
        return self._report(wire)

    def _require_free(self, slug: str) -> None:
        """Whoever paused a chapter, or serves it now, would be waited for without an end."""
        with contextlib.closing(wiring.ledger(self._settings, slug)) as ledger:
            why, holder = ledger.paused(), ledger.lease_holder()
        if why is not None:
            raise NotFreeError(
                said(
                    "{chapter} is paused ({why}); `membri-sync resume {chapter}` lets it go on",
                    chapter=slug,
                    why=why,
                )
            )
        if holder is not None and holder.until > time.time() and not is_dead(holder.owner):
            raise NotFreeError(
                said(
                    "another process serves {chapter} now ({owner}): it transfers by itself what "
                    "becomes « À transférer »",
                    chapter=slug,
                    owner=holder.owner,
                )
            )

    def _consume(self, consumer: Consumer) -> None:
        try:
            consumer.run()
        except Exception as crash:  # noqa: BLE001 - raised again in the main thread
            self._crash = crash

    def _until_open(self) -> None:
        """Rule 14: first the connection to each accounting system is tried. By its consumer: a
        probe of our own would not count in the rate that it keeps to."""
        while not self._open.issuperset(self._slugs):
            self._raise_what_stopped()
            time.sleep(_TICK_S)

    def _raise_what_stopped(self) -> None:
        if self._crash is not None:
            raise self._crash
        if self._closed is not None:
            reason = self._closed.reason or SystemReason.UNREACHABLE
            raise Unavailable(reason, f"{self._closed.chapter}: {self._closed.detail}")

    @contextlib.contextmanager
    def _consumer(self, slug: str, wire: RabbitBroker, stop: threading.Event) -> Iterator[Consumer]:
        with wiring.consumer(self._settings, slug, wire, stop, self.observe) as consumer:
            yield consumer

    def _until_quiet(
        self,
        poller: Poller,
        settler: Settler,
        consumers: Sequence[Consumer],
        wire: RabbitBroker,
    ) -> None:
        quiet = 0
        while quiet < _QUIET_TURNS:
            self.step("poll")
            tally = poller.run_pass()
            self.step("transfer")
            self._wait_for(consumers, wire)
            self.step("settle")
            settled = settler.drain()
            busy = tally.published or tally.sweeping or settled
            quiet = 0 if busy else quiet + 1

    def _wait_for(self, consumers: Sequence[Consumer], wire: RabbitBroker) -> None:
        """Until every queue is empty and every consumer had nothing to do twice."""
        queues = [work_queue(self._settings.chapter(slug).system, slug) for slug in self._slugs]
        for consumer in consumers:
            consumer.idle.clear()
        while not all(c.idle.is_set() for c in consumers) or any(map(wire.depth, queues)):
            self._raise_what_stopped()
            time.sleep(_TICK_S)

    def _report(self, wire: RabbitBroker) -> Report:
        with contextlib.ExitStack() as stack:
            ledgers: dict[str, Ledger] = {}
            for slug in self._slugs:
                ledgers[slug] = wiring.ledger(self._settings, slug)
                stack.callback(ledgers[slug].close)
            systems = [self._settings.chapter(slug).system for slug in self._slugs]
            return collect(ledgers, DeadLetters(wire, systems).all())
