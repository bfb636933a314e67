"""Rows of Membri → records: what is read, what is refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from producers.chapters import Chapter, Chapters, UnknownChapter
from producers.mapping import (
    ASSUMPTIONS,
    Unmappable,
    account,
    document_ref,
    invoice_type,
    is_paid,
    payment,
)
from schemas.reasons import Reason
from schemas.records import InvoiceType, PaymentMethod
from schemas.statuses import Status
from tests.unit.membri_rows import (
    MAPPING,
    MONTREAL,
    QUEBEC,
    account_row,
    context,
    customer,
    mapped,
    payment_row,
)


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


def test_an_invoice_without_number_is_still_mapped() -> None:
    assert mapped(invoicenumber=None).number == ""


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
