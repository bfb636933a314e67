"""CloudEvents 1.0 envelopes (JSON, structured mode) around records.

What comes in: a record and where it comes from. What goes out: an event whose `id` is a uuid5 of
(table, record id, etag), so that the same version of a record always has the same id.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field

from schemas.outcomes import Received, TransferFailed, Transferred
from schemas.records import Account, Invoice, JournalEntry, Part, Payment, Record
from schemas.statuses import Entity, Status

NAMESPACE = uuid.UUID("6f4f5f0e-52a5-5d2c-9a55-6d656d627269")
VERSION = "1.1"
"""1.1: entries of deferred revenue have a payment and a time to go at, withdrawals the entry."""
CONTENT_TYPE = "application/cloudevents+json"


def event_id(table: str, record_id: str, etag: str) -> str:
    """The same for the same version of the same record, wherever it is computed."""
    return str(uuid.uuid5(NAMESPACE, f"{table}|{record_id}|{etag}"))


def new_traceparent() -> str:
    """A W3C trace context that starts here: version 00, random ids, sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


class Withdrawal(Part):
    """Data of a withdrawn event: the status that a person gave the record after publication.

    `entry`: the entry of deferred revenue that shall not be; Membri has no table to read it from.
    """

    status: Status
    entry: JournalEntry | None = None


class Envelope(Part):
    """The attributes that every event of ours has. `subject` is the Membri record id."""

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(min_length=1)
    source: str = Field(min_length=1)
    subject: str = Field(min_length=1)
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str = ""
    chapter: str
    system: str
    partitionkey: str
    dataversion: str = ""
    traceparent: str = ""


class AccountToTransfer(Envelope):
    type: Literal["membri.account.to_transfer"] = "membri.account.to_transfer"
    data: Account


class InvoiceToTransfer(Envelope):
    type: Literal["membri.invoice.to_transfer"] = "membri.invoice.to_transfer"
    data: Invoice


class PaymentToTransfer(Envelope):
    type: Literal["membri.payment.to_transfer"] = "membri.payment.to_transfer"
    data: Payment


class JournalEntryToTransfer(Envelope):
    type: Literal["membri.journal_entry.to_transfer"] = "membri.journal_entry.to_transfer"
    data: JournalEntry


class Withdrawn(Envelope):
    type: Literal[
        "membri.account.withdrawn",
        "membri.invoice.withdrawn",
        "membri.payment.withdrawn",
        "membri.journal_entry.withdrawn",
    ]
    data: Withdrawal


class TransferredEvent(Envelope):
    type: Literal[
        "membri.account.transferred",
        "membri.invoice.transferred",
        "membri.payment.transferred",
        "membri.journal_entry.transferred",
    ]
    data: Transferred


class FailedEvent(Envelope):
    type: Literal[
        "membri.account.failed",
        "membri.invoice.failed",
        "membri.payment.failed",
        "membri.journal_entry.failed",
    ]
    data: TransferFailed


class ReceivedEvent(Envelope):
    """A receipt found in the books (Sage 50), to become a payment in Membri."""

    type: Literal["membri.payment.received"] = "membri.payment.received"
    data: Received


ToTransfer = AccountToTransfer | InvoiceToTransfer | PaymentToTransfer | JournalEntryToTransfer
Event = Annotated[
    ToTransfer | Withdrawn | TransferredEvent | FailedEvent | ReceivedEvent,
    Field(discriminator="type"),
]


def entity_of(event: Envelope) -> Entity:
    """The entity named by the event's type."""
    name: str = event.type  # type: ignore[attr-defined]  # every concrete envelope has one
    return Entity(name.split(".")[1])


class Origin(Part):
    """Where a record comes from and where it goes."""

    environment: str
    chapter: str
    system: str

    @property
    def source(self) -> str:
        """The CloudEvents source: Membri environment and chapter."""
        return f"{self.environment.rstrip('/')}/chapters/{self.chapter}"

    @classmethod
    def of(cls, event: Envelope) -> Self:
        environment = event.source.rsplit("/chapters/", 1)[0]
        return cls(environment=environment, chapter=event.chapter, system=event.system)


def to_transfer(
    record: Record, origin: Origin, *, dataversion: str, time: datetime, traceparent: str = ""
) -> ToTransfer:
    """The event that asks for `record` to be transferred. `time` is when Membri changed it."""
    attributes = {
        "id": event_id(record.entity, record.id, dataversion),
        "source": origin.source,
        "subject": record.id,
        "time": time,
        "dataschema": f"urn:membri-sync:{record.entity}:{VERSION}",
        "chapter": origin.chapter,
        "system": origin.system,
        "partitionkey": record.account_id,
        "dataversion": dataversion,
        "traceparent": traceparent or new_traceparent(),
    }
    match record:
        case Account():
            return AccountToTransfer.model_validate({**attributes, "data": record})
        case Invoice():
            return InvoiceToTransfer.model_validate({**attributes, "data": record})
        case Payment():
            return PaymentToTransfer.model_validate({**attributes, "data": record})
        case JournalEntry():
            return JournalEntryToTransfer.model_validate({**attributes, "data": record})


def outcome(
    data: Transferred | TransferFailed, cause: Envelope, *, time: datetime | None = None
) -> TransferredEvent | FailedEvent:
    """The event that tells how `cause` ended.

    The same end of the same event has the same id, so that it may be published again.
    """
    ending = "transferred" if isinstance(data, Transferred) else "failed"
    attributes = {
        **cause.model_dump(include=_CARRIED),
        "type": f"membri.{entity_of(cause)}.{ending}",
        "id": str(uuid.uuid5(NAMESPACE, f"{cause.id}|{ending}|{data.model_dump_json()}")),
        "time": time or datetime.now(UTC),
        "dataschema": f"urn:membri-sync:{ending}:{VERSION}",
        "data": data,
    }
    if ending == "transferred":
        return TransferredEvent.model_validate(attributes)
    return FailedEvent.model_validate(attributes)


_CARRIED = {"source", "subject", "chapter", "system", "partitionkey", "dataversion", "traceparent"}


def received(
    data: Received, origin: Origin, *, account_id: str, time: datetime | None = None
) -> ReceivedEvent:
    """The event of a receipt found in the books. The same receipt always has the same id."""
    return ReceivedEvent(
        id=str(uuid.uuid5(NAMESPACE, f"{origin.source}|{origin.system}|receipt|{data.id}")),
        source=origin.source,
        subject=data.invoice_id,
        time=time or datetime.now(UTC),
        dataschema=f"urn:membri-sync:received:{VERSION}",
        chapter=origin.chapter,
        system=origin.system,
        partitionkey=account_id,
        traceparent=new_traceparent(),
        data=data,
    )


def withdrawn(
    entity: Entity,
    record_id: str,
    account_id: str,
    status: Status,
    origin: Origin,
    *,
    dataversion: str,
    entry: JournalEntry | None = None,
) -> Withdrawn:
    """The event that says that a published record is no longer to be transferred."""
    return Withdrawn.model_validate(
        {
            "type": f"membri.{entity}.withdrawn",
            "id": event_id(entity, record_id, f"{dataversion}|withdrawn"),
            "source": origin.source,
            "subject": record_id,
            "time": datetime.now(UTC),
            "dataschema": f"urn:membri-sync:withdrawal:{VERSION}",
            "chapter": origin.chapter,
            "system": origin.system,
            "partitionkey": account_id,
            "dataversion": dataversion,
            "traceparent": new_traceparent(),
            "data": Withdrawal(status=status, entry=entry),
        }
    )
