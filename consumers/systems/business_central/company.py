"""One company as one thread sees it, and what all entities need of it.

What comes in: the client of the thread and the shared lists. What goes out: problems, accounts and
figures. Raised: what `consumers.errors` names.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from consumers.errors import Rejected
from consumers.system import AccountsSettings, Problem
from consumers.systems._lists import RECHECK_S
from consumers.systems.business_central.client import Client
from consumers.systems.business_central.faults import Fault, Json, failure
from consumers.systems.business_central.lists import LedgerSetup, Lists, postable
from consumers.systems.business_central.settings import TITLE, Connection
from schemas.chapters import ChapterSettings
from schemas.money import Currency
from schemas.reasons import Reason
from schemas.records import Address
from schemas.sentences import say


@dataclass(frozen=True)
class Company:
    """Where a connector's functions work. Not for use by two threads. `today`: the date here."""

    client: Client
    lists: Lists
    connection: Connection
    accounts: AccountsSettings
    settings: ChapterSettings
    today: dt.date

    @property
    def setup(self) -> LedgerSetup:
        return self.lists.setup(self.client)

    def posting_dates(self, date: dt.date) -> Iterator[Problem]:
        """The problem of a date that may not be posted to; never said from an old copy, nor where
        the application's user has dates of its own (page, section 7)."""
        if self.connection.own_posting_dates or _period(self.setup, date) is None:
            return
        setup = self.lists.setup(self.client, RECHECK_S)
        reason = _period(setup, date)
        if reason is not None:
            yield Problem(reason, "date", f"{date.isoformat()}, {allowed(setup)}")

    def foreign_currency(self, currency: Currency) -> Iterator[Problem]:
        """The problem of a currency that this company does not keep."""
        if currency == self.setup.currency:
            return
        if self.lists.entry(self.client, "currencies", currency) is None:
            detail = f"{currency} ≠ {self.setup.currency} (Business Central)"
            yield Problem(Reason.CURRENCY_NOT_SUPPORTED, "currency", detail)

    def only_home_currency(self, currency: Currency) -> Iterator[Problem]:
        """The problem of a journal line in another currency than the company's: the API has no
        currency there, and the customer's would be taken (page, section 6, inferred)."""
        if currency != self.setup.currency:
            detail = say(
                "{found} ≠ {expected}; journal lines of the API have no currency ({system})",
                system=TITLE,
                found=currency,
                expected=self.setup.currency,
            )
            yield Problem(Reason.CURRENCY_NOT_SUPPORTED, "currency", detail)

    def account(self, value: str, setting: str, field: str = "") -> Json:
        """The G/L account that a setting names. Raises Rejected(unknown_account)."""
        if not value:
            raise Rejected(
                Reason.UNKNOWN_ACCOUNT,
                field=field,
                detail=say("{setting} is not set", setting=setting),
            )
        found = self.lists.account(self.client, value)
        if found is None:
            detail = say(
                "{setting} = {value} is no {system} G/L account",
                system=TITLE,
                setting=setting,
                value=repr(value),
            )
            raise Rejected(Reason.UNKNOWN_ACCOUNT, field=field, detail=detail)
        if not postable(found):
            detail = say(
                "{setting} = {value} ({name}) may not be posted to: blocked, a total,"
                " or without Direct Posting ({system})",
                system=TITLE,
                setting=setting,
                value=repr(value),
                name=found.get("displayName"),
            )
            raise Rejected(Reason.UNKNOWN_ACCOUNT, field=field, detail=detail)
        return found

    def country(self, text: str, field: str) -> str:
        """The code of a country as Membri writes it. Raises Rejected(invalid_field)."""
        if not text.strip():
            return ""
        by_setting = {k.casefold(): v for k, v in self.connection.countries.items()}
        wanted = by_setting.get(text.strip().casefold(), text)
        found = self.lists.entry(self.client, "countriesRegions", wanted)
        if found is None:
            detail = say(
                "{text}: no {system} country has this code or name; add it there, or"
                " to connection.countries",
                system=TITLE,
                text=text,
            )
            raise Rejected(Reason.INVALID_FIELD, field=field, detail=detail)
        return str(found["code"])

    def refusal(self, fault: Fault, date: dt.date) -> Exception:
        """What a refused write of a dated record means: the text about posting dates is the same
        for a period that is closed and for one that is not open yet."""
        error = failure(fault, writing=True)
        if isinstance(error, Rejected) and error.reason is Reason.CLOSED_PERIOD:
            setup = self.lists.setup(self.client, RECHECK_S)
            late = setup.posting_to is not None and date > setup.posting_to
            if late or (setup.posting_to is None and date > self.today):
                return Rejected(Reason.PERIOD_NOT_OPEN, field="date", detail=error.detail)
        return error


def _period(setup: LedgerSetup, date: dt.date) -> Reason | None:
    if setup.posting_from is not None and date < setup.posting_from:
        return Reason.CLOSED_PERIOD
    if setup.posting_to is not None and date > setup.posting_to:
        return Reason.PERIOD_NOT_OPEN
    return None


def allowed(setup: LedgerSetup) -> str:
    """The allowed posting dates in words."""
    first = setup.posting_from.isoformat() if setup.posting_from else "…"
    last = setup.posting_to.isoformat() if setup.posting_to else "…"
    return f"Business Central: {first} – {last}"


def money(row: Json, name: str) -> Decimal:
    """An amount that Business Central sent, with its cents; 0.00 when absent."""
    return Decimal(str(row.get(name) or 0)).quantize(Decimal("0.01"))


def two_lines(given: Address, first: str = "") -> tuple[str, str]:
    """The lines of an address as the two that Business Central has."""
    lines = [line.strip() for line in given.lines if line.strip()]
    head = ", ".join(part for part in (first, *lines[:1]) if part)
    return head, ", ".join(lines[1:])


def without_empty(body: Json) -> Json:
    """The body without empty texts: what Membri has not is not sent."""
    return {name: value for name, value in body.items() if value not in ("", None)}
