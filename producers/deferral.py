"""Deferred revenue, pure: a dues payment and its invoice → one journal entry for each period.

What comes in: the payment, its invoice, what else was paid on it, the chapter's terms. What goes
out: entries whose ids and content depend on nothing else, so that deriving them again gives the
same ones. Together all payments of an invoice defer exactly its net, to the cent; the last period
takes the rounding (domain, rule 11). Nothing is deferred of anything but dues.
"""

from __future__ import annotations

import calendar
import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Literal, Self

from pydantic import Field

from schemas.chapters import ChapterSettings, DeferralStart
from schemas.days import midnight
from schemas.money import CENT, ZERO, cents
from schemas.records import (
    DUES,
    DocumentRef,
    Invoice,
    JournalEntry,
    Part,
    Payment,
    fingerprint,
)

_ENTRIES = uuid.UUID("7f0d3c52-3b0f-5f2e-9d55-6d656d627269")


class Terms(Part):
    """Over how many months, from which one, on which day; `upfront`: sent at once, dated ahead."""

    periods: int = Field(ge=1)
    start: DeferralStart
    day: Literal["first", "last"]
    upfront: bool = False

    @classmethod
    def of(cls, settings: ChapterSettings) -> Self | None:
        """None where the chapter defers nothing."""
        if settings.deferred_revenue == "off":
            return None
        return cls(
            periods=settings.deferral_periods,
            start=settings.deferral_start,
            day=settings.deferral_day,
            upfront=settings.deferred_revenue == "upfront",
        )

    @property
    def longest_days(self) -> int:
        """More days than ever lie between a payment and its last period."""
        return 31 * (self.periods + 13)


@dataclass(frozen=True)
class Paid:
    """One payment of an invoice, as much of it as its share depends on. `referenced`: it has a
    sync reference, the key of what stands in the books."""

    id: str
    date: dt.date
    amount: Decimal
    referenced: bool = False


@dataclass(frozen=True)
class Settled:
    """A payment whose share was told already: `paid` of it deferred `share`. `went`: it was
    transferred since, so that what it was then stands in the books."""

    paid: Decimal
    share: Decimal
    went: bool = False


def deferrable(invoice: Invoice) -> bool:
    """Whether revenue of this invoice is deferred at all."""
    return invoice.kind == "invoice" and invoice.type in DUES and invoice.subtotal > ZERO


def shares(
    invoice: Invoice, paid: Iterable[Paid], settled: Mapping[str, Settled]
) -> dict[str, Decimal]:
    """Payment id → how much of the invoice's net it defers, never negative.

    Payments count by date and id; what was told of a payment that has not changed, or that stands
    in the books as it was, stands and comes first: a payment entered late does not move the cents
    of the others. Money given back (a negative payment) defers nothing and takes nothing back.
    """
    told: dict[str, Decimal] = {}
    left: list[Paid] = []
    so_far = deferred = ZERO
    for one in sorted(paid, key=lambda one: (one.date, one.id)):
        known = settled.get(one.id)
        if known is not None and (known.paid == one.amount or (known.went and one.referenced)):
            told[one.id] = known.share
            so_far += max(known.paid, ZERO)
            deferred += known.share
        else:
            left.append(one)
    for one in left:
        so_far += max(one.amount, ZERO)
        share = max(_earned_by(invoice, so_far) - deferred, ZERO)
        told[one.id] = share if one.amount > ZERO else ZERO
        deferred += told[one.id]
    return told


def _earned_by(invoice: Invoice, paid: Decimal) -> Decimal:
    """The part of the net that `paid` of the total stands for."""
    if not deferrable(invoice) or invoice.total <= ZERO:
        return ZERO
    return cents(invoice.subtotal * min(paid, invoice.total) / invoice.total)


def schedule(
    payment: Payment,
    reference: DocumentRef,
    invoice: Invoice,
    amount: Decimal,
    terms: Terms,
    days: Sequence[dt.date] = (),
) -> list[JournalEntry]:
    """The entries of one payment by date; `reference` is the payment as Membri has it, `days` the
    day of each period where they were told already.

    A period to which no cent falls has no entry: no books take an entry of nothing.
    """
    parts = straight_line(amount, terms.periods)
    days = days or dates(terms, payment.date, invoice.date)
    return [
        JournalEntry(
            id=entry_id(payment.id, period),
            account=payment.account,
            payment_id=payment.id,
            payment=reference,
            invoice=payment.allocations[0].invoice,
            date=day,
            not_before=None if terms.upfront else midnight(day),
            amount=part,
            currency=payment.currency,
            period=period,
            periods=terms.periods,
        )
        for period, (part, day) in enumerate(zip(parts, days, strict=True), start=1)
        if part > ZERO
    ]


def straight_line(amount: Decimal, periods: int) -> list[Decimal]:
    """Equal parts rounded down, so that the last one takes what is left and none is negative."""
    part = (max(amount, ZERO) / periods).quantize(CENT, rounding=ROUND_DOWN)
    return [*[part] * (periods - 1), max(amount, ZERO) - part * (periods - 1)]


def dates(terms: Terms, paid_on: dt.date, invoiced_on: dt.date) -> list[dt.date]:
    """The day of each period, ascending, one a month."""
    month = _first_month(terms.start, paid_on, invoiced_on)
    return [_day_of(month + step, terms.day) for step in range(terms.periods)]


def dates_until(terms: Terms, last_day: dt.date) -> list[dt.date]:
    """The same, of which the last one is known."""
    month = _month(last_day) - terms.periods + 1
    return [_day_of(month + step, terms.day) for step in range(terms.periods)]


def _first_month(start: DeferralStart, paid_on: dt.date, invoiced_on: dt.date) -> int:
    """Months since year 0."""
    paid, invoiced = _month(paid_on), _month(invoiced_on)
    match start:
        case "payment_month":
            return paid
        case "next_month":
            return paid + 1
        case "invoice_month":
            return invoiced
        case "january":
            return invoiced - invoiced % 12
        case "next_january":
            return paid + -paid % 12


def _month(day: dt.date) -> int:
    return day.year * 12 + day.month - 1


def _day_of(month: int, day: Literal["first", "last"]) -> dt.date:
    year, index = divmod(month, 12)
    last = calendar.monthrange(year, index + 1)[1]
    return dt.date(year, index + 1, 1 if day == "first" else last)


def entry_id(payment_id: str, period: int) -> str:
    """A GUID, always the same for the same period of the same payment."""
    return str(uuid.uuid5(_ENTRIES, f"{payment_id}|{period}"))


def version_of(entry: JournalEntry) -> str:
    """The `dataversion` of an entry: its content and its time, not the payment's etag, which
    changes when we write that the payment was transferred."""
    told = f"{fingerprint(entry)}|{entry.not_before}"
    return hashlib.blake2b(told.encode(), digest_size=12).hexdigest()


def version_of_all(entries: Sequence[JournalEntry]) -> str:
    """One text for a whole schedule."""
    told = "|".join(version_of(entry) for entry in entries)
    return hashlib.blake2b(told.encode(), digest_size=12).hexdigest()
