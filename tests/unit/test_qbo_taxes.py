"""Tax codes by their rates, and the exact override."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from consumers.systems._taxes import Treatment, treatments
from consumers.systems.quickbooks_online.taxes import TaxCodes, UnknownTax, override
from schemas.records import Account, Invoice, Line

RATES: list[dict[str, Any]] = [
    {"Id": "1", "RateValue": Decimal("5.0"), "Active": True, "SpecialTaxType": "NONE"},
    {"Id": "2", "RateValue": Decimal("9.975")},
    {"Id": "3", "RateValue": 0, "SpecialTaxType": "ZERO_RATE"},
    {"Id": "4", "RateValue": 5, "Active": False},
    {"Id": "5", "RateValue": 5, "SpecialTaxType": "ADJUSTMENT_RATE"},
    {"Id": "6", "RateValue": 13},
    {"Id": "7", "RateValue": 5},
]


def code(number: str, name: str, *rates: str, **more: Any) -> dict[str, Any]:
    details = [{"TaxRateRef": {"value": rate}} for rate in rates]
    return {"Id": number, "Name": name, "SalesTaxRateList": {"TaxRateDetail": details}, **more}


USUAL = [
    code("10", "TPS/TVQ QC - 9,975", "1", "2"),
    code("11", "GST", "1"),
    code("12", "QST", "2"),
    code("13", "Exonéré"),
    code("14", "Détaxé", "3"),
    code("15", "Hors du champ d’application"),
    code("16", "HST ON", "6"),
]


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [
        (Treatment.TAXABLE, "10"),
        (Treatment.GST_ONLY, "11"),
        (Treatment.QST_ONLY, "12"),
        (Treatment.EXEMPT, "13"),
        (Treatment.ZERO_RATED, "14"),
    ],
)
def test_codes_are_found_by_their_rates(treatment: Treatment, expected: str) -> None:
    assert TaxCodes(USUAL, RATES).code(treatment, {}).id == expected


@pytest.mark.parametrize(
    "unfit",
    [
        code("20", "inactive", "1", "2", Active=False),
        code("20", "hidden", "1", "2", Hidden=True),
        code("20", "inactive rate", "4", "2"),
        code("20", "adjustment", "5", "2"),
        code("20", "unknown rate", "99", "2"),
        {
            "Id": "20",
            "Name": "tax on tax, as before 2013",
            "SalesTaxRateList": {
                "TaxRateDetail": [
                    {"TaxRateRef": {"value": "1"}, "TaxTypeApplicable": "TaxOnAmount"},
                    {"TaxRateRef": {"value": "2"}, "TaxTypeApplicable": "TaxOnTax"},
                ]
            },
        },
    ],
)
def test_codes_that_cannot_be_used_are_left_aside(unfit: dict[str, Any]) -> None:
    assert TaxCodes([*USUAL, unfit], RATES).code(Treatment.TAXABLE, {}).id == "10"
    with pytest.raises(UnknownTax, match="0 active tax codes for taxable"):
        TaxCodes([unfit], RATES).code(Treatment.TAXABLE, {})


def test_two_codes_of_the_same_rates_ask_for_a_choice() -> None:
    codes = TaxCodes([*USUAL, code("30", "Autre", "7", "2")], RATES)
    with pytest.raises(UnknownTax) as info:
        codes.code(Treatment.TAXABLE, {})
    for part in ("TPS/TVQ QC", "Id 30", "tax_codes.taxable"):
        assert part in str(info.value)
    assert codes.code(Treatment.TAXABLE, {"taxable": "30"}).id == "30"
    assert codes.code(Treatment.TAXABLE, {"taxable": "Autre"}).id == "30"


def test_a_configured_code_must_exist() -> None:
    with pytest.raises(UnknownTax, match="'99' is no active QuickBooks tax code"):
        TaxCodes(USUAL, RATES).code(Treatment.EXEMPT, {"exempt": "99"})


def test_a_single_code_without_tax_needs_no_telling_name() -> None:
    codes = TaxCodes([code("40", "Sans taxe")], RATES)
    assert codes.code(Treatment.EXEMPT, {}).id == "40"


def line(amount: str, gst: str = "0", qst: str = "0", *, taxable: bool = False) -> Line:
    values = {"amount": amount, "gst": gst, "qst": qst, "taxable": taxable}
    return Line.model_validate(values)


def invoice(*lines: Line, gst: str = "0", qst: str = "0") -> Invoice:
    net = sum((one.amount for one in lines), Decimal(0))
    return Invoice(
        id="i",
        account=Account(id="a", name="A"),
        date=dt.date(2026, 1, 1),
        lines=lines,
        gst=Decimal(gst),
        qst=Decimal(qst),
        total=net + Decimal(gst) + Decimal(qst),
    )


@pytest.mark.parametrize(
    ("lines", "gst", "qst", "expected"),
    [
        ([line("100", "5", "9.98")], "5", "9.98", ["taxable"]),
        ([line("100", "5")], "5", "0", ["gst_only"]),
        ([line("100", "0", "9.98")], "0", "9.98", ["qst_only"]),
        ([line("100")], "0", "0", ["exempt"]),
        ([line("100", taxable=True)], "0", "0", ["zero_rated"]),
        # Too small for a tax of a cent: taxable all the same.
        ([line("0.04", taxable=True)], "0", "0", ["taxable"]),
        ([line("0.06", "0", "0.01", taxable=True)], "0", "0.01", ["taxable"]),
        ([line("0", taxable=True)], "0", "0", ["taxable"]),
        # Taxes on the invoice alone.
        ([line("100", taxable=True), line("50")], "5", "9.98", ["taxable", "exempt"]),
        ([line("100"), line("50")], "7.5", "14.96", ["taxable", "taxable"]),
        ([line("100", taxable=True)], "5", "0", ["gst_only"]),
        # By line: a line without tax is exempt.
        ([line("100", "5", "9.98"), line("20")], "5", "9.98", ["taxable", "exempt"]),
    ],
)
def test_each_line_is_taxed_as_membri_taxed_it(
    lines: list[Line], gst: str, qst: str, expected: list[str]
) -> None:
    assert treatments(invoice(*lines, gst=gst, qst=qst)) == expected


def test_an_override_repeats_the_taxes_to_the_cent() -> None:
    record = invoice(*(line("10.10", "0.51", "1.01"),) * 3, gst="1.53", qst="3.03")
    codes = TaxCodes(USUAL, RATES)
    made = override(record, [codes.code(Treatment.TAXABLE, {})] * 3)
    assert made["TotalTax"] == Decimal("4.56")
    told = [(t["TaxLineDetail"]["TaxRateRef"]["value"], t["Amount"]) for t in made["TaxLine"]]
    assert told == [("1", Decimal("1.53")), ("2", Decimal("3.03"))]
    nets = {t["TaxLineDetail"]["NetAmountTaxable"] for t in made["TaxLine"]}
    assert nets == {Decimal("30.30")}
    assert not any(t["TaxLineDetail"]["PercentBased"] for t in made["TaxLine"])


def test_two_rates_of_one_percentage_share_the_tax_and_lose_no_cent() -> None:
    record = invoice(line("10.10", "0.51", "1.01"), line("10.10", "0.50"), gst="1.01", qst="1.01")
    codes = TaxCodes([code("10", "both", "1", "2"), code("11", "other GST", "7")], RATES)
    both, gst = codes.code(Treatment.TAXABLE, {}), codes.code(Treatment.GST_ONLY, {})
    amounts = {
        t["TaxLineDetail"]["TaxRateRef"]["value"]: t["Amount"]
        for t in override(record, [both, gst])["TaxLine"]
    }
    assert amounts == {"1": Decimal("0.51"), "7": Decimal("0.50"), "2": Decimal("1.01")}
