"""From dues payments to the messages about their entries of deferred revenue.

What comes in: payments as fetched. What goes out: the entries that each of them asks for, as events
behind it; what must be said of them again (see `deferral_sweep`); withdrawals, for good, when
their invoice is cancelled. Refused: to rewrite what was told: terms of a payment stay as they were
first published, and once it went so do share and dates (see ops/decisions/deferred-revenue.md).
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from decimal import Decimal

from producers.chapters import Chapter
from producers.chunks import chunks
from producers.clock import SYSTEM_CLOCK, Clock
from producers.deferral import (
    Terms,
    dates_until,
    deferrable,
    schedule,
    shares,
    version_of,
    version_of_all,
)
from producers.deferral_state import CONFIRMED, DeferralState, Deferred
from producers.membri import Fetched, Membri
from producers.publishing import Publication
from schemas.days import ZONE
from schemas.events import Origin, ToTransfer, Withdrawn, new_traceparent, to_transfer, withdrawn
from schemas.money import ZERO
from schemas.records import DocumentRef, Invoice, JournalEntry, Payment
from schemas.statuses import Entity, Status
from schemas.wire.channel import Outgoing
from schemas.wire.codec import to_outgoing

log = logging.getLogger(__name__)

BACK_DAYS = 45
AHEAD_DAYS = 7
"""Around today, which entries are said again each day."""
CHUNK = 50
_DROPPED = Status.DO_NOT_SYNC


@dataclass(frozen=True)
class Plan:
    """The entries of one payment. `known`: how it was published before; `cancelled`: its invoice
    is, so that none of them may be."""

    payment: Fetched
    chapter: Chapter
    entries: tuple[JournalEntry, ...]
    deferred: Deferred
    known: Deferred | None
    cancelled: bool

    @property
    def is_told(self) -> bool:
        """Whether these very entries were published."""
        return self.known is not None and self.known.version == self.deferred.version

    def around(self, today: dt.date, since: dt.date) -> list[JournalEntry]:
        """Those that may have been lost since then, or whose date is near."""
        until = today + dt.timedelta(days=AHEAD_DAYS)
        return [one for one in self.entries if since <= one.date <= until]

    @property
    def is_final(self) -> bool:
        """Whether its entries were withdrawn, which nothing undoes."""
        return self.known is not None and bool(self.known.cancelled_on)


class Deferring:
    """Derives and publishes entries. One thread."""

    def __init__(
        self, membri: Membri, state: DeferralState, *, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._membri = membri
        self._state = state
        self._clock = clock
        for chapter in membri.chapters.all:
            if Terms.of(chapter.settings) and chapter.settings.deferral_since is None:
                log.warning(
                    "%s: without deferral_since, dues paid before the revenue of this chapter was "
                    "deferred get entries too",
                    chapter.slug,
                )

    # --- what a payment asks for ------------------------------------------------------------------

    def plans(self, payments: Sequence[Fetched]) -> dict[str, Plan]:
        """By payment, of those whose revenue is deferred. Raises MembriError."""
        known = self._state.of_payments([one.id for one in payments])
        wanted = {
            one.id: (one, one.content, one.chapter, terms)
            for one in payments
            if isinstance(one.content, Payment)
            and one.chapter is not None
            and (terms := _terms(one.content, one.chapter, known.get(one.id))) is not None
        }
        bills = list(dict.fromkeys(_bill(content) for _, content, _, _ in wanted.values()))
        told = {one.payment_id: one for one in self._state.of_invoices(bills)}
        invoices = self._deferrable(bills, {one.invoice_id for one in told.values() if one.went})
        paid = self._membri.dues.payments_of(list(invoices))
        cancelled = self._membri.dues.cancelled(list(invoices))
        settled = {key: one.settled for key, one in told.items()}
        found: dict[str, Plan] = {}
        for one, content, chapter, terms in wanted.values():
            invoice, before = invoices.get(_bill(content)), known.get(one.id)
            if invoice is None:
                continue
            stands = before if before and before.went and one.reference else None
            share = shares(invoice, paid.get(invoice.id, ()), settled).get(one.id, ZERO)
            days = dates_until(terms, stands.until) if stands else ()
            reference = _reference(one, content)
            entries = tuple(schedule(content, reference, invoice, share, terms, days))
            if entries or before:
                deferred = _deferred(content, invoice, share, terms, entries)
                if stands:
                    deferred = replace(stands, version=deferred.version)
                found[one.id] = Plan(
                    payment=one,
                    chapter=chapter,
                    entries=entries,
                    deferred=deferred,
                    known=before,
                    cancelled=invoice.id in cancelled,
                )
        return found

    def _deferrable(self, ids: Sequence[str], stand: AbstractSet[str]) -> dict[str, Invoice]:
        """Those whose revenue is deferred: dues, and what was dues when its payment went."""
        fetched = self._membri.fetch(Entity.INVOICE, ids) if ids else []
        invoices = (one.content for one in fetched if isinstance(one.content, Invoice))
        return {one.id: one for one in invoices if deferrable(one) or one.id in stand}

    # --- behind a payment that goes ---------------------------------------------------------------

    def following(self, payments: Sequence[Fetched]) -> dict[str, Plan]:
        """Of payments À transférer, those with entries that were not published yet."""
        going = [one for one in payments if one.status is Status.TO_TRANSFER]
        return {
            key: plan
            for key, plan in self.plans(going).items()
            if not (plan.cancelled or plan.is_final or plan.is_told)
        }

    def messages(self, plans: Mapping[str, Plan]) -> dict[str, list[Outgoing]]:
        """By payment, what goes behind it."""
        return {
            key: [to_outgoing(event) for event in self._asking(plan, plan.entries)]
            for key, plan in plans.items()
        }

    def remember(self, plans: Sequence[Plan]) -> None:
        """Their entries were published."""
        self._state.remember(plan.deferred for plan in plans)

    # --- cancelled invoices -----------------------------------------------------------------------

    def corrected(self, invoice_ids: Sequence[str], publication: Publication) -> None:
        """Credit notes on these invoices were published: entries of those that are cancelled by
        it are withdrawn. What is not confirmed is met again by the next sweep."""
        known = [one.payment_id for one in self._state.of_invoices(invoice_ids)]
        if not invoice_ids or not (known or self._is_on()):
            return
        cancelled = list(self._membri.dues.cancelled(invoice_ids))
        paid = self._membri.dues.payments_of(cancelled)
        of_cancelled = [one.payment_id for one in self._state.of_invoices(cancelled)]
        ids = dict.fromkeys([*of_cancelled, *(one.id for some in paid.values() for one in some)])
        for chunk in chunks(ids, CHUNK):
            plans = self.plans(self._membri.fetch(Entity.PAYMENT, chunk))
            for plan in plans.values():
                if plan.cancelled and not plan.is_final:
                    self.say_again(plan, publication, self.today(), None)

    # --- what may have been lost ------------------------------------------------------------------

    def went(self, payment_ids: Sequence[str]) -> None:
        """These are Transfert complété: what was told of them stands from now on."""
        self._state.note_went(payment_ids)

    def say_again(
        self, plan: Plan, publication: Publication, today: dt.date, since: dt.date | None
    ) -> bool:
        """Publishes what there is to say again of one payment; whether that was confirmed.

        `since`: the day from which entries may have been lost; None when only cancellations are
        looked for."""
        went = plan.payment.status is Status.TRANSFERRED
        if plan.cancelled:
            if not (went or plan.known):
                return True
            events: Sequence[ToTransfer | Withdrawn] = self._withdrawing(plan, today, since)
            first = plan.known.cancelled_on if plan.known else ""
            done = replace(plan.deferred, cancelled_on=first or today.isoformat())
        elif plan.is_final or not went or since is None:
            return True
        else:
            whole = not (plan.is_told and plan.deferred.went == CONFIRMED)
            events = self._asking(plan, plan.entries if whole else plan.around(today, since))
            done = replace(plan.deferred, went=CONFIRMED)
        messages = [to_outgoing(event) for event in events]
        confirmed = publication.send(plan.chapter, messages, withdrawing=plan.cancelled)
        if confirmed:
            self._state.remember([done])
        return confirmed

    # --- pieces -----------------------------------------------------------------------------------

    def _asking(self, plan: Plan, entries: Sequence[JournalEntry]) -> list[ToTransfer]:
        origin, trace = self._origin(plan.chapter), new_traceparent()
        return [
            to_transfer(
                entry,
                origin,
                dataversion=version_of(entry),
                time=plan.payment.modified,
                traceparent=trace,
            )
            for entry in entries
        ]

    def _withdrawing(self, plan: Plan, today: dt.date, since: dt.date | None) -> list[Withdrawn]:
        """All of them for a while, then each around its date: a ledger that was restored from
        long before may still hold it."""
        told = plan.known.cancelled_on if plan.known else ""
        long_ago = since is not None and told and told < past(today, BACK_DAYS).isoformat()
        withdrawn_now = plan.around(today, since) if long_ago and since else plan.entries
        origin = self._origin(plan.chapter)
        return [
            withdrawn(
                Entity.JOURNAL_ENTRY,
                entry.id,
                entry.account_id,
                _DROPPED,
                origin,
                dataversion=version_of(entry),
                entry=entry,
            )
            for entry in withdrawn_now
        ]

    def _origin(self, chapter: Chapter) -> Origin:
        return Origin(
            environment=self._membri.environment, chapter=chapter.slug, system=chapter.system
        )

    def _is_on(self) -> bool:
        return any(Terms.of(chapter.settings) for chapter in self._membri.chapters.all)

    def today(self) -> dt.date:
        """The day in Montréal."""
        return self._clock.now().astimezone(ZONE).date()


def _terms(payment: Payment, chapter: Chapter, known: Deferred | None) -> Terms | None:
    """What was told of a payment stands, whatever the settings say now."""
    if known is not None:
        return known.under
    since = chapter.settings.deferral_since
    if since is not None and payment.date < since:
        return None
    return Terms.of(chapter.settings)


def _reference(fetched: Fetched, payment: Payment) -> DocumentRef:
    """The payment as Membri has it, for the consumer to find it in the books."""
    return DocumentRef(
        id=fetched.id, number=payment.number, reference=fetched.reference, status=fetched.status
    )


def _deferred(
    payment: Payment,
    invoice: Invoice,
    share: Decimal,
    terms: Terms,
    entries: Sequence[JournalEntry],
) -> Deferred:
    return Deferred(
        payment_id=payment.id,
        invoice_id=invoice.id,
        terms=terms.model_dump_json(),
        paid=str(payment.amount),
        share=str(share),
        last_day=max((entry.date for entry in entries), default=payment.date).isoformat(),
        version=version_of_all(entries),
    )


def _bill(payment: Payment) -> str:
    """The invoice that a payment of Membri is on: there is always one, and only one."""
    return payment.allocations[0].invoice.id


def past(day: dt.date, days: int) -> dt.date:
    """That many days before."""
    return day - dt.timedelta(days=days)
