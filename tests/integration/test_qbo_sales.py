"""Invoices in the sandbox's books: the form and its taxes, exact to the cent or not there."""

from __future__ import annotations

from decimal import Decimal

import pytest

from consumers.errors import OutcomeUnknown
from consumers.system import RemoteRef
from ops.sandbox.quickbooks_online.company import (
    ITEM_EVENT,
    TAX_EXEMPT,
    TAX_GST_QST,
    TERM_NET_15,
)
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Address, Line
from tests.contracts.conformance_qbo import (
    ACCOUNTS,
    QuickBooksBench,
)
from tests.contracts.conformance_world import (
    Delivery,
    an_account,
    an_invoice,
    rejected,
)
from tests.integration.qbo_books import billed, by_line, customer_of, row

pytest_plugins = ["tests.fixtures_qbo"]


def test_a_form_holds_what_membri_says_and_nothing_of_the_library(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    lines = (
        Line(
            description="Cotisation",
            quantity=Decimal(2),
            unit_price=Decimal("49.995"),
            amount=Decimal("99.99"),
            taxable=True,
        ),
        Line(
            product="Rabais compris",
            quantity=Decimal(1),
            unit_price=Decimal(20),
            amount=Decimal("15.00"),
            taxable=True,
        ),
        Line(description="Don", amount=Decimal("10.00")),
    )
    invoice = an_invoice(
        account,
        lines=lines,
        gst="5.75",
        qst="11.47",
        total="142.21",
        due_date="2026-04-13",
        description="Merci",
        billing_name="Comptes à payer",
        billing_address=Address(lines=("1", "2", "3", "4", "5", "6"), city="Lévis"),
        type="event",
    )
    ref = bench.system.transfer(Delivery(invoice, customer).task()).ref
    made = row(bench, "Invoice", ref)
    assert made["DocNumber"] == invoice.number
    assert (made["TxnDate"], made["DueDate"]) == ("2026-03-14", "2026-04-13")
    assert made["PrivateNote"] == f"membri:invoice:{invoice.id}"
    assert made["CustomerMemo"] == {"value": "Merci"}
    billing = made["BillAddr"]
    assert [billing[f"Line{n}"] for n in range(1, 6)] == [
        *("Comptes à payer", "1", "2", "3", "4, 5, 6"),
    ]
    details = [line["SalesItemLineDetail"] for line in made["Line"][:3]]
    assert [d["ItemRef"]["value"] for d in details] == [ITEM_EVENT] * 3
    assert [d["TaxCodeRef"]["value"] for d in details] == [TAX_GST_QST, TAX_GST_QST, TAX_EXEMPT]
    assert (details[0]["Qty"], details[0]["UnitPrice"]) == (2, 49.995)
    assert "Qty" not in details[1], "a discounted line goes as an amount (6070)"
    assert made["Line"][1]["Description"] == "Rabais compris"
    for unwanted in ("ExchangeRate", "ShipDate", "Deposit", "TrackingNum", "AllowIPNPayment"):
        assert unwanted not in made


def test_terms_are_named_where_the_chapter_has_them(bench: QuickBooksBench) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"terms": "Net 15"})
    bench.restarted()
    _, _, ref = billed(bench)
    made = row(bench, "Invoice", ref)
    assert made["SalesTermRef"]["value"] == TERM_NET_15
    assert made["DueDate"] == "2026-03-29"


def test_a_negative_line_becomes_a_discount_before_taxes(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    invoice = an_invoice(account, "100.00", "-20.00")
    assert list(bench.system.check(invoice)) == []
    ref = bench.system.transfer(Delivery(invoice, customer).task()).ref
    made = row(bench, "Invoice", ref)
    assert Decimal(str(made["TotalAmt"])) == invoice.total == Decimal("91.98")
    kinds = [line["DetailType"] for line in made["Line"]]
    assert kinds == ["SalesItemLineDetail", "DiscountLineDetail", "SubTotalLineDetail"]


@pytest.mark.parametrize(
    "lines",
    [
        (("100.00", True), ("-20.00", False)),
        (("-20.00", True),),
    ],
)
def test_a_discount_that_quickbooks_cannot_hold_is_told(
    bench: QuickBooksBench, lines: tuple[tuple[str, bool], ...]
) -> None:
    made = tuple(Line(amount=Decimal(amount), taxable=taxable) for amount, taxable in lines)
    net = sum(line.amount for line in made)
    invoice = an_invoice(
        an_account(), lines=made, gst="5.00", qst="9.98", total=net + Decimal("14.98")
    )
    reasons = [p.reason for p in bench.system.check(invoice)]
    assert Reason.NOT_SUPPORTED in reasons


def test_other_taxes_than_membris_leave_nothing_in_the_books(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    delivery = Delivery(by_line(account), customer)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        delivery.attempt(bench.system)
    for figure in ("34.84", "34.86", "4.54", "4.56", "GST 1.53", "QST 3.03", "3.02"):
        assert figure in refusal[0].detail
    assert refusal[0].field == "total"
    assert bench.held(delivery.record).count == 0


def test_the_company_may_round_by_line(bench: QuickBooksBench) -> None:
    bench.sandbox.options.change({"tax_rounding": "line"})
    account = an_account()
    delivery = Delivery(by_line(account), customer_of(bench, account))
    delivery.attempt(bench.system)
    assert bench.held(delivery.record).total == Decimal("34.86")


def test_an_override_makes_quickbooks_keep_membris_taxes(bench: QuickBooksBench) -> None:
    account = an_account()
    delivery = Delivery(by_line(account), customer_of(bench, account))
    delivery.attempt(bench.connector(send_tax_override=True))
    assert bench.held(delivery.record).total == Decimal("34.86")


def test_after_a_mismatch_a_corrected_setting_is_enough(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    invoice = by_line(account)
    with rejected(Reason.TAX_MISMATCH):
        Delivery(invoice, customer).attempt(bench.system)
    # The engine gives another key after a definite refusal: an old answer must not be replayed.
    Delivery(invoice, customer).attempt(bench.connector(send_tax_override=True))
    assert bench.held(invoice).count == 1


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "status_after"])
@pytest.mark.parametrize("numbered", [True, False])
def test_a_mismatch_leaves_nothing_wherever_a_reply_is_lost(
    bench: QuickBooksBench, kind: str, *, numbered: bool
) -> None:
    for skip in range(12):
        account = an_account()
        customer = customer_of(bench, account)
        invoice = by_line(account)
        if not numbered:
            invoice = invoice.model_copy(update={"number": ""})
        delivery = Delivery(invoice, customer)
        bench.sandbox.faults.arm(kind=kind, status=504, path="/v3/", skip=skip)
        with rejected(Reason.TAX_MISMATCH):
            delivery.carry(bench)
        assert bench.held(invoice).count == 0
        if not bench.spoiled():
            return
    raise AssertionError("the requests never ended")


def test_a_wrong_form_that_cannot_be_removed_is_told_to_be_removed_by_hand(
    bench: QuickBooksBench,
) -> None:
    account = an_account()
    delivery = Delivery(by_line(account), customer_of(bench, account))
    fault = '{"Fault":{"Error":[{"Message":"locked","code":"6480"}],"type":"ValidationFault"}}'
    bench.sandbox.faults.arm(kind="status", path="operation=delete", status=400, body=fault)
    with rejected(Reason.TAX_MISMATCH) as refusal:
        delivery.attempt(bench.system)
    assert "remove it by hand" in refusal[0].detail
    assert bench.held(delivery.record).count == 1
    bench.sandbox.faults.arm(kind="status", path="operation=delete", status=500)
    with pytest.raises(OutcomeUnknown):
        bench.system.transfer(delivery.task())


def test_what_a_dead_transfer_left_wrong_is_replaced_once_the_setting_is_right(
    bench: QuickBooksBench,
) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    invoice = by_line(account)
    bench.sandbox.faults.arm(kind="drop_after", path="/invoice", contains=invoice.id)
    with pytest.raises(OutcomeUnknown):
        Delivery(invoice, customer).attempt(bench.system)
    assert bench.held(invoice).total == Decimal("34.84")
    right = bench.connector(send_tax_override=True)
    with_another_key = Delivery(invoice, customer)
    assert with_another_key.look(right).unfinished  # type: ignore[union-attr]  # it is found
    with_another_key.attempt(right)
    assert (bench.held(invoice).count, bench.held(invoice).total) == (1, Decimal("34.86"))


def test_the_same_is_replaced_when_it_is_met_as_a_taken_number(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    invoice = by_line(account)
    bench.sandbox.faults.arm(kind="drop_after", path="/invoice", contains=invoice.id)
    with pytest.raises(OutcomeUnknown):
        Delivery(invoice, customer).attempt(bench.system)
    right = bench.connector(send_tax_override=True)
    receipt = right.transfer(Delivery(invoice, customer).task())
    assert receipt.action is Action.CREATED
    assert (bench.held(invoice).count, bench.held(invoice).total) == (1, Decimal("34.86"))


def test_a_form_that_a_person_touched_is_never_removed(bench: QuickBooksBench) -> None:
    account = an_account()
    customer = customer_of(bench, account)
    invoice = by_line(account)
    bench.sandbox.faults.arm(kind="drop_after", path="/invoice", contains=invoice.id)
    with pytest.raises(OutcomeUnknown):
        Delivery(invoice, customer).attempt(bench.system)
    (made,) = [r for r in bench.rows("Invoice") if r.get("DocNumber") == invoice.number]
    bench.accountant(entity="Invoice", id=made["Id"], set={"CustomerMemo": {"value": "vu"}})
    with rejected(Reason.DIFFERS_FROM_BOOKS):
        Delivery(invoice, customer).attempt(bench.system)
    with rejected(Reason.DIFFERS_FROM_BOOKS):
        bench.system.transfer(Delivery(invoice, customer).task())
    with rejected(Reason.DIFFERS_FROM_BOOKS):
        bench.system.transfer(Delivery(invoice, customer).task(made["Id"]))
    assert bench.held(invoice).count == 1


def test_a_tax_that_the_company_does_not_have_is_told(bench: QuickBooksBench) -> None:
    bench.accounts = ACCOUNTS.model_copy(update={"tax_codes": {"taxable": "999"}})
    bench.restarted()
    account = an_account()
    invoice = an_invoice(account)
    problems = bench.system.check(invoice)
    assert [(p.reason, p.field) for p in problems] == [(Reason.UNKNOWN_TAX, "lines.0.gst")]
    assert "999" in problems[0].detail
    with rejected(Reason.UNKNOWN_TAX):
        bench.system.transfer(Delivery(invoice, RemoteRef("1", "x")).task())


def test_a_company_without_sales_tax_takes_untaxed_invoices_only(bench: QuickBooksBench) -> None:
    bench.accountant(preferences={"TaxPrefs": {"UsingSalesTax": False}})
    account = an_account()
    reasons = [p.reason for p in bench.system.check(an_invoice(account))]
    assert reasons == [Reason.UNKNOWN_TAX]
    untaxed = an_invoice(account, lines=(Line(amount=Decimal(9)),), gst="0", qst="0", total="9")
    assert list(bench.system.check(untaxed)) == []
    assert "sales tax is not set up in QuickBooks" in bench.system.probe().notes
