"""From how a record ended to what is written: entries, waits, messages, timeline.

What comes in: endings of attempts and decisions of the gate. What goes out: one `Changes` for one
commit, and facts for observers. Nothing here calls the system, the ledger or the broker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from consumers.attempt import Again, Closed, Done, Ending, Failed, TakenBack, Unknown, Work
from consumers.batch import Refused
from consumers.deferring import CANCELLED, told_of
from consumers.errors import Unavailable
from consumers.ledger.port import Changes, Entry, Key, Note, OutboxMessage, State, Wait
from consumers.ordering import TAKEN_BACK, Confirm, Hold
from consumers.retrying import RetryPolicy
from consumers.system import RemoteRef
from consumers.telling import Subject, Teller, Why, tells_membri
from schemas.facts import DeadLettered, Fact, Retried, TransferEnded
from schemas.outcomes import Action
from schemas.reasons import Reason, WaitReason
from schemas.records import Account, JournalEntry
from schemas.statuses import Entity

_DETAIL_MAX = 300


class Bookkeeper:
    """Collects what one commit will write. Not for use by several threads at once."""

    def __init__(
        self, teller: Teller, system: str, policy: RetryPolicy, now: Callable[[], float]
    ) -> None:
        self._teller = teller
        self._system = system
        self._policy = policy
        self._now = now
        self.facts: list[Fact] = []
        self._closings: Counter[Key] = Counter()
        self._reset()

    def _reset(self) -> None:
        self._entries: dict[Key, Entry] = {}
        self._waits: dict[Key, Wait] = {}
        self._leave: set[Key] = set()
        self._release: set[Key] = set()
        self._outbox: list[OutboxMessage] = []
        self._notes: list[Note] = []

    def take(self) -> Changes | None:
        """What was collected, and starts anew; None when there is nothing to write."""
        changes = Changes(
            entries=list(self._entries.values()),
            waits=list(self._waits.values()),
            leave=self._leave,
            release=self._release,
            outbox=self._outbox,
            notes=self._notes,
        )
        empty = not (self._entries or self._waits or self._leave or self._outbox or self._notes)
        self._reset()
        return None if empty else changes

    # --- how attempts end ---------------------------------------------------------------------

    def ended(self, subject: Subject, work: Work, ending: Ending, seconds: float) -> Entry:
        """Books one ending; returns what the ledger will know."""
        if not isinstance(ending, Closed):
            self._closings.pop(subject.key, None)
        match ending:
            case Done(receipt):
                entry = self._done(subject, work, receipt.ref, receipt.action)
                self._fact(subject.key.entity, receipt.action, seconds)
            case Failed(reason, field_name, detail):
                entry = self._failed(subject, work, reason, field_name, detail)
            case Again(detail, retry_after_s):
                entry = self._again(subject, work, detail, retry_after_s)
            case Unknown(detail, not_before_s):
                entry = self._unknown(subject, work, detail, not_before_s)
            case Closed(error):
                entry = self._closed(subject, work, error)
            case TakenBack():
                entry = replace(self._entry(work, State.WITHDRAWN), sent_at=None)
                self.leave(subject.key)
                self._note(subject.key, "withdrawn", "not in the books")
                self._fact(subject.key.entity, "withdrawn", seconds)
        self._entries[subject.key] = entry
        return entry

    def _done(self, subject: Subject, work: Work, ref: RemoteRef, action: Action) -> Entry:
        entry = replace(
            self._entry(work, State.DONE), remote_id=ref.remote_id, reference=ref.reference
        )
        self.leave(subject.key)
        self._release.add(subject.key)
        if tells_membri(subject):
            self._outbox.append(self._teller.transferred(subject, ref, action))
        self._note(subject.key, f"transferred.{action}", ref.reference)
        if work.prior is not None and work.prior.reason == TAKEN_BACK:
            return self.cancelled_after_entry(subject, entry)
        return entry

    def cancelled_after_entry(self, subject: Subject, entry: Entry) -> Entry:
        """An entry of deferred revenue that is in the books though its invoice was cancelled: a
        person must reverse it. Said once; the ledger remembers that it was. Other records that
        were there before they were taken back are simply there."""
        if not isinstance(subject.record, JournalEntry):
            return entry
        told = told_of(subject.record, entry.reference)
        self.bury(subject, Reason.CANCELLED_AFTER_ENTRY, "", told, attempts=1)
        self._entries[subject.key] = replace(entry, reason=CANCELLED, changed_at=self._now())
        return self._entries[subject.key]

    def _failed(
        self, subject: Subject, work: Work, reason: Reason, field_name: str, detail: str
    ) -> Entry:
        prior = work.prior
        attempts = (prior.attempts if prior else 0) + 1
        entry = replace(
            self._entry(work, State.FAILED), attempts=attempts, sent_at=None, reason=reason
        )
        if isinstance(work.record, Account):  # what was typed, to see whether it is corrected
            entry = replace(entry, reference=work.record.reference)
        if work.linked is not None:
            entry = self._linked(work, work.linked, attempts=1)
            self._release.add(subject.key)
        elif work.fate_unknown:
            entry = replace(self._unknown_still(work), state=State.FAILED, reason=reason)
        elif prior and prior.state is State.DONE and reason is not Reason.REFERENCE_NOT_FOUND:
            # What stands in the books stands: its payments may still go.
            entry = replace(prior, attempts=attempts, changed_at=self._now())
            if isinstance(subject.record, JournalEntry):  # said again each day: told once
                entry = replace(entry, dataversion=work.dataversion)
        self.leave(subject.key)
        self.bury(subject, reason, field_name, detail, attempts=attempts)
        return entry

    def _linked(self, work: Work, ref: RemoteRef, *, attempts: int = 0) -> Entry:
        """It is there, only this version of it is not: what needs it may go."""
        entry = self._entry(work, State.DONE)
        return replace(
            entry,
            remote_id=ref.remote_id,
            reference=ref.reference,
            fingerprint="",
            attempts=entry.attempts + attempts,
        )

    def _again(
        self, subject: Subject, work: Work, detail: str, retry_after_s: float | None
    ) -> Entry:
        tries = self._tries(subject) + 1
        if tries > self._policy.retry_max:
            told = f"{tries} tries; {detail}"
            return self._failed(subject, work, Reason.RETRIES_EXHAUSTED, "", told)
        delay = self._policy.transient_delay_s(tries, retry_after_s)
        self._wait(subject, WaitReason.RETRY_AT, due_in_s=delay, detail=detail, attempts=tries)
        return self._unsent(work, attempts=1)

    def _unknown(
        self, subject: Subject, work: Work, detail: str, not_before_s: float | None
    ) -> Entry:
        tries = self._tries(subject) + 1
        delay = max(self._policy.unknown_delay_s(tries), not_before_s or 0.0)
        self._wait(
            subject, WaitReason.OUTCOME_UNKNOWN, due_in_s=delay, detail=detail, attempts=tries
        )
        # An update may be repeated: the customer is there whatever happened.
        return self._unsent(work, attempts=0)

    def _not_sent(
        self, subject: Subject, work: Work, detail: str, *, due_in_s: float = 0.0
    ) -> Entry:
        self._wait(
            subject,
            WaitReason.RETRY_AT,
            due_in_s=due_in_s,
            detail=detail,
            attempts=self._tries(subject),
        )
        return self._unsent(work, attempts=0)

    def _closed(self, subject: Subject, work: Work, error: Unavailable) -> Entry:
        """Due at once, but later and later when it is always this one that finds the system
        closed: the others must not wait behind it for ever."""
        self._closings[subject.key] += 1
        again = self._closings[subject.key] - 1
        delay = self._policy.probe_delay_s(again) if again else 0.0
        return self._not_sent(subject, work, str(error), due_in_s=delay)

    def not_attempted(self, subject: Subject, work: Work) -> Entry:
        """The batch stopped before this one: it is tried again as soon as the system is open."""
        entry = self._not_sent(subject, work, "not attempted")
        self._entries[subject.key] = entry
        return entry

    def _unsent(self, work: Work, *, attempts: int) -> Entry:
        """Back to what was known before: the books are unchanged, or as unknown as they were."""
        prior = work.prior
        if work.linked is not None:
            return self._linked(work, work.linked, attempts=attempts)
        if work.fate_unknown and (work.overtaken or not work.answered):
            return replace(self._unknown_still(work), state=State.UNKNOWN)
        if prior and prior.state is State.DONE:
            return replace(prior, attempts=prior.attempts + attempts)
        entry = self._entry(work, State.WAITING)
        return replace(entry, attempts=entry.attempts + attempts, sent_at=None)

    def _unknown_still(self, work: Work) -> Entry:
        """What was sent keeps its content, its time and its attempts, hence its key."""
        entry = self._entry(work, State.UNKNOWN)
        prior = work.prior
        if work.began and not work.answered and not work.update:
            return replace(entry, sent_at=self._now())
        if prior is None:
            raise AssertionError("an unknown fate without a sending")
        same_version = prior.dataversion == work.dataversion
        return replace(
            entry,
            fingerprint=prior.fingerprint,
            generation=prior.generation,
            reason=prior.reason if same_version else "",
        )

    def _entry(self, work: Work, state: State) -> Entry:
        prior = work.prior
        return Entry(
            key=work.key,
            state=state,
            account_id=work.record.account_id,
            dataversion=work.dataversion,
            fingerprint=work.fingerprint,
            generation=work.generation,
            remote_id=prior.remote_id if prior else "",
            reference=prior.reference if prior else "",
            attempts=prior.attempts if prior else 0,
            sent_at=prior.sent_at if prior else None,
            changed_at=self._now(),
        )

    def intent(self, work: Work) -> Entry:
        """What is written before a record is sent. A customer that was found keeps its id: its
        update may change the very name by which it was found."""
        if work.linked is not None:
            return self._linked(work, work.linked)
        return replace(self._entry(work, State.SENDING), sent_at=self._now())

    # --- how gates end ------------------------------------------------------------------------

    def held(self, subject: Subject, hold: Hold, entry: Entry | None) -> Entry:
        """Into the waiting room; it moves when what it waits for arrives, or when it is newer."""
        same = subject.wait is not None and subject.wait.reason is hold.reason
        self._wait(
            subject,
            hold.reason,
            due_in_s=None,
            due_at=hold.due_at,
            detail=hold.detail,
            attempts=0,
            waits_for=None if hold.waits_for == subject.key else hold.waits_for,
        )
        if not same:
            self._note(subject.key, f"waiting.{hold.reason}", hold.detail)
            self._fact(subject.key.entity, "waiting", 0.0)
        kept = entry or Entry(subject.key, State.WAITING, subject.record.account_id)
        if kept.state is not State.DONE:
            kept = replace(
                kept,
                state=State.WAITING,
                dataversion=subject.dataversion,
                fingerprint=subject.fingerprint,
                changed_at=self._now(),
            )
        self._entries[subject.key] = kept
        return kept

    def confirmed(self, subject: Subject, confirm: Confirm) -> Entry:
        """Already there with the same content: Membri is told again."""
        entry = replace(confirm.entry, dataversion=subject.dataversion, changed_at=self._now())
        ref = RemoteRef(entry.remote_id, entry.reference)
        self.leave(subject.key)
        self._outbox.append(self._teller.transferred(subject, ref, Action.CONFIRMED))
        self._note(subject.key, f"transferred.{Action.CONFIRMED}", entry.reference)
        self._fact(subject.key.entity, Action.CONFIRMED, 0.0)
        self._entries[subject.key] = entry
        return entry

    def dropped(self, key: Key, why: str) -> None:
        self.leave(key)
        self._note(key, "dropped", why)

    def superseded(self, key: Key) -> None:
        self._note(key, "superseded", "a newer version was queued behind it")
        self._fact(key.entity, "superseded", 0.0)

    def withdrawn(self, key: Key, entry: Entry, note: str) -> None:
        self._entries[key] = replace(entry, changed_at=self._now())
        self._note(key, "withdrawn", note)
        self._fact(key.entity, "withdrawn", 0.0)

    def keep_looking(self, key: Key, body: bytes, account_id: str) -> None:
        """A record taken back while its fate was unknown: the books are asked all the same."""
        now = self._now()
        self._waits[key] = Wait(
            key, WaitReason.OUTCOME_UNKNOWN, body, account_id, since=now, due_at=now
        )

    def recovered(self, entry: Entry) -> None:
        """A document that Membri says is in the books was found there; the ledger had lost it.

        A version of it that still waits is older than what Membri says."""
        self._entries[entry.key] = entry
        self.leave(entry.key)
        self._release.add(entry.key)
        self._note(entry.key, "recovered", entry.reference)

    # --- dead letters -------------------------------------------------------------------------

    def bury(
        self, subject: Subject, reason: Reason, field_name: str, detail: str, *, attempts: int
    ) -> None:
        """A dead letter, and the failure told to whoever listens."""
        first = subject.wait.first_failed_at if subject.wait else None
        why = Why(reason, field_name, detail, attempts, first)
        self._outbox.append(self._teller.burial(subject, why))
        self._outbox.append(self._teller.failed(subject, why))
        self._note(subject.key, f"failed.{reason}", f"{field_name} {detail}".strip())
        self._fact(subject.key.entity, "failed", 0.0)
        self.facts.append(DeadLettered(self._system, subject.key.entity, reason))

    def refused(self, refused: Refused) -> None:
        """A message that is no record of ours."""
        self._outbox.append(self._teller.refusal(refused))
        entity = refused.routing_key.split(".", 1)[0]
        known = entity if entity in set(Entity) else "unknown"
        self.facts.append(DeadLettered(self._system, known, refused.reason))

    # --- small pieces -------------------------------------------------------------------------

    def _wait(
        self,
        subject: Subject,
        reason: WaitReason,
        *,
        due_in_s: float | None,
        detail: str,
        attempts: int,
        waits_for: Key | None = None,
        due_at: float | None = None,
    ) -> None:
        now = self._now()
        older = subject.wait
        first_failed = older.first_failed_at if older else None
        if attempts and first_failed is None:
            first_failed = now
        self._waits[subject.key] = Wait(
            key=subject.key,
            reason=reason,
            body=subject.body,
            account_id=subject.record.account_id,
            since=older.since if older else now,
            waits_for=waits_for,
            due_at=due_at if due_in_s is None else now + due_in_s,
            attempts=attempts,
            first_failed_at=first_failed,
            detail=detail[:_DETAIL_MAX],
        )
        if attempts:
            self._note(subject.key, f"waiting.{reason}", detail)
            self.facts.append(Retried(self._system, subject.key.entity, reason))

    def _tries(self, subject: Subject) -> int:
        return subject.wait.attempts if subject.wait else 0

    def leave(self, key: Key) -> None:
        """Out of the waiting room, also when it was only just put there."""
        self._leave.add(key)
        self._waits.pop(key, None)

    def _note(self, key: Key, what: str, detail: str) -> None:
        self._notes.append(Note(key, self._now(), what, detail[:_DETAIL_MAX]))

    def _fact(self, entity: Entity, outcome: str, seconds: float) -> None:
        self.facts.append(TransferEnded(self._system, entity, str(outcome), seconds))
