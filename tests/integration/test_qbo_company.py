"""Probing a company, working in several currencies, over TLS and on several threads."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from consumers.errors import Unavailable
from consumers.system import Setup
from consumers.systems.quickbooks_online.connector import QuickBooksOnline
from ops.sandbox.kernel.tls import loopback_certificate
from schemas.chapters import ChapterSettings
from schemas.facts import ApiCall
from schemas.reasons import Reason, SystemReason
from tests.contracts.conformance_qbo import (
    ACCOUNTS,
    CLIENT_SECRET,
    QuickBooksBench,
    quickbooks_bench,
)
from tests.contracts.conformance_world import Delivery, a_payment, an_account, an_invoice, rejected
from tests.integration.qbo_books import billed

pytest_plugins = ["tests.fixtures_qbo"]


@pytest.fixture
def bench(bench: QuickBooksBench) -> Iterator[QuickBooksBench]:
    """These tests spoil the token file too."""
    yield bench
    bench.authorise()


def unavailable(system: QuickBooksOnline) -> Unavailable:
    with pytest.raises(Unavailable) as info:
        system.probe()
    return info.value


def test_a_healthy_company_has_a_name_an_end_of_authorisation_and_no_remark(
    bench: QuickBooksBench,
) -> None:
    bench.authorise()
    health = bench.system.probe()
    assert health.company == "Association des Érables"
    assert health.notes == ()
    assert health.authorised_until is not None
    left = health.authorised_until - bench.time.now()
    assert dt.timedelta(days=99) < left <= dt.timedelta(days=100)


def test_remarks_say_what_a_person_should_know(bench: QuickBooksBench) -> None:
    bench.accountant(
        BookCloseDate="2025-12-31",
        preferences={"CurrencyPrefs": {"MultiCurrencyEnabled": True}},
    )
    bench.accounts = ACCOUNTS.model_copy(update={"default_income": ""})
    notes = " / ".join(bench.restarted().probe().notes)
    for words in ("closed up to 2025-12-31", "several currencies", "default_income is not set"):
        assert words in notes


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"default_income": "Inconnu"}, "accounts.default_income = 'Inconnu' is no active"),
        ({"income": {"event": "9"}}, "accounts.income.event = '9'"),
        ({"payment_methods": {"card": "Troc"}}, "accounts.payment_methods.card = 'Troc'"),
        ({"tax_codes": {"taxable": "999"}}, "tax_codes.taxable = '999'"),
        ({"tax_codes": {"taxed": "30"}}, "tax_codes.taxed: known names are taxable"),
    ],
)
def test_settings_that_name_nothing_close_the_system(
    bench: QuickBooksBench, setting: dict[str, object], words: str
) -> None:
    bench.accounts = ACCOUNTS.model_copy(update=setting)
    error = unavailable(bench.restarted())
    assert error.reason is SystemReason.MISCONFIGURED
    assert words in error.detail


def test_an_ambiguous_tax_is_a_remark_until_somebody_chooses(bench: QuickBooksBench) -> None:
    fault = (
        '{"QueryResponse":{"TaxCode":[{"Id":"1","Name":"A","SalesTaxRateList":{"TaxRateDetail":[]}}'
        "]}}"
    )
    bench.sandbox.faults.arm(kind="status", status=200, body=fault, contains="FROM TaxCode")
    assert any("0 active tax codes for taxable" in n for n in bench.system.probe().notes)


def test_a_company_elsewhere_is_a_remark(bench: QuickBooksBench) -> None:
    body = '{"CompanyInfo":{"CompanyName":"Elsewhere","Country":"US"}}'
    bench.sandbox.faults.arm(kind="status", status=200, body=body, path="companyinfo")
    assert any("country is US" in note for note in bench.system.probe().notes)


def test_a_probe_that_is_refused_for_another_reason_is_a_wrong_setting(
    bench: QuickBooksBench,
) -> None:
    body = '{"Fault":{"Error":[{"Message":"no","code":"5030"}],"type":"ValidationFault"}}'
    bench.sandbox.faults.arm(kind="status", status=400, body=body, path="companyinfo")
    assert unavailable(bench.system).reason is SystemReason.MISCONFIGURED


def test_another_company_than_the_tokens_is_not_authorised(bench: QuickBooksBench) -> None:
    bench.authorise(realm_id="")
    error = unavailable(bench.connector(realm_id="123"))
    assert error.reason is SystemReason.UNAUTHORISED


def test_an_authorisation_that_ran_out_says_what_to_run_and_fails_no_record(
    bench: QuickBooksBench,
) -> None:
    bench.authorise()
    bench.time.sleep(101 * 86_400)
    account = an_account()
    for call in (bench.system.probe, lambda: bench.system.find(Delivery(account).lookup)):
        with pytest.raises(Unavailable) as info:
            call()
        assert info.value.reason is SystemReason.UNAUTHORISED
        assert "membri-sync authorize montreal" in info.value.detail
        assert CLIENT_SECRET not in str(info.value)
    bench.authorise()
    Delivery(account).attempt(bench.system)


def test_tokens_that_die_while_we_run_are_renewed_without_a_word(bench: QuickBooksBench) -> None:
    account = an_account()
    for _ in range(3):
        bench.time.sleep(3600)
        bench.system.probe()
    Delivery(account).attempt(bench.system)
    assert bench.held(account).count == 1


def test_every_request_is_told_to_the_observer(bench: QuickBooksBench) -> None:
    before, logged = len(bench.facts), len(bench.sandbox.log)
    bench.system.probe()
    told = [fact for fact in bench.facts[before:] if isinstance(fact, ApiCall)]
    assert len(told) == len(bench.sandbox.log) - logged
    assert {(f.system, f.code) for f in told} == {("quickbooks_online", "200")}


@pytest.mark.parametrize("status", [429, 403])
def test_a_throttle_waits_as_quickbooks_asks_and_then_goes_on(
    bench: QuickBooksBench, status: int
) -> None:
    body = '{"fault":{"error":[{"message":"errorCode=003001","code":"3001"}],"type":"SERVICE"}}'
    bench.sandbox.faults.arm(
        kind="status", status=status, body=body, path="/v3/", headers={"Retry-After": "30"}
    )
    account = an_account()
    system = bench.system
    for _ in range(2):
        with pytest.raises(Unavailable) as info:
            system.find(Delivery(account).lookup)
        assert info.value.reason is SystemReason.THROTTLED
        assert info.value.retry_after_s == pytest.approx(30, abs=5)
    bench.time.sleep(31)
    Delivery(account).attempt(system)


def test_several_currencies_are_sent_where_the_company_keeps_them(bench: QuickBooksBench) -> None:
    bench.accountant(preferences={"CurrencyPrefs": {"MultiCurrencyEnabled": True}})
    bench.restarted()
    account = an_account(currency="USD")
    customer = Delivery(account).attempt(bench.system).ref
    invoice = an_invoice(account, currency="USD")
    assert list(bench.system.check(invoice)) == []
    ref = bench.system.transfer(Delivery(invoice, customer).task()).ref
    payment = a_payment(account, (invoice, "1.00"), currency="USD")
    bench.system.transfer(Delivery(payment, customer, {invoice.id: ref}).task())
    (made,) = [r for r in bench.rows("Invoice") if r["Id"] == ref.remote_id]
    assert made["CurrencyRef"]["value"] == "USD"
    with rejected(Reason.REFUSED_BY_SYSTEM):
        bench.system.transfer(Delivery(an_invoice(account), customer).task())


def test_the_lists_are_read_once_a_day(bench: QuickBooksBench) -> None:
    bench.accounts = ACCOUNTS
    system = bench.restarted()
    invoice = an_invoice(an_account())
    system.check(invoice)
    before = len(bench.sandbox.log)
    system.check(invoice)
    assert len(bench.sandbox.log) == before
    bench.time.sleep(86_400)
    system.check(invoice)
    assert len(bench.sandbox.log) > before


def test_a_discount_in_the_books_does_not_confuse_a_later_look(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench, "100.00", "-20.00")
    found = Delivery(invoice, customer).look(bench.restarted())
    assert found is not None
    assert (found.ref, found.differences) == (ref, ())


def test_four_threads_over_tls_stay_within_the_limits_of_real_time(tmp_path: Path) -> None:
    certificate = loopback_certificate(tmp_path / "tls")
    with quickbooks_bench(tmp_path, certificate=certificate) as bench:
        setup = Setup(
            "montreal",
            bench.connection(ca_bundle=str(certificate.ca)),
            ACCOUNTS,
            ChapterSettings(),
        )
        system = QuickBooksOnline(setup, clock=bench.time.clock)
        assert system.probe().company
        accounts = [an_account() for _ in range(12)]
        threads: set[int] = set()

        def send(number: int) -> str:
            threads.add(threading.get_ident())
            return Delivery(accounts[number]).attempt(system).ref.remote_id

        with ThreadPoolExecutor(system.declaration.concurrency) as pool:
            ids = list(pool.map(send, range(len(accounts))))
        assert len(set(ids)) == len(accounts)
        assert len(threads) > 1
        assert bench.sandbox.offences.all() == []
        system.close()


def test_an_unknown_certificate_is_a_wrong_setting(tmp_path: Path) -> None:
    with quickbooks_bench(tmp_path, certificate=loopback_certificate(tmp_path / "tls")) as bench:
        error = unavailable(bench.connector())
    assert error.reason is SystemReason.MISCONFIGURED
    assert "ca_bundle" in error.detail
