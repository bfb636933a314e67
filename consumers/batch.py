"""From deliveries and due waits to one item a record.

What comes in: what the broker delivered and what came due in the waiting room. What goes out: the
newest event of each record, and what is no record of ours, with the reason. Nothing is dropped
here: whatever cannot be read keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from consumers.ledger.port import Key, Wait
from schemas.events import (
    AccountToTransfer,
    InvoiceToTransfer,
    JournalEntryToTransfer,
    PaymentToTransfer,
    ToTransfer,
    Withdrawn,
    entity_of,
)
from schemas.reasons import Reason
from schemas.sentences import say
from schemas.statuses import Entity
from schemas.wire.channel import Delivery
from schemas.wire.codec import Unreadable, decode
from schemas.wire.topology import RECORDS

_TO_TRANSFER = (
    AccountToTransfer,
    InvoiceToTransfer,
    PaymentToTransfer,
    JournalEntryToTransfer,
)


@dataclass(slots=True)
class Item:
    """One record of a batch: its newest event, where it came from, and what it replaced.

    `body` holds the bytes of the event, kept for the waiting room and for a dead letter.
    `redelivered`: the broker gave it before, so an earlier try may have ended. `replaced`: the
    last one to transfer that this one came after, in the same batch.
    """

    key: Key
    event: ToTransfer | Withdrawn
    body: bytes
    wait: Wait | None = None
    redelivered: bool = False
    replayed: bool = False
    replaced: Item | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that is no record of ours: a dead letter, bytes kept.

    `waited`: it stood in the waiting room under that key.
    """

    reason: Reason
    detail: str
    body: bytes
    routing_key: str
    message_id: str
    field: str = ""
    waited: Key | None = None


@dataclass
class Batch:
    """What one batch holds. `superseded` counts older events of records that have a newer one."""

    items: dict[Key, Item] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    superseded: list[Key] = field(default_factory=list)


def gather(
    deliveries: Iterable[Delivery], due: Iterable[Wait], *, system: str, chapter: str
) -> Batch:
    """One item a record, the newest: waits are older than deliveries, deliveries are in order."""
    batch = Batch()
    for wait in due:
        _add_wait(batch, wait, system, chapter)
    for delivery in deliveries:
        _add_delivery(batch, delivery, system, chapter)
    return batch


def _add_wait(batch: Batch, wait: Wait, system: str, chapter: str) -> None:
    try:
        event = _decoded_wait(wait)
    except Unreadable as error:
        key = f"{wait.key.entity}.{system}.{chapter}"
        name = f"{wait.key.entity}-{wait.key.id}"
        batch.refused.append(
            Refused(
                Reason.UNREADABLE,
                error.detail,
                wait.body,
                key,
                name,
                error.field,
                waited=wait.key,
            )
        )
        return
    batch.items[wait.key] = Item(wait.key, event, wait.body, wait=wait)


def _decoded_wait(wait: Wait) -> ToTransfer | Withdrawn:
    event = decode(wait.body)
    if not isinstance(event, (*_TO_TRANSFER, Withdrawn)):
        raise Unreadable(say("type {type} is not a record to transfer", type=event.type))
    return event


def _add_delivery(batch: Batch, delivery: Delivery, system: str, chapter: str) -> None:
    try:
        event = decode(delivery.body)
    except Unreadable as error:
        _refuse(batch, delivery, Reason.UNREADABLE, error.detail, error.field)
        return
    if not isinstance(event, (*_TO_TRANSFER, Withdrawn)):
        detail = say("type {type} is not a record to transfer", type=event.type)
        _refuse(batch, delivery, Reason.UNKNOWN_ENTITY, detail, "type")
    elif event.system != system:
        detail = say("{found} instead of {expected}", found=event.system, expected=system)
        _refuse(batch, delivery, Reason.UNKNOWN_SYSTEM, detail, "system")
    elif event.chapter != chapter:
        detail = say("{found} instead of {expected}", found=event.chapter, expected=chapter)
        _refuse(batch, delivery, Reason.UNKNOWN_CHAPTER, detail, "chapter")
    else:
        _add_event(batch, delivery, event)


def _add_event(batch: Batch, delivery: Delivery, event: ToTransfer | Withdrawn) -> None:
    key = Key(entity_of(event), event.subject)
    named = delivery.routing_key.partition(".")[0]
    if delivery.exchange == RECORDS and named != key.entity:
        detail = say("{found} instead of {expected}", found=key.entity, expected=named)
        _refuse(batch, delivery, Reason.UNKNOWN_ENTITY, detail, "type")
        return
    if not isinstance(event, Withdrawn) and event.data.id != event.subject:
        detail = say(
            "subject {subject} is not the id of its data, {id}",
            subject=event.subject,
            id=event.data.id,
        )
        _refuse(batch, delivery, Reason.UNREADABLE, detail, "subject")
        return
    if _is_cancelled(batch.items.get(key)):
        batch.superseded.append(key)
        return
    older = batch.items.pop(key, None)  # the newest takes its place at the end
    wait = older.wait if older else None
    if older and older.body != (wait.body if wait else b""):
        batch.superseded.append(key)
    if older and isinstance(older.event, Withdrawn):
        older = older.replaced
    batch.items[key] = Item(
        key,
        event,
        delivery.body,
        wait=wait,
        redelivered=delivery.redelivered,
        replayed="x-replayed-by" in delivery.headers,
        replaced=older,
    )


def _is_cancelled(item: Item | None) -> bool:
    """An entry of deferred revenue whose invoice was cancelled: nothing that follows undoes it."""
    if item is None or item.key.entity is not Entity.JOURNAL_ENTRY:
        return False
    return isinstance(item.event, Withdrawn)


def _refuse(
    batch: Batch, delivery: Delivery, reason: Reason, detail: str, field_name: str = ""
) -> None:
    batch.refused.append(
        Refused(
            reason,
            detail,
            delivery.body,
            delivery.routing_key,
            delivery.message_id,
            field_name,
        )
    )


WAVES: tuple[tuple[Entity, bool], ...] = (
    (Entity.ACCOUNT, False),
    (Entity.INVOICE, False),
    (Entity.PAYMENT, False),
    (Entity.INVOICE, True),
    (Entity.JOURNAL_ENTRY, False),
)
"""(entity, credit notes). Credit notes go after the payments of the same batch: an invoice that
was paid and then cancelled would otherwise be settled by its credit note, and its payment refused
as more than the balance (see ops/decisions/order-of-a-batch.md)."""


def wave(batch: Batch, entity: Entity, *, credit_notes: bool) -> list[Item]:
    """The items to transfer of one wave, in the order they came."""
    return [
        item
        for item in batch.items.values()
        if item.key.entity is entity
        and not isinstance(item.event, Withdrawn)
        and _is_credit_note(item) is credit_notes
    ]


def _is_credit_note(item: Item) -> bool:
    return isinstance(item.event, InvoiceToTransfer) and item.event.data.kind == "credit_note"
