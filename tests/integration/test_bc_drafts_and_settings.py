"""What Business Central would be sent, where each field goes, and each setting looked at."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from consumers.system import AccountsSettings, RemoteRef, SettingCheck, Task
from consumers.systems.business_central.client import Client
from consumers.systems.business_central.fields import BODIES, LIMITS
from ops.sandbox.business_central.company import DEFERRED, DUES, EVENTS, TAXABLE
from schemas.chapters import ChapterSettings
from schemas.reasons import Reason, SettingReason
from schemas.records import Address, Line, Record
from tests.contracts.conformance_business_central import ACCOUNTS, COMPANY, BusinessCentralBench
from tests.contracts.conformance_world import (
    Delivery,
    Steps,
    a_credit_note,
    a_journal_entry,
    a_payment,
    an_account,
    an_invoice,
    rejected,
)
from tests.integration.bc_records import a_customer, billed, sent

pytest_plugins = ["tests.fixtures_business_central"]
ADDRESS = Address(
    lines=("1, rue A", "B"), city="Laval", province="QC", postal_code="h1h1h1", country="Canada"
)
FULL = ACCOUNTS.model_copy(update={"income": {"membership": DEFERRED, "renewal": DEFERRED}})


# Drafts and fields.


def full_tasks(bench: BusinessCentralBench) -> list[Task]:
    """One task of each kind, with everything that Membri can fill in."""
    account = an_account(address=ADDRESS, phone="514", email="a@b.org", table="contact")
    values = {
        "billing_name": "Service",
        "billing_address": ADDRESS,
        "due_date": dt.date(2026, 5, 1),
        "description": "Merci",
    }
    customer, target = RemoteRef("‹customer›", account.number), RemoteRef("‹invoice›", "PS-1")
    invoice = an_invoice(account, **values)
    records: tuple[Record, ...] = (
        account,
        invoice,
        a_credit_note(invoice, **values),
        a_payment(account, (invoice, "5.00"), method="cheque"),
        a_journal_entry(account, invoice),
    )
    steps = Steps()
    return [Task(one, "k", steps, "", customer, {invoice.id: target}) for one in records]


def leaves(prefix: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in body.items():
        if isinstance(value, list):
            for one in value:
                yield from leaves(f"{prefix}.{name}", one)
        else:
            yield f"{prefix}.{name}", value


def test_every_property_that_is_sent_is_in_the_table_and_nothing_else_is(
    bench: BusinessCentralBench,
) -> None:
    system = bench.connector(journal_template="GENERAL")
    sent_targets: set[str] = set()
    for task in full_tasks(bench):
        for path, body in system.draft(task).requests:
            resource = re.split(r"[ /]", re.sub(r"\([^)]*\)", "", path))[-1]
            sent_targets |= {target for target, _ in leaves(resource, body)}
    declared = {rule.target for rule in system.declaration.fields}
    assert sent_targets == declared


def test_no_value_that_is_sent_is_longer_than_its_limit(bench: BusinessCentralBench) -> None:
    long = "é" * 300
    account = an_account()
    invoice = an_invoice(
        account, description=long, lines=(Line(description=long, amount=Decimal(1)),)
    )
    entry = a_journal_entry(account, invoice).model_copy(update={"description": long})
    customer, target = RemoteRef("‹customer›", "M1"), RemoteRef("‹invoice›", "9" * 20)
    payment = a_payment(account, (invoice, "1.00"), number="9" * 35)
    for record in (invoice, entry, payment):
        task = Task(record, "k", Steps(), "", customer, {invoice.id: target})
        for path, body in bench.system.draft(task).requests:
            resource = re.split(r"[ /]", re.sub(r"\([^)]*\)", "", path))[-1]
            for name, value in leaves(resource, body):
                assert len(str(value)) <= LIMITS.get(name, 10_000), name


def test_every_rule_has_a_source_or_says_where_its_value_comes_from() -> None:
    for rules in BODIES.values():
        for rule in rules:
            assert rule.source or rule.conversion, rule
            assert rule.entity.value


def test_a_type_stands_before_the_number_that_it_explains(bench: BusinessCentralBench) -> None:
    task = full_tasks(bench)[1]
    lines = bench.system.draft(task).requests[0][1]["salesInvoiceLines"]
    for line in lines:
        names = list(line)
        assert names[0] == "lineType"
        if "lineObjectNumber" in names:
            assert "quantity" in names
    entry = bench.system.draft(full_tasks(bench)[4]).requests[1][1]
    names = list(entry)
    assert names.index("accountType") < names.index("accountNumber")
    assert names.index("balanceAccountType") < names.index("balancingAccountNumber")


def test_terms_stand_before_the_due_date_that_they_would_change(
    bench: BusinessCentralBench,
) -> None:
    names = list(bench.system.draft(full_tasks(bench)[1]).requests[0][1])
    assert names.index("paymentTermsId") < names.index("dueDate")


def test_a_draft_is_sent_as_it_was_shown(
    bench: BusinessCentralBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, customer, invoice, ref = billed(bench)
    documents = {invoice.id: ref}
    seen: list[Any] = []
    create = Client.create

    def noting(client: Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
        seen.append(body)
        return create(client, path, body)

    monkeypatch.setattr(Client, "create", noting)
    for record in (
        an_account(),
        an_invoice(account, "1.00"),
        a_credit_note(invoice, "2.00"),
        a_payment(account, (invoice, "3.00")),
        a_journal_entry(account, invoice),
    ):
        task = Delivery(record, customer, documents).task()
        shown = bench.system.draft(task)
        assert (seen, bench.held(record).count) == ([], 0)
        bench.system.transfer(task)
        assert seen == [body for _, body in shown.requests if body]
        assert bench.held(record).count == 1
        seen.clear()


def test_an_update_shows_what_it_would_change_and_nothing_for_nothing(
    bench: BusinessCentralBench,
) -> None:
    account, ref = a_customer(bench)
    unchanged = bench.system.draft(Delivery(account).task(ref.remote_id))
    assert unchanged.requests == ()
    renamed = account.model_copy(update={"name": "Autre"})
    (request,) = bench.system.draft(Delivery(renamed).task(ref.remote_id)).requests
    assert request == (f"PATCH customers({ref.remote_id})", {"displayName": "Autre"})


def test_a_draft_of_a_credit_note_applies_only_to_what_is_owed(
    bench: BusinessCentralBench,
) -> None:
    account, customer, invoice, ref = billed(bench, "100.00")
    credit = a_credit_note(invoice)
    documents = {invoice.id: ref}
    task = Delivery(credit, customer, documents).task()
    assert bench.system.draft(task).requests[0][1]["invoiceId"] == ref.remote_id
    sent(bench.system, a_payment(account, (invoice, "114.98")), customer, documents)
    assert "invoiceId" not in bench.system.draft(task).requests[0][1]


def test_a_draft_says_what_would_be_refused(bench: BusinessCentralBench) -> None:
    account = an_account()
    with rejected(Reason.REFERENCE_NOT_FOUND):
        bench.system.draft(Delivery(a_payment(account, (an_invoice(account), "1.00"))).task())
    without = bench.system.draft(Delivery(an_invoice(account)).task())
    assert without.requests[0][1]["customerId"] == "‹customer›"


# Settings.


def checks(
    bench: BusinessCentralBench, settings: ChapterSettings | None = None, **values: Any
) -> dict[str, SettingCheck]:
    """The worst check of each setting, by name."""
    found: dict[str, SettingCheck] = {}
    for one in bench.connector(settings, **values).check_settings():
        if one.setting not in found or (one.reason and one.blocking):
            found[one.setting] = one
    return found


def test_a_good_company_has_only_what_the_api_does_not_show(bench: BusinessCentralBench) -> None:
    bench.accounts = FULL
    spread = ChapterSettings(deferred_revenue="on_date")
    looked_at = bench.connector(spread).check_settings()
    assert {one.reason for one in looked_at if one.reason} == {SettingReason.CANNOT_BE_READ}
    assert not [one for one in looked_at if one.reason and one.blocking]
    named = {one.setting for one in looked_at}
    assert {"accounts.deposit", "accounts.terms", "accounts.payment_methods.cheque"} <= named
    assert {"connection.company_id", "connection.tax_area", "generalLedgerSetup"} <= named


def test_accounts_that_cannot_be_used_are_told_with_why(bench: BusinessCentralBench) -> None:
    bench.accounts = AccountsSettings(
        default_income="99999",
        income={"event": "11000", "donation": "10900"},
        deposit="",
        deferred_revenue=DEFERRED,
        earned_revenue=DUES,
    )
    bench.accountant(account=DUES, set={"directPosting": False})
    found = checks(bench)
    for setting, reason, word in (
        ("accounts.default_income", SettingReason.NOT_FOUND, ""),
        ("accounts.income.event", SettingReason.NOT_POSTABLE, "Heading"),
        ("accounts.income.donation", SettingReason.NOT_POSTABLE, "blocked"),
        ("accounts.deposit", SettingReason.NOT_SET, ""),
        ("accounts.earned_revenue", SettingReason.NOT_POSTABLE, "no Direct Posting"),
    ):
        assert found[setting].reason is reason
        assert found[setting].blocking
        assert word in found[setting].detail
    assert found["accounts.deferred_revenue"].reason is None


def test_dues_invoiced_to_revenue_would_be_counted_twice(bench: BusinessCentralBench) -> None:
    spread = ChapterSettings(deferred_revenue="on_date")
    found = checks(bench, spread)
    for kind, invoiced in (("membership", DUES), ("renewal", EVENTS)):
        check = found[f"accounts.income.{kind}"]
        if check.reason is None:  # the account itself is right; the warning is a second check
            twice = [
                one
                for one in bench.connector(spread).check_settings()
                if one.reason is SettingReason.DEFERRED_TWICE
            ]
            check = next(one for one in twice if one.setting.endswith(kind))
        assert check.reason is SettingReason.DEFERRED_TWICE
        assert not check.blocking
        assert f"{invoiced} ≠" in check.detail
        assert DEFERRED in check.detail


def test_rates_are_read_from_the_latest_invoices(bench: BusinessCentralBench) -> None:
    billed(bench)
    taxable = checks(bench)["accounts.tax_codes.taxable"]
    assert (taxable.reason, taxable.detail) == (None, "14.975 %")
    bench.accounts = ACCOUNTS.model_copy(
        update={"tax_codes": {"gst_only": TAXABLE, "exempt": "NONE"}}
    )
    found = checks(bench)
    wrong = found["accounts.tax_codes.gst_only"]
    assert (wrong.reason, wrong.blocking) == (SettingReason.TAX_RATE_DIFFERS, True)
    assert "14.975 % ≠ 5 %" in wrong.detail
    assert found["accounts.tax_codes.exempt"].reason is SettingReason.NOT_FOUND


def test_names_that_are_in_no_list_are_told(bench: BusinessCentralBench) -> None:
    bench.accounts = ACCOUNTS.model_copy(
        update={"terms": "N99", "payment_methods": {"card": "TROC"}}
    )
    found = checks(bench, tax_area="QUEBEC", journal_template="NONE")
    for setting in ("accounts.terms", "accounts.payment_methods.card", "connection.tax_area"):
        assert found[setting].reason is SettingReason.NOT_FOUND
    assert found["connection.journal_template"].reason is SettingReason.CANNOT_BE_READ
    found = checks(bench, tax_area="", journal_template="general")
    assert found["connection.tax_area"].reason is SettingReason.NOT_SET
    assert not found["connection.tax_area"].blocking
    assert found["connection.journal_template"].reason is None


def test_names_that_nothing_in_membri_bears_are_told(bench: BusinessCentralBench) -> None:
    bench.accounts = ACCOUNTS.model_copy(
        update={
            "income": {"memberships": DUES},
            "tax_codes": {"tps_tvq": TAXABLE},
            "payment_methods": {"cheques": "CHEQUE"},
        }
    )
    found = checks(bench, tax_liable=False)
    for setting, known in (
        ("accounts.income.memberships", "membership"),
        ("accounts.tax_codes.tps_tvq", "gst_only"),
        ("accounts.payment_methods.cheques", "cheque"),
    ):
        assert found[setting].reason is SettingReason.WRONG_KIND
        assert known in found[setting].detail
    assert found["connection.tax_liable"].reason is SettingReason.TAX_RATE_DIFFERS
    assert "connection.tax_liable" not in checks(bench)


def test_posting_dates_must_hold_today_and_the_year_to_come_where_it_is_sent_at_once(
    bench: BusinessCentralBench,
) -> None:
    today = bench.time.now().astimezone().date()
    upfront = ChapterSettings(deferred_revenue="upfront")
    bench.accountant(allow_posting_to=(today + dt.timedelta(days=100)).isoformat())
    found = checks(bench, upfront)
    assert found["generalLedgerSetup"].reason is None
    assert found["settings.deferred_revenue"].reason is SettingReason.PERIOD_MISSING
    bench.accountant(allow_posting_to=(today + dt.timedelta(days=370)).isoformat())
    assert checks(bench, upfront)["settings.deferred_revenue"].reason is None
    assert "settings.deferred_revenue" not in checks(bench)
    bench.accountant(allow_posting_to=(today - dt.timedelta(days=1)).isoformat())
    assert checks(bench)["generalLedgerSetup"].reason is SettingReason.PERIOD_CLOSED
    bench.accountant(closed_until=today.isoformat(), allow_posting_to="0001-01-01")
    assert checks(bench)["generalLedgerSetup"].reason is SettingReason.PERIOD_CLOSED
    found = checks(bench, own_posting_dates=True)
    assert found["connection.own_posting_dates"].reason is SettingReason.CANNOT_BE_READ
    assert "generalLedgerSetup" not in found


def test_a_probe_names_the_company_and_what_is_remarkable(bench: BusinessCentralBench) -> None:
    health = bench.system.probe()
    assert (health.company, health.notes) == ("Association des Érables", ())
    bench.accountant(closed_until="2026-01-31")
    books = bench.sandbox.companies.books(COMPANY)
    books.change("generalLedgerSetup", books.setup, localCurrencyCode="USD")
    notes = bench.restarted().probe().notes
    assert notes == (
        "allowed posting dates: Business Central: 2026-02-01 – …",
        "the company's currency is USD",
    )
    books.change("generalLedgerSetup", books.setup, localCurrencyCode="CAD")
