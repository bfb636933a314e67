"""Dues paid once and earned over a year, on the bench of the engine."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from consumers.system import Declaration
from producers.deferral import Terms, schedule, version_of
from schemas.days import midnight
from schemas.events import withdrawn
from schemas.records import DocumentRef, InvoiceType, JournalEntry
from schemas.statuses import Entity, Status
from schemas.wire.channel import Delivery
from schemas.wire.codec import decode, encode
from schemas.wire.dead_letters import DETAIL
from tests.builders import ORIGIN, delivery, invoice, payment, sent
from tests.engine_harness import LINKED, Bench, Books, Held, linked_books

DAY_S = 86_400.0
DUES = invoice(of=LINKED, type=InvoiceType.MEMBERSHIP)
PAYMENT = payment(of=LINKED)
MONTHLY = Terms(periods=12, start="payment_month", day="last")
UPFRONT = MONTHLY.model_copy(update={"upfront": True})


class EntryBooks(Books):
    """Books that take entries too, and notice what is posted out of turn."""

    @property
    def declaration(self) -> Declaration:
        return replace(super().declaration, entities=frozenset(Entity))

    def entries(self) -> list[JournalEntry]:
        """In the order in which they were posted."""
        return [record for _, record, _ in self.rows if isinstance(record, JournalEntry)]


def entry_books(**values: object) -> EntryBooks:
    return EntryBooks(known=linked_books().known, **values)  # type: ignore[arg-type]  # fields of Books


def entries(
    terms: Terms = MONTHLY,
    amount: str = "100.00",
    *,
    paid: str = "p1",
    status: Status = Status.TO_TRANSFER,
) -> list[JournalEntry]:
    of = PAYMENT.model_copy(update={"id": paid})
    reference = DocumentRef(id=paid, number="P-p1", reference=f"N-{paid}", status=status)
    return schedule(of, reference, DUES, DUES.subtotal.__class__(amount), terms)


def asked(*records: JournalEntry, **values: object) -> list[Delivery]:
    return [sent(record, version_of(record), **values) for record in records]


def cancelled(*records: JournalEntry) -> list[Delivery]:
    """The invoice of these entries was cancelled."""
    return [
        delivery(
            encode(
                withdrawn(
                    Entity.JOURNAL_ENTRY,
                    record.id,
                    record.account_id,
                    Status.DO_NOT_SYNC,
                    ORIGIN,
                    dataversion=version_of(record),
                    entry=record,
                )
            ),
            "journal_entry",
        )
        for record in records
    ]


class EntryBench(Bench):
    """Starts on the day of the payment, at noon, with the dues and the payment in the books."""

    books: EntryBooks

    def __init__(
        self, books: EntryBooks | None = None, *, paid: bool = True, **options: object
    ) -> None:
        # Entries that say no time go at once, unless a test says that the chapter does otherwise.
        super().__init__(books or entry_books(), **{"upfront": True, **options})
        self.at(dt.date(2026, 1, 12), hour=12)
        if paid:
            self.pay()

    def _lease(self) -> Held:
        lease = self.ledger.take_lease("bench", self.now, 1e11, 0.0)  # for centuries
        assert lease is not None
        return Held(lease)

    def pay(self) -> None:
        self.run(sent(DUES), sent(PAYMENT))

    def at(self, day: dt.date, hour: float = 0) -> None:
        """The clock jumps to that hour of that day in Montréal; nothing runs."""
        self.now = midnight(day).timestamp() + hour * 3600

    def live_through(self, day: dt.date, hour: float = 0) -> None:
        self.at(day, hour)
        self.settle_down()

    def lose_the_ledger(self) -> None:
        self.ledger = type(self.ledger)(self.ledger.chapter)
        self.lease.lease = self._lease().lease
        self.restart()

    def posted(self) -> list[dt.date]:
        return [record.date for record in self.books.entries()]

    def letters(self) -> list[tuple[str, str]]:
        """(reason, detail) of the dead letters of entries."""
        return [
            (str(headers["x-reason"]), str(headers.get(DETAIL, "")))
            for place, key, headers, _ in self.told
            if place == "membri.dead" and key.startswith("journal_entry")
        ]

    def outcomes(self) -> list[str]:
        """Ids of the entries of which an end was told."""
        events = [decode(body) for place, _, _, body in self.told if place == "membri.outcomes"]
        return [event.subject for event in events if event.type.startswith("membri.journal_entry")]
