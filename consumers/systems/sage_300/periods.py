"""Fiscal periods: may this date be posted in these applications? (reference page, section 8)

What comes in: a date and applications (AR, BK, GL). What goes out: a problem or none. Locks are by
application and period; the company profile says whether one refuses at entry (Error) or not
(Warning, None); the general ledger refuses at posting in any case, which is too late for us.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from consumers.system import Problem
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.settings import TITLE
from schemas.reasons import Reason
from schemas.sentences import say

APPLICATIONS = {
    "AR": "Accounts Receivable",
    "BK": "Bank Services",
    "GL": "General Ledger",
}
_LATE = "GL"
"""Refuses at posting whatever the profile says."""


@dataclass(frozen=True)
class Period:
    """`locked`: the applications for which it is locked."""

    year: str
    number: int
    locked: frozenset[str]


def period_of(calendars: Iterable[Json], date: dt.date) -> Period | None:
    """None when no fiscal year of the calendar holds that date."""
    for calendar in calendars:
        for number in range(1, int(calendar.get("NumberofFiscalPeriods") or 12) + 1):
            start = _day(calendar, f"FiscalPeriod{number}StartDate")
            end = _day(calendar, f"FiscalPeriod{number}EndDate")
            if start is not None and end is not None and start <= date <= end:
                locked = (
                    name
                    for name in APPLICATIONS
                    if calendar.get(f"FiscalPeriod{number}{name}Locked") == "Yes"
                )
                return Period(str(calendar.get("FiscalYear", "")), number, frozenset(locked))
    return None


def problems(
    calendars: Iterable[Json], profile: Json, date: dt.date, applications: Iterable[str]
) -> Iterator[Problem]:
    """At most one: the date is in no fiscal year, or in a period that would refuse it."""
    period = period_of(calendars, date)
    if period is None:
        detail = say(
            "{date}: no fiscal year of the {system} calendar holds it",
            system=TITLE,
            date=date.isoformat(),
        )
        yield Problem(Reason.PERIOD_NOT_OPEN, "date", detail)
        return
    strict = str(profile.get("LockedFiscalPeriod", "Error")) == "Error"
    refusing = [
        name for name in applications if name in period.locked and (strict or name == _LATE)
    ]
    if refusing:
        names = ", ".join(APPLICATIONS[name] for name in refusing)
        detail = say(
            "{date}: period {number} of {year} is locked for {names} ({system})",
            system=TITLE,
            date=date.isoformat(),
            number=f"{period.number:02d}",
            year=period.year,
            names=names,
        )
        yield Problem(Reason.CLOSED_PERIOD, "date", detail)


def _day(calendar: Json, name: str) -> dt.date | None:
    text = str(calendar.get(name) or "")[:10]
    return dt.date.fromisoformat(text) if text else None
