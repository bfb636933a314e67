"""The settings of a chapter against the live company, for `membri-sync check`.

What comes in: the company and the day. What goes out: one check for each setting looked at, right
or wrong. Nothing is written. Facts: QuickBooks reference page, 6.2 (lists), 8 (taxes), 10
(numbering).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator

from consumers.system import SettingCheck
from consumers.systems._lists import RECHECK_S
from consumers.systems._taxes import RATES, Treatment
from consumers.systems.quickbooks_online.client import Kind, quoted
from consumers.systems.quickbooks_online.company import Company, ref_id
from consumers.systems.quickbooks_online.faults import Json
from consumers.systems.quickbooks_online.settings import SHORT
from consumers.systems.quickbooks_online.taxes import TaxCode, UnknownTax
from schemas.reasons import SettingReason
from schemas.records import DUES
from schemas.sentences import say

_INCOME = frozenset({"Income", "Other Income"})
_LIABILITY = frozenset({"Other Current Liability", "Long Term Liability"})
_DEPOSIT = frozenset({"Bank", "Other Current Asset"})
_SOLD = frozenset({"Service", "NonInventory", "Inventory"})


class _Named:
    """What the settings name, by Id or name, inactive ones too: a few queries for all of it."""

    def __init__(self, company: Company) -> None:
        self._client = company.client
        self._rows: dict[tuple[Kind, str], Json | None] = {}
        accounts = company.accounts
        items = [accounts.default_income, accounts.earned_revenue, *accounts.income.values()]
        self._load("Item", items)
        revenue = [ref_id(row, "IncomeAccountRef") for row in self._rows.values() if row]
        self._load("Account", [accounts.deposit, accounts.deferred_revenue, *revenue])
        self._load("Term", [accounts.terms])
        self._load("PaymentMethod", accounts.payment_methods.values())

    def row(self, kind: Kind, value: str) -> Json | None:
        return self._rows.get((kind, value))

    def _load(self, kind: Kind, values: Iterable[str]) -> None:
        wanted = list(dict.fromkeys(value for value in values if value))
        for field in ("Id", "Name"):
            left = [one for one in wanted if self._rows.get((kind, one)) is None]
            if field == "Id":
                left = [one for one in left if one.isdigit()]
            if not left:
                continue
            listed = ", ".join(map(quoted, left))
            where = f"{field} IN ({listed}) AND Active IN (true, false)"
            found = sorted(self._client.select(kind, where), key=_is_active)
            by_value = {str(row.get(field, "")).casefold(): row for row in found}
            self._rows |= {(kind, one): by_value.get(one.casefold()) for one in left}


def _is_active(row: Json) -> bool:
    return bool(row.get("Active", True))


def check_settings(company: Company, today: dt.date) -> Iterator[SettingCheck]:
    """Raises Unavailable, Transient."""
    named = _Named(company)
    yield from _items(company, named)
    yield from _deposit(company, named)
    yield from _deferral(company, named)
    yield from _terms_and_methods(company, named)
    yield from _taxes(company)
    yield from _preferences(company, today)


def _items(company: Company, named: _Named) -> Iterator[SettingCheck]:
    accounts = company.accounts
    if not accounts.default_income:
        # With items of their own, some types of invoice still go.
        yield SettingCheck(
            "accounts.default_income", "", SettingReason.NOT_SET, blocking=not accounts.income
        )
    items = {"default_income": accounts.default_income}
    items |= {f"income.{kind}": value for kind, value in accounts.income.items()}
    for key, value in items.items():
        if value:
            yield _item(named, f"accounts.{key}", value)


def _item(named: _Named, setting: str, value: str) -> SettingCheck:
    """An item that can be sold, and that says which revenue account it is for."""
    row = named.row("Item", value)
    wrong = _absent(setting, value, row)
    if wrong is not None or row is None:
        return wrong or SettingCheck(setting, value)
    kind = str(row.get("Type") or "Service")
    if kind not in _SOLD:
        return SettingCheck(setting, value, SettingReason.WRONG_KIND, f"{_said(row)}: {kind}")
    account_id = ref_id(row, "IncomeAccountRef")
    account = named.row("Account", account_id) if account_id else None
    if account is None:
        detail = say("{named}: no IncomeAccountRef", named=_said(row))
        return SettingCheck(setting, value, SettingReason.WRONG_KIND, detail)
    told = f"{_said(row)} → {_said(account)}"
    if not account.get("Active", True):
        return SettingCheck(
            setting, value, SettingReason.NOT_POSTABLE, say("{named}: inactive", named=told)
        )
    if account.get("AccountType") not in _INCOME | _LIABILITY:
        detail = f"{told}: {account.get('AccountType')}"
        return SettingCheck(setting, value, SettingReason.WRONG_KIND, detail, blocking=False)
    return SettingCheck(setting, value, detail=told)


def _deposit(company: Company, named: _Named) -> Iterator[SettingCheck]:
    """Without one QuickBooks takes Undeposited Funds, which every company has."""
    value = company.accounts.deposit
    if value:
        yield _account(named, "accounts.deposit", value, _DEPOSIT)


def _deferral(company: Company, named: _Named) -> Iterator[SettingCheck]:
    """Deferred revenue, where the chapter spreads dues or names an account for it."""
    accounts, spreads = company.accounts, company.settings.deferred_revenue != "off"
    if accounts.earned_revenue:
        yield _item(named, "accounts.earned_revenue", accounts.earned_revenue)
    if accounts.deferred_revenue:
        value = accounts.deferred_revenue
        yield _account(named, "accounts.deferred_revenue", value, _LIABILITY)
        if spreads:
            yield from _counted_twice(company, named, value)
    elif spreads:
        yield SettingCheck("accounts.deferred_revenue", "", SettingReason.NOT_SET)
    if spreads and not accounts.earned:
        yield SettingCheck("accounts.earned_revenue", "", SettingReason.NOT_SET)


def _counted_twice(company: Company, named: _Named, deferred: str) -> Iterator[SettingCheck]:
    """Dues that are invoiced to revenue, and then earned again by the journal."""
    target = named.row("Account", deferred)
    for kind in sorted(DUES):
        value = company.accounts.income_for(kind)
        item = named.row("Item", value) if value else None
        if target is None or item is None or ref_id(item, "IncomeAccountRef") == target["Id"]:
            continue
        found = named.row("Account", ref_id(item, "IncomeAccountRef"))
        detail = f"{_said(item)} → {_said(found or {})} ≠ {_said(target)}"
        yield SettingCheck(
            f"accounts.income.{kind}", value, SettingReason.DEFERRED_TWICE, detail, blocking=False
        )


def _terms_and_methods(company: Company, named: _Named) -> Iterator[SettingCheck]:
    wanted: dict[str, tuple[Kind, str]] = {"terms": ("Term", company.accounts.terms)}
    for method, value in company.accounts.payment_methods.items():
        wanted[f"payment_methods.{method}"] = ("PaymentMethod", value)
    for key, (kind, value) in wanted.items():
        if not value:
            continue
        row = named.row(kind, value)
        right = SettingCheck(f"accounts.{key}", value, detail=_said(row or {}))
        yield _absent(f"accounts.{key}", value, row) or right


def _account(named: _Named, setting: str, value: str, kinds: Collection[str]) -> SettingCheck:
    row = named.row("Account", value)
    wrong = _absent(setting, value, row)
    if wrong is not None or row is None:
        return wrong or SettingCheck(setting, value)
    kind = str(row.get("AccountType") or "")
    if kind not in kinds:
        detail = f"{_said(row)}: {kind} ≠ {', '.join(sorted(kinds))}"
        return SettingCheck(setting, value, SettingReason.WRONG_KIND, detail)
    return SettingCheck(setting, value, detail=_said(row))


def _absent(setting: str, value: str, row: Json | None) -> SettingCheck | None:
    if row is None:
        return SettingCheck(setting, value, SettingReason.NOT_FOUND)
    if not row.get("Active", True):
        detail = say("{named}: inactive", named=_said(row))
        return SettingCheck(setting, value, SettingReason.NOT_POSTABLE, detail)
    return None


def _said(row: Json) -> str:
    return f"« {row.get('Name', '')} » (Id {row.get('Id', '')})"


# --- taxes and preferences ----------------------------------------------------------------------


def _taxes(company: Company) -> Iterator[SettingCheck]:
    """What the settings name, and what a chapter needs at least: taxable and exempt lines."""
    if not company.lists.preferences(company.client, RECHECK_S).sales_tax:
        detail = say("sales tax is not set up in {system}", system=SHORT)
        yield SettingCheck(
            "TaxPrefs.UsingSalesTax", "false", SettingReason.TAX_RATE_DIFFERS, detail, False
        )
        return
    configured = company.accounts.tax_codes
    for name in dict.fromkeys([Treatment.TAXABLE, Treatment.EXEMPT, *configured]):
        setting, value = f"accounts.tax_codes.{name}", configured.get(name, "")
        if name not in set(Treatment):
            detail = ", ".join(Treatment)
            yield SettingCheck(setting, value, SettingReason.WRONG_KIND, detail)
            continue
        yield _tax(company, setting, value, Treatment(name))


def _tax(company: Company, setting: str, value: str, treatment: Treatment) -> SettingCheck:
    blocking = bool(value) or treatment is Treatment.TAXABLE
    try:
        code = company.lists.tax_codes(company.client, RECHECK_S).code(
            treatment, company.accounts.tax_codes
        )
    except UnknownTax as error:
        reason = SettingReason.NOT_FOUND if value else SettingReason.NOT_SET
        return SettingCheck(setting, value, reason, str(error), blocking)
    if code.taxed_rates != RATES[treatment]:
        wanted = _rates(RATES[treatment])
        detail = f"« {code.name} » (Id {code.id}): {_rates(code.taxed_rates)} ≠ {wanted}"
        return SettingCheck(setting, value, SettingReason.TAX_RATE_DIFFERS, detail)
    return SettingCheck(setting, value or code.id, detail=_named(code))


def _named(code: TaxCode) -> str:
    return f"« {code.name} » (Id {code.id}): {_rates(code.taxed_rates)}"


def _rates(rates: Collection[object]) -> str:
    return " + ".join(f"{rate} %" for rate in rates) or "0 %"


def _preferences(company: Company, today: dt.date) -> Iterator[SettingCheck]:
    known = company.lists.preferences(company.client, RECHECK_S)
    until = known.closed_until
    if until is not None:
        closed = SettingReason.PERIOD_CLOSED if today <= until else None
        detail = f"{today.isoformat()} ≤ {until.isoformat()}" if closed else ""
        yield SettingCheck("AccountingInfoPrefs.BookCloseDate", until.isoformat(), closed, detail)
    # Forms still go and are found again by our marker, under a number that Membri does not know.
    refused = None if known.custom_numbers else SettingReason.NUMBERS_REFUSED
    yield SettingCheck(
        "SalesFormsPrefs.CustomTxnNumbers",
        str(known.custom_numbers).lower(),
        refused,
        blocking=False,
    )
