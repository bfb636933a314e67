"""A batch: decode, gate, look, send, write down, in waves that keep the order of one account.

What comes in: deliveries and waits that came due. What goes out: everything durable in the ledger
(entries, waits, outbox) when `run` returns; the caller publishes the outbox, then acknowledges.
Raises LeaseLost and LedgerUnavailable: the deliveries must then come again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from consumers.attempt import Attempt, BugRun, Closed, Failed, Work, ending_of
from consumers.batch import WAVES, Batch, Item, gather, wave
from consumers.bookkeeping import Bookkeeper
from consumers.crew import Crew, Planned
from consumers.deferring import Opening, by_date, earlier_ones, entry_of, gate_entry, is_repeated
from consumers.errors import Unavailable
from consumers.knowledge import Knowledge, LeaseKeeper, LedgerSteps
from consumers.ledger.port import Changes, Entry, Ledger, State, Wait
from consumers.ordering import (
    Confirm,
    Decision,
    Drop,
    Hold,
    Look,
    Send,
    gate_account,
    gate_document,
)
from consumers.retrying import RetryPolicy
from consumers.system import Found, Lookup, System
from consumers.taking_back import TakingBack
from consumers.telling import Subject, Teller
from schemas.events import Withdrawn
from schemas.facts import Observer, unobserved
from schemas.reasons import Reason
from schemas.records import Account, discrepancy, fingerprint
from schemas.sentences import say
from schemas.statuses import HELD, Entity
from schemas.wire.channel import Delivery

TOLD_LATELY_S = 600.0
"""How long Membri may take to show a failure before its record is said again for a reason."""
_DUE_MORE = 500
"""Among how many more that are due entries are looked for that must go before those of a batch."""


@dataclass(frozen=True)
class Result:
    """What the runtime must do next: pause and probe (`closed`), or pause for a person."""

    closed: Unavailable | None = None
    paused: str | None = None


class Engine:
    """Runs batches for one chapter of one system."""

    def __init__(
        self,
        system: System,
        ledger: Ledger,
        *,
        chapter: str,
        failed_by: str,
        lease: LeaseKeeper,
        executor: Executor | None,
        policy: RetryPolicy,
        now: Callable[[], float] = time.time,
        observer: Observer = unobserved,
        dead_letter_run_max: int = 20,
        upfront: bool = False,
    ) -> None:
        """`executor` None runs records one after the other, in the caller's thread. `upfront`:
        entries of deferred revenue that say no time go at once, otherwise on their date."""
        self._system = system
        self._name = system.declaration.name
        self._ledger = ledger
        self._chapter = chapter
        self._lease = lease
        self._now = now
        self._opening = Opening(upfront=upfront)
        self._observer = observer
        self._book = Bookkeeper(
            Teller(failed_by, self._name, chapter, now), self._name, policy, now
        )
        self._taking_back = TakingBack(self._book, now)
        self._bugs = BugRun(dead_letter_run_max)
        attempt = Attempt(system, chapter, now, self._may_call, self._intend)
        self._crew = Crew(attempt, executor, system.declaration.concurrency, self._bugs)

    def run(self, deliveries: Sequence[Delivery], due: Sequence[Wait]) -> Result:
        """Carries one batch as far as it can go, and writes down where each record stands."""
        batch = gather(deliveries, due, system=self._name, chapter=self._chapter)
        self._crew.rest()
        known = Knowledge.read(self._ledger, batch)
        for refused in batch.refused:
            self._book.refused(refused)
            if refused.waited:
                self._book.leave(refused.waited)
            self._bugs.count(Reason.UNREADABLE)
        for key in batch.superseded:
            self._book.superseded(key)
        self._taking_back.all(batch, known)
        self._refuse_what_does_not_add_up(batch, known)
        for entity, credit_notes in WAVES:
            items = wave(batch, entity, credit_notes=credit_notes)
            if entity is Entity.ACCOUNT:
                self._account_wave(items, batch, known)
            elif entity is Entity.JOURNAL_ENTRY:
                self._entry_wave(items, batch, known)
            elif items:
                self._document_wave(items, known)
        self._commit()
        return Result(self._crew.closed, self._paused())

    # --- before the waves -----------------------------------------------------------------------

    def _refuse_what_does_not_add_up(self, batch: Batch, known: Knowledge) -> None:
        """Before anything is sent, so that a wrong invoice does not bring its customer along."""
        for item in list(batch.items.values()):
            if isinstance(item.event, Withdrawn) or isinstance(item.event.data, Account):
                continue
            entry, wrong = known.entries.get(item.key), discrepancy(item.event.data)
            in_books = entry and entry.state in (State.DONE, State.SENDING, State.UNKNOWN)
            if wrong is None or in_books:
                continue
            subject = self._subject(item, known)
            work = self._work(subject, Send(None), known)
            detail = f"{wrong.expected} ≠ {wrong.found}"
            ending = Failed(Reason.TOTALS_DIFFER, wrong.field, detail)
            known.entries[item.key] = self._book.ended(subject, work, ending, 0.0)
            del batch.items[item.key]

    # --- waves ----------------------------------------------------------------------------------

    def _account_wave(self, items: list[Item], batch: Batch, known: Knowledge) -> None:
        """Accounts À transférer, and those that documents of this batch bring along."""
        planned: list[Planned] = []
        asked = {item.key for item in items}
        fresh = [item for item in items if not self._settled_already(item, known)]
        subjects = [self._subject(item, known) for item in fresh]
        for subject in (*subjects, *known.brought_along(batch, asked)):
            self._plan(subject, self._gate_account(subject, known), known, planned)
        self._carry_out(planned, known)

    def _gate_account(self, subject: Subject, known: Knowledge) -> Decision:
        account = subject.record
        if not isinstance(account, Account):
            raise TypeError(f"{subject.key} is no account")
        return gate_account(
            account,
            known.entries.get(subject.key),
            asked=subject.asked,
            has_invoice=subject.key in known.with_invoice,
            fingerprint=subject.fingerprint,
            dataversion=subject.dataversion,
        )

    def _document_wave(self, items: list[Item], known: Knowledge) -> None:
        planned: list[Planned] = []
        for item in items:
            if self._settled_already(item, known):
                continue
            subject = self._subject(item, known)
            if not self._recovered(subject, known):
                continue
            decision = gate_document(
                subject.record,
                known.entries.get(subject.key),
                known.entries,
                known.blocked,
                fingerprint=subject.fingerprint,
                dataversion=subject.dataversion,
            )
            self._plan_or_put_off(subject, decision, known, planned)
        self._carry_out(planned, known)

    def _entry_wave(self, items: list[Item], batch: Batch, known: Knowledge) -> None:
        """Entries of deferred revenue: in the order of their dates, also across batches."""
        planned: list[Planned] = []
        fresh = [item for item in items if not is_repeated(item, known.entries.get(item.key))]
        for item in by_date(self._with_earlier_ones(fresh, batch, known)):
            subject, record = self._subject(item, known), entry_of(item)
            if record is None:
                raise TypeError(f"{item.key} is no entry")
            opens = self._opening.of(record)
            if opens <= self._now() and not self._recovered(subject, known):
                continue
            decision = gate_entry(
                record,
                known.entries.get(subject.key),
                known.entries,
                fingerprint=subject.fingerprint,
                dataversion=subject.dataversion,
                opens=opens,
                now=self._now(),
            )
            self._plan_or_put_off(subject, decision, known, planned)
        self._carry_out(planned, known)

    def _with_earlier_ones(self, fresh: list[Item], batch: Batch, known: Knowledge) -> list[Item]:
        """And those of the waiting room that must go before them."""
        if not fresh:
            return []
        due = self._ledger.due(self._now(), len(batch.items) + _DUE_MORE)
        others = [wait for wait in due if wait.key not in batch.items]
        waits = earlier_ones(fresh, others, self._opening, self._now())
        earlier = gather((), waits, system=self._name, chapter=self._chapter)
        known.learn(self._ledger, earlier)
        return [*fresh, *earlier.items.values()]

    def _plan_or_put_off(
        self,
        subject: Subject,
        decision: Decision,
        known: Knowledge,
        planned: list[Planned],
    ) -> None:
        if self._crew.closed is not None and isinstance(decision, Send):
            self._not_attempted(subject, known)
        else:
            self._plan(subject, decision, known, planned)

    def _not_attempted(self, subject: Subject, known: Knowledge) -> None:
        work = self._work(subject, Send(None), known)
        known.entries[subject.key] = self._book.not_attempted(subject, work)

    def _recovered(self, subject: Subject, known: Knowledge) -> bool:
        """Whether what it needs could be looked for, where the ledger has lost it; if not, that
        is how this record ends in this batch."""
        if not known.lost_documents(subject.record):
            return True
        if self._crew.closed is not None:
            self._not_attempted(subject, known)
            return False
        ending = ending_of(lambda: known.recover_lost(subject.record, self._find, self._book))
        if ending is None:
            return True
        self._bugs.count(ending)
        if isinstance(ending, Closed):
            self._crew.closed = ending.error
        work = self._work(subject, Send(None), known)
        known.entries[subject.key] = self._book.ended(subject, work, ending, 0.0)
        return False

    def _find(self, lookup: Lookup) -> Found | None:
        self._may_call()
        return self._system.find(lookup)

    def _plan(
        self,
        subject: Subject,
        decision: Decision,
        known: Knowledge,
        planned: list[Planned],
    ) -> None:
        entry = known.entries.get(subject.key)
        match decision:
            case Send():
                work = self._work(subject, decision, known)
                planned.append((subject, work))
            case Confirm():
                known.entries[subject.key] = self._book.confirmed(subject, decision)
            case Hold():
                if isinstance(subject.record, Account):
                    known.blocked[subject.key.id] = decision
                if subject.asked or subject.wait:
                    known.entries[subject.key] = self._book.held(subject, decision, entry)
            case Drop(why):
                if subject.asked or subject.wait:  # what came from the waiting room leaves it
                    self._book.dropped(subject.key, why)

    def _settled_already(self, item: Item, known: Knowledge) -> bool:
        """It failed, or was taken back, and is delivered again: a crash came before it was
        acknowledged, or the poller said it again before Membri showed the failure. Said again much
        later, the failure never reached Membri: it is tried, and told, anew."""
        entry = known.entries.get(item.key)
        if (
            entry is None
            or entry.state not in (State.FAILED, State.WITHDRAWN)
            or item.replayed
            or item.wait is not None
            or isinstance(item.event, Withdrawn)
            or entry.dataversion != item.event.dataversion
        ):
            return False
        lately = self._now() - entry.changed_at < TOLD_LATELY_S
        return item.redelivered or (lately and entry.state is State.FAILED)

    # --- sending --------------------------------------------------------------------------------

    def _carry_out(self, planned: list[Planned], known: Knowledge) -> None:
        if not planned:
            return
        intents = [self._book.intent(w) for _, w in planned if w.look is Look.FIRST]
        self._commit(intents)
        for subject, work, ending, seconds in self._crew.carry_out(planned):
            if ending is None:
                known.entries[subject.key] = self._book.not_attempted(subject, work)
            else:
                known.entries[subject.key] = self._book.ended(subject, work, ending, seconds)
                known.note_ending(subject, ending)
        self._commit()

    def _paused(self) -> str | None:
        if not self._bugs.too_many():
            return None
        reason = say(
            "{count} failures in a row that no person can correct", count=self._bugs.begin_anew()
        )
        self._ledger.pause(reason)
        return reason

    # --- pieces ---------------------------------------------------------------------------------

    def _subject(self, item: Item, known: Knowledge) -> Subject:
        if isinstance(item.event, Withdrawn):
            raise TypeError(f"{item.key} was taken back")
        record = item.event.data
        # An account from the waiting room may have been brought along by a document.
        asked = not (isinstance(record, Account) and record.status in HELD)
        return Subject(
            item.key,
            record,
            item.event,
            item.body,
            item.event.dataversion,
            fingerprint(record),
            asked=asked,
            wait=known.wait_of(item),
        )

    def _work(self, subject: Subject, send: Send, known: Knowledge) -> Work:
        prior = known.entries.get(subject.key)
        generation = prior.generation if prior else 0
        if send.look is Look.COMPARE and not subject.record.reference:
            generation += 1
        return Work(
            key=subject.key,
            record=subject.record,
            fingerprint=subject.fingerprint,
            dataversion=subject.dataversion,
            look=send.look,
            update=send.update,
            and_update=send.and_update,
            prior=prior,
            steps=LedgerSteps(self._ledger, subject.key, generation, self._lease, self._now),
            generation=generation,
            customer=known.customer(subject.record),
            documents=known.documents(subject.record),
        )

    def _may_call(self) -> None:
        self._lease.current()

    def _intend(self, work: Work) -> None:
        # Who waits for a customer that is linked need not wait for its update.
        release = [work.key] if work.linked is not None else ()
        changes = Changes(entries=[self._book.intent(work)], release=release)
        self._ledger.commit(changes, self._lease.current(), self._now())

    def _commit(self, intents: Sequence[Entry] = ()) -> None:
        """Durable before the next thing happens; facts are told once they are true."""
        changes = self._book.take()
        if intents:
            changes = changes or Changes()
            changes = replace(changes, entries=[*changes.entries, *intents])
        if changes is None:
            return
        self._ledger.commit(changes, self._lease.current(), self._now())
        for fact in self._book.facts:
            self._observer(fact)
        self._book.facts.clear()
