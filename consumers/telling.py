"""What the rest of the world is told of a record: outcomes, failures, dead letters.

What comes in: a record, the event that brought it, and how it ended. What goes out: messages for
the ledger's outbox, whose ids depend only on what they say, so that saying it twice is harmless.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from consumers.batch import Refused
from consumers.ledger.port import Key, OutboxMessage, Wait
from consumers.system import RemoteRef
from schemas.events import VERSION, FailedEvent, ToTransfer, TransferredEvent
from schemas.outcomes import Action, TransferFailed, Transferred
from schemas.reasons import Reason
from schemas.records import Account, Record
from schemas.statuses import HELD
from schemas.wire.channel import Outgoing
from schemas.wire.codec import dead_letter, outcome_message
from schemas.wire.topology import routing_key

_OUTCOMES = uuid.UUID("b1b0f3b2-6d5c-5c0b-9f6e-6d656d627269")
_DETAIL_MAX = 1000


@dataclass(frozen=True, slots=True)
class Subject:
    """The record that a line is about, with the event that brought it.

    `asked`: the record itself is to be transferred; False for an account that a document brought
    along, whose own status then decides whether Membri is told. `fingerprint`: the record's, taken
    once, since it costs as much as all else that is done with an invoice's lines.
    """

    key: Key
    record: Record
    event: ToTransfer
    body: bytes
    dataversion: str
    fingerprint: str
    asked: bool = True
    wait: Wait | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """Why a person must act. `first_failed_at` in epoch seconds, None when it failed just now."""

    reason: Reason
    field: str
    detail: str
    attempts: int
    first_failed_at: float | None


class Teller:
    """Makes the messages of one consumer."""

    def __init__(self, failed_by: str, system: str, chapter: str, now: Callable[[], float]) -> None:
        """`failed_by` names this process in dead letters."""
        self._failed_by = failed_by
        self._system = system
        self._chapter = chapter
        self._now = now

    def transferred(self, subject: Subject, ref: RemoteRef, action: Action) -> OutboxMessage:
        outcome = TransferredEvent.model_validate(
            {
                **self._attributes(subject, f"transferred|{action}|{ref.reference}"),
                "type": f"membri.{subject.key.entity}.transferred",
                "data": Transferred.model_validate(
                    {
                        "id": subject.key.id,
                        "table": table_of(subject.record),
                        "action": action,
                        "reference": ref.reference,
                        "remote_id": ref.remote_id,
                        "fingerprint": subject.fingerprint,
                        "changed_at": subject.event.time,
                    }
                ),
            }
        )
        return _boxed(outcome_message(outcome))

    def failed(self, subject: Subject, why: Why) -> OutboxMessage:
        outcome = FailedEvent.model_validate(
            {
                **self._attributes(subject, f"failed|{why.reason}"),
                "type": f"membri.{subject.key.entity}.failed",
                "data": TransferFailed.model_validate(
                    {
                        "id": subject.key.id,
                        "table": table_of(subject.record),
                        "reason": why.reason,
                        "field": why.field,
                        "detail": why.detail[:_DETAIL_MAX],
                    }
                ),
            }
        )
        return _boxed(outcome_message(outcome))

    def burial(self, subject: Subject, why: Why) -> OutboxMessage:
        """The dead letter of a record."""
        key = routing_key(subject.key.entity, self._system, self._chapter)
        return self._bury(subject.body, key, subject.event.id, why)

    def refusal(self, refused: Refused) -> OutboxMessage:
        """The dead letter of a message that is no record of ours."""
        why = Why(refused.reason, refused.field, refused.detail, 1, None)
        return self._bury(refused.body, refused.routing_key, refused.message_id, why)

    def _bury(self, body: bytes, key: str, message_id: str, why: Why) -> OutboxMessage:
        first = dt.datetime.fromtimestamp(why.first_failed_at or self._now(), dt.UTC)
        letter = dead_letter(
            body,
            reason=why.reason,
            field=why.field,
            detail=why.detail,
            attempts=why.attempts,
            first_failed_at=first,
            failed_by=self._failed_by,
            routing_key=key,
            message_id=message_id,
        )
        return _boxed(letter)

    def _attributes(self, subject: Subject, what: str) -> dict[str, object]:
        event = subject.event
        return {
            "id": str(uuid.uuid5(_OUTCOMES, f"{event.id}|{subject.key.id}|{what}")),
            "source": event.source,
            "subject": subject.key.id,
            "time": dt.datetime.fromtimestamp(self._now(), dt.UTC),
            "dataschema": f"urn:membri-sync:outcome:{VERSION}",
            "chapter": self._chapter,
            "system": self._system,
            "partitionkey": subject.record.account_id,
            "dataversion": subject.dataversion,
            "traceparent": event.traceparent,
        }


def tells_membri(subject: Subject) -> bool:
    """An account brought along by a document keeps the status that a person gave it."""
    if subject.asked or not isinstance(subject.record, Account):
        return True
    return subject.record.status not in HELD


def table_of(record: Record) -> str:
    """The Membri table of a record."""
    return record.table if isinstance(record, Account) else record.entity


def _boxed(message: Outgoing) -> OutboxMessage:
    return OutboxMessage(
        exchange=message.exchange,
        routing_key=message.routing_key,
        message_id=message.message_id,
        body=message.body,
        headers=message.headers,
        mandatory=message.mandatory,
    )
