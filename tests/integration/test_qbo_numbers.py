"""Invoices met again: by number, by marker, by Id; and what is told before sending."""

from __future__ import annotations

import pytest

from consumers.errors import Transient, Unavailable
from consumers.system import Lookup
from ops.sandbox.quickbooks_online.company import (
    ITEM_DUES,
)
from schemas.outcomes import Action
from schemas.reasons import Reason
from tests.contracts.conformance_qbo import (
    ACCOUNTS,
    REALM,
    QuickBooksBench,
)
from tests.contracts.conformance_world import (
    Delivery,
    a_payment,
    an_account,
    an_invoice,
    rejected,
)
from tests.integration.qbo_books import billed, customer_of, row

pytest_plugins = ["tests.fixtures_qbo"]


def test_a_form_made_by_hand_with_our_number_and_figures_is_adopted(
    bench: QuickBooksBench,
) -> None:
    customer, invoice, ref = billed(bench, "100.00")
    bench.accountant(entity="Invoice", id=ref.remote_id, set={"PrivateNote": "faite à la main"})
    delivery = Delivery(invoice, customer)
    found = delivery.look(bench.restarted())
    assert found is not None
    assert (found.by_marker, found.differences, found.unfinished) == (False, (), False)
    receipt = bench.system.transfer(Delivery(invoice, customer).task())
    assert (receipt.ref, receipt.action) == (ref, Action.ADOPTED)


def test_the_form_of_another_membri_invoice_is_never_adopted(bench: QuickBooksBench) -> None:
    customer, invoice, _ = billed(bench, "100.00")
    twin = an_invoice(invoice.account, "100.00", number=invoice.number)
    found = Delivery(twin, customer).look(bench.system)
    assert found is not None
    assert invoice.id in "; ".join(found.differences)
    with rejected(Reason.DUPLICATE_NUMBER) as refusal:
        bench.system.transfer(Delivery(twin, customer).task())
    assert invoice.number in refusal[0].detail


def test_another_customers_form_differs_by_its_customer(bench: QuickBooksBench) -> None:
    _, invoice, _ = billed(bench, "100.00")
    other = bench.add_customer(an_account().name)
    found = bench.system.find(
        Lookup(invoice.entity, "other", number=invoice.number, record=invoice, customer=other)
    )
    assert found is not None
    assert any("customer:" in told for told in found.differences)


def test_quickbooks_own_numbering_gives_the_reference_and_the_marker_finds_it(
    bench: QuickBooksBench,
) -> None:
    bench.accountant(preferences={"SalesFormsPrefs": {"CustomTxnNumbers": False}})
    bench.restarted()
    customer, invoice, ref = billed(bench)
    assert ref.reference != invoice.number
    found = Delivery(invoice, customer).look(bench.restarted())
    assert found is not None
    assert (found.ref, found.by_marker) == (ref, True)
    without_customer = bench.system.find(
        Lookup(invoice.entity, invoice.id, number=invoice.number, record=invoice)
    )
    assert without_customer is not None
    assert without_customer.ref == ref
    assert any("numbers sales forms itself" in note for note in bench.system.probe().notes)


def test_a_typed_number_links_and_an_id_only_with_our_marker(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench)
    by_number = invoice.model_copy(update={"reference": invoice.number, "id": "typed"})
    found = Delivery(by_number, customer).look(bench.system)
    assert found is not None
    assert found.ref == ref
    by_id = bench.system.find(Lookup(invoice.entity, invoice.id, reference=ref.remote_id))
    assert by_id is not None
    assert by_id.by_marker
    assert bench.system.find(Lookup(invoice.entity, "typed", reference=ref.remote_id)) is None
    assert bench.system.find(Lookup(invoice.entity, "typed", reference="999999")) is None
    assert bench.system.find(Lookup(invoice.entity, "typed", reference="F-nowhere")) is None


def test_a_remembered_form_that_was_deleted_is_not_there(bench: QuickBooksBench) -> None:
    _, invoice, ref = billed(bench)
    bench.accountant(entity="Invoice", id=ref.remote_id, action="delete")
    lookup = Lookup(invoice.entity, invoice.id, remote_id=ref.remote_id, record=invoice)
    assert bench.system.find(lookup) is None


def test_a_form_voided_by_the_accountant_differs(bench: QuickBooksBench) -> None:
    customer, invoice, ref = billed(bench)
    bench.accountant(entity="Invoice", id=ref.remote_id, action="void")
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        Delivery(invoice, customer).attempt(bench.restarted())
    assert "total: QuickBooks 0.00" in refusal[0].detail


def test_limits_of_a_form_are_told_at_once(bench: QuickBooksBench) -> None:
    invoice = an_invoice(an_account(), number="F" * 22, description="é" * 1001, currency="USD")
    told = {(p.reason, p.field) for p in bench.system.check(invoice)}
    assert told == {
        (Reason.TOO_LONG, "number"),
        (Reason.TOO_LONG, "description"),
        (Reason.CURRENCY_NOT_SUPPORTED, "currency"),
    }
    many = an_invoice(an_account(), *(["0.01"] * 751))
    assert (Reason.TOO_LONG, "lines") in {(p.reason, p.field) for p in bench.system.check(many)}
    empty = an_invoice(an_account(), lines=(), gst="0", qst="0", total="-1")
    assert {(p.reason, p.field) for p in bench.system.check(empty)} == {
        (Reason.MISSING_FIELD, "lines"),
        (Reason.AMOUNT_NOT_POSITIVE, "total"),
    }


def test_an_item_that_does_not_exist_is_told(bench: QuickBooksBench) -> None:
    for default, words in (("", "set accounts.default_income"), ("Inconnu", "'Inconnu'")):
        bench.accounts = ACCOUNTS.model_copy(update={"default_income": default})
        problems = bench.restarted().check(an_invoice(an_account()))
        assert [p.reason for p in problems] == [Reason.UNKNOWN_ACCOUNT]
        assert words in problems[0].detail


def test_items_may_be_named(bench: QuickBooksBench) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"default_income": "cotisation"})
    bench.restarted()
    _, _, ref = billed(bench)
    detail = row(bench, "Invoice", ref)["Line"][0]["SalesItemLineDetail"]
    assert detail["ItemRef"]["value"] == ITEM_DUES


def test_a_term_that_does_not_exist_is_refused(bench: QuickBooksBench) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"terms": "Net 999"})
    bench.restarted()
    account = an_account()
    customer = customer_of(bench, account)
    with rejected(Reason.UNKNOWN_ACCOUNT):
        bench.system.transfer(Delivery(an_invoice(account), customer).task())


def test_an_inactive_customer_takes_no_invoice(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    bench.accountant(entity="Customer", id=customer.remote_id, set={"Active": False})
    with rejected(Reason.CUSTOMER_INACTIVE):
        bench.system.transfer(Delivery(an_invoice(account), customer).task())


def test_a_period_closed_while_we_run_is_refused_by_quickbooks(bench: QuickBooksBench) -> None:
    customer, invoice, _ = billed(bench)
    bench.accountant(BookCloseDate="2026-03-14")
    late = an_invoice(invoice.account)
    with rejected(Reason.CLOSED_PERIOD) as refusal:
        bench.system.transfer(Delivery(late, customer).task())
    assert "6200" in refusal[0].detail
    assert "intuit_tid=1-" in refusal[0].detail


def test_a_reopened_period_is_noticed_within_half_a_minute(bench: QuickBooksBench) -> None:
    bench.accountant(BookCloseDate="2026-03-14")
    invoice = an_invoice(an_account())
    system = bench.system
    assert [p.reason for p in system.check(invoice)] == [Reason.CLOSED_PERIOD]
    bench.accountant(BookCloseDate=None)
    bench.time.sleep(31)
    assert list(system.check(invoice)) == []


def test_a_read_only_company_closes_the_system(bench: QuickBooksBench) -> None:
    customer, invoice, _ = billed(bench)
    bench.accountant(read_only=True)
    with pytest.raises(Unavailable) as info:
        bench.system.transfer(Delivery(an_invoice(invoice.account), customer).task())
    assert info.value.reason == "read_only"


def test_documents_need_a_customer(bench: QuickBooksBench) -> None:
    invoice = an_invoice(an_account())
    for record in (invoice, a_payment(invoice.account, (invoice, "1.00"))):
        with pytest.raises(ValueError, match="to a customer"):
            bench.system.transfer(Delivery(record).task())


def test_a_read_that_cannot_be_understood_is_told_as_the_port_says(
    bench: QuickBooksBench,
) -> None:
    invoice = an_invoice(an_account())
    bench.sandbox.faults.arm(kind="status", status=200, body="{", path="/v3/", times=3)
    with pytest.raises(Transient):
        bench.system.find(Delivery(invoice).lookup)
    with pytest.raises(Unavailable):
        bench.system.check(invoice)
    with pytest.raises(Unavailable):
        bench.system.probe()


def test_every_write_of_the_suite_carried_a_request_id(bench: QuickBooksBench) -> None:
    billed(bench, "100.00")  # alone, or spread over processes, this test has writes to look at too
    writes = [
        entry["query"]
        for entry in bench.sandbox.log
        if entry["method"] == "POST"
        and f"/company/{REALM}/" in entry["path"]
        and not entry["path"].endswith("/query")
    ]
    assert writes
    assert all("requestid=" in query for query in writes)
