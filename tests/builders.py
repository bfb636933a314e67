"""Records and events as tests like to write them: one line says what matters, the rest is plain."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from schemas.events import Origin, ToTransfer, to_transfer, withdrawn
from schemas.records import Account, Allocation, DocumentRef, Invoice, Line, Payment, Record
from schemas.statuses import Entity, Status
from schemas.wire.channel import Delivery
from schemas.wire.codec import encode

SYSTEM = "reference"
CHAPTER = "montreal"
ORIGIN = Origin(environment="https://membri.example", chapter=CHAPTER, system=SYSTEM)
CHANGED = dt.datetime(2026, 1, 15, 12, 0, tzinfo=dt.UTC)


def account(id: str = "a1", **values: Any) -> Account:  # noqa: A002 — the record's own word
    """Flagged new, À transférer, unless told otherwise."""
    return Account.model_validate(
        {
            "id": id,
            "name": f"Association {id}",
            "new_account": True,
            "status": Status.TO_TRANSFER,
            "dataversion": f"{id}-v1",
            **values,
        }
    )


def invoice(
    id: str = "i1",  # noqa: A002
    *,
    of: Account | None = None,
    net: str = "100.00",
    **values: Any,
) -> Invoice:
    """One taxable line of `net`, with the taxes of Québec."""
    amount = Decimal(net)
    gst = (amount * Decimal("0.05")).quantize(Decimal("0.01"))
    qst = (amount * Decimal("0.09975")).quantize(Decimal("0.01"))
    line = Line(description="Cotisation", amount=amount, gst=gst, qst=qst, taxable=True)
    return Invoice.model_validate(
        {
            "id": id,
            "number": f"F-{id}",
            "account": of or account(),
            "date": dt.date(2026, 1, 10),
            "lines": (line,),
            "gst": gst,
            "qst": qst,
            "total": amount + gst + qst,
            **values,
        }
    )


def credit_note(
    id: str,  # noqa: A002
    *,
    corrects: str,
    of: Account | None = None,
    **values: Any,
) -> Invoice:
    return invoice(id, of=of, kind="credit_note", corrects=DocumentRef(id=corrects), **values)


def payment(
    id: str = "p1",  # noqa: A002
    *,
    on: str = "i1",
    amount: str = "114.98",
    of: Account | None = None,
    **values: Any,
) -> Payment:
    return Payment.model_validate(
        {
            "id": id,
            "number": f"P-{id}",
            "account": of or account(),
            "date": dt.date(2026, 1, 12),
            "amount": amount,
            "allocations": (Allocation(invoice=DocumentRef(id=on), amount=Decimal(amount)),),
            **values,
        }
    )


def event(record: Record, version: str = "v1", *, origin: Origin = ORIGIN) -> ToTransfer:
    return to_transfer(record, origin, dataversion=version, time=CHANGED)


def delivery(body: bytes, entity: str = "invoice", **values: Any) -> Delivery:
    given: dict[str, Any] = {
        "tag": object(),
        "body": body,
        "queue": f"membri.{SYSTEM}.{CHAPTER}",
        "exchange": "membri.records",
        "routing_key": f"{entity}.{SYSTEM}.{CHAPTER}",
        "message_id": "m",
        "headers": {},
        "redelivered": False,
        **values,
    }
    return Delivery(**given)


def sent(record: Record, version: str = "v1", **values: Any) -> Delivery:
    """The delivery of an event that asks for `record` to be transferred."""
    return delivery(encode(event(record, version)), record.entity, **values)


def taken_back(record: Record, version: str = "v2", status: Status = Status.ON_HOLD) -> Delivery:
    gone = withdrawn(
        Entity(record.entity), record.id, record.account_id, status, ORIGIN, dataversion=version
    )
    return delivery(encode(gone), record.entity)
