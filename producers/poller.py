"""One pass over what is À transférer in Membri, again and again.

What comes in: ids and etags of all that is À transférer, then whole records of what is new among
them. What goes out: one message for each version of a record, published with confirms, and then
remembered. A status is a level, not an event: whatever was missed is met again by the next full
sweep or when its lease ends. Refused: rows of chapters that are not configured are left alone.
Sources: Membri manual (statuses); Microsoft, "modifiedon" is set when a transaction begins, so
that a row may appear later than its time says: hence the overlap.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Iterable, Sequence
from typing import TypeVar

from producers.chapters import Chapter
from producers.chunks import chunks
from producers.clock import SYSTEM_CLOCK, Clock
from producers.columns import ENTITIES
from producers.dataverse import ConfigFault, MembriError, system_reason
from producers.deferral_sweep import DeferralSweep
from producers.deferring import Deferring
from producers.membri import Fetched, Membri, Pending
from producers.poll_state import PollState, Seen
from producers.publishing import DEPTH_MAX, Publication, Tally
from schemas.facts import Observer, PollDone, SystemState, unobserved
from schemas.reasons import SystemReason
from schemas.records import Invoice
from schemas.statuses import TAKEN_OUT, Entity, Status
from schemas.wire.channel import Broker, BrokerUnavailable

log = logging.getLogger(__name__)

OVERLAP_S = 300.0
FIRST_WINDOW_S = 3600.0
"""How far back the first incremental scan looks: more than clocks ever differ."""
SCAN_CHUNK = 500
FETCH_CHUNK = 50
IDLE_FACTOR = 4
BACKOFF_S_MAX = 300.0

T = TypeVar("T")


class Poller:
    """Finds what is to transfer and publishes it. One thread; `state` and `broker` are the
    caller's to close. Times in seconds."""

    def __init__(
        self,
        membri: Membri,
        broker: Broker,
        state: PollState,
        *,
        clock: Clock = SYSTEM_CLOCK,
        observer: Observer = unobserved,
        poll_interval_s: float = 15.0,
        sweep_interval_s: float = 600.0,
        lease_s: float = 900.0,
        depth_max: int = DEPTH_MAX,
    ) -> None:
        self._membri = membri
        self._state = state
        self._clock = clock
        self._observer = observer
        self._poll_interval_s = poll_interval_s
        self._sweep_interval_s = sweep_interval_s
        self._lease_s = lease_s
        self._publication = Publication(
            broker,
            state,
            membri.environment,
            membri.chapters.all,
            clock=clock,
            observer=observer,
            depth_max=depth_max,
        )
        self._deferring = Deferring(membri, state.deferrals, clock=clock)
        self._deferral_sweep = DeferralSweep(self._deferring, membri, state.deferrals, clock)
        self._next_sweep_at = clock.monotonic()
        start = clock.now() - dt.timedelta(seconds=FIRST_WINDOW_S)
        self._watermarks = dict.fromkeys(ENTITIES, start)
        self._credit_notes: dict[str, Pending] = {}

    def close(self) -> None:
        self._publication.close()

    def run(self, stop: threading.Event) -> None:
        """Passes until `stop` is set. Membri or the broker being away is waited out."""
        interval_s = self._poll_interval_s
        backoff_s = self._poll_interval_s
        while not stop.is_set():
            try:
                tally = self.run_pass()
            except (MembriError, BrokerUnavailable) as error:
                self._tell(error)
                asked_s = getattr(error, "retry_after_s", None) or 0.0
                stop.wait(max(backoff_s, asked_s))
                backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)
                continue
            backoff_s = self._poll_interval_s
            interval_s = self._next_interval_s(interval_s, tally)
            stop.wait(interval_s)

    def run_pass(self, *, whole: bool = False) -> Tally:
        """One pass; `whole`: no other follows, so that nothing is left to it but what queues do not
        take. Raises MembriError or BrokerUnavailable; what was confirmed until then stays
        remembered. A table that is misconfigured is told in `faults` and does not stop others."""
        full = self._clock.monotonic() >= self._next_sweep_at
        publication = self._publication
        publication.begin()
        if full:
            publication.sweep = max(publication.sweep + 1, int(self._clock.now().timestamp()))
            self._next_sweep_at = self._clock.monotonic() + self._sweep_interval_s
        for entity in ENTITIES:
            try:
                self._pass_over(entity, full=full)
            except ConfigFault as fault:
                log.error("%s: %s", entity, fault)  # noqa: TRY400 - a setting, not our trace
                publication.tally.faults.append(str(fault))
        self._publish_credit_notes()
        self._sweep_deferred(whole=whole)
        tally = publication.tally
        pending = self._state.in_flight_count() + tally.blocked + tally.held
        self._observer(PollDone(self._clock.now().timestamp(), pending, tally.published))
        self._observer(_membri_state(tally))
        return tally

    def _sweep_deferred(self, *, whole: bool) -> None:
        try:
            more = self._deferral_sweep.run(self._publication, whole=whole)
            self._publication.tally.sweeping = more
        except ConfigFault as fault:
            log.error("deferred revenue: %s", fault)  # noqa: TRY400 - a setting, not our trace
            self._publication.tally.faults.append(str(fault))

    def _pass_over(self, entity: Entity, *, full: bool) -> None:
        since = self._watermarks[entity] - dt.timedelta(seconds=OVERLAP_S)
        if full and entity is Entity.ACCOUNT:
            # Accounts that changed are looked for in each pass: their invoices wait for it.
            for rows in chunks(self._membri.pending(entity, since), SCAN_CHUNK):
                self._look_back(entity, rows)
        complete = self._scan(entity, None if full else since)
        self._review_expired(entity)
        if full and complete:
            self._review_missed(entity)

    def _scan(self, entity: Entity, since: dt.datetime | None) -> bool:
        """Whether all rows were met and handled: false when queues were full before the end."""
        met_until = self._watermarks[entity]
        left_from: dt.datetime | None = None
        for rows in chunks(self._membri.pending(entity, since), SCAN_CHUNK):
            first_left = self._handle(entity, rows)
            met_until = max(met_until, rows[-1].modified)
            if first_left is not None and (left_from is None or first_left < left_from):
                left_from = first_left
            if left_from is not None and self._publication.all_blocked():
                break
        self._watermarks[entity] = met_until if left_from is None else left_from
        return left_from is None

    def _handle(self, entity: Entity, rows: Sequence[Pending]) -> dt.datetime | None:
        """Publishes what is new of these rows; returns the time of the first that was left."""
        known = self._look_back(entity, rows)
        self._state.met(entity, list(known), self._publication.sweep)
        new = [row for row in rows if self._is_new(row, known.get(row.id))]
        self._credit_notes.update({row.id: row for row in new if row.corrects})
        new = [row for row in new if not row.corrects]
        left: list[dt.datetime] = []
        for chunk in chunks(new, FETCH_CHUNK):
            # Asked again for each chunk: nothing is fetched that a full queue would not take.
            ready = [row for row in chunk if not self._must_wait(row)]
            self._publication.tally.blocked += len(chunk) - len(ready)
            left += [row.modified for row in chunk if row not in ready]
            left += self._publish(entity, [row.id for row in ready])
        return min(left, default=None)

    def _publish_credit_notes(self) -> None:
        """After the payments of the same pass: an invoice that was paid and then cancelled would
        otherwise be settled by its credit note, and its payment refused as too much."""
        for chunk in chunks(list(self._credit_notes.values()), FETCH_CHUNK):
            ready = [row.id for row in chunk if not self._must_wait(row)]
            self._publication.tally.blocked += len(chunk) - len(ready)
            if ready and not self._publish(Entity.INVOICE, ready):
                for one in ready:
                    del self._credit_notes[one]

    def _look_back(self, entity: Entity, rows: Sequence[Pending]) -> dict[str, Seen]:
        """What these rows mean for what is in flight; returns what is remembered of them."""
        known = self._state.known(entity, [row.id for row in rows])
        self._take_out(entity, _withdrawn(rows, known))
        if entity is Entity.ACCOUNT:
            self._refresh_snapshots({row.id: row.etag for row in rows})
        return known

    def _take_out(self, entity: Entity, rows: Sequence[tuple[Pending, Seen]]) -> None:
        """Withdraws these; a payment that went is noted first, since its entries stand then."""
        if entity is Entity.PAYMENT:
            done = [row.id for row, _ in rows if row.status is Status.TRANSFERRED]
            self._deferring.went(done)
        self._publication.withdraw(rows)

    def _is_new(self, row: Pending, seen: Seen | None) -> bool:
        """Whether the row is to be looked at closer: À transférer, ours, and not at this version
        before."""
        if row.status is not Status.TO_TRANSFER or (seen and seen.etag == row.etag):
            return False
        if not row.chapter_id:
            return True
        chapter = self._membri.chapters.get(row.chapter_id)
        if chapter is None:
            self._publication.tally.elsewhere += 1
            return False
        if row.unpaid_dues and chapter.settings.sync_memberships_when_paid:
            # Paying it changes it, so that it is met again then (domain, rule 7).
            self._publication.tally.held += 1
            return False
        return True

    def _must_wait(self, row: Pending) -> bool:
        chapter: Chapter | None = self._membri.chapters.get(row.chapter_id)
        if chapter is not None:
            return self._publication.blocked(chapter)
        return self._publication.any_blocked()

    def _publish(self, entity: Entity, ids: Sequence[str]) -> list[dt.datetime]:
        """Fetches and publishes in chunks; returns the times of what was left."""
        left: list[dt.datetime] = []
        for chunk in chunks(ids, FETCH_CHUNK):
            fetched = self._membri.fetch(entity, chunk)
            self._state.forget(entity, set(chunk) - {row.id for row in fetched})
            left += [row.modified for row in self._sent(entity, fetched)]
        return left

    def _sent(self, entity: Entity, fetched: Sequence[Fetched]) -> list[Fetched]:
        """Publishes, and with payments and credit notes what they mean for deferred revenue;
        returns what was left."""
        if entity is not Entity.PAYMENT:
            left = self._publication.publish(fetched)
            self._deferring.corrected(_corrected(fetched), self._publication)
            return left
        plans = self._deferring.following(fetched)
        left = self._publication.publish(fetched, self._deferring.messages(plans))
        not_sent = {row.id for row in left}
        self._deferring.remember([p for key, p in plans.items() if key not in not_sent])
        return left

    def _refresh_snapshots(self, accounts: dict[str, str]) -> None:
        """Invoices and payments in flight of accounts that changed go again, with the account as
        it is now (domain, rule 4: nobody touches the invoices)."""
        stale: dict[Entity, list[str]] = {}
        for seen in self._state.of_accounts(list(accounts)):
            if seen.account_etag != accounts[seen.account_id]:
                stale.setdefault(seen.entity, []).append(seen.id)
        for entity, ids in stale.items():
            self._publish(entity, ids)

    def _review_expired(self, entity: Entity) -> None:
        """What was published long ago without an answer goes again if still À transférer."""
        now = self._clock.now().timestamp()
        for seen in chunks(
            self._state.expired(entity, now, self._lease_s, SCAN_CHUNK), FETCH_CHUNK
        ):
            still = self._review(entity, seen)
            self._publish(entity, still)

    def _review_missed(self, entity: Entity) -> None:
        """What a full sweep did not meet is no longer À transférer: why is asked."""
        sweep = self._publication.sweep
        while missed := self._state.missed(entity, sweep, SCAN_CHUNK):
            for seen in chunks(missed, FETCH_CHUNK):
                self._review(entity, seen)
            self._state.met(entity, [seen.id for seen in missed], sweep)

    def _review(self, entity: Entity, seen: Sequence[Seen]) -> list[str]:
        """Reads these again: withdraws what a person withdrew, forgets what is settled or gone.
        Returns the ids that are still À transférer."""
        known = {one.id: one for one in seen}
        rows = list(self._membri.recall(entity, list(known)))
        still = [row.id for row in rows if row.status is Status.TO_TRANSFER]
        taken_back = _withdrawn(rows, known)
        self._take_out(entity, taken_back)
        kept = {*still, *(row.id for row, _ in taken_back)}
        self._state.forget(entity, [one for one in known if one not in kept])
        return still

    def _next_interval_s(self, interval_s: float, tally: Tally) -> float:
        """The configured one while there is work, then slower, up to four times."""
        busy = tally.published or tally.withdrawn or tally.blocked or tally.sweeping
        if busy or tally.unconfirmed:
            return self._poll_interval_s
        return min(interval_s * 1.5, self._poll_interval_s * IDLE_FACTOR)

    def _tell(self, error: MembriError | BrokerUnavailable) -> None:
        log.warning("nothing can be published for now: %s", error)
        if isinstance(error, MembriError):
            reason = system_reason(error)
            self._observer(SystemState("membri", "", up=False, reason=reason, detail=str(error)))


def _membri_state(tally: Tally) -> SystemState:
    if tally.faults:
        detail = "; ".join(tally.faults)
        return SystemState("membri", "", up=False, reason=SystemReason.MISCONFIGURED, detail=detail)
    return SystemState("membri", "", up=True)


def _withdrawn(rows: Iterable[Pending], known: dict[str, Seen]) -> list[tuple[Pending, Seen]]:
    """Of these rows those that were published and must not be sent any more. Our own successes are
    among them: who completed a record cannot be told from its row, and the consumer knows."""
    found = [(row, known.get(row.id)) for row in rows if row.status in TAKEN_OUT]
    return [(row, seen) for row, seen in found if seen is not None and seen.published]


def _corrected(fetched: Iterable[Fetched]) -> list[str]:
    """The invoices that credit notes among these correct."""
    notes = (one.content for one in fetched if isinstance(one.content, Invoice))
    return [note.corrects.id for note in notes if note.corrects is not None]
