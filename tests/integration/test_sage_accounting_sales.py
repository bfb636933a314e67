"""Invoices in the sandbox's books: numbers, taxes to the cent, both editions."""

from __future__ import annotations

from decimal import Decimal

import pytest

from consumers.errors import OutcomeUnknown
from consumers.systems.sage_accounting.markers import marker
from ops.sandbox.sage_accounting.company import (
    DUES,
    EVENTS,
    REGION,
    TAX_EXEMPT,
    TAX_GST,
    TAX_GST_QST,
)
from schemas.reasons import Reason
from tests.contracts.conformance_sage_accounting import SageBench
from tests.contracts.conformance_world import (
    DAY,
    Delivery,
    an_invoice,
    rejected,
)
from tests.integration.sage_accounting_books import billed, customer, lines, row

pytest_plugins = ["tests.fixtures_sage_accounting"]


def test_an_invoice_carries_our_number_marker_region_and_taxes(bench: SageBench) -> None:
    _, invoice, ref = billed(bench, "100.00", description="Merci", due_date="2026-04-13")
    held = row(bench, ref)
    assert (held["reference"], ref.reference) == (invoice.number, invoice.number)
    assert held["notes"] == f"{marker('invoice', invoice.id)}\nMerci"
    assert (held["date"], held["due_date"]) == (DAY.isoformat(), "2026-04-13")
    assert held["tax_address_region"]["id"] == REGION
    assert held["invoice_number"].startswith("SI-"), "Sage numbers by itself"
    (line,) = held["invoice_lines"]
    assert line["ledger_account"]["id"] == DUES
    assert (line["tax_rate"]["id"], line["tax_amount"]) == (TAX_GST_QST, "14.98")
    assert held["sent"] is False, "no read of ours marks it as sent"


def test_types_have_their_own_revenue_account(bench: SageBench) -> None:
    _, _, ref = billed(bench, type="event")
    assert row(bench, ref)["invoice_lines"][0]["ledger_account"]["id"] == EVENTS


def test_quantity_and_price_go_where_their_product_is_the_net_amount(bench: SageBench) -> None:
    values = lines(
        {"amount": "60.00", "quantity": "3", "unit_price": "20", "description": "Repas"},
        {"amount": "850.00", "quantity": "2", "unit_price": "510", "product": "Kiosque"},
        {"amount": "10.00", "quantity": "3", "unit_price": "3.3333", "description": "x" * 250},
        {"amount": "5.00", "quantity": "2"},
        gst="0",
        qst="0",
    )
    account, ref = customer(bench)
    invoice = an_invoice(account, **values)
    held = row(bench, Delivery(invoice, ref).attempt(bench.system).ref)["invoice_lines"]
    assert [(one["quantity"], one["unit_price"]) for one in held] == [
        *(("3.0", "20.0"), ("1.0", "850.0"), ("1.0", "10.0"), ("1.0", "5.0")),
    ]
    assert held[0]["description"] == "Repas"
    assert held[1]["description"] == "2 × 510 : Kiosque"
    assert held[2]["description"].startswith("3 × 3.3333 : xxx")
    assert len(held[2]["description"]) == 200
    assert held[2]["description"].endswith("…")
    assert held[3]["description"] == invoice.number
    assert {one["tax_rate"]["id"] for one in held} == {TAX_EXEMPT}


def test_the_limited_edition_takes_each_line_as_one_amount(bench: SageBench) -> None:
    bench.accountant(edition="START")
    values = lines(
        {"amount": "60.00", "quantity": "3", "unit_price": "20", "description": "Repas"},
        {"amount": "20.00", "quantity": "1", "unit_price": "20", "description": "Vin"},
        gst="0",
        qst="0",
    )
    _, _, ref = billed(bench, **values)
    repas, vin = row(bench, ref)["invoice_lines"]
    assert (repas["quantity"], repas["unit_price"]) == ("1.0", "60.0")
    assert repas["description"] == "3 × 20 : Repas"
    assert vin["description"] == "Vin"


def test_the_edition_may_be_said_in_the_settings(bench: SageBench) -> None:
    bench.accountant(edition="START")
    bench.values = {"edition": "full"}
    bench.restarted()
    bench.excused.add("quantity_in_start")
    values = lines(
        {"amount": "60.00", "quantity": "3", "unit_price": "20", "description": "Repas"},
        gst="0",
        qst="0",
    )
    with rejected(Reason.EDITION_LIMIT) as refusal:
        billed(bench, **values)
    assert "quantity must be 1 in your subscription" in refusal[0].detail


@pytest.mark.parametrize(
    "nets",
    [("10.10",), ("30.10",), ("19.99", "0.05", "1234567.89"), ("0.33",) * 7, ("0.01", "99999.99")],
)
def test_taxes_are_membris_to_the_cent(bench: SageBench, nets: tuple[str, ...]) -> None:
    _, invoice, ref = billed(bench, *nets)
    held = row(bench, ref)
    assert Decimal(held["tax_amount"]) == invoice.gst + invoice.qst
    assert Decimal(held["total_amount"]) == invoice.total


def test_a_line_may_bear_one_tax_only(bench: SageBench) -> None:
    values = lines({"amount": "100.00", "taxable": True}, gst="5.00", qst="0")
    _, _, ref = billed(bench, **values)
    assert row(bench, ref)["invoice_lines"][0]["tax_rate"]["id"] == TAX_GST


def test_a_discount_line_is_sent_as_it_is(bench: SageBench) -> None:
    values = lines(
        {"amount": "100.00", "taxable": True, "description": "Cotisation"},
        {"amount": "-10.00", "taxable": True, "description": "Rabais"},
        gst="4.50",
        qst="8.98",
    )
    _, invoice, ref = billed(bench, **values)
    assert Decimal(row(bench, ref)["total_amount"]) == invoice.total


def test_taxes_that_sage_would_not_take_are_refused_with_its_words(bench: SageBench) -> None:
    values = lines({"amount": "100.00", "taxable": True}, gst="5.00", qst="9.80")
    account, ref = customer(bench)
    invoice = an_invoice(account, **values)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        Delivery(invoice, ref).attempt(bench.system)
    for words in ("tax_amount does not match", "TPS 5.00, TVQ 9.80", "1 × 100.00: 14.80"):
        assert words in refusal[0].detail
    assert refusal[0].field == "lines.0"
    assert bench.held(invoice).count == 0


def test_taxes_that_sage_recomputes_are_refused_and_nothing_stays(bench: SageBench) -> None:
    bench.options.change({"tax_amount_off": "recompute"})
    values = lines({"amount": "100.00", "taxable": True}, gst="5.00", qst="9.80")
    account, ref = customer(bench)
    invoice = an_invoice(account, **values)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        Delivery(invoice, ref).attempt(bench.system)
    for figure in ("114.98", "114.80", "14.98", "14.80", "GST 5.00", "QST 9.80", "9.975 %: 9.98"):
        assert figure in refusal[0].detail
    assert bench.held(invoice).count == 0
    (void,) = [
        one
        for one in bench.sandbox.dump()["b" * 32]["sales_invoices"]
        if one["reference"] == invoice.number
    ]
    assert f"{void['displayed_as']} was voided again" in refusal[0].detail
    assert (void["status"]["id"], void["void_reason"]) == ("VOID", "Membri: montants différents")


@pytest.mark.parametrize("place", ["query", "body"])
def test_the_reason_of_a_void_is_where_sage_looks_for_it(bench: SageBench, place: str) -> None:
    bench.options.change({"tax_amount_off": "recompute", "void_reason_in": place})
    values = lines({"amount": "100.00", "taxable": True}, gst="5.00", qst="9.80")
    account, ref = customer(bench)
    invoice = an_invoice(account, **values)
    with rejected(Reason.TAX_MISMATCH):
        Delivery(invoice, ref).attempt(bench.system)
    assert bench.held(invoice).count == 0


def test_a_document_that_cannot_be_voided_is_named_as_standing(bench: SageBench) -> None:
    bench.options.change({"tax_amount_off": "recompute"})
    bench.accountant(roles={"Sales": "full"})
    values = lines({"amount": "100.00", "taxable": True}, gst="5.00", qst="9.80")
    account, ref = customer(bench)
    invoice = an_invoice(account, **values)
    error = '[{"$dataCode": "RecordInvalid", "$message": "reconciled", "$source": "base"}]'
    bench.sandbox.faults.arm(kind="status", method="DELETE", status=422, body=error)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        Delivery(invoice, ref).attempt(bench.system)
    assert "void it by hand" in refusal[0].detail
    assert "reconciled" in refusal[0].detail
    assert bench.held(invoice).count == 1


def test_a_crash_between_creating_and_voiding_leaves_nothing_wrong(bench: SageBench) -> None:
    bench.options.change({"tax_amount_off": "recompute"})
    values = lines({"amount": "100.00", "taxable": True}, gst="5.00", qst="9.80")
    account, ref = customer(bench)
    delivery = Delivery(an_invoice(account, **values), ref)
    bench.sandbox.faults.arm(kind="drop_before", method="DELETE")
    with pytest.raises(OutcomeUnknown):
        delivery.attempt(bench.system)
    found = delivery.look(bench.restarted())
    assert found is not None
    assert found.unfinished
    with rejected(Reason.TAX_MISMATCH):
        delivery.attempt(bench.system)
    assert bench.held(delivery.record).count == 0
    with rejected(Reason.TAX_MISMATCH):
        delivery.attempt(bench.restarted())
    assert bench.held(delivery.record).count == 0


def test_what_somebody_edited_since_is_not_ours_to_void(bench: SageBench) -> None:
    ref, invoice, made = billed(bench, "100.00")
    other = an_invoice(invoice.account, "150.00", id=invoice.id, number=invoice.number)
    with rejected(Reason.DIFFERS_FROM_BOOKS) as refusal:
        bench.system.transfer(Delivery(other, ref).task(made.remote_id))
    for figure in ("114.98", "172.46", invoice.number):
        assert figure in refusal[0].detail
    assert bench.held(invoice).count == 1


@pytest.mark.parametrize(("cents", "refused"), [(1, False), (0, True)])
def test_components_may_be_shared_otherwise_by_a_cent_a_line(
    bench: SageBench, cents: int, refused: bool
) -> None:
    """The sum is exact; Sage's own split of it by component may round otherwise (section 9)."""
    bench.values = {"component_cents_per_line": cents}
    bench.restarted()
    account, ref = customer(bench)
    invoice = an_invoice(account, "19.99", "0.05", "1234567.89")
    if not refused:
        Delivery(invoice, ref).attempt(bench.system)
        assert bench.held(invoice).total == invoice.total
        return
    with rejected(Reason.TAX_MISMATCH) as refusal:
        Delivery(invoice, ref).attempt(bench.system)
    assert "TPS: Sage 61729.39 ≠ Membri 61729.40" in refusal[0].detail
    assert bench.held(invoice).count == 0


@pytest.mark.parametrize("choice", ["refuse", "zero"])
def test_tax_is_sent_on_every_line_whatever_sage_does_without(
    bench: SageBench, choice: str
) -> None:
    bench.options.change({"missing_tax_amount": choice})
    _, invoice, ref = billed(bench, "100.00", "50.00")
    assert Decimal(row(bench, ref)["tax_amount"]) == invoice.gst + invoice.qst
