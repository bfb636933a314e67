"""Each setting of the chapter against the live company, without writing.

What comes in: the company. What goes out: one `SettingCheck` for each setting looked at. Nothing is
refused here. Facts: Sage page, sections 4, 7 to 9.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

from consumers.errors import Unavailable
from consumers.system import SettingCheck
from consumers.systems._taxes import RATES, Treatment
from consumers.systems.sage_accounting.client import Resource
from consumers.systems.sage_accounting.company import Company
from consumers.systems.sage_accounting.lists import Purpose, kind
from consumers.systems.sage_accounting.settings import SHORT
from consumers.systems.sage_accounting.taxes import UnknownTax
from schemas.reasons import SettingReason, SystemReason
from schemas.records import DUES, InvoiceType, PaymentMethod
from schemas.sentences import say

MEMBRIS = "CAD"
"""What Membri's records are in, unless they say otherwise."""
_AREAS: tuple[tuple[str, Resource], ...] = (
    ("Contacts", "contacts"),
    ("Sales", "sales_invoices"),
    ("Bank", "contact_payments"),
    ("Journals", "journals"),
)


def examine(company: Company, today: Callable[[], dt.date]) -> list[SettingCheck]:
    """Every check. Raises Unavailable, Transient."""
    company.lists.forget()
    return [
        *_subscription(company),
        *_dates(company, today()),
        *looked_at(company),
        *_unset(company),
        *_same_twice(company),
        *_misnamed("accounts.income", company.accounts.income, InvoiceType),
        *_misnamed("accounts.payment_methods", company.accounts.payment_methods, PaymentMethod),
        *_kinds_of_contact(company),
        *_deferred(company),
        *_rights(company),
    ]


def _subscription(company: Company) -> Iterator[SettingCheck]:
    held = company.lists.subscription(company.client)
    if not held.active:
        yield SettingCheck(
            "connection.business_id",
            company.connection.business_id,
            SettingReason.POSTING_BLOCKED,
            say("« {company} »: no active subscription", company=held.company),
        )
    else:
        yield SettingCheck("connection.business_id", held.company)
    ids = ", ".join(held.ids) or "-"
    value = company.connection.edition
    if company.limited or held.limited:
        detail = say(
            "{ids}: one amount for each line, no application of credit notes, no overpayment",
            ids=ids,
        )
        yield SettingCheck(
            "connection.edition", value, SettingReason.LIMITED_EDITION, detail, blocking=False
        )
    else:
        yield SettingCheck("connection.edition", value, detail=ids)


def _dates(company: Company, today: dt.date) -> Iterator[SettingCheck]:
    words = company.lists.financial(company.client).refuses(today)
    reason = SettingReason.PERIOD_CLOSED if words else None
    yield SettingCheck("financial_settings", today.isoformat(), reason, words)
    yield _currency(company)


def _currency(company: Company) -> SettingCheck:
    base = company.lists.financial(company.client).base_currency
    wrong = base != MEMBRIS
    return SettingCheck(
        "financial_settings.base_currency",
        base,
        SettingReason.WRONG_KIND if wrong else None,
        say(
            "{found} ≠ {expected}: records in another currency than the books' are refused",
            found=base,
            expected=MEMBRIS,
        )
        if wrong
        else "",
    )


def looked_at(company: Company) -> Iterator[SettingCheck]:
    """What the settings name, as the books have it; nothing for what they leave empty."""
    accounts = company.accounts
    named: list[tuple[str, Purpose, str]] = [
        ("default_income", "sales", accounts.default_income),
        *((f"income.{name}", "sales", value) for name, value in accounts.income.items()),
        ("deposit", "bank", accounts.deposit),
        ("deferred_revenue", "journals", accounts.deferred_revenue),
        ("earned_revenue", "journals", accounts.earned_revenue),
        *(
            (f"payment_methods.{name}", "method", value)
            for name, value in accounts.payment_methods.items()
        ),
    ]
    for key, purpose, value in named:
        if value:
            yield _named(company, f"accounts.{key}", purpose, value)
    yield from _earned(company)
    yield from _taxes(company)


def _earned(company: Company) -> Iterator[SettingCheck]:
    """The revenue account of sales is also that of journals, where it has no setting of its own."""
    accounts = company.accounts
    if not accounts.deferred_revenue or accounts.earned_revenue or not accounts.default_income:
        return
    check = _named(company, "accounts.default_income", "journals", accounts.default_income)
    if check.reason is SettingReason.NOT_POSTABLE:
        yield check


def _same_twice(company: Company) -> Iterator[SettingCheck]:
    """An entry from an account to itself would earn nothing."""
    accounts, lists, client = company.accounts, company.lists, company.client
    if not accounts.deferred_revenue or not accounts.earned:
        return
    deferred = lists.entry(client, "journals", accounts.deferred_revenue)
    earned = lists.entry(client, "journals", accounts.earned)
    if deferred is None or earned is None or deferred["id"] != earned["id"]:
        return
    detail = say("« {name} » is accounts.deferred_revenue too", name=earned.get("displayed_as"))
    yield SettingCheck(accounts.earned_setting, accounts.earned, SettingReason.WRONG_KIND, detail)


def _named(company: Company, setting: str, purpose: Purpose, value: str) -> SettingCheck:
    found = company.lists.entry(company.client, purpose, value)
    if found is not None:
        name = str(found.get("displayed_as") or "")
        if purpose == "journals" and found.get("is_control_account"):
            detail = say("« {name} » is a control account", name=name)
            return SettingCheck(setting, value, SettingReason.NOT_POSTABLE, detail)
        return SettingCheck(setting, value, detail=name)
    other: Purpose | None = {"sales": "journals", "journals": "sales"}.get(purpose)  # type: ignore[assignment]  # of two purposes, the other
    elsewhere = company.lists.entry(company.client, other, value) if other else None
    if elsewhere is not None:
        detail = say(
            "« {name} » is no {kind}", name=elsewhere.get("displayed_as"), kind=kind(purpose)
        )
        return SettingCheck(setting, value, SettingReason.NOT_POSTABLE, detail)
    return SettingCheck(
        setting, value, SettingReason.NOT_FOUND, say("no {kind}", kind=kind(purpose))
    )


def _taxes(company: Company) -> Iterator[SettingCheck]:
    """The rate of taxable and of exempt lines, and whatever else the settings name."""
    rates = company.lists.tax_rates(company.client, company.connection.tax_region)
    configured = company.accounts.tax_codes
    for treatment in dict.fromkeys((Treatment.TAXABLE, Treatment.EXEMPT, *configured)):
        setting, value = f"accounts.tax_codes.{treatment}", configured.get(treatment, "")
        if treatment not in RATES:
            detail = say("known names are {names}", names=", ".join(RATES))
            yield SettingCheck(setting, value, SettingReason.WRONG_KIND, detail)
            continue
        wanted = Treatment(treatment)
        try:
            rate = rates.rate(wanted, configured)
        except UnknownTax as error:
            yield SettingCheck(setting, value, SettingReason.NOT_FOUND, str(error))
            continue
        percentages = " + ".join(f"{part} %" for part in rate.parts) or f"{rate.whole} %"
        reason = None if rate.fits(wanted) else SettingReason.TAX_RATE_DIFFERS
        yield SettingCheck(setting, value, reason, f"{rate.name}: {percentages}")


def _unset(company: Company) -> Iterator[SettingCheck]:
    """Settings that something cannot go without."""
    accounts, settings = company.accounts, company.settings
    needed = [("deposit", accounts.deposit), ("default_income", accounts.default_income)]
    if settings.deferred_revenue != "off":
        needed.append(("deferred_revenue", accounts.deferred_revenue))
    for key, value in needed:
        if not value:
            yield SettingCheck(f"accounts.{key}", "", SettingReason.NOT_SET)


def _misnamed(
    setting: str, given: Mapping[str, str], known: type[StrEnum]
) -> Iterator[SettingCheck]:
    """Names that nothing of Membri bears: what they say would never be used."""
    for name in given:
        if name not in tuple(known):
            detail = say("known names are {names}", names=", ".join(known))
            yield SettingCheck(f"{setting}.{name}", given[name], SettingReason.WRONG_KIND, detail)


def _kinds_of_contact(company: Company) -> Iterator[SettingCheck]:
    """Ids of Sage's own lists, which no page names for Canada (NV)."""
    named: tuple[tuple[str, Resource, str], ...] = (
        ("contact_person_type", "contact_person_types", company.connection.contact_person_type),
        ("address_type", "address_types", company.connection.address_type),
    )
    for key, resource, value in named:
        known = [str(row["id"]) for row in company.client.rows(resource, "name")]
        reason = None if value in known else SettingReason.NOT_FOUND
        detail = (
            ""
            if value in known
            else say("{system} has {known}", system=SHORT, known=", ".join(known) or "-")
        )
        yield SettingCheck(f"connection.{key}", value, reason, detail)


def _deferred(company: Company) -> Iterator[SettingCheck]:
    """Dues must be invoiced to the deferred account, which the entries then empty."""
    accounts = company.accounts
    if company.settings.deferred_revenue == "off" or not accounts.deferred_revenue:
        return
    client, lists = company.client, company.lists
    deferred = lists.entry(client, "journals", accounts.deferred_revenue)
    for dues in sorted(DUES):
        named = accounts.income_for(dues)
        income = lists.entry(client, "sales", named) if named else None
        if deferred is None or income is None or income["id"] == deferred["id"]:
            continue
        detail = say(
            "{dues} is invoiced to « {income} », and its deferral takes from « {deferred} »",
            dues=dues,
            income=income.get("displayed_as"),
            deferred=deferred.get("displayed_as"),
        )
        yield SettingCheck(
            f"accounts.income.{dues}",
            named,
            SettingReason.DEFERRED_TWICE,
            detail,
            blocking=False,
        )


def _rights(company: Company) -> Iterator[SettingCheck]:
    """What the user may read; whether it may write there only a write tells."""
    for area, resource in _AREAS:
        today = {"from_date": "2100-01-01"} if resource != "contacts" else {"search": "membri"}
        try:
            company.client.rows(resource, "reference", **today)
        except Unavailable as error:
            if error.reason not in (SystemReason.MISCONFIGURED, SystemReason.UNAUTHORISED):
                raise
            detail = error.detail
            yield SettingCheck("roles", area, SettingReason.RIGHTS_MISSING, detail)
        else:
            yield SettingCheck("roles", area, detail=say("can be read"))
