"""What the company's books look like: edition, dates, accounts, taxes, banks; read once a day.

What comes in: what the settings name. What goes out: what Sage has under that name. A « no » is
never given from a copy older than half a minute, since somebody may just have corrected the books.

Resources: Sage page, section 4.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from consumers.systems._lists import DAY_S, RECHECK_S, KeptLists
from consumers.systems.sage_accounting.client import Client, Resource
from consumers.systems.sage_accounting.faults import Json
from consumers.systems.sage_accounting.taxes import RATE_ATTRIBUTES, TaxRates
from schemas.sentences import say

LIMITED = frozenset({"START", "MICRO"})
"""Subscriptions of the limited edition; Sage's pages disagree about the others (section 4)."""
Purpose = Literal["sales", "journals", "bank", "method"]
_RESOURCES: dict[Purpose, Resource] = {
    "sales": "ledger_accounts",
    "journals": "ledger_accounts",
    "bank": "bank_accounts",
    "method": "payment_methods",
}
_ATTRIBUTES: dict[Resource, str] = {
    "ledger_accounts": "name,display_name,nominal_code,is_control_account",
    "bank_accounts": "account_name,nominal_code,is_active",
    "payment_methods": "name",
}
_NAMES = ("id", "displayed_as", "name", "display_name", "account_name", "nominal_code")


@dataclass(frozen=True)
class Subscription:
    """`ids`: the subscriptions that are active, as Sage names them."""

    company: str
    active: bool
    limited: bool
    ids: tuple[str, ...]

    @classmethod
    def read(cls, answer: Json) -> Subscription:
        """From `/businesses/{id}`; a company without subscriptions is taken as active."""
        rows = [row for row in answer.get("subscriptions") or [] if isinstance(row, dict)]
        active = [str(row.get("id") or "") for row in rows if row.get("active", True)]
        name = str(answer.get("name") or answer.get("displayed_as") or "")
        known = [one.upper() for one in active]
        limited = bool(known) and all(one in LIMITED for one in known)
        return cls(name, bool(active) or not rows, limited, tuple(active))


@dataclass(frozen=True)
class Financial:
    """The financial settings that decide what may be sent."""

    start: dt.date | None
    closed_until: dt.date | None
    base_currency: str

    @classmethod
    def read(cls, answer: Json) -> Financial:
        currency = answer.get("base_currency") or {}
        held = currency.get("id") if isinstance(currency, dict) else currency
        return cls(
            _day(answer.get("accounts_start_date")),
            _day(answer.get("year_end_lockdown_date")),
            str(held or "CAD"),
        )

    def refuses(self, date: dt.date) -> str:
        """Why the books do not take that date, both dates; empty when they do."""
        if self.closed_until is not None and date <= self.closed_until:
            return f"{date.isoformat()} ≤ {self.closed_until.isoformat()} (Sage, year_end_lockdown)"
        if self.start is not None and date < self.start:
            return f"{date.isoformat()} < {self.start.isoformat()} (Sage, accounts_start_date)"
        return ""


def _day(value: object) -> dt.date | None:
    return dt.date.fromisoformat(str(value)[:10]) if value else None


class Lists(KeptLists):
    """The cached lists of one company, shared by all threads."""

    def subscription(self, client: Client, max_age_s: float = DAY_S) -> Subscription:
        """Raises Unavailable, Transient."""
        path = f"businesses/{client.business_id}"
        return self._cached(
            client, ("business",), max_age_s, lambda: Subscription.read(client.single(path))
        )

    def financial(self, client: Client, max_age_s: float = DAY_S) -> Financial:
        """Raises Unavailable, Transient."""
        return self._cached(
            client,
            ("financial",),
            max_age_s,
            lambda: Financial.read(client.single("financial_settings")),
        )

    def tax_rates(self, client: Client, region: str, max_age_s: float = DAY_S) -> TaxRates:
        """Raises Unavailable, Transient."""
        return self._cached(
            client,
            ("tax_rates", region),
            max_age_s,
            lambda: TaxRates(client.rows("tax_rates", RATE_ATTRIBUTES, address_region_id=region)),
        )

    def entry(self, client: Client, purpose: Purpose, value: str) -> Json | None:
        """The account, bank or method of that id, name or code; None when there is none, or
        several. Raises Unavailable, Transient."""
        found = _named(self._rows(client, purpose, DAY_S), value)
        return found or _named(self._rows(client, purpose, RECHECK_S), value)

    def _rows(self, client: Client, purpose: Purpose, max_age_s: float) -> list[Json]:
        resource = _RESOURCES[purpose]
        query = {"visible_in": purpose} if resource == "ledger_accounts" else {}
        return self._cached(
            client,
            ("rows", purpose),
            max_age_s,
            lambda: client.rows(resource, _ATTRIBUTES[resource], **query),
        )


def kind(purpose: Purpose) -> str:
    """What a setting for that purpose must name, in words."""
    match purpose:
        case "sales":
            return say("ledger account visible in sales")
        case "journals":
            return say("ledger account visible in journals")
        case "bank":
            return say("bank account")
        case "method":
            return say("payment method")


def _named(rows: list[Json], value: str) -> Json | None:
    wanted = value.strip().casefold()
    for name in _NAMES:
        held = [row for row in rows if str(row.get(name) or "").casefold() == wanted]
        usable = [row for row in held if row.get("is_active", True)]
        if held:
            return usable[0] if len(usable) == 1 else None
    return None
