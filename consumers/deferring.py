"""What is different about entries of deferred revenue, which live in this ledger alone. Pure.

What comes in: an entry or its withdrawal, and what the ledger knows of it. What goes out: whether
anything is left to do, the decision of its gate, the place of entries among each other. Membri has
no table of entries: the poller derives them from a payment, today or a year from now, and sends
again what may have been lost. So a repetition is the rule here, and silent; and a cancellation is
final, whatever comes later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from consumers.batch import Item
from consumers.ledger.port import Entry, Key, State, Wait
from consumers.ordering import (
    TAKEN_BACK,
    Confirm,
    Decision,
    Drop,
    Hold,
    Look,
    Send,
    created_once,
    fate_unknown,
)
from schemas.days import midnight
from schemas.events import JournalEntryToTransfer, Withdrawn
from schemas.reasons import Reason, WaitReason
from schemas.records import JournalEntry, fingerprint
from schemas.statuses import Entity, Status
from schemas.wire.codec import Unreadable, decode

CANCELLED: Final = str(Reason.CANCELLED_AFTER_ENTRY)
"""`Entry.reason` of an entry in the books whose invoice was cancelled: it was told, once."""


def entry_of(item: Item) -> JournalEntry | None:
    """The entry that an item asks for; None for its withdrawal and for other records."""
    if isinstance(item.event, Withdrawn) or not isinstance(item.event.data, JournalEntry):
        return None
    return item.event.data


def by_date(items: Iterable[Item]) -> list[Item]:
    """Entries as they must go: by date, whatever the order in which they came."""

    def place(item: Item) -> tuple[str, str]:
        entry = entry_of(item)
        return (entry.date.isoformat() if entry else "", item.key.id)

    return sorted(items, key=place)


@dataclass(frozen=True)
class Opening:
    """When entries may be sent. Our poller says it in each event; of those that say no time (an
    older poller's, another program's) the chapter's settings do: `upfront`, or on their date."""

    upfront: bool = False

    def of(self, entry: JournalEntry) -> float:
        """In epoch seconds; 0 for what need not wait."""
        if entry.not_before is not None:
            return entry.not_before.timestamp()
        return 0.0 if self.upfront else midnight(entry.date).timestamp()


def is_repeated(item: Item, entry: Entry | None) -> bool:
    """Whether this delivery says nothing new, so that the record stays as it is."""
    record = entry_of(item)
    if record is None or entry is None:
        return False
    if entry.reason == TAKEN_BACK and fate_unknown(entry):
        # What waits is looked for and never sent: nothing may take its place.
        return item.wait is None or item.wait.body != item.body
    if item.wait is not None or (item.replayed and entry.state is not State.WITHDRAWN):
        return False
    match entry.state:
        case State.WITHDRAWN:
            return True
        case State.DONE:
            same = entry.dataversion == item.event.dataversion
            return same or entry.reason == CANCELLED or entry.fingerprint == fingerprint(record)
        case State.FAILED:
            return entry.dataversion == item.event.dataversion
        case _:
            return False


def gate_entry(
    record: JournalEntry,
    entry: Entry | None,
    others: Mapping[Key, Entry],
    *,
    fingerprint: str,
    dataversion: str,
    opens: float,
    now: float,
) -> Decision:
    """The decision for an entry: its payment first, then its date (domain, rule 11). `opens`: when
    it may be sent, `now`: both in epoch seconds.

    A payment that the ledger has lost and that Membri has as transferred keeps no entry from
    waiting for its date; it is looked for when that comes.
    """
    if entry is not None and TAKEN_BACK in (entry.reason, entry.state):
        return Send(Look.ONLY) if fate_unknown(entry) else Drop("its invoice was cancelled")
    if entry is not None and entry.reason == CANCELLED:
        return Confirm(entry)
    early = created_once(entry, "", fingerprint, dataversion)
    if early is not None:
        return early
    needs = Key(Entity.PAYMENT, record.payment_id)
    paid, status = others.get(needs), record.payment.status if record.payment else None
    there = paid is not None and paid.state is State.DONE
    if not there and not (status is Status.TRANSFERRED and opens > now):
        shown = f"status={status}" if status and status is not Status.TO_TRANSFER else ""
        return Hold(WaitReason.WAITS_FOR_INVOICE, needs, shown)
    if opens > now:
        return Hold(WaitReason.NOT_YET_DUE, detail=record.date.isoformat(), due_at=opens)
    return Send(Look.FIRST)


def earlier_ones(
    items: Iterable[Item], due: Iterable[Wait], opening: Opening, now: float
) -> list[Wait]:
    """Of what is due besides this batch, what must go before it: entries of the same accounts with
    an earlier date. Those that were waiting for one payment are due all at the same moment, and a
    batch may hold but some of them."""
    latest: dict[str, dt.date] = {}
    for record in filter(None, map(entry_of, items)):
        if opening.of(record) <= now:
            known = latest.get(record.account_id, record.date)
            latest[record.account_id] = max(known, record.date)
    return [
        wait
        for wait in due
        if wait.key.entity is Entity.JOURNAL_ENTRY
        and (until := latest.get(wait.account_id)) is not None
        and (date := _date_of(wait)) is not None
        and date < until
    ]


def _date_of(wait: Wait) -> dt.date | None:
    """None for what cannot be read, which is refused when its own turn comes."""
    try:
        event = decode(wait.body)
    except Unreadable:
        return None
    return event.data.date if isinstance(event, JournalEntryToTransfer) else None


def maybe_in_books(entry: Entry | None, record: JournalEntry | None, now: float) -> bool:
    """Whether the books must be asked before an entry counts as cancelled in time. An entry that
    the ledger does not know may have been sent by a ledger that was lost: one that says no time
    also before its date, since the chapter may have been `upfront` then."""
    if entry is not None:
        return fate_unknown(entry)
    return record is not None and Opening(upfront=True).of(record) <= now


def told_of(record: JournalEntry, reference: str) -> str:
    """What a person needs to find the entry in the books: date, amount, number."""
    return f"{record.date.isoformat()}, {record.amount} {record.currency}, {reference}"
