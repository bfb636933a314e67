"""Markers, numbers, addresses, periods and taxes of Sage 300: no socket."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from consumers.systems._keys import compact, entry_number, same_name
from consumers.systems.sage_300 import odata, periods, taxes
from consumers.systems.sage_300.batches import (
    INVOICES,
    JOURNALS,
    RECEIPTS,
    Kind,
    Stage,
    path,
    stage_of,
)
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.markers import (
    document_number,
    marker,
    owner,
    parts,
    receipt_number,
    remote_id,
    set_aside_mark,
)
from schemas.reasons import Reason
from schemas.records import Invoice, Line
from tests.contracts.conformance_world import an_account, an_invoice

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def test_a_marker_fits_the_description_of_a_batch_whatever_the_record() -> None:
    for what in ("invoice", "payment", "application", "journal_entry"):
        assert len(marker(what, UUID)) <= 60
        assert len(marker(what, "x" * 64)) <= 60
    assert marker("invoice", UUID) == "membri:invoice:0f8fad5bd9cb469fa16570867728950e"
    assert compact("x" * 64) != compact("x" * 63)
    assert len(compact("x" * 64)) == 32


def test_the_owner_of_a_batch_is_read_from_its_description() -> None:
    assert owner(marker("invoice", UUID), "invoice") == compact(UUID)
    assert owner("Saisie manuelle", "invoice") == ""
    assert owner(marker("payment", UUID), "invoice") == ""


def test_a_batch_set_aside_no_longer_bears_our_marker_and_names_its_record() -> None:
    renamed = set_aside_mark(marker("journal_entry", UUID))
    assert len(renamed) <= 60
    assert renamed.startswith("NE PAS VALIDER/DO NOT POST ")
    assert compact(UUID) in renamed
    assert owner(renamed, "journal_entry") == ""


def test_numbers_of_ours_are_stable_and_fit() -> None:
    assert document_number("f-1", UUID) == "F-1"
    made = document_number("", UUID)
    assert (made, len(made), made[0]) == (document_number(" ", UUID), 22, "M")
    assert made == made.upper()
    assert receipt_number(UUID).startswith("MP-")
    assert len(receipt_number(UUID)) == 15
    assert entry_number(UUID).startswith("RPA-")
    assert len({receipt_number(one) for one in (UUID, "a", "b")}) == 3


def test_a_remote_id_holds_the_customer_and_the_number() -> None:
    assert parts(remote_id("M00042", "F-1")) == ("M00042", "F-1")
    assert parts("F-1") == ("", "F-1")


def test_names_are_compared_without_case_nor_the_way_accents_are_written() -> None:
    assert same_name("Côté", "CO\u0302TE\u0301 ")
    assert not same_name("Côté", "Coté")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (odata.entity("AR/ARCustomers", key="O'Brien 1"), "AR/ARCustomers('O''Brien%201')"),
        (odata.entity("AR/ARCustomers", key="A/B"), "AR/ARCustomers('A%2FB')"),
        (odata.entity("AR/ARInvoiceBatches", key=66), "AR/ARInvoiceBatches(66)"),
        (
            odata.entity("AR/X", BatchRecordType="CA", BatchNumber=65),
            "AR/X(BatchRecordType='CA',BatchNumber=65)",
        ),
        (odata.action("AR/ARPostInvoices", "$process"), "AR/ARPostInvoices('$process')"),
        (odata.equal(A="x", B=2), "A eq 'x' and B eq 2"),
        (
            odata.address("https://h/-/C", "AR/X", filter="A eq 'é &+'"),
            "https://h/-/C/AR/X?$filter=A%20eq%20%27%C3%A9%20%26%2B%27",
        ),
    ],
)
def test_addresses_and_filters_are_quoted_then_encoded(made: str, expected: str) -> None:
    assert made == expected


@pytest.mark.parametrize(
    ("kind", "row", "stage"),
    [
        (INVOICES, {"BatchStatus": "ReadyToPost"}, Stage.READY),
        (INVOICES, {"BatchStatus": "7"}, Stage.READY),
        (INVOICES, {"BatchStatus": 5}, Stage.POSTING),
        (INVOICES, {"BatchStatus": "4"}, Stage.DELETED),
        (JOURNALS, {"Status": "3"}, Stage.DELETED),
        (JOURNALS, {"Status": "4"}, Stage.POSTED),
        (JOURNALS, {"Status": "Open", "ReadyToPost": "Yes"}, Stage.READY),
        (JOURNALS, {"Status": "Open", "ReadyToPost": "No"}, Stage.OPEN),
        (JOURNALS, {"Status": "ProvPosted"}, Stage.OTHER),
        (INVOICES, {}, Stage.OTHER),
    ],
)
def test_a_status_is_read_by_its_caption_or_its_number(kind: Kind, row: Json, stage: Stage) -> None:
    assert stage_of(kind, row) is stage


def test_the_key_of_a_batch_is_a_number_a_pair_or_six_digits() -> None:
    assert path(INVOICES, "66") == "AR/ARInvoiceBatches(66)"
    pair = "AR/ARReceiptAndAdjustmentBatches(BatchRecordType='CA',BatchNumber=65)"
    assert path(RECEIPTS, "65") == pair
    assert path(JOURNALS, "000490") == "GL/GLJournalBatches('000490')"


# --- periods --------------------------------------------------------------------------------------


def a_year(year: int, **values: str) -> Json:
    return {
        "FiscalYear": str(year),
        "NumberofFiscalPeriods": 2,
        "FiscalPeriod1StartDate": f"{year}-01-01T00:00:00Z",
        "FiscalPeriod1EndDate": f"{year}-06-30T00:00:00Z",
        "FiscalPeriod2StartDate": f"{year}-07-01T00:00:00Z",
        "FiscalPeriod2EndDate": f"{year}-12-31T00:00:00Z",
        **values,
    }


MARCH = dt.date(2026, 3, 14)


def found(mode: str, locked: dict[str, str], *applications: str) -> list[Any]:
    calendar = a_year(
        2026, **{f"FiscalPeriod1{name}Locked": value for name, value in locked.items()}
    )
    profile = {"LockedFiscalPeriod": mode}
    return list(periods.problems([calendar], profile, MARCH, applications))


def test_a_date_outside_the_calendar_has_no_period_yet() -> None:
    problems = list(periods.problems([a_year(2025)], {}, MARCH, ("AR",)))
    assert [(p.reason, p.field) for p in problems] == [(Reason.PERIOD_NOT_OPEN, "date")]


@pytest.mark.parametrize(
    ("mode", "module", "refused"),
    [
        ("Error", "AR", True),
        ("Warning", "AR", False),
        ("None", "AR", False),
        ("Error", "GL", True),
        ("Warning", "GL", True),  # the ledger refuses at posting in any case
        ("None", "GL", True),
        ("Error", "BK", False),  # not asked of
    ],
)
def test_a_lock_counts_by_application_and_by_the_company_s_option(
    mode: str, module: str, refused: bool
) -> None:
    problems = found(mode, {module: "Yes"}, "AR", "GL")
    assert [p.reason for p in problems] == ([Reason.CLOSED_PERIOD] if refused else [])


def test_another_period_s_lock_is_no_matter() -> None:
    calendar = a_year(2026, FiscalPeriod2ARLocked="Yes", FiscalPeriod2GLLocked="Yes")
    assert list(periods.problems([calendar], {}, MARCH, ("AR", "GL"))) == []


# --- taxes ----------------------------------------------------------------------------------------


def a_group(*names: str, **values: str) -> Json:
    return {**{f"TaxAuthority{n}": name for n, name in enumerate(names, 1)}, **values}


def rates(percent: str, buyer: int = 1) -> list[Json]:
    return [{"BuyerClass": buyer, "ItemRate1": Decimal(percent), "ItemRate2": Decimal(0)}]


BOTH = {"TPS": rates("5.000"), "TVQ": rates("9.97500")}
EXEMPT = {"exempt": "2"}


def quebec(*names: str, **configured: str) -> taxes.Taxes:
    return taxes.read_taxes(a_group(*(names or ("TPS", "TVQ"))), BOTH, 1, configured or EXEMPT)


def test_authorities_are_known_by_their_rates_in_any_order() -> None:
    read = quebec("TVQ", "TPS")
    assert read.gst is not None
    assert read.qst is not None
    assert (read.gst.name, read.gst.slot, read.qst.name, read.qst.slot) == ("TPS", 2, "TVQ", 1)
    assert read.others == ()


def test_the_customers_class_decides_which_rates_count() -> None:
    read = taxes.read_taxes(a_group("TPS"), {"TPS": rates("5", buyer=2)}, 1, {})
    assert (read.gst, [one.name for one in read.others]) == (None, ["TPS"])


@pytest.mark.parametrize(
    ("configured", "words"),
    [({"taxable": "11"}, "11"), ({"exempt": "E"}, "E"), ({"gst_only": "1"}, "gst_only")],
)
def test_tax_codes_are_item_classes_from_1_to_10(configured: dict[str, str], words: str) -> None:
    with pytest.raises(taxes.UnknownTax) as info:
        taxes.classes(configured)
    assert words in str(info.value)


def an_invoice_of(*lines: Line, gst: str, qst: str) -> Invoice:
    return an_invoice(an_account(), lines=lines, gst=Decimal(gst), qst=Decimal(qst))


def a_line(net: str, gst: str = "0", qst: str = "0", *, taxable: bool = False) -> Line:
    return Line(amount=Decimal(net), gst=Decimal(gst), qst=Decimal(qst), taxable=taxable)


def test_each_line_has_its_class_under_each_authority() -> None:
    invoice = an_invoice_of(
        a_line("100", "5", "9.98", taxable=True),
        a_line("10", "0.50"),
        a_line("20"),
        a_line("0.01", taxable=True),
        gst="5.50",
        qst="9.98",
    )
    expected = [{1: 1, 2: 1}, {1: 1, 2: 2}, {1: 2, 2: 2}, {1: 1, 2: 1}]
    assert taxes.line_classes(invoice, quebec()) == expected


def test_taxes_of_the_invoice_alone_go_by_the_flag_of_its_lines() -> None:
    flagged = an_invoice_of(a_line("100", taxable=True), a_line("50"), gst="5", qst="9.98")
    assert taxes.line_classes(flagged, quebec()) == [{1: 1, 2: 1}, {1: 2, 2: 2}]
    unflagged = an_invoice_of(a_line("100"), gst="5", qst="0")
    assert taxes.line_classes(unflagged, quebec()) == [{1: 1, 2: 2}]


def test_a_tax_that_the_group_has_not_is_told_with_what_it_has() -> None:
    invoice = an_invoice_of(a_line("100", "5", "9.98"), gst="5", qst="9.98")
    with pytest.raises(taxes.UnknownTax) as info:
        taxes.line_classes(invoice, quebec("TPS"))
    assert "QST" in str(info.value)
    assert "TPS at 5 %" in str(info.value)
    with pytest.raises(taxes.UnknownTax) as none:
        taxes.line_classes(invoice, taxes.read_taxes({}, {}, 1, {}))
    assert ": -" in str(none.value)


def test_a_line_without_tax_needs_the_exempt_class() -> None:
    invoice = an_invoice_of(a_line("100"), gst="0", qst="0")
    with pytest.raises(taxes.UnknownTax) as info:
        taxes.line_classes(invoice, quebec("TPS", taxable="1"))
    assert "tax_codes.exempt" in str(info.value)
    nothing = taxes.read_taxes({}, {}, 1, {})
    assert taxes.line_classes(invoice, nothing) == [{}]


def test_another_authority_of_the_group_taxes_nothing() -> None:
    invoice = an_invoice_of(a_line("100", "5"), gst="5", qst="0")
    read = taxes.read_taxes(
        a_group("TPS", "ECO"), {"TPS": rates("5"), "ECO": rates("1")}, 1, EXEMPT
    )
    assert taxes.line_classes(invoice, read) == [{1: 1, 2: 2}]


def test_shares_make_the_tax_to_the_cent() -> None:
    nets = [Decimal("33.33"), Decimal(20), Decimal("33.33"), Decimal("33.34")]
    found = taxes.shares(Decimal("5.01"), nets, [True, False, True, True])
    assert sum(found) == Decimal("5.01")
    assert found[1] == 0
    assert taxes.shares(Decimal(0), nets, [False] * 4) == [0, 0, 0, 0]
