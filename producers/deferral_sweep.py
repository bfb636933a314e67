"""Once a day and after each start, what may have been lost of deferred revenue is said again.

What comes in: the dues payments that are Transfert complété, and those of which entries were told.
What goes out: their entries around today, all entries of a payment that only just went, withdrawals
of cancelled ones. Entries live in the consumer's ledger alone, and Membri has no table to find them
in again. Refused: to let one chapter's full queue, or a long sweep, keep anybody else waiting.
"""

from __future__ import annotations

import datetime as dt

from producers.clock import Clock
from producers.deferral import Terms
from producers.deferral_state import DeferralState
from producers.deferring import BACK_DAYS, CHUNK, Deferring, Plan, past
from producers.membri import Membri
from producers.publishing import Publication
from schemas.statuses import Entity

REMEMBERED_DAYS = 400
"""After its last entry, how long a payment is remembered, so that its cancellation is noticed."""
SWEEP_EVERY_S = 86_400.0
"""And at each start."""
SLICE_S = 10.0
"""How long one pass sweeps: what becomes À transférer meanwhile must not wait for it."""


class DeferralSweep:
    """One sweep after another, in slices. One thread."""

    def __init__(
        self, deferring: Deferring, membri: Membri, state: DeferralState, clock: Clock
    ) -> None:
        self._deferring = deferring
        self._membri = membri
        self._state = state
        self._clock = clock
        self._next_at = clock.monotonic()
        self._under_way = False
        self._left: list[str] = []
        """Payments that the sweep under way has not met yet."""
        self._put_off: dict[str, dict[str, None]] = {}
        """By chapter, those that a full queue did not take; asked again when it has room."""

    def run(self, publication: Publication, *, whole: bool = False) -> bool:
        """One slice of a sweep, or the whole of it, when it is time for one; whether there is more
        to do at once. The day is noted when all of it was confirmed. Raises MembriError."""
        today, last = self._deferring.today(), self._state.swept_on
        since = min(past(today, BACK_DAYS), last or today)
        if not self._left and self._clock.monotonic() >= self._next_at:
            self._left = self._all(today, since, is_new=last is None)
            self._put_off.clear()
            self._next_at = self._clock.monotonic() + SWEEP_EVERY_S
            self._under_way = True
        self._take_back(publication)
        until = self._clock.monotonic() + SLICE_S
        while self._left:
            if not self._said(self._left[:CHUNK], publication, today, since):
                return False
            del self._left[:CHUNK]
            if self._left and not whole and self._clock.monotonic() >= until:
                return True
        if self._under_way and not self._put_off:
            self._state.note_swept(today)
            self._state.forget_before(past(today, REMEMBERED_DAYS))
            self._under_way = False
        return False

    def _all(self, today: dt.date, since: dt.date, *, is_new: bool) -> list[str]:
        """Payments with entries since then, remembered or not, and those cancelled lately."""
        ids = dict.fromkeys(self._state.alive(min(since, past(today, REMEMBERED_DAYS))))
        floors = []
        for chapter in self._membri.chapters.all:
            terms = Terms.of(chapter.settings)
            if terms is not None:
                days = terms.longest_days + (REMEMBERED_DAYS if is_new else 0)
                floors.append(
                    max(past(since, days), chapter.settings.deferral_since or dt.date.min)
                )
        if floors:
            ids |= dict.fromkeys(self._membri.dues.transferred(min(floors)))
        return list(ids)

    def _take_back(self, publication: Publication) -> None:
        for chapter in self._membri.chapters.all:
            if chapter.slug in self._put_off and not publication.blocked(chapter):
                self._left += self._put_off.pop(chapter.slug)

    def _said(
        self, ids: list[str], publication: Publication, today: dt.date, since: dt.date
    ) -> bool:
        """Whether all of these were confirmed, put off or need nothing."""
        plans = self._deferring.plans(self._membri.fetch(Entity.PAYMENT, ids))
        for plan in plans.values():
            if _is_over(plan, min(since, past(today, REMEMBERED_DAYS))):
                continue
            if publication.blocked(plan.chapter):
                self._put_off.setdefault(plan.chapter.slug, {})[plan.payment.id] = None
            elif not self._deferring.say_again(plan, publication, today, since):
                return False
        return True


def _is_over(plan: Plan, day: dt.date) -> bool:
    """Whether it ended before that day and was forgotten since: what it was told with is not known
    any more, and the settings may be others now."""
    return plan.known is None and plan.deferred.until < day
