"""Each setting of a chapter against a simulated Sage 300, and the probe."""

from __future__ import annotations

from typing import Any

import pytest

from consumers.errors import Unavailable
from consumers.system import SettingCheck
from schemas.chapters import ChapterSettings
from schemas.reasons import Reason, SettingReason, SystemReason
from tests.contracts.conformance_sage_300 import ACCOUNTS, Sage300Bench, sage_300_bench
from tests.contracts.conformance_world import an_account, an_invoice
from tests.integration.sage_300_books import billed, books

pytest_plugins = ["tests.fixtures_sage_300"]
SPREADS = ChapterSettings(deferred_revenue="on_date")
# Dues go to the deferred account first, where they are spread.
SPREADING = ACCOUNTS.model_copy(
    update={"income": {**ACCOUNTS.income, "membership": "2400", "renewal": "24-00"}}
)


def checked(
    bench: Sage300Bench, settings: ChapterSettings | None = None, **values: Any
) -> dict[str, SettingCheck]:
    return {one.setting: one for one in bench.connector(settings, **values).check_settings()}


def wrong(found: dict[str, SettingCheck]) -> dict[str, SettingReason]:
    return {name: one.reason for name, one in found.items() if one.reason and one.blocking}


def warned(found: dict[str, SettingCheck]) -> dict[str, SettingReason]:
    return {name: one.reason for name, one in found.items() if one.reason and not one.blocking}


def with_accounts(bench: Sage300Bench, **values: Any) -> None:
    bench.accounts = SPREADING.model_copy(update=values)


def test_a_good_chapter_is_told_each_setting_that_was_looked_at(bench: Sage300Bench) -> None:
    billed(bench)
    bench.accounts = SPREADING
    found = checked(bench, SPREADS)
    assert wrong(found) == {}
    assert set(warned(found)) == {"A/R Options"}  # « Force Listing » cannot be read
    assert "Force Listing" in found["A/R Options"].detail
    assert set(found) == {
        *("connection.customer_group", "connection.tax_group, GST", "connection.tax_group, QST"),
        *("accounts.tax_codes.exempt", "accounts.default_income", "accounts.income.membership"),
        *("accounts.income.renewal", "accounts.income.event", "accounts.deposit"),
        *("accounts.terms", "accounts.payment_methods.cheque", "accounts.payment_methods.card"),
        *("accounts.deferred_revenue", "accounts.earned_revenue", "connection.source_type"),
        *("connection.gl_post_from", "CSFiscalCalendars", "CSFiscalCalendars, next year"),
        *("CSCompanyProfile.LockedFiscalPeriod", "CSCompanyProfile.FunctionalCurrency"),
        "connection.posted_total_property",
        *("connection.posted_due_property", "A/R Options"),
    }
    assert "BatchNumberFrom" in found["connection.gl_post_from"].detail


def test_a_company_without_any_document_cannot_show_its_properties() -> None:
    with sage_300_bench() as bench:
        found = checked(bench)
    expected = {"connection.posted_total_property", "connection.posted_due_property", "A/R Options"}
    assert set(warned(found)) == expected
    assert set(warned(found).values()) == {SettingReason.CANNOT_BE_READ}


def test_a_wrong_name_of_a_property_is_told(bench: Sage300Bench) -> None:
    billed(bench)
    found = checked(bench, posted_due_property="Nothing")
    assert wrong(found) == {"connection.posted_due_property": SettingReason.NOT_FOUND}


@pytest.mark.parametrize(
    ("accounts", "setting", "reason"),
    [
        ({"default_income": ""}, "accounts.default_income", None),
        ({"default_income": "9999"}, "accounts.default_income", SettingReason.NOT_FOUND),
        ({"income": {"event": "NOPE"}}, "accounts.income.event", SettingReason.NOT_FOUND),
        ({"deposit": ""}, "accounts.deposit", SettingReason.NOT_SET),
        ({"deposit": "NOPE"}, "accounts.deposit", SettingReason.NOT_FOUND),
        ({"terms": "NOPE"}, "accounts.terms", SettingReason.NOT_FOUND),
        (
            {"payment_methods": {"cheque": "NOPE"}},
            *("accounts.payment_methods.cheque", SettingReason.NOT_FOUND),
        ),
        ({"deferred_revenue": ""}, "accounts.deferred_revenue", SettingReason.NOT_SET),
        ({"deferred_revenue": "9999"}, "accounts.deferred_revenue", SettingReason.NOT_FOUND),
        ({"deferred_revenue": "1100"}, "accounts.deferred_revenue", SettingReason.NOT_POSTABLE),
        ({"tax_codes": {"taxable": "x"}}, "accounts.tax_codes", SettingReason.WRONG_KIND),
        (
            {"tax_codes": {"exempt": "1"}},
            "accounts.tax_codes.exempt",
            SettingReason.TAX_RATE_DIFFERS,
        ),
    ],
)
def test_what_the_settings_name_must_be_there_and_usable(
    bench: Sage300Bench, accounts: dict[str, Any], setting: str, reason: SettingReason | None
) -> None:
    with_accounts(bench, **accounts)
    assert wrong(checked(bench, SPREADS)).get(setting) is reason


def test_what_is_only_no_good_idea_does_not_block(bench: Sage300Bench) -> None:
    with_accounts(bench, default_income="", tax_codes={}, income={"membership": "4100"})
    found = warned(checked(bench, SPREADS))
    assert found["accounts.default_income"] is SettingReason.NOT_SET
    assert found["accounts.tax_codes.exempt"] is SettingReason.NOT_SET
    assert found["accounts.income.membership"] is SettingReason.DEFERRED_TWICE


def test_dues_invoiced_to_revenue_count_twice_only_where_they_are_spread(
    bench: Sage300Bench,
) -> None:
    bench.accounts = ACCOUNTS
    assert SettingReason.DEFERRED_TWICE in warned(checked(bench, SPREADS)).values()
    assert SettingReason.DEFERRED_TWICE not in warned(checked(bench)).values()


@pytest.mark.parametrize(
    ("resource", "key", "values", "setting", "reason"),
    [
        (
            "GLAccounts",
            "4200",
            {"Status": "Inactive"},
            "default_income",
            SettingReason.NOT_POSTABLE,
        ),
        (
            *("GLAccounts", "4200", {"PostToAccount": "Prohibited"}),
            *("default_income", SettingReason.NOT_POSTABLE),
        ),
        ("BKBanks", "BNC", {"Status": "Inactive"}, "deposit", SettingReason.NOT_POSTABLE),
        (
            *("ARDistributionCodes", "ACTIV", {"Status": "Inactive"}),
            *("income.event", SettingReason.NOT_POSTABLE),
        ),
        (
            *("ARDistributionCodes", "ACTIV", {"RevenueAccount": "9999"}),
            *("income.event", SettingReason.WRONG_KIND),
        ),
    ],
)
def test_what_is_there_and_cannot_be_used_is_told(
    bench: Sage300Bench,
    resource: str,
    key: str,
    values: dict[str, str],
    setting: str,
    reason: SettingReason,
) -> None:
    bench.alter(resource, key, **values)
    assert wrong(checked(bench))[f"accounts.{setting}"] is reason


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"Terms": ""}, SettingReason.CUSTOMER_SETUP_INCOMPLETE),
        ({"CurrencyCode": "USD"}, SettingReason.CUSTOMER_SETUP_INCOMPLETE),
        ({"Status": "Inactive"}, SettingReason.NOT_POSTABLE),
    ],
)
def test_the_group_of_new_customers_must_give_what_they_need(
    bench: Sage300Bench, values: dict[str, str], reason: SettingReason
) -> None:
    bench.alter("ARCustomerGroups", "MEMBRE", **values)
    found = checked(bench)
    assert wrong(found) == {"connection.customer_group": reason}
    assert next(iter(values)) in found["connection.customer_group"].detail or reason is not (
        SettingReason.CUSTOMER_SETUP_INCOMPLETE
    )


def test_codes_of_the_connection_must_be_there(bench: Sage300Bench) -> None:
    bench.accounts = SPREADING
    values = {"customer_group": "NONE", "tax_group": "NONE", "bank": "NONE", "source_type": "ZZ"}
    assert wrong(checked(bench, SPREADS, **values)) == {
        "connection.customer_group": SettingReason.NOT_FOUND,
        "connection.tax_group": SettingReason.NOT_FOUND,
        "connection.bank": SettingReason.NOT_FOUND,
        "connection.source_type": SettingReason.NOT_FOUND,
    }


def test_rates_other_than_quebec_s_are_told_and_so_is_a_tax_on_a_tax(bench: Sage300Bench) -> None:
    rate = {"ItemRate1": "7"}
    bench.alter("TXTaxRates", "TPS", "Sales", "1", **rate)
    found = checked(bench)
    assert wrong(found) == {"connection.tax_group, GST": SettingReason.TAX_RATE_DIFFERS}
    assert "TPS: 7 %" in found["connection.tax_group, GST"].detail
    bench.alter("TXTaxRates", "TPS", "Sales", "1", ItemRate1="5")
    bench.alter("TXTaxGroups", "QC", "Sales", Surtax2="Yes", SurtaxOnAuthority2="TPS")
    found = checked(bench)
    assert wrong(found) == {"connection.tax_group, QST": SettingReason.TAX_RATE_DIFFERS}
    assert "Surtax" in found["connection.tax_group, QST"].detail
    bench.alter("TXTaxGroups", "QC", "Sales", Surtax2="No", SurtaxOnAuthority2="")


def test_a_locked_period_of_today_is_told_with_its_applications(bench: Sage300Bench) -> None:
    today = bench.time.now()
    order = {"modules": ["AR", "GL"], "year": str(today.year), "periods": list(range(1, 13))}
    bench.accountant(lock=order)
    found = checked(bench)
    assert wrong(found) == {"CSFiscalCalendars": SettingReason.PERIOD_CLOSED}
    assert found["CSFiscalCalendars"].detail == "Accounts Receivable, General Ledger"


def test_years_that_are_not_there_are_told(bench: Sage300Bench) -> None:
    bench.accounts = SPREADING
    year = bench.time.now().year
    for gone in (year, year + 1):
        bench.accountant(remove_fiscal_year=gone)
    assert wrong(checked(bench, SPREADS)) == {
        "CSFiscalCalendars": SettingReason.PERIOD_MISSING,
        "CSFiscalCalendars, next year": SettingReason.PERIOD_MISSING,
    }
    assert wrong(checked(bench)) == {"CSFiscalCalendars": SettingReason.PERIOD_MISSING}


def test_missing_rights_are_told_by_module_and_what_needs_them_is_not_guessed(
    bench: Sage300Bench,
) -> None:
    bench.accounts = SPREADING
    bench.accountant(rights={"WEBAPI": ["AR", "CS", "TX"]})
    found = checked(bench, SPREADS)
    assert wrong(found) == {
        "connection.user, GL": SettingReason.RIGHTS_MISSING,
        "connection.user, BK": SettingReason.RIGHTS_MISSING,
    }
    assert warned(found)["accounts.deposit"] is SettingReason.CANNOT_BE_READ


def test_parameters_that_cannot_be_discovered_are_to_be_set(bench: Sage300Bench) -> None:
    bench.accounts = SPREADING
    bench.options.gl_post_from = "BATCHIDFR"
    found = checked(bench, SPREADS)
    assert wrong(found) == {"connection.gl_post_from": SettingReason.NOT_SET}
    assert "BATCHIDFR" in found["connection.gl_post_from"].detail


def test_parameters_that_are_set_are_compared_with_those_of_the_server(
    bench: Sage300Bench,
) -> None:
    bench.accounts = SPREADING
    names = {"gl_post_from": "FromBatch", "gl_post_to": "ToBatch"}
    found = checked(bench, SPREADS, **names)
    assert wrong(found) == {"connection.gl_post_from": SettingReason.NOT_FOUND}
    for name in ("FromBatch", "ToBatch", "BatchNumberFrom", "BatchNumberTo"):
        assert name in found["connection.gl_post_from"].detail
    bench.options.gl_post_from, bench.options.gl_post_to = "FromBatch", "ToBatch"
    assert wrong(checked(bench, SPREADS, **names)) == {}
    body = '{"error": {"code": "InvalidAction", "message": {"lang": "en", "value": "No."}}}'
    bench.sandbox.faults.arm(kind="status", status=400, path="template", body=body)
    found = checked(bench, SPREADS, **names)
    assert warned(found)["connection.gl_post_from"] is SettingReason.CANNOT_BE_READ


def test_a_third_authority_needs_the_class_that_it_does_not_tax(bench: Sage300Bench) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"tax_codes": {}})
    bench.alter("TXTaxGroups", "QC", "Sales", TaxAuthority3="ECO")
    found = checked(bench)
    assert wrong(found) == {"accounts.tax_codes.exempt": SettingReason.NOT_SET}
    assert "ECO" in found["accounts.tax_codes.exempt"].detail
    problems = bench.restarted().check(an_invoice(an_account()))
    assert [p.reason for p in problems] == [Reason.UNKNOWN_TAX]
    bench.alter("TXTaxGroups", "QC", "Sales", TaxAuthority3="")


def test_another_currency_of_the_company_or_of_its_bank_is_told(bench: Sage300Bench) -> None:
    bench.alter("BKBanks", "BNC", StatementCurrency="USD")
    found = checked(bench)
    assert wrong(found) == {"accounts.deposit": SettingReason.WRONG_KIND}
    assert "USD ≠ CAD" in found["accounts.deposit"].detail
    profile = books(bench).profile
    books(bench).put("CSCompanyProfile", {**profile, "FunctionalCurrency": "USD"})
    found = checked(bench)
    assert warned(found)["CSCompanyProfile.FunctionalCurrency"] is SettingReason.WRONG_KIND
    assert found["CSCompanyProfile.FunctionalCurrency"].value == "USD"


@pytest.mark.parametrize("path", ["ARCustomers", "ARCustomerGroups", "template"])
def test_a_system_that_does_not_answer_is_no_wrong_setting(bench: Sage300Bench, path: str) -> None:
    bench.accounts = SPREADING
    bench.sandbox.faults.arm(kind="status", status=503, path=path)
    with pytest.raises(Unavailable) as info:
        checked(bench, SPREADS)
    assert info.value.reason is SystemReason.UNREACHABLE


def test_a_read_that_breaks_down_closes_the_system(bench: Sage300Bench) -> None:
    for call in (bench.system.probe, bench.system.check_settings):
        bench.sandbox.faults.arm(kind="status", status=500)
        with pytest.raises(Unavailable) as info:
            call()
        assert info.value.reason is SystemReason.UNREACHABLE


def test_the_probe_names_the_company_and_warns_of_the_administrator(bench: Sage300Bench) -> None:
    health = bench.system.probe()
    assert (health.company, health.notes) == ("Association des Érables", ())
    with sage_300_bench("ADMIN", admin_allowed=True) as other:
        assert "ADMIN" in other.system.probe().notes[0]
