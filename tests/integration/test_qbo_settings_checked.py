"""Each setting against the company, without writing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from consumers.system import SettingCheck
from ops.sandbox.quickbooks_online.company import (
    BANK,
    DUES,
    ITEM_DEFERRED,
    ITEM_DUES,
    TAX_GST,
    TERM_NET_30,
)
from schemas.chapters import ChapterSettings
from schemas.reasons import SettingReason
from tests.contracts.conformance_qbo import ACCOUNTS, QuickBooksBench

pytest_plugins = ["tests.fixtures_qbo"]


def looked_at(bench: QuickBooksBench, **accounts: Any) -> dict[str, SettingCheck]:
    bench.accounts = ACCOUNTS.model_copy(update=accounts)
    return {check.setting: check for check in bench.restarted().check_settings()}


def test_each_setting_is_looked_at_and_right(bench: QuickBooksBench) -> None:
    found = looked_at(bench, terms=TERM_NET_30, earned_revenue=ITEM_DUES)
    assert {check.reason for check in found.values()} == {None}
    assert set(found) == {
        "accounts.default_income",
        "accounts.income.event",
        "accounts.deposit",
        "accounts.deferred_revenue",
        "accounts.earned_revenue",
        "accounts.terms",
        "accounts.payment_methods.cheque",
        "accounts.tax_codes.taxable",
        "accounts.tax_codes.exempt",
        "SalesFormsPrefs.CustomTxnNumbers",
    }
    assert found["accounts.default_income"].detail == (
        "« Cotisation » (Id 20) → « Cotisations » (Id 10)"
    )


@pytest.mark.parametrize(
    ("accounts", "setting", "reason", "blocking", "words"),
    [
        ({"default_income": ""}, "default_income", SettingReason.NOT_SET, False, ""),
        (
            {"default_income": "", "income": {}},
            "default_income",
            SettingReason.NOT_SET,
            True,
            "",
        ),
        ({"default_income": "987"}, "default_income", SettingReason.NOT_FOUND, True, ""),
        ({"deposit": "Nulle part"}, "deposit", SettingReason.NOT_FOUND, True, ""),
        ({"deposit": DUES}, "deposit", SettingReason.WRONG_KIND, True, "Income ≠ Bank"),
        (
            {"deferred_revenue": BANK},
            "deferred_revenue",
            SettingReason.WRONG_KIND,
            True,
            "Bank ≠ Long Term Liability",
        ),
        ({"earned_revenue": "Dons"}, "earned_revenue", SettingReason.NOT_FOUND, True, ""),
        ({"terms": "987"}, "terms", SettingReason.NOT_FOUND, True, ""),
        (
            {"payment_methods": {"card": "Troc"}},
            "payment_methods.card",
            SettingReason.NOT_FOUND,
            True,
            "",
        ),
        (
            {"tax_codes": {"taxable": TAX_GST}},
            "tax_codes.taxable",
            SettingReason.TAX_RATE_DIFFERS,
            True,
            "5 % ≠ 5 % + 9.975 %",
        ),
        (
            {"tax_codes": {"taxable": "999"}},
            "tax_codes.taxable",
            SettingReason.NOT_FOUND,
            True,
            "'999'",
        ),
        (
            {"tax_codes": {"taxed": "30"}},
            "tax_codes.taxed",
            SettingReason.WRONG_KIND,
            True,
            "taxable, gst_only",
        ),
    ],
)
def test_a_wrong_setting_says_why(
    bench: QuickBooksBench,
    accounts: dict[str, Any],
    setting: str,
    reason: SettingReason,
    blocking: bool,
    words: str,
) -> None:
    check = looked_at(bench, **accounts)[f"accounts.{setting}"]
    assert (check.reason, check.blocking) == (reason, blocking)
    assert words in check.detail


def test_an_inactive_item_and_its_account_are_told(bench: QuickBooksBench) -> None:
    item = bench.accountant(
        entity="Item",
        create={"Name": "Ancien", "Type": "Service", "IncomeAccountRef": {"value": DUES}},
    )
    bench.accountant(entity="Item", id=item["Id"], set={"Active": False})
    check = looked_at(bench, default_income=item["Id"])["accounts.default_income"]
    assert (check.reason, check.blocking) == (SettingReason.NOT_POSTABLE, True)
    assert "« Ancien »" in check.detail
    expense = bench.accountant(
        entity="Item",
        create={"Name": "Frais", "Type": "Service", "IncomeAccountRef": {"value": "13"}},
    )
    odd = looked_at(bench, default_income=expense["Id"])["accounts.default_income"]
    assert (odd.reason, odd.blocking) == (SettingReason.WRONG_KIND, False)


def test_a_closed_day_and_numbers_that_are_not_kept_are_told(bench: QuickBooksBench) -> None:
    today = bench.time.now().astimezone().date()
    bench.accountant(
        BookCloseDate=(today + dt.timedelta(days=2)).isoformat(),
        preferences={"SalesFormsPrefs": {"CustomTxnNumbers": False}},
    )
    found = looked_at(bench)
    closed = found["AccountingInfoPrefs.BookCloseDate"]
    assert (closed.reason, closed.blocking) == (SettingReason.PERIOD_CLOSED, True)
    assert found["SalesFormsPrefs.CustomTxnNumbers"].reason is SettingReason.NUMBERS_REFUSED
    bench.accountant(BookCloseDate=(today - dt.timedelta(days=2)).isoformat())
    assert looked_at(bench)["AccountingInfoPrefs.BookCloseDate"].reason is None


def test_a_company_without_sales_tax_is_warned_of(bench: QuickBooksBench) -> None:
    bench.accountant(preferences={"TaxPrefs": {"UsingSalesTax": False}})
    check = looked_at(bench)["TaxPrefs.UsingSalesTax"]
    assert (check.reason, check.blocking) == (SettingReason.TAX_RATE_DIFFERS, False)


def test_dues_that_would_be_earned_twice_are_warned_of(bench: QuickBooksBench) -> None:
    spreads = ChapterSettings(deferred_revenue="on_date")
    checks = bench.connector(spreads).check_settings()
    twice = [c for c in checks if c.reason is SettingReason.DEFERRED_TWICE]
    assert [(c.setting, c.blocking) for c in twice] == [
        ("accounts.income.membership", False),
        ("accounts.income.renewal", False),
    ]
    assert "« Cotisations » (Id 10) ≠ « Produits reportés » (Id 4)" in twice[0].detail
    bench.accounts = ACCOUNTS.model_copy(
        update={"income": {"membership": ITEM_DEFERRED, "renewal": ITEM_DEFERRED}}
    )
    assert {c.reason for c in bench.connector(spreads).check_settings()} == {None}
    bench.accounts = ACCOUNTS.model_copy(update={"deferred_revenue": "", "default_income": ""})
    missing = {c.setting: c.reason for c in bench.connector(spreads).check_settings()}
    assert missing["accounts.deferred_revenue"] is SettingReason.NOT_SET
    assert missing["accounts.earned_revenue"] is SettingReason.NOT_SET
