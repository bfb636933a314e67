"""Each setting against the company, and what a probe tells, without writing."""

from __future__ import annotations

from typing import Any

import pytest

from consumers.errors import Unavailable
from consumers.system import SettingCheck
from ops.sandbox.sage_accounting.company import BANK, DEFERRED, DUES, EVENTS, EXPENSES, RECEIVABLE
from schemas.chapters import ChapterSettings
from schemas.reasons import SettingReason, SystemReason
from schemas.records import Address
from tests.contracts.conformance_sage_accounting import ACCOUNTS, SageBench

pytest_plugins = ["tests.fixtures_sage_accounting"]
DEFERRING = ChapterSettings(deferred_revenue="on_date")
ADDRESS = Address(
    lines=("1 rue A", "Bureau 2"),
    city="Laval",
    province="QC",
    postal_code="H7A 1A1",
    country="Canada",
)


def found(
    bench: SageBench, settings: ChapterSettings | None = None, **accounts: Any
) -> dict[str, SettingCheck]:
    """The checks that are not right, by setting."""
    bench.accounts = ACCOUNTS.model_copy(update=accounts)
    checks = bench.connector(settings).check_settings()
    return {one.setting: one for one in checks if one.reason is not None}


def test_everything_looked_at_is_told_even_where_it_is_right(bench: SageBench) -> None:
    checks = {(one.setting, one.value): one for one in bench.system.check_settings()}
    assert [one for one in checks.values() if one.reason is not None] == []
    assert checks["connection.business_id", "Association des Érables"]
    assert checks["connection.edition", "auto"].detail == "ACCOUNTING"
    assert checks["accounts.default_income", DUES].detail == "Cotisations (4000)"
    assert checks["accounts.deposit", BANK].detail == "Compte chèques (1060)"
    assert checks["accounts.payment_methods.cheque", "Cheque"].detail == "Cheque"
    assert checks["accounts.tax_codes.taxable", ""].detail == "GST/QST QC: 5 % + 9.975 %"
    assert checks["accounts.tax_codes.exempt", ""].detail == "Exempt: 0 %"
    for area in ("Contacts", "Sales", "Bank", "Journals"):
        assert checks["roles", area].detail == "can be read"


@pytest.mark.parametrize(
    ("accounts", "setting", "reason", "words"),
    [
        ({"default_income": "9"}, "default_income", SettingReason.NOT_FOUND, "visible in sales"),
        ({"default_income": ""}, "default_income", SettingReason.NOT_SET, ""),
        (
            {"income": {"event": EXPENSES}},
            "income.event",
            SettingReason.NOT_POSTABLE,
            "« Frais bancaires (5600) » is no ledger account visible in sales",
        ),
        ({"deposit": "Banque"}, "deposit", SettingReason.NOT_FOUND, "no bank account"),
        ({"deposit": ""}, "deposit", SettingReason.NOT_SET, ""),
        ({"deferred_revenue": "9"}, "deferred_revenue", SettingReason.NOT_FOUND, "journals"),
        (
            {"earned_revenue": RECEIVABLE},
            "earned_revenue",
            SettingReason.NOT_POSTABLE,
            "control account",
        ),
        (
            {"payment_methods": {"cash": "Or"}},
            "payment_methods.cash",
            SettingReason.NOT_FOUND,
            "no payment method",
        ),
        (
            {"tax_codes": {"taxable": "HST ON"}},
            "tax_codes.taxable",
            SettingReason.NOT_FOUND,
            "HST ON",
        ),
        (
            {"tax_codes": {"taxable": "GST"}},
            "tax_codes.taxable",
            SettingReason.TAX_RATE_DIFFERS,
            "GST: 5 %",
        ),
        ({"tax_codes": {"vat": "GST"}}, "tax_codes.vat", SettingReason.WRONG_KIND, "gst_only"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_there(
    bench: SageBench, accounts: dict[str, Any], setting: str, reason: SettingReason, words: str
) -> None:
    check = found(bench, **accounts)[f"accounts.{setting}"]
    assert (check.reason, check.blocking) == (reason, True)
    assert words in check.detail


def test_earned_revenue_without_an_account_of_its_own_needs_one_that_journals_take(
    bench: SageBench,
) -> None:
    row = bench.books.get("ledger_accounts", DUES)
    kind = bench.books.kind("ledger_accounts")
    bench.sandbox.store.put(kind, DUES, {**row, "visible_in_journals": False})
    try:
        check = found(bench)["accounts.default_income"]
        assert check.reason is SettingReason.NOT_POSTABLE
        assert "is no ledger account visible in journals" in check.detail
        assert found(bench, earned_revenue="4010") == {}
        assert found(bench, deferred_revenue="") == {}
    finally:
        bench.sandbox.store.put(kind, DUES, row)


def test_deferring_needs_its_account(bench: SageBench) -> None:
    assert "accounts.deferred_revenue" not in found(bench, deferred_revenue="")
    check = found(bench, DEFERRING, deferred_revenue="")["accounts.deferred_revenue"]
    assert check.reason is SettingReason.NOT_SET


def test_dues_invoiced_as_revenue_at_once_are_no_good_idea_where_they_are_deferred(
    bench: SageBench,
) -> None:
    wrong = found(bench, DEFERRING)
    assert set(wrong) == {"accounts.income.membership", "accounts.income.renewal"}
    check = wrong["accounts.income.renewal"]
    assert (check.reason, check.blocking) == (SettingReason.DEFERRED_TWICE, False)
    assert "« Cotisations (4000) »" in check.detail
    assert "« Produits reportés (2400) »" in check.detail
    assert found(bench) == {}


def test_dues_invoiced_to_the_deferred_account_are_right(bench: SageBench) -> None:
    income = {"membership": DEFERRED, "renewal": "2400"}
    assert found(bench, DEFERRING, income=income) == {}


def test_dues_without_any_account_are_told_once(bench: SageBench) -> None:
    assert set(found(bench, DEFERRING, default_income="")) == {"accounts.default_income"}
    assert set(found(bench, DEFERRING, deferred_revenue="9")) == {"accounts.deferred_revenue"}


@pytest.mark.parametrize("edition", ["START", "MICRO"])
def test_the_limited_edition_is_told_and_blocks_nothing(bench: SageBench, edition: str) -> None:
    bench.accountant(edition=edition)
    check = found(bench)["connection.edition"]
    assert (check.reason, check.blocking) == (SettingReason.LIMITED_EDITION, False)
    assert edition in check.detail


@pytest.mark.parametrize("edition", ["ACCOUNTING", "ACCOUNTING_10"])
def test_every_other_subscription_is_the_full_edition(bench: SageBench, edition: str) -> None:
    bench.accountant(edition=edition)
    assert found(bench) == {}


def test_an_ended_subscription_is_told(bench: SageBench) -> None:
    from consumers.systems.sage_accounting.lists import Subscription

    ended = {"id": "ACCOUNTING", "active": False}
    held = Subscription.read({"name": "A", "subscriptions": [ended]})
    assert (held.active, held.limited) == (False, False)
    assert Subscription.read({"displayed_as": "A"}).active
    both = [ended, {"id": "START", "active": True}]
    assert Subscription.read({"subscriptions": both}).limited
    system = bench.system
    with system._company() as company:
        system._lists._held["business",] = (bench.time.clock(), held)
        from consumers.systems.sage_accounting import checks

        first = next(iter(checks._subscription(company)))
    assert first.reason is SettingReason.POSTING_BLOCKED


def test_books_in_another_currency_are_told(bench: SageBench) -> None:
    bench.accountant(financial_settings={"base_currency": "USD"})
    try:
        check = found(bench)["financial_settings.base_currency"]
        assert (check.value, check.reason) == ("USD", SettingReason.WRONG_KIND)
        assert "USD ≠ CAD" in check.detail
        assert any("USD" in note for note in bench.restarted().probe().notes)
    finally:
        bench.accountant(financial_settings={"base_currency": "CAD"})


def test_an_edition_said_to_be_full_that_sage_calls_limited_is_told(bench: SageBench) -> None:
    """The setting goes before the subscription, and may be right: it blocks nothing."""
    bench.accountant(edition="START")
    bench.values = {"edition": "full"}
    check = found(bench)["connection.edition"]
    assert (check.value, check.reason) == ("full", SettingReason.LIMITED_EDITION)
    assert "START" in check.detail
    assert not check.blocking


def test_revenue_deferred_to_the_account_that_it_comes_from_is_told(bench: SageBench) -> None:
    check = found(bench, deferred_revenue=EVENTS, earned_revenue="4010")["accounts.earned_revenue"]
    assert (check.reason, check.blocking) == (SettingReason.WRONG_KIND, True)
    check = found(bench, deferred_revenue=DUES)["accounts.default_income"]
    assert check.reason is SettingReason.WRONG_KIND
    assert "deferred_revenue" in check.detail


@pytest.mark.parametrize(
    ("accounts", "setting", "known"),
    [
        ({"income": {"evnt": EVENTS}}, "income.evnt", "renewal"),
        ({"payment_methods": {"chequee": "Cheque"}}, "payment_methods.chequee", "cheque"),
    ],
)
def test_a_setting_of_what_membri_does_not_know_is_told(
    bench: SageBench, accounts: dict[str, Any], setting: str, known: str
) -> None:
    """Else its records would quietly go where the default says."""
    check = found(bench, **accounts)[f"accounts.{setting}"]
    assert check.reason is SettingReason.WRONG_KIND
    assert known in check.detail


def test_a_closed_day_is_told(bench: SageBench) -> None:
    today = bench.time.now().date()
    bench.accountant(closed_until=today.isoformat())
    check = found(bench)["financial_settings"]
    assert check.reason is SettingReason.PERIOD_CLOSED
    assert f"{today} ≤ {today}" in check.detail
    assert any("closed up to" in note for note in bench.system.probe().notes)


def test_ids_of_sages_own_lists_are_compared(bench: SageBench) -> None:
    bench.values = {"contact_person_type": "BOSS", "address_type": "MOON"}
    wrong = found(bench)
    assert wrong["connection.contact_person_type"].detail == "Sage has ACCOUNTS, SALES, PRIMARY"
    assert wrong["connection.address_type"].reason is SettingReason.NOT_FOUND


@pytest.mark.parametrize("area", ["Contacts", "Sales", "Bank", "Journals"])
def test_an_area_that_the_user_may_not_read_is_told(bench: SageBench, area: str) -> None:
    if area == "Bank":  # the settings are looked up there too
        bench.accounts = ACCOUNTS.model_copy(update={"deposit": ""})
    bench.accountant(roles={area: "none"})
    checks = bench.restarted().check_settings()
    (check,) = [one for one in checks if one.reason is SettingReason.RIGHTS_MISSING]
    assert (check.setting, check.value) == ("roles", area)


def test_a_throttle_while_looking_is_no_missing_right(bench: SageBench) -> None:
    system = bench.restarted()
    bench.sandbox.faults.arm(kind="status", status=429, path="/v3.1/journals")
    with pytest.raises(Unavailable) as info:
        system.check_settings()
    assert info.value.reason is SystemReason.THROTTLED


def test_a_probe_says_what_a_person_should_know(bench: SageBench) -> None:
    assert bench.system.probe().notes == ()
    bench.accountant(edition="START")
    bench.accounts = ACCOUNTS.model_copy(update={"default_income": "", "deposit": ""})
    bench.values = {"limited_credit_notes": "refuse"}
    notes = bench.restarted().probe().notes
    assert len(notes) == 3
    for words in ("limited edition", "default_income is not set", "deposit is not set"):
        assert any(words in note for note in notes)


@pytest.mark.parametrize(
    "accounts", [{"deposit": "nope"}, {"tax_codes": {"taxable": "nope"}}, {"tax_codes": {"x": "y"}}]
)
def test_a_probe_refuses_settings_that_would_fail_every_record(
    bench: SageBench, accounts: dict[str, Any]
) -> None:
    bench.accounts = ACCOUNTS.model_copy(update=accounts)
    with pytest.raises(Unavailable) as info:
        bench.restarted().probe()
    assert info.value.reason is SystemReason.MISCONFIGURED
    assert f"accounts.{next(iter(accounts))}" in info.value.detail
