"""One record's attempt: look in the books if told so, then send; and say how it ended.

What comes in: a decision to send. What goes out: an Ending, never an exception, save LeaseLost
when this process may no longer send.
"""

from __future__ import annotations

import threading
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.ledger.port import Entry, Key, LeaseLost, LedgerUnavailable, State
from consumers.ordering import Look, fate_unknown
from consumers.system import Found, Lookup, Receipt, RemoteRef, Steps, System, Task
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Account, Record, discrepancy
from schemas.sentences import say
from schemas.statuses import Entity

T = TypeVar("T")
_KEYS = uuid.UUID("0c7b3c1e-7a54-5a3e-8f5e-6d656d627269")


@dataclass(frozen=True, slots=True)
class Done:
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Failed:
    reason: Reason
    field: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """Not now; the books are unchanged."""

    detail: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Sent, fate unknown; the books must be asked before anything else. `not_before_s`: how long
    an answer « not there » cannot be believed yet."""

    detail: str
    not_before_s: float | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """The system takes nothing: nothing of this record was sent."""

    error: Unavailable


@dataclass(frozen=True, slots=True)
class TakenBack:
    """It was withdrawn while its fate was unknown, and the books do not have it."""


Ending = Done | Failed | Again | Unknown | Closed | TakenBack


@dataclass(slots=True)
class Work:
    """A record whose gate said go, with all that the attempt needs.

    `prior`: what the ledger knew before this attempt. `generation`: see Entry. `linked`: what
    the look found, though this version is not what the books hold: its update is still to come, or
    it has none. `began`: the system was asked to write; `answered`: it said yes or no. A bug of
    ours after the request is no answer. `overtaken`: what it refused was a repetition, while the
    earlier call may still be running there.
    """

    key: Key
    record: Record
    fingerprint: str
    dataversion: str
    look: Look | None
    update: str
    prior: Entry | None
    steps: Steps
    generation: int = 0
    and_update: bool = False
    linked: RemoteRef | None = None
    customer: RemoteRef | None = None
    documents: Mapping[str, RemoteRef] = field(default_factory=dict)
    began: bool = False
    answered: bool = False
    overtaken: bool = False

    @property
    def fate_unknown(self) -> bool:
        """Whether, after this attempt, it may be in the books without our knowing."""
        if self.began and not self.update:
            return self.overtaken or not self.answered
        return self.prior is not None and fate_unknown(self.prior)


def ending_of(call: Callable[[], T]) -> T | Ending:
    """What `call` returns, or the ending that its failure means.

    Raises LeaseLost and LedgerUnavailable only.
    """
    try:
        return call()
    except (LeaseLost, LedgerUnavailable):
        raise
    except Unavailable as error:
        return Closed(error)
    except Transient as error:
        return Again(error.detail, error.retry_after_s)
    except OutcomeUnknown as error:
        return Unknown(error.detail)
    except Rejected as error:
        return Failed(error.reason, error.field, error.detail)
    except Exception:  # noqa: BLE001 — our bug, whatever it is: buried with its traceback
        return Failed(Reason.BUG, detail=traceback.format_exc(limit=-8))


class BugRun:
    """Counts failures in a row that look like ours rather than like a record's. Thread-safe."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._length = 0
        self._lock = threading.Lock()

    def count(self, ending: Ending | Reason) -> None:
        reason = ending.reason if isinstance(ending, Failed) else ending
        with self._lock:
            if reason in (Reason.BUG, Reason.UNREADABLE):
                self._length += 1
            elif not isinstance(ending, Closed):
                self._length = 0

    def too_many(self) -> bool:
        return self._length >= self._longest

    def begin_anew(self) -> int:
        """How many there were."""
        with self._lock:
            length, self._length = self._length, 0
        return length


def idempotency_key(chapter: str, work: Work) -> str:
    """The same for every attempt whose fate may be unknown, another one after a definite refusal.

    A vendor may replay its refusal for a key it knows (QuickBooks does not say), hence `attempts`;
    an account's update names its version, or going back to an earlier content would replay the
    earlier update's answer and change nothing.
    """
    attempts = work.prior.attempts if work.prior else 0
    version = work.dataversion if work.update else ""
    parts = (
        chapter,
        *work.key,
        str(work.generation),
        str(attempts),
        work.fingerprint,
        version,
    )
    return str(uuid.uuid5(_KEYS, "|".join(parts)))


class Attempt:
    """Carries out works on one system. Thread-safe as the system is."""

    def __init__(
        self,
        system: System,
        chapter: str,
        now: Callable[[], float],
        may_call: Callable[[], None],
        intend: Callable[[Work], None],
    ) -> None:
        """`may_call()` raises LeaseLost when no call may start any more. `intend(work)` makes a
        second sending durable before it happens."""
        self._system = system
        self._declaration = system.declaration
        self._chapter = chapter
        self._now = now
        self._may_call = may_call
        self._intend = intend

    def carry_out(self, work: Work) -> Ending:
        """How the record ended. Raises LeaseLost and LedgerUnavailable only."""
        return ending_of(lambda: self._carry_out(work))

    def _carry_out(self, work: Work) -> Ending:
        remote_id = work.update
        if work.look is not Look.UNKNOWN and work.look is not Look.ONLY:
            self._refuse_early(work)
        if work.look is not None:
            self._may_call()
            found = self._system.find(lookup_of(work))
            if found is not None and self._is_it(work, found):
                if work.and_update:
                    work.linked, work.update = found.ref, found.ref.remote_id
                elif not found.unfinished:
                    return _adopt(work, found)
                remote_id = found.ref.remote_id
            else:
                ending = self._absent(work)
                if ending is not None:
                    return ending
        return self._send(work, remote_id)

    def _refuse_early(self, work: Work) -> None:
        """What is wrong whatever the books say."""
        if work.key.entity not in self._declaration.entities:
            detail = say(
                "{system} takes no {entity}", system=self._declaration.title, entity=work.key.entity
            )
            raise Rejected(Reason.NOT_SUPPORTED, detail=detail)
        if work.look is Look.FIRST:
            return  # a batch begins by refusing what does not add up
        wrong = discrepancy(work.record)
        if wrong is not None:
            detail = f"{wrong.expected} ≠ {wrong.found}"
            raise Rejected(Reason.TOTALS_DIFFER, field=wrong.field, detail=detail)

    def _send(self, work: Work, remote_id: str) -> Done:
        if work.look is Look.UNKNOWN:
            self._refuse_early(work)  # it may be another version than the one that was sent
        problems = self._system.check(work.record)
        if problems:
            detail = "; ".join(p.detail for p in problems if p.detail)
            raise Rejected(problems[0].reason, field=problems[0].field, detail=detail)
        if work.look in (Look.UNKNOWN, Look.COMPARE) or work.linked is not None:
            self._intend(work)
        task = Task(
            record=work.record,
            key=idempotency_key(self._chapter, work),
            steps=work.steps,
            remote_id=remote_id,
            customer=work.customer,
            documents=work.documents,
        )
        self._may_call()
        work.began = True
        try:
            receipt = self._system.transfer(task)
        except (Unavailable, Transient, Rejected):
            work.answered = True
            work.overtaken = not work.update and self._running_s(work.prior) > 0
            raise
        work.answered = True
        return Done(receipt)

    def _is_it(self, work: Work, found: Found) -> bool:
        """A namesake is not the customer: only our marker or a typed reference makes it so."""
        if work.key.entity is Entity.ACCOUNT and work.look is not Look.LINK:
            return found.by_marker
        return True

    def _absent(self, work: Work) -> Ending | None:
        """How it ends when the books do not have it; None when it is to be sent."""
        match work.look:
            case Look.LINK if work.update:
                return None  # the typed reference is not there, the customer we know is: update it
            case Look.LINK | Look.COMPARE | Look.UNKNOWN if work.record.reference:
                raise Rejected(
                    Reason.REFERENCE_NOT_FOUND, field="reference", detail=work.record.reference
                )
            case Look.UNKNOWN:
                return self._too_early(work)
            case Look.ONLY:
                return self._too_early(work) or TakenBack()
            case _:
                return None

    def _too_early(self, work: Work) -> Unknown | None:
        """Unless « not there » can be believed; see Declaration.replays_same_key."""
        same = work.prior is not None and work.prior.fingerprint == work.fingerprint
        if work.look is Look.UNKNOWN and self._declaration.replays_same_key and same:
            return None
        left = self._running_s(work.prior)
        if left <= 0:
            return None
        return Unknown(say("not in the books yet; the call may still be running there"), left)

    def _running_s(self, prior: Entry | None) -> float:
        """How long an earlier call without answer may still be running in the vendor's house."""
        if prior is None or prior.sent_at is None or not fate_unknown(prior):
            return 0.0
        return prior.sent_at + self._declaration.longest_call_s - self._now()


def _adopt(work: Work, found: Found) -> Done:
    if found.differences:
        if found.by_marker and not (work.prior and work.prior.state is State.DONE):
            work.linked = found.ref  # an earlier version of it, whose answer was lost
        raise Rejected(Reason.DIFFERS_FROM_BOOKS, detail="; ".join(found.differences))
    if work.look is Look.LINK:
        action = Action.LINKED
    elif work.look is Look.COMPARE:
        action = Action.CONFIRMED
    else:
        action = Action.ADOPTED
    return Done(Receipt(found.ref, action))


def lookup_of(work: Work) -> Lookup:
    """What is known of the record, for `System.find`."""
    record = work.record
    remembered = work.prior.remote_id if work.prior and work.look is not Look.LINK else ""
    return Lookup(
        entity=work.key.entity,
        record_id=work.key.id,
        reference=record.reference,
        remote_id=remembered,
        number=getattr(record, "number", ""),
        name=record.name if isinstance(record, Account) else "",
        record=record,
        customer=work.customer,
    )
