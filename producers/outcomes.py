"""Deliveries of `membri.settle` → what they say about a record.

What comes in: deliveries. What goes out: a Success, a Failure or a Receipt. Refused, as
`NotAnOutcome`: what says nothing about a record that Membri could be told.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from producers.decisions import Failure, Outcome, Success
from schemas.events import ReceivedEvent, ToTransfer, TransferredEvent, entity_of
from schemas.reasons import Reason
from schemas.statuses import Entity
from schemas.wire.channel import Delivery
from schemas.wire.codec import Unreadable, decode
from schemas.wire.dead_letters import is_dead_letter, read_dead_letter
from schemas.wire.topology import parse_outcome_key, routing_key

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

Text = Callable[[Reason, str, str], str]
"""(reason, field, detail) → the text for the error column."""


class NotAnOutcome(Exception):
    """A delivery that says nothing about a record; the text says what it is."""


@dataclass(frozen=True)
class Receipt:
    """A receipt found in the books."""

    delivery: Delivery
    routing_key: str


def read_outcome(delivery: Delivery, text: Text) -> tuple[Outcome, str] | Receipt:
    """The outcome and the system it comes from. Raises NotAnOutcome."""
    if is_dead_letter(delivery):
        return _failure(delivery, text)
    try:
        event = decode(delivery.body)
        key = parse_outcome_key(delivery.routing_key)
    except (Unreadable, ValueError) as error:
        raise NotAnOutcome(f"unreadable outcome under {delivery.routing_key}: {error}") from error
    if isinstance(event, ReceivedEvent):
        return Receipt(delivery, routing_key(key.entity, key.system, key.chapter))
    if not isinstance(event, TransferredEvent):
        raise NotAnOutcome(f"{event.type} is no outcome")
    _require_guid(event.subject)
    if not event.data.reference.strip():
        raise NotAnOutcome(f"{event.type} of {event.subject} has no reference to write")
    success = Success(
        entity=entity_of(event),
        id=event.subject,
        dataversion=event.dataversion,
        outcome=event.data,
        at=event.time,
        changed_at=event.data.changed_at,
        again=delivery.redelivered,
    )
    return success, event.system


def key_of(delivery: Delivery) -> str:
    """What orders deliveries among each other: the record, by its id alone."""
    subject = _envelope(delivery.body).get("subject")
    return subject if isinstance(subject, str) else delivery.message_id


def _failure(delivery: Delivery, text: Text) -> tuple[Failure, str]:
    letter = read_dead_letter(delivery)
    envelope = _envelope(delivery.body)
    kind = str(envelope.get("type", ""))
    if kind and not kind.endswith(".to_transfer"):
        raise NotAnOutcome(f"dead letter of {kind[:80]}: {letter.reason} {letter.detail[:200]}")
    entity = _entity(kind, letter.entity)
    if letter.subject is None or entity is None:
        raise NotAnOutcome(f"dead letter that names no record: {letter.reason}")
    _require_guid(letter.subject)
    record = _record(delivery.body)
    failure = Failure(
        entity=entity,
        id=letter.subject,
        dataversion=str(envelope.get("dataversion") or ""),
        reason=letter.reason,
        field=letter.field,
        text=text(letter.reason, letter.field, letter.detail),
        record=record.data if record else None,
        at=letter.first_failed_at,
        changed_at=record.time if record else None,
        again=delivery.redelivered,
    )
    return failure, letter.system


def _require_guid(subject: str) -> None:
    """Ids of Dataverse are GUIDs; anything else would be pasted into an address."""
    if not _GUID.fullmatch(subject):
        raise NotAnOutcome(f"{subject[:80]!r} is no id of a record")


def _entity(kind: str, from_key: str) -> Entity | None:
    """From the event's type; where that is missing, from the routing key."""
    words = kind.split(".")
    name = words[1] if len(words) == 3 else from_key
    return Entity(name) if name in set(Entity) else None


def _record(body: bytes) -> ToTransfer | None:
    try:
        event = decode(body)
    except Unreadable:
        return None
    return event if isinstance(event, ToTransfer) else None


def _envelope(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
