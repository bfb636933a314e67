"""What the engine knows during one batch: read once from the ledger, kept up as waves end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from consumers.attempt import Ending, Failed
from consumers.batch import Batch, Item
from consumers.bookkeeping import Bookkeeper
from consumers.errors import Rejected
from consumers.ledger.port import Entry, Key, Lease, Ledger, State, Wait
from consumers.ordering import Hold, account_key
from consumers.system import Found, Lookup, RemoteRef
from consumers.telling import Subject
from schemas.events import Origin, Withdrawn, to_transfer
from schemas.reasons import WaitReason
from schemas.records import (
    Account,
    DocumentRef,
    Invoice,
    JournalEntry,
    Payment,
    Record,
    fingerprint,
)
from schemas.statuses import Entity, Status
from schemas.wire.codec import Unreadable, decode, encode

Find = Callable[[Lookup], Found | None]
"""`System.find`, for as long as this process may call."""


@dataclass
class Knowledge:
    """`blocked`: account id → why its documents must wait. `with_invoice`: accounts that have an
    invoice to transfer, in this batch or in the waiting room."""

    entries: dict[Key, Entry]
    waits: dict[Key, Wait]
    with_invoice: set[Key]
    blocked: dict[str, Hold] = field(default_factory=dict)

    @classmethod
    def read(cls, ledger: Ledger, batch: Batch) -> Knowledge:
        """One look at the ledger for all that the batch touches."""
        return cls({}, {}, set()).learn(ledger, batch)

    def learn(self, ledger: Ledger, batch: Batch) -> Knowledge:
        """One more look, for what joined the batch; nothing that is known already is read again."""
        keys: set[Key] = set()
        accounts: set[Key] = set()
        with_invoice: set[Key] = set()
        asked: set[Key] = set()
        for item in batch.items.values():
            keys.add(item.key)
            if isinstance(item.event, Withdrawn):
                continue
            record = item.event.data
            owner = Key(Entity.ACCOUNT, record.account_id)
            accounts.add(owner)
            keys.update(Key(Entity.INVOICE, ref.id) for ref in documents_of(record))
            if isinstance(record, Invoice):
                with_invoice.add(owner)
            elif isinstance(record, Account):
                asked.add(owner)
            elif not isinstance(record, Payment):
                keys.add(Key(Entity.PAYMENT, record.payment_id))
        waiters = ledger.waiters(asked - with_invoice)
        for account, waiting in waiters.items():
            if any(key.entity is Entity.INVOICE for key in waiting):
                with_invoice.add(account)
        self.waits |= ledger.waits([item.key for item in batch.items.values()])
        self.entries |= ledger.entries((keys | accounts) - self.entries.keys())
        self.with_invoice |= with_invoice
        return self

    def wait_of(self, item: Item) -> Wait | None:
        """Its place in the waiting room; a newer version of it starts counting its tries anew."""
        wait = self.waits.get(item.key, item.wait)
        if wait is None or wait.body == item.body or not wait.attempts:
            return wait
        try:
            waited = decode(wait.body)
        except Unreadable:
            return replace(wait, attempts=0, first_failed_at=None)
        if waited.dataversion == item.event.dataversion:
            return wait
        return replace(wait, attempts=0, first_failed_at=None)

    def brought_along(self, batch: Batch, asked: set[Key]) -> list[Subject]:
        """Accounts not asked for themselves that documents of this batch need: newest snapshot."""
        newest: dict[Key, Item] = {}
        for item in batch.items.values():
            if isinstance(item.event, Withdrawn) or isinstance(item.event.data, Account):
                continue
            account = item.event.data.account
            key = account_key(account)
            entry = self.entries.get(key)
            if key in asked or (entry is not None and entry.state is State.DONE):
                continue
            newest.pop(key, None)
            newest[key] = item
        return [self._snapshot(item, batch.items.get(key)) for key, item in newest.items()]

    def _snapshot(self, item: Item, taken_back: Item | None) -> Subject:
        if isinstance(item.event, Withdrawn) or isinstance(item.event.data, Account):
            raise TypeError(f"{item.key} brings no account along")
        account = item.event.data.account
        if taken_back is not None and isinstance(taken_back.event, Withdrawn):
            # It was put on hold while the document was queued: the snapshot cannot know.
            account = account.model_copy(update={"status": taken_back.event.data.status})
        event = to_transfer(
            account,
            Origin.of(item.event),
            dataversion=account.dataversion,
            time=item.event.time,
            traceparent=item.event.traceparent,
        )
        return Subject(
            account_key(account),
            account,
            event,
            encode(event),
            account.dataversion,
            fingerprint(account),
            asked=False,
        )

    def note_ending(self, subject: Subject, ending: Ending) -> None:
        """Documents of an account that failed wait for it, and say why."""
        if isinstance(subject.record, Account) and isinstance(ending, Failed):
            self.blocked[subject.key.id] = Hold(
                WaitReason.WAITS_FOR_ACCOUNT, subject.key, detail=f"failed={ending.reason}"
            )

    def customer(self, record: Record) -> RemoteRef | None:
        entry = self.entries.get(Key(Entity.ACCOUNT, record.account_id))
        if isinstance(record, Account) or entry is None or entry.state is not State.DONE:
            return None
        return RemoteRef(entry.remote_id, entry.reference)

    def documents(self, record: Record) -> dict[str, RemoteRef]:
        """Membri invoice id → its document in the books."""
        found = {}
        for ref in documents_of(record):
            entry = self.entries.get(Key(Entity.INVOICE, ref.id))
            if entry and entry.state is State.DONE:
                found[ref.id] = RemoteRef(entry.remote_id, entry.reference)
        return found

    def recover_lost(self, record: Record, find: Find, book: Bookkeeper) -> None:
        """Documents that `record` needs, that Membri has as transferred and the ledger does not
        know: the ledger was lost, or a person made them by hand. Found in the books, they count as
        there. Raises what `find` does, but Rejected: then `record` waits for the document."""
        for key, ref in self.lost_documents(record):
            try:
                self._recover(key, ref, record, find, book)
            except Rejected:
                continue

    def lost_documents(self, record: Record) -> list[tuple[Key, DocumentRef]]:
        """Those that Membri has as transferred and the ledger has not as done."""
        return [
            (key, ref)
            for key, ref in _needed_by(record)
            if ref.reference and ref.status is Status.TRANSFERRED and self._is_lost(key)
        ]

    def _is_lost(self, key: Key) -> bool:
        entry = self.entries.get(key)
        return entry is None or entry.state not in (State.DONE, State.SENDING, State.UNKNOWN)

    def _recover(
        self, key: Key, ref: DocumentRef, record: Record, find: Find, book: Bookkeeper
    ) -> None:
        found = find(
            Lookup(
                key.entity,
                ref.id,
                reference=ref.reference,
                number=ref.number,
                customer=self.customer(record),
            )
        )
        if found is not None:
            recovered = Entry(
                key,
                State.DONE,
                record.account_id,
                remote_id=found.ref.remote_id,
                reference=found.ref.reference,
            )
            self.entries[key] = recovered
            book.recovered(recovered)


def documents_of(record: Record) -> list[DocumentRef]:
    """The other invoices that a record needs in the books."""
    match record:
        case Invoice(corrects=DocumentRef() as corrected):
            return [corrected]
        case Payment():
            return [allocation.invoice for allocation in record.allocations]
        case _:
            return []


def _needed_by(record: Record) -> list[tuple[Key, DocumentRef]]:
    """What must be in the books before a record, besides its customer: of an entry of deferred
    revenue the payment, where the event says it."""
    if isinstance(record, JournalEntry):
        payment = record.payment
        return [(Key(Entity.PAYMENT, payment.id), payment)] if payment else []
    return [(Key(Entity.INVOICE, ref.id), ref) for ref in documents_of(record)]


class LeaseKeeper(Protocol):
    def current(self) -> Lease:
        """The lease while it lasts. Raises LeaseLost at or after its end."""
        ...


class LedgerSteps:
    """`Steps` of one transfer, kept in the ledger, fenced by the lease."""

    def __init__(
        self,
        ledger: Ledger,
        key: Key,
        generation: int,
        lease: LeaseKeeper,
        now: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._key = key
        self._generation = generation
        self._lease = lease
        self._now = now
        self._known: dict[str, str] | None = None

    def get(self, name: str) -> str | None:
        if self._known is None:
            self._known = dict(self._ledger.steps(self._key, self._generation))
        return self._known.get(name)

    def remember(self, name: str, value: str) -> None:
        self._ledger.remember_step(
            self._key, self._generation, name, value, self._lease.current(), self._now()
        )
        if self._known is not None:
            self._known[name] = value
