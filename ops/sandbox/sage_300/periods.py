"""Fiscal periods: which one a date is in, and whether it is locked for an application.

In: a date, the applications concerned. Out: year and period. Locks are by application and period;
the company profile decides what one does at entry (None, Warning, Error); posting refuses whatever
it says (sage-300.md, section 8).
"""

from __future__ import annotations

from dataclasses import dataclass

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_300.answers import field_invalid
from ops.sandbox.sage_300.books import Books
from ops.sandbox.sage_300.entry import Puts

_NAMES = {"AR": "Accounts Receivable", "BK": "Bank Services", "GL": "General Ledger"}


@dataclass(frozen=True)
class Period:
    year: str
    number: int
    locked: tuple[str, ...]

    def text_for(self, module: str) -> str:
        return (
            f"Fiscal period {self.number:02d} of year {self.year} is locked for {_NAMES[module]}"
            " (locked fiscal period)."
        )


def period_of(books: Books, day: str) -> Period:
    """Raises Refusal when no fiscal year holds that date."""
    for calendar in books.all("CSFiscalCalendars"):
        for number in range(1, int(calendar["NumberofFiscalPeriods"]) + 1):
            start = calendar[f"FiscalPeriod{number}StartDate"]
            if start <= day <= calendar[f"FiscalPeriod{number}EndDate"]:
                return Period(calendar["FiscalYear"], number, _locked(calendar, number))
    raise field_invalid(
        f"The fiscal period of {day} cannot be determined: add the fiscal year to the calendar."
    )


def _locked(calendar: Document, number: int) -> tuple[str, ...]:
    return tuple(m for m in _NAMES if calendar.get(f"FiscalPeriod{number}{m}Locked") == "Yes")


def enter(puts: Puts, day: str, *modules: str) -> Period:
    """The period of a date being entered, with a warning in the record where the company wants
    one. Raises Refusal when it is locked and the company wants an error."""
    period = period_of(puts.books, day)
    for module in modules:
        if module not in period.locked:
            continue
        mode = puts.books.profile.get("LockedFiscalPeriod", "Error")
        if mode == "Error":
            raise field_invalid(period.text_for(module))
        if mode == "Warning":
            puts.warn(period.text_for(module))
    return period


def check_open(books: Books, day: str, *modules: str) -> None:
    """At posting. Raises Refusal when the period is locked, whatever the profile says."""
    period = period_of(books, day)
    for module in modules:
        if module in period.locked:
            raise field_invalid(period.text_for(module))
