"""Is this the right company, and can it take what we send?

What comes in: the company. What goes out: its name and remarks for a person. Raised:
Unavailable(misconfigured) for settings that would fail every record.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

from consumers.errors import Unavailable
from consumers.system import Health
from consumers.systems._taxes import Treatment
from consumers.systems.quickbooks_online.company import Company
from consumers.systems.quickbooks_online.lists import ListKind
from consumers.systems.quickbooks_online.settings import SHORT
from consumers.systems.quickbooks_online.taxes import UnknownTax
from schemas.reasons import SystemReason
from schemas.sentences import say


def examine(company: Company, authorised_until: Callable[[], dt.datetime | None]) -> Health:
    """Raises Unavailable, Transient."""
    client = company.client
    info = client.singleton("CompanyInfo", f"companyinfo/{client.company_id}")
    wrong = [*_unknown_names(company), *_unknown_taxes(company)]
    if wrong:
        raise Unavailable(SystemReason.MISCONFIGURED, "; ".join(wrong))
    notes = list(_remarks(company))
    country = str(info.get("Country") or "")
    if country not in ("CA", "CAN", "Canada"):
        notes.append(say("the company's country is {country}, not Canada", country=country or "-"))
    return Health(str(info.get("CompanyName", "")), authorised_until(), tuple(notes))


def _unknown_names(company: Company) -> Iterator[str]:
    """Settings that name nothing in the books."""
    accounts = company.accounts
    named: list[tuple[str, ListKind, str]] = [
        ("default_income", "Item", accounts.default_income),
        ("deposit", "Account", accounts.deposit),
        ("deferred_revenue", "Account", accounts.deferred_revenue),
        ("terms", "Term", accounts.terms),
        *((f"income.{name}", "Item", value) for name, value in accounts.income.items()),
        *(
            (f"payment_methods.{name}", "PaymentMethod", value)
            for name, value in accounts.payment_methods.items()
        ),
    ]
    for key, kind, value in named:
        if value and company.lists.entry(company.client, kind, value) is None:
            yield say(
                "accounts.{key} = {value} is no active {system} {kind}",
                system=SHORT,
                key=key,
                value=repr(value),
                kind=kind,
            )


def _unknown_taxes(company: Company) -> Iterator[str]:
    """Only what the settings say outright: a chapter may never use the other treatments."""
    codes = company.lists.tax_codes(company.client)
    for name in company.accounts.tax_codes:
        try:
            codes.code(Treatment(name), company.accounts.tax_codes)
        except UnknownTax as error:
            yield str(error)
        except ValueError:
            yield say(
                "tax_codes.{name}: known names are {names}", name=name, names=", ".join(Treatment)
            )


def _remarks(company: Company) -> Iterator[str]:
    known = company.preferences
    accounts = company.accounts
    if not known.custom_numbers:
        yield (
            say(
                "{system} numbers sales forms itself (custom transaction numbers are"
                " off): the invoice numbers of Membri are not kept",
                system=SHORT,
            )
        )
    if known.closed_until:
        yield say("the books are closed up to {date}", date=known.closed_until.isoformat())
    if known.auto_apply_credit:
        yield say(
            "{system} applies credits by itself, maybe to another invoice than Membri's",
            system=SHORT,
        )
    if known.multi_currency:
        yield say(
            "several currencies are kept; the home currency is {currency}",
            currency=known.home_currency,
        )
    if not accounts.default_income:
        yield say(
            "accounts.default_income is not set: only invoice types with an item of their own go"
        )
    if not known.sales_tax:
        yield say("sales tax is not set up in {system}", system=SHORT)
        return
    try:
        company.lists.tax_codes(company.client).code(Treatment.TAXABLE, accounts.tax_codes)
    except UnknownTax as error:
        yield str(error)
