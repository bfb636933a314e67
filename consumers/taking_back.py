"""Withdrawals: records that a person took back, that went by hand, or whose invoice was cancelled.

What comes in: the withdrawals of a batch, and what the ledger knows. What goes out: to the
bookkeeper, how each of them stands. Nothing is sent here, and the books are not asked: what may be
in them unknown to us is put where it will be looked up, and never sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from consumers.batch import Batch, Item
from consumers.bookkeeping import Bookkeeper
from consumers.deferring import CANCELLED, maybe_in_books
from consumers.knowledge import Knowledge
from consumers.ledger.port import Entry, State
from consumers.ordering import TAKEN_BACK
from consumers.telling import Subject
from schemas.events import Origin, ToTransfer, Withdrawn, to_transfer
from schemas.records import JournalEntry, fingerprint
from schemas.statuses import Entity, Status
from schemas.wire.codec import encode


class TakingBack:
    """Deals with the withdrawals of one batch after another."""

    def __init__(self, book: Bookkeeper, now: Callable[[], float]) -> None:
        self._book = book
        self._now = now

    def all(self, batch: Batch, known: Knowledge) -> None:
        """Every withdrawal of the batch."""
        for item in batch.items.values():
            if not isinstance(item.event, Withdrawn):
                continue
            if item.key.entity is Entity.JOURNAL_ENTRY:
                self._cancel(item, item.event, known)
            else:
                self._take_back(item, item.event, known.entries.get(item.key))

    def _take_back(self, item: Item, event: Withdrawn, entry: Entry | None) -> None:
        """A record that a person took back, or that is Transfert complété, by us or by hand."""
        status = event.data.status
        if entry and entry.state is State.DONE and status is Status.TRANSFERRED:
            self._book.leave(item.key)  # our own success, come back
        elif entry and entry.state is State.DONE:
            self._book.dropped(item.key, "taken back after it was transferred")
        elif entry and entry.state in (State.SENDING, State.UNKNOWN):
            self._keep_looking(item, replace(entry, reason=TAKEN_BACK))
        else:
            self._withdrawn(item, event, entry, f"status={status}")

    def _withdrawn(self, item: Item, event: Withdrawn, entry: Entry | None, note: str) -> None:
        gone = Entry(item.key, State.WITHDRAWN, event.partitionkey, dataversion=event.dataversion)
        if entry:
            gone = replace(entry, state=State.WITHDRAWN, reason=TAKEN_BACK)
        self._book.withdrawn(item.key, gone, note)
        self._book.leave(item.key)

    def _keep_looking(self, item: Item, entry: Entry) -> None:
        """Taken back while its fate was unknown: the books are asked all the same. What looks is
        the version that waits, or that came just before; the entry names it, so that it alone is
        never sent."""
        older = item.replaced
        if older is not None:
            entry = replace(entry, dataversion=older.event.dataversion)
            self._book.keep_looking(item.key, older.body, entry.account_id)
        self._book.withdrawn(item.key, entry, "its fate is unknown: looked up")

    # --- entries of deferred revenue --------------------------------------------------------------

    def _cancel(self, item: Item, event: Withdrawn, known: Knowledge) -> None:
        """The invoice of an entry was cancelled. Said again each day for a while: only the first
        time is told."""
        entry, record = known.entries.get(item.key), event.data.entry
        if entry is not None and entry.state is State.DONE:
            self._already_there(item, event, entry)
        elif entry is not None and entry.state is State.WITHDRAWN:
            self._book.leave(item.key)
        elif maybe_in_books(entry, record, self._now()):
            self._look_for(item, event, entry, known)
        else:
            self._withdrawn(item, event, entry, "its invoice was cancelled")

    def _already_there(self, item: Item, event: Withdrawn, entry: Entry) -> None:
        self._book.leave(item.key)
        if entry.reason == CANCELLED:
            return
        if event.data.entry is None:
            self._book.dropped(item.key, "taken back after it was transferred")
            return
        subject = _subject(item, _asking(event, event.data.entry), event.data.entry)
        self._book.cancelled_after_entry(subject, entry)

    def _look_for(
        self, item: Item, event: Withdrawn, entry: Entry | None, known: Knowledge
    ) -> None:
        if entry is not None and entry.reason == TAKEN_BACK and item.key in known.waits:
            return  # it is being looked for
        looked = entry or Entry(item.key, State.UNKNOWN, event.partitionkey)
        looked = replace(looked, state=State.UNKNOWN, reason=TAKEN_BACK)
        if item.replaced is None and item.key not in known.waits:
            if event.data.entry is None:
                self._withdrawn(item, event, entry, "its invoice was cancelled")
                return
            asking = _asking(event, event.data.entry)
            looked = replace(looked, dataversion=asking.dataversion)
            self._book.keep_looking(item.key, encode(asking), looked.account_id)
        self._keep_looking(item, looked)


def _asking(event: Withdrawn, entry: JournalEntry) -> ToTransfer:
    """The event that asked for the entry, as it was before its withdrawal."""
    return to_transfer(
        entry,
        Origin.of(event),
        dataversion=event.dataversion,
        time=event.time,
        traceparent=event.traceparent,
    )


def _subject(item: Item, asking: ToTransfer, entry: JournalEntry) -> Subject:
    return Subject(item.key, entry, asking, encode(asking), asking.dataversion, fingerprint(entry))
