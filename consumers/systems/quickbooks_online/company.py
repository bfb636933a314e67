"""One company as one thread sees it, and what all entities need of it.

What comes in: the client of the thread and the shared lists. What goes out: request ids, references
and problems. Raised: what `consumers.errors` names.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from consumers.system import AccountsSettings, Problem, Task
from consumers.systems._lists import RECHECK_S
from consumers.systems.quickbooks_online.client import Client, Kind
from consumers.systems.quickbooks_online.faults import Json
from consumers.systems.quickbooks_online.fields import ADDRESS_LINES
from consumers.systems.quickbooks_online.lists import Lists, Preferences
from consumers.systems.quickbooks_online.settings import Connection
from schemas.chapters import ChapterSettings
from schemas.money import Currency
from schemas.reasons import Reason
from schemas.records import Address

REQUEST_ID_MAX = 50


@dataclass(frozen=True)
class Company:
    """Where a connector's functions work. Not for use by two threads."""

    client: Client
    lists: Lists
    connection: Connection
    accounts: AccountsSettings
    settings: ChapterSettings

    @property
    def preferences(self) -> Preferences:
        return self.lists.preferences(self.client)

    def closed_period(self, date: dt.date) -> Iterator[Problem]:
        """The problem of a date in a closed period; never said from an old copy."""
        until = self.preferences.closed_until
        if until is None or date > until:
            return
        until = self.lists.preferences(self.client, RECHECK_S).closed_until
        if until is not None and date <= until:
            detail = f"{date.isoformat()} ≤ {until.isoformat()} (QuickBooks)"
            yield Problem(Reason.CLOSED_PERIOD, "date", detail)

    def posting(self, kind: Kind) -> str:
        """Method and path of a new object of that kind, as drafts show them."""
        return f"POST /company/{self.client.company_id}/{kind.lower()}"

    def foreign_currency(self, currency: Currency) -> Iterator[Problem]:
        """The problem of a currency that this company does not keep."""
        known = self.preferences
        if known.multi_currency or currency == known.home_currency:
            return
        detail = f"{currency} ≠ {known.home_currency} (QuickBooks)"
        yield Problem(Reason.CURRENCY_NOT_SUPPORTED, "currency", detail)

    def currency(self, currency: Currency) -> Json:
        """CurrencyRef where the company keeps several currencies, nothing elsewhere."""
        return {"CurrencyRef": {"value": currency}} if self.preferences.multi_currency else {}


def request_id(task: Task, operation: str) -> str:
    """The same for every attempt at the same write; at most 50 characters (2130)."""
    made = f"{task.key}-{operation}"
    if len(made) > REQUEST_ID_MAX:
        raise ValueError(f"request id of {len(made)} characters: {made}")
    return made


def money(row: Json, name: str) -> Decimal:
    """An amount that QuickBooks sent, with its cents; 0.00 when absent."""
    return Decimal(str(row.get(name) or 0)).quantize(Decimal("0.01"))


def ref_id(row: Json, name: str) -> str:
    """The Id inside a reference; empty when absent."""
    return str((row.get(name) or {}).get("value") or "")


def address(given: Address, first_line: str = "") -> Json:
    """A physical address, without its empty parts. Lines beyond the fifth share the fifth."""
    lines = [line for line in (first_line, *given.lines) if line]
    lines = [*lines[: ADDRESS_LINES - 1], ", ".join(lines[ADDRESS_LINES - 1 :])]
    made: dict[str, Any] = {f"Line{n}": line for n, line in enumerate(lines, 1)}
    made |= {
        "City": given.city,
        "CountrySubDivisionCode": given.province,
        "PostalCode": given.postal_code,
        "Country": given.country,
    }
    return {name: value for name, value in made.items() if value}


def address_values(field: str, given: Address, first_line: str = "") -> dict[str, str]:
    """The parts of an address as they would be sent, by field of the record."""
    parts = {part: getattr(given, part) for part in ("city", "province", "country", "postal_code")}
    sent = address(given, first_line)
    lines = [str(sent.get(f"Line{n}", "")) for n in range(1, ADDRESS_LINES + 1)]
    if first_line:
        lines = lines[1:]
    return {
        **{f"{field}.{part}": value for part, value in parts.items()},
        **{f"{field}.lines.{number}": line for number, line in enumerate(lines)},
    }
