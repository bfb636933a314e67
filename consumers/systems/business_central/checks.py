"""Is this the right company, and is each setting of the chapter right there?

What comes in: the company. What goes out: its health, and one check for each setting looked at.
Nothing is written. Raised: Unavailable, Transient.

What the API does not show (page, sections 3 and 9: posting groups, number series, tax rates, the
posting dates of a user) is said to be unread, without blocking: each document is compared to the
cent anyway before it is posted.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum

from consumers.system import Health, SettingCheck
from consumers.systems._taxes import RATES, Treatment
from consumers.systems.business_central.client import quoted
from consumers.systems.business_central.company import Company, allowed
from consumers.systems.business_central.faults import Json
from consumers.systems.business_central.keys import code, plain_enum, same_code
from consumers.systems.business_central.lists import ShortList, postable
from consumers.systems.business_central.taxes import USUAL
from schemas.reasons import SettingReason
from schemas.records import DUES, InvoiceType, PaymentMethod
from schemas.sentences import say

_MONTHS_AHEAD = 12
_SAMPLE = 50


def examine(company: Company) -> Health:
    """The company's name and remarks for a person. Raises Unavailable, Transient, Rejected."""
    row = company.client.company()
    setup = company.setup
    notes = []
    if setup.posting_from or setup.posting_to:
        notes.append(say("allowed posting dates: {dates}", dates=allowed(setup)))
    if setup.currency != "CAD":
        notes.append(say("the company's currency is {currency}", currency=setup.currency))
    return Health(str(row.get("displayName") or row.get("name") or ""), notes=tuple(notes))


def check_settings(company: Company) -> Iterator[SettingCheck]:
    """Every setting against the live company."""
    yield SettingCheck(
        "connection.company_id",
        company.connection.company_id,
        detail=str(company.client.company().get("name", "")),
    )
    yield from _accounts(company)
    yield from _deferral(company)
    yield from _taxes(company)
    yield from _posting_dates(company)
    yield from _terms(company)
    yield from _unread()


def _accounts(company: Company) -> Iterator[SettingCheck]:
    accounts = company.accounts
    yield _account(company, "accounts.default_income", accounts.default_income)
    for kind, value in accounts.income.items():
        yield _account(company, f"accounts.income.{kind}", value)
    yield from _misnamed("accounts.income", accounts.income, InvoiceType)
    yield _account(company, "accounts.deposit", accounts.deposit)
    if company.settings.deferred_revenue != "off" or accounts.deferred_revenue:
        yield _account(company, "accounts.deferred_revenue", accounts.deferred_revenue)
    if accounts.earned_revenue:
        yield _account(company, "accounts.earned_revenue", accounts.earned_revenue)
    if accounts.deferred_revenue and same_code(accounts.deferred_revenue, accounts.earned):
        detail = say("the same as accounts.deferred_revenue: entries would move nothing")
        wrong = SettingReason.WRONG_KIND
        yield SettingCheck(accounts.earned_setting, accounts.earned, wrong, detail)


def _misnamed(
    setting: str, given: Mapping[str, str], known: type[StrEnum]
) -> Iterator[SettingCheck]:
    """Names that nothing of Membri bears: what they say would never be used."""
    for name in given:
        if name not in tuple(known):
            detail = say("known names are {names}", names=", ".join(known))
            yield SettingCheck(f"{setting}.{name}", given[name], SettingReason.WRONG_KIND, detail)


def _account(company: Company, setting: str, value: str) -> SettingCheck:
    if not value:
        return SettingCheck(setting, value, SettingReason.NOT_SET)
    found = company.lists.account(company.client, value)
    if found is None:
        return SettingCheck(setting, value, SettingReason.NOT_FOUND)
    name = str(found.get("displayName", ""))
    if postable(found):
        return SettingCheck(setting, value, detail=name)
    why = ", ".join(
        part
        for part, wrong in (
            (plain_enum(found.get("accountType", "")), found.get("accountType") != "Posting"),
            ("blocked", found.get("blocked")),
            ("no Direct Posting", not found.get("directPosting", True)),
        )
        if wrong
    )
    return SettingCheck(setting, value, SettingReason.NOT_POSTABLE, f"{name}: {why}")


def _deferral(company: Company) -> Iterator[SettingCheck]:
    """Dues must be invoiced to the deferred account, or the entries count them a second time."""
    accounts = company.accounts
    if company.settings.deferred_revenue == "off" or not accounts.deferred_revenue:
        return
    for kind in sorted(DUES):
        invoiced = accounts.income_for(kind)
        twice = code(invoiced) != code(accounts.deferred_revenue)
        yield SettingCheck(
            f"accounts.income.{kind}",
            invoiced,
            SettingReason.DEFERRED_TWICE if twice else None,
            f"{invoiced} ≠ accounts.deferred_revenue {accounts.deferred_revenue}" if twice else "",
            blocking=False,
        )
    # Its existence on an account is not exposed either (page, section 7).
    yield SettingCheck(
        "accounts.deferred_revenue",
        accounts.deferred_revenue,
        SettingReason.CANNOT_BE_READ,
        say("a Default Deferral Template on the accounts would defer the same revenue twice"),
        blocking=False,
    )


def _taxes(company: Company) -> Iterator[SettingCheck]:
    named = company.connection.tax_area
    if named:
        area = company.lists.entry(company.client, "taxAreas", named)
        reason = None if area is not None else SettingReason.NOT_FOUND
        yield SettingCheck("connection.tax_area", named, reason)
    else:
        yield SettingCheck(
            "connection.tax_area",
            "",
            SettingReason.NOT_SET,
            say("the customer template must give new customers a tax area"),
            blocking=False,
        )
    sample = _sample(company)
    if named and not company.connection.tax_liable:
        detail = say("new customers are not liable: no invoice of theirs has taxes")
        yield SettingCheck(
            "connection.tax_liable", "false", SettingReason.TAX_RATE_DIFFERS, detail, blocking=False
        )
    configured = company.accounts.tax_codes
    yield from _misnamed("accounts.tax_codes", configured, Treatment)
    for treatment in Treatment:
        value = configured.get(treatment) or USUAL.get(treatment, "")
        if value:
            yield _tax_group(company, treatment, value, sample)


def _sample(company: Company) -> list[Json]:
    """Lines of the latest invoices: the only place where the API shows a rate."""
    latest = ("postingDate", _SAMPLE)
    rows = company.client.select("salesInvoices", "", "salesInvoiceLines", latest)
    return [line for row in rows for line in row.get("salesInvoiceLines") or []]


def _tax_group(
    company: Company, treatment: Treatment, value: str, sample: list[Json]
) -> SettingCheck:
    setting = f"accounts.tax_codes.{treatment}"
    if company.lists.entry(company.client, "taxGroups", value) is None:
        return SettingCheck(setting, value, SettingReason.NOT_FOUND)
    wanted = sum(RATES[treatment], Decimal(0))
    rates = {
        Decimal(str(line.get("taxPercent") or 0))
        for line in sample
        if code(str(line.get("taxCode") or "")) == code(value) and line.get("quantity")
    }
    if not rates:
        detail = say("no recent invoice shows its rate, which must be {wanted} %", wanted=wanted)
        return SettingCheck(setting, value, SettingReason.CANNOT_BE_READ, detail, blocking=False)
    if wanted in rates:
        return SettingCheck(setting, value, detail=f"{wanted} %")
    seen = ", ".join(f"{rate} %" for rate in sorted(rates))
    detail = f"{seen} ≠ {wanted} %"
    return SettingCheck(setting, value, SettingReason.TAX_RATE_DIFFERS, detail)


def _posting_dates(company: Company) -> Iterator[SettingCheck]:
    if company.connection.own_posting_dates:
        yield SettingCheck(
            "connection.own_posting_dates",
            "true",
            SettingReason.CANNOT_BE_READ,
            say("the API does not show the posting dates of a user"),
            blocking=False,
        )
        return
    setup, today = company.setup, company.today
    closed = (setup.posting_from is not None and today < setup.posting_from) or (
        setup.posting_to is not None and today > setup.posting_to
    )
    reason = SettingReason.PERIOD_CLOSED if closed else None
    yield SettingCheck("generalLedgerSetup", allowed(setup), reason, today.isoformat())
    if company.settings.deferred_revenue == "upfront":
        last = _months_later(today, _MONTHS_AHEAD)
        missing = setup.posting_to is not None and setup.posting_to < last
        yield SettingCheck(
            "settings.deferred_revenue",
            "upfront",
            SettingReason.PERIOD_MISSING if missing else None,
            f"{allowed(setup)}, {last.isoformat()}",
        )


def _months_later(day: dt.date, months: int) -> dt.date:
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return dt.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _terms(company: Company) -> Iterator[SettingCheck]:
    named: list[tuple[str, ShortList, str]] = [
        ("accounts.terms", "paymentTerms", company.accounts.terms)
    ]
    methods = company.accounts.payment_methods
    yield from _misnamed("accounts.payment_methods", methods, PaymentMethod)
    for method, value in methods.items():
        named.append((f"accounts.payment_methods.{method}", "paymentMethods", value))
    for setting, resource, value in named:
        if value:
            found = company.lists.entry(company.client, resource, value)
            reason = None if found is not None else SettingReason.NOT_FOUND
            yield SettingCheck(setting, value, reason)
    template = company.connection.journal_template
    if template:
        where = f"templateDisplayName eq {quoted(code(template))}"
        reason = None if company.client.select("journals", where) else SettingReason.CANNOT_BE_READ
        detail = "" if reason is None else say("no batch of this template is listed")
        yield SettingCheck("connection.journal_template", template, reason, detail, blocking=False)


def _unread() -> Iterator[SettingCheck]:
    """What only a person can look at in Business Central (page, section 3)."""
    for setting, detail in (
        ("customers.number", say("the customers' No. Series must allow Manual Nos.")),
        (
            "customers",
            say(
                "a template must give them Customer and Gen. Bus. Posting Groups, or"
                " no invoice goes"
            ),
        ),
    ):
        yield SettingCheck(setting, "", SettingReason.CANNOT_BE_READ, detail, blocking=False)
