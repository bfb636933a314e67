"""Is this the right company, and does each setting of the chapter fit it?

What comes in: the company and the day. What goes out: its name, and one check for each setting
looked at, right or wrong. Nothing is written. Facts: reference page, sections 1 (rights), 3
(lists), 4 to 9.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator

from consumers.errors import Unavailable
from consumers.system import Health, SettingCheck
from consumers.systems.sage_300 import batches, documents, periods
from consumers.systems.sage_300.company import Company
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.lists import (
    ACCOUNTS,
    BANKS,
    DISTRIBUTIONS,
    GROUPS,
    PAYMENT_CODES,
    TERMS,
    is_usable,
)
from consumers.systems.sage_300.odata import entity
from consumers.systems.sage_300.taxes import (
    EXEMPT,
    GST,
    QST,
    TAXABLE,
    Authority,
    Taxes,
    UnknownTax,
)
from schemas.reasons import SettingReason, SystemReason
from schemas.records import DUES
from schemas.sentences import say

_READ_WITH = {
    "AR": "AR/ARCustomers",
    "GL": ACCOUNTS,
    "BK": BANKS,
    "TX": "TX/TXTaxGroups",
    "CS": "CS/CSFiscalCalendars",
}
_GROUP_GIVES = ("AccountSet", "Terms", "BillingCycle", "InterestProfile")


def probe(company: Company) -> Health:
    """Reachable, authorised, the right company. Raises Unavailable, Transient."""
    profile = company.lists.profile(company.client)
    name = str(profile.get("CompanyName") or company.connection.company)
    notes = []
    if company.connection.user.upper() == "ADMIN":
        notes.append(say("the user is ADMIN: give the synchronisation a user of its own"))
    return Health(name, notes=tuple(notes))


def checks(company: Company, today: dt.date) -> Iterator[SettingCheck]:
    """Raises Unavailable, Transient."""
    yield from _rights(company)
    groups: dict[str, Callable[[], Iterable[SettingCheck]]] = {
        "connection.customer_group": lambda: _customer_group(company),
        "connection.tax_group": lambda: _taxes(company),
        "accounts.default_income": lambda: _income(company),
        "accounts.deposit": lambda: _bank_and_codes(company),
        "accounts.deferred_revenue": lambda: _deferral(company),
        "CSCompanyProfile": lambda: _currency(company),
        "CSFiscalCalendars": lambda: _calendar(company, today),
        "connection.posted_due_property": lambda: _posted_properties(company),
    }
    for setting, look in groups.items():
        try:
            yield from list(look())
        except Unavailable as error:
            if error.reason is not SystemReason.MISCONFIGURED:
                raise
            yield SettingCheck(setting, "", SettingReason.CANNOT_BE_READ, error.detail, False)
    forced = say(
        "« Force Listing of All Batches » and « Force Printing of Deposit Slips » of A/R Options"
        " must be off; the Web API does not show them"
    )
    yield SettingCheck("A/R Options", "", SettingReason.CANNOT_BE_READ, forced, False)


def _rights(company: Company) -> Iterator[SettingCheck]:
    """The « Sage 300 Web API » right, given in each application by itself."""
    for module, resource in _READ_WITH.items():
        try:
            company.client.rows(resource, top=1)
        except Unavailable as error:
            if error.reason is not SystemReason.MISCONFIGURED:
                raise
            yield SettingCheck(
                f"connection.user, {module}",
                company.connection.user,
                SettingReason.RIGHTS_MISSING,
                error.detail,
            )


def _customer_group(company: Company) -> Iterator[SettingCheck]:
    setting, code = "connection.customer_group", company.connection.customer_group
    row = company.lists.entry(company.client, GROUPS, code)
    wrong = _absent(setting, code, row)
    if wrong is not None or row is None:
        yield wrong or SettingCheck(setting, code)
        return
    missing = [name for name in _GROUP_GIVES if name in row and not row[name]]
    currency = str(row.get("CurrencyCode") or company.currency)
    if currency != company.currency:
        missing.append(f"CurrencyCode {currency} ≠ {company.currency}")
    reason = SettingReason.CUSTOMER_SETUP_INCOMPLETE if missing else None
    yield SettingCheck(setting, code, reason, ", ".join(missing) or _said(row))


# --- taxes --------------------------------------------------------------------------------------


def _taxes(company: Company) -> Iterator[SettingCheck]:
    setting, key = "connection.tax_group", company.connection.tax_group
    try:
        taxes = company.taxes()
    except UnknownTax as error:
        is_group = str(error).startswith(setting)
        reason = SettingReason.NOT_FOUND if is_group else SettingReason.WRONG_KIND
        yield SettingCheck(setting if is_group else "accounts.tax_codes", key, reason, str(error))
        return
    yield _rate(f"{setting}, GST", key, taxes.gst, taxes, GST)
    yield _rate(f"{setting}, QST", key, taxes.qst, taxes, QST)
    yield _exempt(company, taxes)


def _rate(
    setting: str, key: str, authority: Authority | None, taxes: Taxes, rate: object
) -> SettingCheck:
    told = ", ".join(
        f"{one.name}: {one.rates.get(taxes.taxable, 0):f} % (class {taxes.taxable})"
        for one in taxes.authorities
    )
    if authority is None:
        detail = f"{told or '-'}; {rate} %"
        return SettingCheck(setting, key, SettingReason.TAX_RATE_DIFFERS, detail)
    if authority.surtax:
        detail = say(
            "{name}: Surtax = Yes; rate on the net only: {rate} %", name=authority.name, rate=rate
        )
        return SettingCheck(setting, key, SettingReason.TAX_RATE_DIFFERS, detail)
    return SettingCheck(setting, key, detail=told)


def _exempt(company: Company, taxes: Taxes) -> SettingCheck:
    setting = f"accounts.tax_codes.{EXEMPT}"
    if taxes.exempt is None:
        # Another authority of the group taxes nothing of ours: each line needs the class for it.
        others = ", ".join(one.name for one in taxes.others)
        detail = f"{TAXABLE} = {taxes.taxable}" + (f"; {others}" if others else "")
        return SettingCheck(setting, "", SettingReason.NOT_SET, detail, blocking=bool(others))
    value = company.accounts.tax_codes.get(EXEMPT, "")
    rates = {one.name: one.rates.get(taxes.exempt) for one in taxes.authorities}
    told = ", ".join(f"{name}: {rate or 0:f} %" for name, rate in rates.items())
    reason = SettingReason.TAX_RATE_DIFFERS if any(rates.values()) else None
    return SettingCheck(setting, value, reason, told)


# --- accounts and codes -------------------------------------------------------------------------


def _income(company: Company) -> Iterator[SettingCheck]:
    accounts = company.accounts
    if not accounts.default_income:
        yield SettingCheck(
            "accounts.default_income", "", SettingReason.NOT_SET, blocking=not accounts.income
        )
    named = {"default_income": accounts.default_income}
    named |= {f"income.{kind}": value for kind, value in accounts.income.items()}
    for key, value in named.items():
        if value:
            yield _revenue(company, f"accounts.{key}", value)


def _revenue(company: Company, setting: str, value: str) -> SettingCheck:
    """A G/L account, or a distribution code and the account that it names."""
    row = _account_row(company, value)
    if row is not None:
        return _postable(setting, value, row)
    code = company.lists.entry(company.client, DISTRIBUTIONS, value.upper())
    wrong = _absent(setting, value, code)
    if wrong is not None or code is None:
        return wrong or SettingCheck(setting, value)
    account = str(code.get("RevenueAccount") or "")
    row = _account_row(company, account)
    if row is None:
        detail = f"{_said(code)}: RevenueAccount {account or '-'}"
        return SettingCheck(setting, value, SettingReason.WRONG_KIND, detail)
    return _postable(setting, value, row)


def _deferral(company: Company) -> Iterator[SettingCheck]:
    """Deferred revenue, where the chapter spreads dues or names an account for it."""
    accounts, spreads = company.accounts, company.settings.deferred_revenue != "off"
    named = {"deferred_revenue": accounts.deferred_revenue, "earned_revenue": accounts.earned}
    for key, value in named.items():
        if value and (spreads or key == "deferred_revenue"):
            yield _journal_account(company, f"accounts.{key}", value)
        elif spreads:
            yield SettingCheck(f"accounts.{key}", "", SettingReason.NOT_SET)
    if not spreads:
        return
    for kind in sorted(DUES):
        value = accounts.income_for(kind)
        if value and _plain(company, value) != _plain(company, accounts.deferred_revenue):
            detail = f"{value} ≠ {accounts.deferred_revenue or '-'}"
            yield SettingCheck(
                *(f"accounts.income.{kind}", value, SettingReason.DEFERRED_TWICE, detail),
                blocking=False,
            )
    yield from _ledger(company)


def _journal_account(company: Company, setting: str, value: str) -> SettingCheck:
    """As for revenue, and no control account: only its own application posts to that."""
    found = _revenue(company, setting, value)
    row = _account_row(company, value)
    if found.reason is None and row is not None and str(row.get("ControlAccount")) == "Yes":
        detail = f"{_said(row)}: ControlAccount"
        return SettingCheck(setting, value, SettingReason.NOT_POSTABLE, detail)
    return found


def _ledger(company: Company) -> Iterator[SettingCheck]:
    """The source code of the entries, and the parameters that post them."""
    connection = company.connection
    source = f"{connection.source_ledger}-{connection.source_type}"
    path = entity(
        "GL/GLSourceCodes",
        SourceLedger=connection.source_ledger,
        SourceType=connection.source_type,
    )
    reason = SettingReason.NOT_FOUND if company.client.read(path) is None else None
    yield SettingCheck("connection.source_type", source, reason)
    yield _posting_parameters(company)


def _posting_parameters(company: Company) -> SettingCheck:
    setting, value = "connection.gl_post_from", company.connection.gl_post_from
    try:
        names = [*batches.posting_body(company, batches.JOURNALS, "000000")]
        known = company.lists.process_parameters(company.client, batches.JOURNALS.process)
    except Unavailable as error:
        if error.reason is not SystemReason.MISCONFIGURED:
            raise
        reason = SettingReason.CANNOT_BE_READ if value else SettingReason.NOT_SET
        return SettingCheck(setting, value, reason, error.detail, blocking=not value)
    absent = [name for name in names if name not in known]
    if absent:
        detail = f"{', '.join(absent)}: {', '.join(known)}"
        return SettingCheck(setting, value, SettingReason.NOT_FOUND, detail)
    return SettingCheck(setting, value, detail=", ".join(names))


def _bank_and_codes(company: Company) -> Iterator[SettingCheck]:
    bank = company.connection.bank or company.accounts.deposit.upper()
    setting = "connection.bank" if company.connection.bank else "accounts.deposit"
    if bank:
        row = company.lists.entry(company.client, BANKS, bank)
        yield _absent(setting, bank, row) or _bank(company, setting, bank, row or {})
    else:
        yield SettingCheck(setting, "", SettingReason.NOT_SET)
    named = {"terms": (TERMS, company.accounts.terms.upper())}
    for method, value in company.accounts.payment_methods.items():
        named[f"payment_methods.{method}"] = (PAYMENT_CODES, value)
    for key, (resource, value) in named.items():
        if value:
            row = company.lists.entry(company.client, resource, value)
            right = SettingCheck(f"accounts.{key}", value, detail=_said(row or {}))
            yield _absent(f"accounts.{key}", value, row) or right


def _bank(company: Company, setting: str, value: str, row: Json) -> SettingCheck:
    kept = str(row.get("StatementCurrency") or company.currency)
    if kept == company.currency:
        return SettingCheck(setting, value, detail=_said(row))
    detail = f"{_said(row)}: {kept} ≠ {company.currency}"
    return SettingCheck(setting, value, SettingReason.WRONG_KIND, detail)


def _account_row(company: Company, value: str) -> Json | None:
    return company.lists.entry(company.client, ACCOUNTS, value.replace("-", ""))


def _plain(company: Company, value: str) -> str:
    """The account behind a value, without separators."""
    if _account_row(company, value) is not None:
        return value.replace("-", "")
    code = company.lists.entry(company.client, DISTRIBUTIONS, value.upper()) or {}
    return str(code.get("RevenueAccount") or value).replace("-", "")


def _postable(setting: str, value: str, row: Json) -> SettingCheck:
    if not is_usable(row):
        detail = f"{_said(row)}: {row.get('Status')}, {row.get('PostToAccount', '-')}"
        return SettingCheck(setting, value, SettingReason.NOT_POSTABLE, detail)
    return SettingCheck(setting, value, detail=_said(row))


def _absent(setting: str, value: str, row: Json | None) -> SettingCheck | None:
    if row is None:
        return SettingCheck(setting, value, SettingReason.NOT_FOUND)
    if not is_usable(row):
        detail = f"{_said(row)}: {row.get('Status')}"
        return SettingCheck(setting, value, SettingReason.NOT_POSTABLE, detail)
    return None


def _said(row: Json) -> str:
    return f"« {row.get('Description', '')} »"


# --- calendar, names of properties --------------------------------------------------------------


def _currency(company: Company) -> Iterator[SettingCheck]:
    """Documents in any other currency are refused."""
    wrong = company.currency != "CAD"
    reason = SettingReason.WRONG_KIND if wrong else None
    setting = "CSCompanyProfile.FunctionalCurrency"
    yield SettingCheck(setting, company.currency, reason, "≠ CAD" if wrong else "", blocking=False)


def _calendar(company: Company, today: dt.date) -> Iterator[SettingCheck]:
    calendars = company.lists.calendars(company.client)
    period = periods.period_of(calendars, today)
    if period is None:
        detail = f"{today.isoformat()}"
        yield SettingCheck("CSFiscalCalendars", "", SettingReason.PERIOD_MISSING, detail)
    else:
        shown = f"{period.year}-{period.number:02d}"
        reason = SettingReason.PERIOD_CLOSED if period.locked else None
        detail = ", ".join(periods.APPLICATIONS[name] for name in sorted(period.locked))
        yield SettingCheck("CSFiscalCalendars", shown, reason, detail)
    if company.settings.deferred_revenue != "off":
        ahead = dt.date(today.year + 1, today.month, min(today.day, 28))
        missing = periods.period_of(calendars, ahead) is None
        yield SettingCheck(
            say("CSFiscalCalendars, next year"),
            ahead.isoformat(),
            SettingReason.PERIOD_MISSING if missing else None,
        )
    mode = str(company.lists.profile(company.client).get("LockedFiscalPeriod") or "")
    yield SettingCheck("CSCompanyProfile.LockedFiscalPeriod", mode)


def _posted_properties(company: Company) -> Iterator[SettingCheck]:
    """Whether the two names that are not verified are those of this server."""
    connection = company.connection
    row = next(iter(company.client.rows(documents.RESOURCE, top=1)), None)
    for key in ("posted_total_property", "posted_due_property"):
        name = str(getattr(connection, key))
        setting = f"connection.{key}"
        if row is None:
            detail = say("{resource}: no document yet", resource=documents.RESOURCE)
            yield SettingCheck(setting, name, SettingReason.CANNOT_BE_READ, detail, False)
        else:
            reason = None if name in row else SettingReason.NOT_FOUND
            yield SettingCheck(setting, name, reason)
