"""What is sent of an invoice to Business Central, and what is told before."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.system import Lookup, RemoteRef
from consumers.systems.business_central.keys import marker
from ops.sandbox.business_central.company import DUES, EXEMPT, TAXABLE
from schemas.reasons import Reason
from schemas.records import Address, InvoiceType, Line
from tests.contracts.conformance_business_central import BusinessCentralBench
from tests.contracts.conformance_world import DAY, Delivery, an_account, an_invoice, rejected
from tests.integration.bc_records import a_customer, billed, lines_of, row, sent

pytest_plugins = ["tests.fixtures_business_central"]


def test_a_document_is_all_that_membri_says(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    lines = (
        Line(description="Cotisation", amount=Decimal(100), taxable=True),
        Line(description="Guide " + "é" * 150, amount=Decimal(20), taxable=False),
    )
    invoice = an_invoice(
        account,
        type=InvoiceType.MEMBERSHIP,
        lines=lines,
        gst=Decimal("5.00"),
        qst=Decimal("9.98"),
        total=Decimal("134.98"),
        due_date=dt.date(2026, 5, 1),
        description="Merci !\nÀ bientôt",
        billing_name="Service des comptes",
        billing_address=Address(lines=("1, rue A", "B"), city="Laval", country="Canada"),
    )
    ref = sent(bench.system, invoice, customer).ref
    held = row(bench, "salesInvoices", ref.remote_id)
    assert held["externalDocumentNumber"] == invoice.number
    assert (held["invoiceDate"], held["postingDate"]) == (DAY.isoformat(), DAY.isoformat())
    assert held["dueDate"] == "2026-05-01"  # not what the terms would make of it
    assert held["sellToAddressLine1"] == "Service des comptes, 1, rue A"
    assert (held["sellToAddressLine2"], held["sellToCountry"]) == ("B", "CA")
    kept = lines_of(bench, "salesInvoiceLines", ref.remote_id)
    assert [one["lineType"] for one in kept] == ["Account", "Account", *["Comment"] * 4]
    assert [one["taxCode"] for one in kept[:2]] == [TAXABLE, EXEMPT]
    assert kept[0]["description2"] == marker(invoice.id)
    assert {one["description2"] for one in kept[1:]} == {""}
    texts = [one["description"] for one in kept]
    assert (texts[0], texts[1], texts[2]) == ("Cotisation", "Guide", "é" * 100)
    assert texts[3:] == ["é" * 50, "Merci !", "À bientôt"]
    assert {one["lineObjectNumber"] for one in kept[:2]} == {DUES}


def test_an_address_of_the_document_is_not_mixed_with_the_customers(
    bench: BusinessCentralBench,
) -> None:
    home = Address(lines=("1, rue A", "App. 2"), city="Laval", postal_code="H7A 1A1")
    account, customer = a_customer(bench, address=home)
    billed_at = Address(lines=("9, rue Z",), city="Québec")
    for values, kept in (
        ({"billing_address": billed_at}, ("9, rue Z", "", "Québec", "")),
        (
            {"billing_name": "Trésorerie"},
            ("Trésorerie, 1, rue A", "App. 2", "Laval", "H7A 1A1"),
        ),
    ):
        body = bench.system.draft(Delivery(an_invoice(account, **values), customer).task())
        sent_as = body.requests[0][1]
        names = ("sellToAddressLine1", "sellToAddressLine2", "sellToCity", "sellToPostCode")
        assert tuple(sent_as[name] for name in names) == kept
    sent(bench.system, an_invoice(account, billing_address=billed_at), customer)


def test_the_number_changes_when_posting_and_the_id_stays(bench: BusinessCentralBench) -> None:
    _, customer, invoice, ref = billed(bench)
    held = row(bench, "salesInvoices", ref.remote_id)
    assert held["status"] == "Open"
    assert ref.reference == held["number"]
    assert ref.reference.startswith("PS-INV")
    external = invoice.number.lower()  # what a person typed is not written over
    for typed, kept in ((ref.reference.lower(), ref.reference), (external, external)):
        lookup = Lookup(invoice.entity, "other", reference=typed, customer=customer)
        found = bench.system.find(lookup)
        assert found is not None
        assert (found.ref, found.by_marker) == (RemoteRef(ref.remote_id, kept), False)
    assert bench.system.find(Lookup(invoice.entity, "other", reference="PS-NONE")) is None


def test_a_company_with_one_series_for_drafts_and_invoices_works_too(
    bench: BusinessCentralBench,
) -> None:
    bench.options.same_document_series = True
    _, _, invoice, ref = billed(bench)
    assert ref.reference.startswith("S-INV")
    found = bench.system.find(Lookup(invoice.entity, invoice.id, reference=ref.reference))
    assert found is not None
    assert found.ref == ref


def test_an_invoice_without_number_has_one_made_from_its_id(bench: BusinessCentralBench) -> None:
    _, _, invoice, ref = billed(bench, number="")
    held = row(bench, "salesInvoices", ref.remote_id)
    assert held["externalDocumentNumber"] == f"M-{invoice.id.replace('-', '').upper()}"


def test_another_currency_is_said_and_kept(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench, currency="USD")
    dollars, home = (an_invoice(account, currency=code) for code in ("USD", "CAD"))
    for invoice, kept in ((dollars, "USD"), (home, "")):
        ref = sent(bench.system, invoice, customer).ref
        assert row(bench, "salesInvoices", ref.remote_id)["currencyCode"] in (
            kept,
            invoice.currency,
        )
    euros = an_invoice(account, currency="EUR")
    assert list(bench.system.check(euros)) == []
    with rejected(Reason.CURRENCY_NOT_SUPPORTED):  # known, without a rate on that day
        sent(bench.system, euros, customer)


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"lines": (), "total": Decimal(0)}, Reason.MISSING_FIELD, "lines"),
        ({"total": Decimal(-1)}, Reason.AMOUNT_NOT_POSITIVE, "total"),
        ({"currency": "GBP"}, Reason.CURRENCY_NOT_SUPPORTED, "currency"),
        (
            {"billing_address": Address(country="Atlantide")},
            Reason.INVALID_FIELD,
            "billing_address.country",
        ),
        ({"billing_name": "x" * 101}, Reason.TOO_LONG, "billing_address.lines.0"),
        (
            {"lines": (Line(amount=Decimal(1)),) * 751},
            Reason.TOO_LONG,
            "lines",
        ),
        (
            {"lines": (Line(amount=Decimal(100), gst=Decimal(5), taxable=True),)},
            Reason.UNKNOWN_TAX,
            "lines.0.gst",
        ),
    ],
)
def test_what_would_be_refused_is_told_first(
    bench: BusinessCentralBench, values: dict[str, object], reason: Reason, field: str
) -> None:
    problems = bench.system.check(an_invoice(an_account(), **values))
    assert [(p.reason, p.field) for p in problems] == [(reason, field)]


@pytest.mark.parametrize(
    ("accounts", "reason", "field", "word"),
    [
        ({"default_income": ""}, Reason.UNKNOWN_ACCOUNT, "type", "is not set"),
        ({"default_income": "99999"}, Reason.UNKNOWN_ACCOUNT, "type", "99999"),
        ({"default_income": "11000"}, Reason.UNKNOWN_ACCOUNT, "type", "may not be posted to"),
        ({"income": {"other": "10900"}}, Reason.UNKNOWN_ACCOUNT, "type", "income.other"),
        ({"terms": "N99"}, Reason.UNKNOWN_ACCOUNT, "due_date", "N99"),
        ({"tax_codes": {"taxable": "TPSTVQ"}}, Reason.UNKNOWN_TAX, "lines.0.gst", "TPSTVQ"),
    ],
)
def test_settings_that_name_nothing_are_told_with_their_name(
    bench: BusinessCentralBench, accounts: dict[str, Any], reason: Reason, field: str, word: str
) -> None:
    kept = bench.accounts
    bench.accounts = kept.model_copy(update=accounts)
    try:
        (problem,) = bench.restarted().check(an_invoice(an_account()))
    finally:
        bench.accounts = kept
    assert (problem.reason, problem.field) == (reason, field)
    assert word in problem.detail


def test_an_account_may_be_named_by_its_id(bench: BusinessCentralBench) -> None:
    (held,) = [one for one in bench.dump()["accounts"] if one["number"] == DUES]
    kept = bench.accounts
    bench.accounts = kept.model_copy(update={"default_income": held["id"]})
    try:
        _, _, _, ref = billed(bench_restarted(bench))
    finally:
        bench.accounts = kept
    assert lines_of(bench, "salesInvoiceLines", ref.remote_id)[0]["lineObjectNumber"] == DUES


def bench_restarted(bench: BusinessCentralBench) -> BusinessCentralBench:
    bench.restarted()
    return bench


def test_a_document_goes_to_a_customer_or_not_at_all(bench: BusinessCentralBench) -> None:
    with pytest.raises(ValueError, match="customer"):
        bench.system.transfer(Delivery(an_invoice(an_account())).task())


def test_an_unreadable_answer_leaves_the_outcome_unknown(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    delivery = Delivery(an_invoice(account), customer)
    bench.sandbox.faults.arm(
        kind="status_after", status=201, method="POST", path=r"salesInvoices$", body="<html>"
    )
    with pytest.raises(OutcomeUnknown, match="no JSON"):
        delivery.attempt(bench.system)
    delivery.carry(bench)
    assert bench.held(delivery.record).count == 1


def test_lost_reads_fail_no_record(bench: BusinessCentralBench) -> None:
    account, customer = a_customer(bench)
    invoice = an_invoice(account, corrects=None)
    for fault, error in (
        ({"kind": "status", "status": 200, "body": "[]"}, Transient),
        ({"kind": "status", "status": 200, "body": "{}"}, Transient),
        ({"kind": "status", "status": 503, "headers": {"Retry-After": "7"}}, Unavailable),
        ({"kind": "status", "status": 408}, Transient),
    ):
        bench.sandbox.faults.arm(method="GET", path="salesInvoices", **fault)
        with pytest.raises(error) as info:
            bench.system.find(Delivery(invoice, customer).lookup)
        if error is Unavailable:
            assert info.value.retry_after_s == 7
            bench.time.sleep(7)


def test_totals_changed_by_hand_after_a_transfer_differ_with_both_figures(
    bench: BusinessCentralBench,
) -> None:
    _, customer, invoice, ref = billed(bench)
    books = bench.sandbox.companies.books(bench.connection().company_id)
    kept = books.get("salesInvoices", ref.remote_id)
    assert kept is not None
    books.change("salesInvoices", kept, totalAmountIncludingTax="115.98")
    with pytest.raises(Rejected) as info:
        bench.system.transfer(Delivery(invoice, customer).task(ref.remote_id))
    assert info.value.reason is Reason.DIFFERS_FROM_BOOKS
    assert "115.98" in info.value.detail
