"""Sales taxes of a transaction, from the codes of its lines, as a Canadian company has them.

In: (tax code Id, net) of each line, and what the client said of the taxes. Out: TxnTaxDetail.
Both roundings in dispute are here: each line's tax rounded, or the tax of each rate's summed net.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.answers import Refusal
from ops.sandbox.quickbooks_online.books import Books
from ops.sandbox.quickbooks_online.conform import CENT, amount, money_text, number_text

HUNDRED = Decimal(100)


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


@dataclass
class _Rate:
    number: str
    percent: Decimal
    net: Decimal = Decimal(0)
    by_line: Decimal = Decimal(0)

    def tax(self, rounding: str) -> Decimal:
        if rounding == "line":
            return self.by_line
        return cents(self.net * self.percent / HUNDRED)


def line_code(books: Books, reference: Document | None) -> str:
    """The Id of a sales line's tax code. Raises Refusal: 6000 when absent, 6100 when no number."""
    if not reference:
        raise Refusal(
            6000,
            "Business Validation Error: Make sure all your transactions have a GST/HST rate"
            " before you save.",
            element="TaxCodeRef",
        )
    number = str(reference["value"])
    if not number.isdigit():
        raise Refusal(6100, f"Invalid tax code. Supplied value:{number}", element="TaxCodeRef")
    books.reference("TaxCode", reference, "TaxCodeRef")
    return number


def tax_detail(
    books: Books, taxed: list[tuple[str, Decimal]], asked: Document | None
) -> tuple[Document, Decimal]:
    """TxnTaxDetail and its total. A TaxLine asked with PercentBased false keeps its Amount."""
    rates = _rates(books, taxed)
    overrides = _overrides(asked, rates)
    lines: list[Document] = []
    total = Decimal(0)
    for rate in rates.values():
        override = overrides.get(rate.number)
        tax = override if override is not None else rate.tax(books.options.tax_rounding)
        total += tax
        lines.append(
            {
                "Amount": money_text(tax),
                "DetailType": "TaxLineDetail",
                "TaxLineDetail": {
                    "TaxRateRef": {"value": rate.number},
                    "PercentBased": override is None,
                    "TaxPercent": number_text(rate.percent),
                    "NetAmountTaxable": money_text(rate.net),
                },
            }
        )
    return {"TotalTax": money_text(total), "TaxLine": lines}, total


def _rates(books: Books, taxed: list[tuple[str, Decimal]]) -> dict[str, _Rate]:
    rates: dict[str, _Rate] = {}
    for code_id, net in taxed:
        code = books.get("TaxCode", code_id) or {}
        for detail in code.get("SalesTaxRateList", {}).get("TaxRateDetail", ()):
            number = str(detail["TaxRateRef"]["value"])
            found = books.get("TaxRate", number)
            if found is None or found.get("Active") is False:
                raise Refusal(6470, f"No usable tax rate {number} for tax code {code_id}")
            rate = rates.setdefault(number, _Rate(number, Decimal(str(found["RateValue"]))))
            rate.net += net
            rate.by_line += cents(net * rate.percent / HUNDRED)
    return rates


def _overrides(asked: Document | None, rates: dict[str, _Rate]) -> dict[str, Decimal]:
    overrides: dict[str, Decimal] = {}
    for line in (asked or {}).get("TaxLine", ()):
        detail = line.get("TaxLineDetail") or {}
        number = str((detail.get("TaxRateRef") or {}).get("value", ""))
        if not number:
            raise Refusal(
                2020, "Required parameter TaxRateRef is missing in the request", element="TaxLine"
            )
        if number not in rates:
            raise Refusal(
                6470, f"Tax rate {number} is not in the tax codes of the lines", element="TaxLine"
            )
        if detail.get("PercentBased") is False and "Amount" in line:
            overrides[number] = overrides.get(number, Decimal(0)) + amount(line, "Amount")
    return overrides
