"""One company as one thread sees it, and what all entities need of it.

What comes in: the client of the thread and the shared lists. What goes out: accounts, taxes,
amounts and problems. Raised: what `consumers.errors` names.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from consumers.errors import Rejected
from consumers.system import AccountsSettings, Problem
from consumers.systems._lists import DAY_S, RECHECK_S
from consumers.systems.sage_300 import periods
from consumers.systems.sage_300.client import Client
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.fields import Limits
from consumers.systems.sage_300.lists import ACCOUNTS, DISTRIBUTIONS, Lists, is_usable
from consumers.systems.sage_300.settings import TITLE, Connection
from consumers.systems.sage_300.taxes import Taxes, UnknownTax, read_taxes
from schemas.chapters import ChapterSettings
from schemas.money import Currency
from schemas.reasons import Reason
from schemas.sentences import say
from schemas.statuses import Entity

Revenue = tuple[Literal["RevenueAccount", "DistributionCode"], str]


@dataclass(frozen=True)
class Company:
    """Where a connector's functions work. Not for use by two threads."""

    client: Client
    lists: Lists
    connection: Connection
    accounts: AccountsSettings
    settings: ChapterSettings
    limits: Limits
    sleep: Callable[[float], None]

    # --- dates, currency, lengths -----------------------------------------------------------

    def closed_period(self, date: dt.date, *applications: str) -> Iterator[Problem]:
        """The problem of a date that would be refused; never said from an old copy."""
        for age_s in (DAY_S, RECHECK_S):
            found = list(
                periods.problems(
                    self.lists.calendars(self.client, age_s),
                    self.lists.profile(self.client, age_s),
                    date,
                    applications,
                )
            )
            if not found:
                return
        yield from found

    @property
    def currency(self) -> str:
        """The functional currency."""
        return str(self.lists.profile(self.client).get("FunctionalCurrency") or "CAD")

    def foreign_currency(self, currency: Currency) -> Iterator[Problem]:
        """Only the functional currency is sent: another one needs a rate for each date."""
        if currency != self.currency:
            detail = f"{currency} ≠ {self.currency} (Sage 300)"
            yield Problem(Reason.CURRENCY_NOT_SUPPORTED, "currency", detail)

    def too_long(self, entity: Entity, values: dict[str, tuple[str, str]]) -> Iterator[Problem]:
        """One problem for each value longer than its limit: field → (value, target)."""
        for name, (value, target) in values.items():
            limit = self.limits.of(entity, target)
            if len(value) > limit:
                yield Problem(Reason.TOO_LONG, name, f"{len(value)} > {limit}")

    # --- what the settings name -------------------------------------------------------------

    def bank(self) -> str:
        """The bank of receipts. Raises Rejected(unknown_account)."""
        code = self.connection.bank or self.accounts.deposit.upper()
        if not code:
            detail = say("no {system} bank: set accounts.deposit", system=TITLE)
            raise Rejected(Reason.UNKNOWN_ACCOUNT, detail=detail)
        return code

    def revenue(self, invoice_type: str) -> Revenue:
        """The revenue account of an invoice type, or the distribution code that names it.

        Raises Rejected(unknown_account), Unavailable.
        """
        named = self.accounts.income_for(invoice_type)
        if not named:
            detail = say(
                "no {system} account for {type}: set accounts.default_income",
                system=TITLE,
                type=invoice_type,
            )
            raise Rejected(Reason.UNKNOWN_ACCOUNT, field="type", detail=detail)
        if self._account(named) is not None:
            return "RevenueAccount", named
        code = named.upper()
        row = self.lists.entry(self.client, DISTRIBUTIONS, code)
        if row is None or not is_usable(row):
            detail = say(
                "{setting} = {value} is neither an open G/L account nor an active"
                " distribution code of {system}",
                system=TITLE,
                setting=self.accounts.income_setting(invoice_type),
                value=repr(named),
            )
            raise Rejected(Reason.UNKNOWN_ACCOUNT, field="type", detail=detail)
        return "DistributionCode", code

    def ledger_account(self, key: str, named: str) -> str:
        """A G/L account for a journal entry; a distribution code stands for its own.

        Raises Rejected(unknown_account), Unavailable.
        """
        if named and self._account(named) is not None:
            return named
        row = self.lists.entry(self.client, DISTRIBUTIONS, named.upper()) if named else None
        account = str((row or {}).get("RevenueAccount") or "")
        if not account:
            detail = say(
                "accounts.{key} = {value} is no open G/L account of {system}",
                system=TITLE,
                key=key,
                value=repr(named),
            )
            raise Rejected(Reason.UNKNOWN_ACCOUNT, detail=detail)
        return account

    def _account(self, named: str) -> Json | None:
        row = self.lists.entry(self.client, ACCOUNTS, named.replace("-", ""))
        return row if row is not None and is_usable(row) else None

    def taxes(self, *, fresh: bool = False) -> Taxes:
        """The authorities of the tax group. Raises UnknownTax, Unavailable."""
        age_s = RECHECK_S if fresh else DAY_S
        key = self.connection.tax_group
        group = self.lists.tax_group(self.client, key, age_s)
        if group is None:
            raise UnknownTax(
                say(
                    "connection.tax_group = {value} is no sales tax group of {system}",
                    system=TITLE,
                    value=repr(key),
                )
            )
        names = {str(group.get(f"TaxAuthority{n}") or "").strip() for n in range(1, 6)} - {""}
        rates = {name: self.lists.tax_rates(self.client, name, age_s) for name in sorted(names)}
        return read_taxes(group, rates, self.connection.customer_tax_class, self.accounts.tax_codes)


def money(row: Json, name: str) -> Decimal:
    """An amount that Sage 300 sent (three decimals in its tables), to the cent; 0.00 if absent."""
    return Decimal(str(row.get(name) or 0)).quantize(Decimal("0.01"))


def day(row: Json, name: str) -> str:
    """The date part of a timestamp that Sage 300 sent."""
    return str(row.get(name) or "")[:10]


def kept_otherwise(held: Json, sent: Json, names: Iterable[str]) -> tuple[str, ...]:
    """What Sage 300 has otherwise than `sent` would have it, of those names that `sent` has:
    amounts to the cent, dates without their time, codes without separators."""
    found = []
    for name in names:
        wanted = sent.get(name, "")
        if isinstance(wanted, Decimal):
            same = money(held, name) == wanted
        else:
            same = not wanted or _bare(held.get(name)) == _bare(wanted)
        if not same:
            found.append(f"{name}: Sage 300 {held.get(name) or '-'} ≠ Membri {wanted}")
    return tuple(found)


def _bare(value: object) -> str:
    return str(value or "").partition("T")[0].replace("-", "")
