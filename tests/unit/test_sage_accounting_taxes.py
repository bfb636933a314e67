"""Which tax rate a line needs, and its share of the taxes to the cent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.systems._taxes import Treatment
from consumers.systems.sage_accounting.taxes import TaxRates, UnknownTax, line_taxes
from schemas.money import cents
from schemas.records import Account, Invoice, Line

RATES: list[dict[str, Any]] = [
    {
        "id": "both",
        "name": "GST/QST QC",
        "percentage": "14.975",
        "component_tax_rates": [
            {"id": "gst", "percentage": "5.0"},
            {"id": "qst", "percentage": "9.975"},
        ],
    },
    {"id": "gst", "name": "GST", "percentage": "5.0", "component_tax_rates": []},
    {"id": "qst", "name": "QST", "percentage": "9.975"},
    {"id": "hst", "name": "HST", "percentage": 13.0},
    {"id": "zero", "name": "Zero Rated", "percentage": "0.0"},
    {"id": "exempt", "name": "Exempt", "percentage": 0},
    {"id": "none", "name": "No Tax", "percentage": "0.0"},
    {"id": "hidden", "name": "Old", "percentage": "5.0", "is_visible": False},
]


def invoice(*lines: dict[str, Any], gst: str = "0", qst: str = "0") -> Invoice:
    made = tuple(Line.model_validate(line) for line in lines)
    total = sum((line.amount for line in made), Decimal(gst) + Decimal(qst))
    values = {"id": "i", "account": Account(id="a", name="A"), "date": "2026-03-14", "lines": made}
    return Invoice.model_validate({**values, "gst": gst, "qst": qst, "total": total})


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [
        (Treatment.TAXABLE, "both"),
        (Treatment.GST_ONLY, "gst"),
        (Treatment.QST_ONLY, "qst"),
        (Treatment.EXEMPT, "exempt"),
        (Treatment.ZERO_RATED, "zero"),
    ],
)
def test_a_rate_is_found_by_its_percentages_never_by_a_guessed_id(
    treatment: Treatment, expected: str
) -> None:
    assert TaxRates(RATES).rate(treatment, {}).id == expected


def test_components_may_be_bare_references() -> None:
    bare = [{**RATES[0], "component_tax_rates": [{"id": "gst"}, {"id": "qst"}]}, *RATES[1:]]
    assert TaxRates(bare).rate(Treatment.TAXABLE, {}).id == "both"
    assert [str(part) for part in TaxRates(bare).rates[0].parts] == ["5", "9.975"]


def test_a_rate_of_the_right_sum_serves_where_none_says_its_components() -> None:
    plain = [{"id": "sum", "name": "TPS/TVQ", "percentage": "14.975"}]
    assert TaxRates(plain).rate(Treatment.TAXABLE, {}).id == "sum"
    assert TaxRates([*plain, *RATES]).rate(Treatment.TAXABLE, {}).id == "both"


def test_none_or_several_are_told_with_what_to_set() -> None:
    with pytest.raises(UnknownTax, match=r"0 tax rates for taxable \(5 % \+ 9.975 %\): -"):
        TaxRates(RATES[1:]).rate(Treatment.TAXABLE, {})
    twice = [*RATES, {**RATES[0], "id": "again"}]
    with pytest.raises(UnknownTax, match=r"2 tax rates.*both.*again.*tax_codes.taxable"):
        TaxRates(twice).rate(Treatment.TAXABLE, {})


def test_a_configured_rate_goes_before_the_search() -> None:
    rates = TaxRates(RATES)
    assert rates.rate(Treatment.EXEMPT, {"exempt": "none"}).id == "none"
    assert rates.rate(Treatment.EXEMPT, {"exempt": "No Tax"}).id == "none"
    with pytest.raises(UnknownTax, match=r"tax_codes.exempt = 'nope'"):
        rates.rate(Treatment.EXEMPT, {"exempt": "nope"})


def test_the_pages_two_roundings_are_kept_apart() -> None:
    """10.10: 0.51 + 1.01 = 1.52, where 14.975 % at once gives 1.51 (section 6)."""
    (tax,) = line_taxes(invoice({"amount": "10.10", "taxable": True}, gst="0.51", qst="1.01"))
    assert (tax.gst + tax.qst, tax.treatment) == (Decimal("1.52"), Treatment.TAXABLE)


def test_cents_left_over_go_where_rounding_took_most() -> None:
    lines = [{"amount": "0.10", "taxable": True}] * 3
    taxes = line_taxes(invoice(*lines, gst="0.02", qst="0.03"))
    assert sorted(tax.gst for tax in taxes) == [Decimal("0.00"), Decimal("0.01"), Decimal("0.01")]
    assert [tax.qst for tax in taxes] == [Decimal("0.01")] * 3


def test_taxes_given_by_line_are_kept() -> None:
    lines = [
        {"amount": "10.00", "gst": "0.50", "qst": "1.00", "taxable": True},
        {"amount": "10.00"},
    ]
    taxed, exempt = line_taxes(invoice(*lines, gst="0.50", qst="1.00"))
    assert (taxed.gst, taxed.qst) == (Decimal("0.50"), Decimal("1.00"))
    assert (exempt.gst, exempt.qst, exempt.treatment) == (0, 0, Treatment.EXEMPT)


@pytest.mark.parametrize(
    ("line", "gst", "qst", "treatment"),
    [
        ({"amount": "100.00", "taxable": True}, "5.00", "0", Treatment.GST_ONLY),
        ({"amount": "100.00", "taxable": True}, "0", "9.98", Treatment.QST_ONLY),
        ({"amount": "0.05", "taxable": True}, "0", "0", Treatment.TAXABLE),
        ({"amount": "0.08", "taxable": True}, "0", "0.01", Treatment.TAXABLE),
        ({"amount": "0.11", "taxable": True}, "0.01", "0.01", Treatment.TAXABLE),
        ({"amount": "0.04", "gst": "0.01", "taxable": True}, "0.01", "0", Treatment.TAXABLE),
        ({"amount": "100.00", "taxable": True}, "0", "0", Treatment.ZERO_RATED),
        ({"amount": "100.00"}, "0", "0", Treatment.EXEMPT),
        ({"amount": "100.00"}, "5.00", "9.98", Treatment.TAXABLE),
    ],
)
def test_how_a_line_is_taxed(line: dict[str, Any], gst: str, qst: str, treatment: str) -> None:
    (tax,) = line_taxes(invoice(line, gst=gst, qst=qst))
    assert tax.treatment == treatment


def test_a_line_that_is_not_taxable_bears_nothing_of_the_invoices_taxes() -> None:
    lines = [{"amount": "100.00", "taxable": True}, {"amount": "50.00"}]
    taxed, exempt = line_taxes(invoice(*lines, gst="5.00", qst="9.98"))
    assert (taxed.gst, exempt.gst, exempt.qst) == (Decimal("5.00"), 0, 0)
    assert exempt.treatment is Treatment.EXEMPT


amounts = st.decimals(min_value="0.01", max_value="9999.99", places=2)


@given(st.lists(amounts, min_size=1, max_size=12))
def test_the_sum_over_the_lines_is_the_invoices_to_the_cent(nets: list[Decimal]) -> None:
    whole = sum(nets, Decimal(0))
    gst, qst = cents(whole * Decimal("0.05")), cents(whole * Decimal("0.09975"))
    lines = [{"amount": net, "taxable": True} for net in nets]
    taxes = line_taxes(invoice(*lines, gst=str(gst), qst=str(qst)))
    assert sum(tax.gst for tax in taxes) == gst
    assert sum(tax.qst for tax in taxes) == qst
    for tax, net in zip(taxes, nets, strict=True):
        assert abs(tax.gst - net * Decimal("0.05")) <= Decimal("0.015")
        assert abs(tax.qst - net * Decimal("0.09975")) <= Decimal("0.015")
