"""What happened to a record, as told to Membri."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime

from schemas.money import Amount, Currency
from schemas.reasons import Reason
from schemas.records import Part, RecordId


class Action(StrEnum):
    """How a transfer ended well."""

    CREATED = "created"
    UPDATED = "updated"
    LINKED = "linked"  # a person had typed the reference; it was found
    ADOPTED = "adopted"  # it was already there, by our own marker or number
    CONFIRMED = "confirmed"  # created earlier by us, with the same content


class Transferred(Part):
    """The record is in the books.

    `reference` is the key that a person can look up there (customer name or number, document
    number); it is never a placeholder. `fingerprint` tells the settler which content was
    transferred; `table` where the record lives in Membri; `changed_at` when Membri changed it.
    """

    id: RecordId
    table: Literal["account", "contact", "invoice", "payment", "journal_entry"]
    action: Action
    reference: str
    remote_id: str
    fingerprint: str
    changed_at: AwareDatetime | None = None


class TransferFailed(Part):
    """A person must act. The same facts travel as headers of the dead letter."""

    id: RecordId
    table: Literal["account", "contact", "invoice", "payment", "journal_entry"]
    reason: Reason
    field: str = ""
    detail: str = ""


class Received(Part):
    """A receipt found in the books on an invoice of ours (Sage 50)."""

    id: RecordId
    invoice_id: RecordId
    date: dt.date
    amount: Amount
    currency: Currency = "CAD"
