"""Lines, taxes, header discounts and credit notes: what adds up in Membri adds up in a record."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.mapping import (
    DISCOUNT_TEXT,
    FREIGHT_TEXT,
    Unmappable,
)
from schemas.money import total
from schemas.reasons import Reason
from schemas.records import InvoiceType, discrepancy
from schemas.statuses import Status
from tests.unit.membri_rows import (
    line_row,
    mapped,
)

amounts = st.decimals("-9999", "9999", places=2, allow_nan=False)


def test_an_invoice_is_read_with_its_lines() -> None:
    found = mapped()
    assert (found.id, found.kind, found.number) == ("i-1", "invoice", "001482")
    assert found.date == dt.date(2026, 1, 5)
    assert found.type is InvoiceType.MANUAL
    assert found.billing_name == "Direction des comptes"
    assert found.billing_address.lines == ("2, rue du Port",)
    [line] = found.lines
    assert line.product == "Cotisation"
    assert line.description == "Année 2026"
    assert line.quantity == 2
    assert line.taxable
    assert discrepancy(found) is None


def test_lines_come_in_their_order() -> None:
    second = line_row("1.00", invoicedetailid="L-0", lineitemnumber=2)
    found = mapped(second, line_row())
    assert [line.amount for line in found.lines] == [Decimal("100.00"), Decimal("1.00")]


def test_a_line_is_net_of_its_discount() -> None:
    found = mapped(line_row(manualdiscountamount=Decimal("10.5000")))
    assert found.lines[0].amount == Decimal("89.50")


def test_a_line_without_base_amount_is_its_extended_amount_without_tax() -> None:
    row = line_row(extendedamount=Decimal("114.98")) | {"baseamount": None}
    assert mapped(row).lines[0].amount == Decimal("100.00")


def test_a_line_without_quantity_is_of_one() -> None:
    assert mapped(line_row(quantity=None)).lines[0].quantity == 1


def test_a_line_without_taxes_of_its_own_is_taxable_when_the_invoice_is_taxed() -> None:
    silent = line_row(membri_gstamount=None, membri_qstamount=None)
    assert mapped(silent).lines[0].taxable
    untaxed = mapped(silent, membri_gstamount=None, membri_qstamount=None)
    assert not untaxed.lines[0].taxable
    zero = line_row(membri_gstamount=Decimal(0), membri_qstamount=Decimal(0))
    assert not mapped(zero).lines[0].taxable


def test_a_header_without_taxes_takes_the_sum_of_the_lines() -> None:
    two = [line_row(invoicedetailid=f"L-{n}") for n in range(2)]
    found = mapped(*two, membri_gstamount=None, membri_qstamount=None)
    assert (found.gst, found.qst) == (Decimal("10.00"), Decimal("19.96"))


def test_the_headers_discount_and_freight_become_lines_that_add_up() -> None:
    found = mapped(
        totaldiscountamount=Decimal("20.00"),
        freightamount=Decimal("10.00"),
        membri_gstamount=Decimal("4.50"),
        membri_qstamount=Decimal("8.98"),
        totalamount=Decimal("103.48"),
    )
    assert [line.description for line in found.lines[1:]] == [DISCOUNT_TEXT, FREIGHT_TEXT]
    discount, freight = found.lines[1:]
    assert (discount.amount, freight.amount) == (Decimal("-20.00"), Decimal("10.00"))
    assert (discount.gst, freight.gst) == (Decimal("-1.00"), Decimal("0.50"))
    assert total(line.qst for line in found.lines) == found.qst
    assert discrepancy(found) is None


def test_an_untaxed_discount_is_not_taxable() -> None:
    found = mapped(totaldiscountamount=Decimal("20.00"), totalamount=Decimal("94.98"))
    assert not found.lines[1].taxable
    assert discrepancy(found) is None


def test_a_discount_equal_to_the_freight_still_adds_up() -> None:
    found = mapped(
        totaldiscountamount=Decimal("10.00"),
        freightamount=Decimal("10.00"),
        membri_gstamount=Decimal("5.01"),
        totalamount=Decimal("114.99"),
    )
    assert total(line.gst for line in found.lines) == found.gst
    assert discrepancy(found) is None


def test_taxes_given_on_the_header_only_stay_there_with_a_discount() -> None:
    silent = line_row(membri_gstamount=None, membri_qstamount=None)
    found = mapped(silent, totaldiscountamount=Decimal("10.00"), totalamount=Decimal("104.98"))
    assert found.lines[1].gst == 0
    assert discrepancy(found) is None


def test_wrong_figures_are_mapped_as_they_are_for_the_check_to_show() -> None:
    found = mapped(totalamount=Decimal("120.00"))
    shown = discrepancy(found)
    assert shown is not None
    assert (shown.expected, shown.found) == (Decimal("114.98"), Decimal("120.00"))


def test_rule_08_a_document_that_corrects_another_is_a_credit_note() -> None:
    related = {
        "invoiceid": "I-0",
        "invoicenumber": "001400",
        "membri_syncreference": "F-1",
        "membri_syncstatus": 100000002,
    }
    found = mapped(membri_RelatedInvoiceId=related, _membri_relatedinvoiceid_value="I-0")
    assert found.kind == "credit_note"
    assert found.corrects is not None
    assert (found.corrects.id, found.corrects.reference) == ("i-0", "F-1")
    assert found.corrects.status is Status.TRANSFERRED
    assert found.total == Decimal("114.98")


def test_rule_08_a_refund_is_a_credit_note() -> None:
    assert mapped(membri_invoicetype=100000010).kind == "credit_note"


def test_rule_08_a_negative_document_is_a_credit_note_of_positive_amounts() -> None:
    negative = line_row(
        "-120.00",
        quantity=Decimal(-2),
        priceperunit=Decimal("60.00"),
        membri_gstamount=Decimal("-6.00"),
        membri_qstamount=Decimal("-11.97"),
    )
    fee = line_row(
        "20.00",
        invoicedetailid="L-2",
        lineitemnumber=2,
        quantity=Decimal(1),
        priceperunit=Decimal("20.00"),
        membri_gstamount=Decimal("1.00"),
        membri_qstamount=Decimal("1.99"),
    )
    found = mapped(
        negative,
        fee,
        membri_gstamount=Decimal("-5.00"),
        membri_qstamount=Decimal("-9.98"),
        totalamount=Decimal("-114.98"),
    )
    assert found.kind == "credit_note"
    assert (found.total, found.gst, found.qst) == tuple(map(Decimal, ("114.98", "5.00", "9.98")))
    back, kept = found.lines
    assert (back.quantity, back.unit_price, back.amount) == (2, Decimal("60.00"), Decimal(120))
    assert (kept.quantity, kept.unit_price, kept.amount) == (1, Decimal("-20.00"), Decimal(-20))
    assert discrepancy(found) is None


def test_a_document_of_zero_writes_no_negative_zero() -> None:
    found = mapped(
        line_row("0.00", membri_gstamount=None, membri_qstamount=None),
        membri_gstamount=None,
        membri_qstamount=None,
        totalamount=Decimal("0.00"),
    )
    assert '"-0' not in found.model_dump_json()


def test_an_invoice_without_lines_is_mapped_for_the_check_to_refuse() -> None:
    assert mapped(invoice_details=[]).lines == ()
    assert mapped(invoice_details=None).lines == ()


def test_a_line_without_any_amount_is_named() -> None:
    with pytest.raises(Unmappable) as problem:
        mapped(line_row() | {"baseamount": None, "extendedamount": None})
    assert (problem.value.reason, problem.value.field) == (Reason.MISSING_FIELD, "amount")


@given(
    lines=st.lists(amounts, min_size=1, max_size=6),
    gst=amounts,
    qst=amounts,
    discount=st.decimals("0", "500", places=2),
    freight=st.decimals("0", "500", places=2),
)
def test_a_row_that_adds_up_gives_a_record_that_adds_up(
    lines: list[Decimal], gst: Decimal, qst: Decimal, discount: Decimal, freight: Decimal
) -> None:
    rows = [
        line_row(str(n), invoicedetailid=str(i), membri_gstamount=None, membri_qstamount=None)
        for i, n in enumerate(lines)
    ]
    due = sum(lines, Decimal(0)) - discount + freight + gst + qst
    found = mapped(
        *rows,
        membri_gstamount=gst,
        membri_qstamount=qst,
        totaldiscountamount=discount,
        freightamount=freight,
        totalamount=due,
    )
    assert found.total == abs(due)
    assert found.subtotal + found.gst + found.qst == found.total
    assert (due < 0) == (found.kind == "credit_note")


@given(
    taxes=st.lists(st.tuples(amounts, amounts), min_size=1, max_size=5),
    discount=st.decimals("0", "500", places=2),
    freight=st.decimals("0", "500", places=2),
    gst=amounts,
)
def test_taxes_by_line_always_give_the_headers_when_there_is_a_header_line(
    taxes: list[tuple[Decimal, Decimal]], discount: Decimal, freight: Decimal, gst: Decimal
) -> None:
    rows = [
        line_row(invoicedetailid=str(i), membri_gstamount=g, membri_qstamount=q)
        for i, (g, q) in enumerate(taxes)
    ]
    found = mapped(
        *rows,
        membri_gstamount=gst,
        membri_qstamount=None,
        totaldiscountamount=discount,
        freightamount=freight,
    )
    if (discount or freight) and any(g or q for g, q in taxes):
        assert total(line.gst for line in found.lines) == found.gst
    assert found.qst == total(q for _, q in taxes)
