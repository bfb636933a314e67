"""Rows of Membri → records: what is read, what is turned round, what is refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.chapters import Chapter, Chapters, UnknownChapter
from producers.columns import load_mapping
from producers.mapping import (
    ASSUMPTIONS,
    DISCOUNT_TEXT,
    FREIGHT_TEXT,
    Context,
    Unmappable,
    account,
    document_ref,
    invoice,
    invoice_type,
    is_paid,
    payment,
)
from schemas.chapters import ChapterSettings
from schemas.money import total
from schemas.reasons import Reason
from schemas.records import Account, Invoice, InvoiceType, PaymentMethod, discrepancy
from schemas.statuses import Status

MAPPING = load_mapping()
MONTREAL, QUEBEC = "c-montreal", "c-quebec"
CURRENCIES = {"cad-id": "CAD", "usd-id": "USD", "odd-id": "dollar"}


def context(**settings: Any) -> Context:
    chapter = Chapter(MONTREAL, "Montréal", "montreal", "quickbooks_online")
    if settings:
        chapter = Chapter(
            MONTREAL, "Montréal", "montreal", "quickbooks_online", ChapterSettings(**settings)
        )
    return Context(MAPPING, chapter, CURRENCIES)


def account_row(**values: Any) -> dict[str, Any]:
    row = {
        "@odata.etag": 'W/"5"',
        "accountid": "A-1",
        "name": "  Éco L'Été  ",
        "accountnumber": "C-100",
        "emailaddress1": "info@eco.example",
        "telephone1": "514 555-0100",
        "address1_line1": "1, rue du Port",
        "address1_line2": None,
        "address1_line3": "  ",
        "address1_city": "Montréal",
        "address1_stateorprovince": "QC",
        "address1_postalcode": "H2Y 1A1",
        "address1_country": "Canada",
        "membri_newaccountforsync": True,
        "membri_syncreference": "Éco L'Été inc.",
        "membri_syncstatus": 100000001,
        "_membri_mainchapterid_value": MONTREAL,
        "_transactioncurrencyid_value": "CAD-ID",
    }
    return row | values


def line_row(amount: str = "100.00", **values: Any) -> dict[str, Any]:
    row = {
        "invoicedetailid": "L-1",
        "productname": "Cotisation",
        "productdescription": None,
        "description": "Année 2026",
        "quantity": Decimal("2.0000000000"),
        "priceperunit": Decimal("50.0000"),
        "baseamount": Decimal(amount),
        "manualdiscountamount": None,
        "tax": Decimal("14.98"),
        "extendedamount": None,
        "membri_gstamount": Decimal("5.00"),
        "membri_qstamount": Decimal("9.98"),
        "lineitemnumber": 1,
    }
    return row | values


def invoice_row(*lines: dict[str, Any], **values: Any) -> dict[str, Any]:
    row = {
        "invoiceid": "I-1",
        "invoicenumber": "001482",
        "membri_invoicetype": 100000009,
        "membri_invoicedate": "2026-01-05",
        "duedate": None,
        "description": None,
        "billto_name": "Direction des comptes",
        "billto_line1": "2, rue du Port",
        "billto_city": "Québec",
        "totaldiscountamount": None,
        "freightamount": None,
        "membri_gstamount": Decimal("5.0000"),
        "membri_qstamount": Decimal("9.98"),
        "totalamount": Decimal("114.98"),
        "_transactioncurrencyid_value": "cad-id",
        "statuscode": 4,
        "membri_syncreference": None,
        "_membri_relatedinvoiceid_value": None,
        "membri_RelatedInvoiceId": None,
        "invoice_details": list(lines) or [line_row()],
    }
    return row | values


def payment_row(**values: Any) -> dict[str, Any]:
    row = {
        "membri_paymentid": "P-1",
        "membri_name": "Paiement 12",
        "membri_amount": Decimal("114.98"),
        "membri_paymentdate": "2026-02-01",
        "membri_paymenttype": 100000001,
        "_transactioncurrencyid_value": None,
        "membri_syncreference": "R-1",
        "membri_InvoiceId": {
            "invoiceid": "I-1",
            "invoicenumber": "001482",
            "membri_syncreference": "F-9",
            "membri_syncstatus": 100000002,
        },
    }
    return row | values


def customer() -> Account:
    return account(account_row(), context())


def mapped(*lines: dict[str, Any], **values: Any) -> Invoice:
    return invoice(invoice_row(*lines, **values), customer(), context())


def test_an_account_is_read_as_it_stands() -> None:
    found = customer()
    assert found.id == "a-1"
    assert found.name == "Éco L'Été"
    assert found.number == "C-100"
    assert found.address.lines == ("1, rue du Port",)
    assert found.address.province == "QC"
    assert found.currency == "CAD"
    assert found.reference == "Éco L'Été inc."
    assert found.status is Status.TO_TRANSFER
    assert found.dataversion == 'W/"5"'
    assert found.table == "account"


@pytest.mark.parametrize(
    ("main", "reference"), [(MONTREAL, "X"), (None, "X"), (QUEBEC, ""), ("C-MONTREAL", "X")]
)
def test_a_reference_of_another_chapters_books_is_not_given(
    main: str | None, reference: str
) -> None:
    row = account_row(_membri_mainchapterid_value=main, membri_syncreference="X")
    assert account(row, context()).reference == reference


@pytest.mark.parametrize(
    ("flag", "default", "expected"),
    [(None, False, False), (None, True, True), (False, True, False), (True, False, True)],
)
def test_rule_02_an_empty_flag_takes_the_settings_default(
    flag: bool | None, default: bool, expected: bool
) -> None:
    row = account_row(membri_newaccountforsync=flag)
    assert account(row, context(new_account_default=default)).new_account is expected


def test_an_unknown_status_is_none() -> None:
    assert account(account_row(membri_syncstatus=7), context()).status is None
    assert account(account_row(membri_syncstatus=None), context()).status is None


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


def test_an_invoice_without_number_is_still_mapped() -> None:
    assert mapped(invoicenumber=None).number == ""


def test_an_invoice_without_lines_is_mapped_for_the_check_to_refuse() -> None:
    assert mapped(invoice_details=[]).lines == ()
    assert mapped(invoice_details=None).lines == ()


def test_a_date_that_carries_a_time_keeps_its_day() -> None:
    found = mapped(membri_invoicedate="2026-01-05T04:00:00Z", duedate="2026-02-05")
    assert found.date == dt.date(2026, 1, 5)
    assert found.due_date == dt.date(2026, 2, 5)


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"membri_invoicedate": None}, Reason.MISSING_FIELD, "date"),
        ({"membri_invoicedate": "05/01/2026"}, Reason.INVALID_FIELD, "date"),
        ({"duedate": "hier"}, Reason.INVALID_FIELD, "due_date"),
        ({"totalamount": None}, Reason.MISSING_FIELD, "total"),
        ({"totalamount": Decimal("1.005")}, Reason.INVALID_FIELD, "total"),
        ({"totalamount": "cent"}, Reason.INVALID_FIELD, "total"),
        ({"totalamount": True}, Reason.INVALID_FIELD, "total"),
        ({"membri_gstamount": Decimal("0.123")}, Reason.INVALID_FIELD, "gst"),
        ({"_transactioncurrencyid_value": "absent"}, Reason.INVALID_FIELD, "currency"),
        ({"_transactioncurrencyid_value": "odd-id"}, Reason.INVALID_FIELD, "currency"),
    ],
)
def test_what_an_invoice_cannot_do_without_is_named(
    values: dict[str, Any], reason: Reason, field: str
) -> None:
    with pytest.raises(Unmappable) as problem:
        mapped(**values)
    assert (problem.value.reason, problem.value.field) == (reason, field)


def test_a_line_without_any_amount_is_named() -> None:
    with pytest.raises(Unmappable) as problem:
        mapped(line_row() | {"baseamount": None, "extendedamount": None})
    assert (problem.value.reason, problem.value.field) == (Reason.MISSING_FIELD, "amount")


def test_currencies_are_read_by_their_code() -> None:
    assert mapped(_transactioncurrencyid_value="usd-id").currency == "USD"
    assert mapped(_transactioncurrencyid_value=None).currency == "CAD"


def test_a_payment_goes_whole_on_its_invoice() -> None:
    found = payment(payment_row(), customer(), context())
    assert found.amount == Decimal("114.98")
    assert found.method is PaymentMethod.CARD
    [allocation] = found.allocations
    assert allocation.amount == found.amount
    assert (allocation.invoice.id, allocation.invoice.reference) == ("i-1", "F-9")
    assert found.reference == "R-1"
    assert found.currency == "CAD"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"membri_InvoiceId": None}, "invoice"),
        ({"membri_amount": None}, "amount"),
        ({"membri_paymentdate": None}, "date"),
    ],
)
def test_what_a_payment_cannot_do_without_is_named(values: dict[str, Any], field: str) -> None:
    with pytest.raises(Unmappable) as problem:
        payment(payment_row(**values), customer(), context())
    assert (problem.value.reason, problem.value.field) == (Reason.MISSING_FIELD, field)


def test_unknown_choices_are_other() -> None:
    assert payment(payment_row(membri_paymenttype=9), customer(), context()).method == "other"
    assert mapped(membri_invoicetype=None).type is InvoiceType.OTHER
    assert invoice_type({"membri_invoicetype": 100000002}, MAPPING) is InvoiceType.RENEWAL
    assert invoice_type({}, MAPPING) is InvoiceType.OTHER


@pytest.mark.parametrize(("status", "paid"), [(100001, True), (100002, False), (4, False)])
def test_rule_07_only_a_complete_payment_makes_an_invoice_paid(status: int, paid: bool) -> None:
    assert is_paid({"statuscode": status}, MAPPING) is paid
    assert mapped(statuscode=status).paid is paid


def test_no_related_invoice_is_none() -> None:
    assert document_ref(None, MAPPING) is None


def test_the_assumptions_are_written_down() -> None:
    assert "credit note" in ASSUMPTIONS
    assert "{" not in ASSUMPTIONS


amounts = st.decimals("-9999", "9999", places=2, allow_nan=False)


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


def test_a_record_goes_to_the_first_chapter_that_is_named() -> None:
    montreal = Chapter(MONTREAL, "Montréal", "montreal", "s")
    quebec = Chapter(QUEBEC, "Québec", "quebec", "s")
    both = Chapters([montreal, quebec])
    assert both.resolve("", QUEBEC) is quebec
    assert both.resolve(MONTREAL, QUEBEC) is montreal
    assert both.resolve("elsewhere", QUEBEC) is None
    with pytest.raises(UnknownChapter):
        both.resolve("", "")
    assert Chapters([quebec]).resolve("", "") is quebec


def test_no_chapter_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Chapters([])
