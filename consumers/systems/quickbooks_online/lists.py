"""What the company's books look like: preferences, tax codes, items, accounts; read once a day.

What comes in: what the settings name. What goes out: what QuickBooks has under that name. Reads are
counted by Intuit (App Partner Program), hence the cache; but a « no » is never given from a copy
older than half a minute, since somebody may just have corrected the books.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from consumers.systems._lists import DAY_S, RECHECK_S, KeptLists
from consumers.systems.quickbooks_online.client import Client, quoted
from consumers.systems.quickbooks_online.faults import Json
from consumers.systems.quickbooks_online.taxes import TaxCodes

ListKind = Literal["Account", "Item", "PaymentMethod", "Term"]


@dataclass(frozen=True)
class Preferences:
    """The company's preferences that change what may be sent."""

    custom_numbers: bool
    auto_apply_credit: bool
    closed_until: dt.date | None
    multi_currency: bool
    home_currency: str
    sales_tax: bool

    @classmethod
    def read(cls, answer: Json) -> Preferences:
        """From the Preferences object. What is absent is taken as QuickBooks ships it."""
        sales = answer.get("SalesFormsPrefs") or {}
        accounting = answer.get("AccountingInfoPrefs") or {}
        currency = answer.get("CurrencyPrefs") or {}
        taxes = answer.get("TaxPrefs") or {}
        closed = accounting.get("BookCloseDate")
        return cls(
            custom_numbers=bool(sales.get("CustomTxnNumbers", False)),
            auto_apply_credit=bool(sales.get("AutoApplyCredit", False)),
            closed_until=dt.date.fromisoformat(str(closed)[:10]) if closed else None,
            multi_currency=bool(currency.get("MultiCurrencyEnabled", False)),
            home_currency=str((currency.get("HomeCurrency") or {}).get("value") or "CAD"),
            sales_tax=bool(taxes.get("UsingSalesTax", True)),
        )


class Lists(KeptLists):
    """The cached lists of one company, shared by all threads."""

    def preferences(self, client: Client, max_age_s: float = DAY_S) -> Preferences:
        """Raises Unavailable, Transient."""
        return self._cached(
            client,
            ("Preferences",),
            max_age_s,
            lambda: Preferences.read(client.singleton("Preferences", "preferences")),
        )

    def tax_codes(self, client: Client, max_age_s: float = DAY_S) -> TaxCodes:
        """Raises Unavailable, Transient."""
        return self._cached(
            client,
            ("TaxCode",),
            max_age_s,
            lambda: TaxCodes(client.select("TaxCode"), client.select("TaxRate")),
        )

    def entry(self, client: Client, kind: ListKind, value: str) -> Json | None:
        """The active item, account, method or term of that Id or name; None when there is none.

        Raises Unavailable, Transient.
        """
        key = (kind, value)
        found = self._cached(client, key, DAY_S, lambda: _entry(client, kind, value))
        if found is None:
            found = self._cached(client, key, RECHECK_S, lambda: _entry(client, kind, value))
        return found


def _entry(client: Client, kind: ListKind, value: str) -> Json | None:
    if value.isdigit():
        found = client.read(kind, value)
        if found is not None:
            return found if found.get("Active", True) else None
    for row in client.select(kind, f"Name = {quoted(value)}"):
        if row.get("Active", True) and str(row.get("Name", "")).casefold() == value.casefold():
            return row
    return None
