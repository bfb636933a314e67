"""Canadian sales taxes: which tax code of the company's a line needs, and the exact taxes.

What comes in: an invoice with the taxes that Membri computed; the company's tax codes and rates.
What goes out: a tax code Id for each line, found by the rates it is made of, never by its name
(names differ by language and by the age of the company). Refused: no code of those rates, or
several.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from consumers.systems._taxes import GST, HUNDRED, QST, RATES, Treatment, named_like
from consumers.systems.quickbooks_online.faults import Json
from consumers.systems.quickbooks_online.settings import SHORT
from schemas.money import ZERO, cents, total
from schemas.records import Invoice
from schemas.sentences import say


class UnknownTax(Exception):
    """No code, or several; the message says which were seen and what to set."""


@dataclass(frozen=True)
class TaxCode:
    """A usable sales tax code. `rates`: TaxRate Id → percentage."""

    id: str
    name: str
    rates: Mapping[str, Decimal]

    @property
    def taxed_rates(self) -> tuple[Decimal, ...]:
        return tuple(sorted(rate for rate in self.rates.values() if rate))


class TaxCodes:
    """The company's usable sales tax codes."""

    def __init__(self, codes: Iterable[Json], rates: Iterable[Json]) -> None:
        """From TaxCode and TaxRate objects; what is inactive, hidden or an adjustment is left."""
        usable = {str(rate["Id"]): _percentage(rate) for rate in rates if _usable_rate(rate)}
        self.codes = [made for code in codes if (made := _tax_code(code, usable))]

    def code(self, treatment: Treatment, configured: Mapping[str, str]) -> TaxCode:
        """The code for a treatment. Raises UnknownTax."""
        asked = configured.get(treatment, "")
        if asked:
            return self._configured(treatment, asked)
        fitting = [code for code in self.codes if code.taxed_rates == RATES[treatment]]
        if not RATES[treatment] and len(fitting) > 1:
            fitting = [code for code in fitting if named_like(code.name, treatment)]
        if len(fitting) == 1:
            return fitting[0]
        rates = " + ".join(f"{rate} %" for rate in RATES[treatment]) or "0 %"
        seen = ", ".join(f"{code.name} (Id {code.id})" for code in fitting) or "-"
        raise UnknownTax(
            say(
                "{system} has {count} active tax codes for {treatment} ({rates}):"
                " {seen}; set tax_codes.{treatment} to the Id of one",
                system=SHORT,
                count=len(fitting),
                treatment=treatment,
                rates=rates,
                seen=seen,
            )
        )

    def _configured(self, treatment: Treatment, asked: str) -> TaxCode:
        for code in self.codes:
            if asked in (code.id, code.name):
                return code
        raise UnknownTax(
            say(
                "tax_codes.{treatment} = {value} is no active {system} tax code",
                system=SHORT,
                treatment=treatment,
                value=repr(asked),
            )
        )


def _usable_rate(rate: Json) -> bool:
    special = str(rate.get("SpecialTaxType") or "NONE").upper()
    return bool(rate.get("Active", True)) and special in ("NONE", "ZERO_RATE")


def _percentage(rate: Json) -> Decimal:
    return Decimal(str(rate.get("RateValue") or 0)).normalize()


def _tax_code(code: Json, usable: Mapping[str, Decimal]) -> TaxCode | None:
    """None unless every rate of the code is usable and taken on the net amount."""
    if not code.get("Active", True) or code.get("Hidden", False):
        return None
    details = (code.get("SalesTaxRateList") or {}).get("TaxRateDetail") or []
    rates: dict[str, Decimal] = {}
    for detail in details:
        rate_id = str((detail.get("TaxRateRef") or {}).get("value", ""))
        on_net = detail.get("TaxTypeApplicable", "TaxOnAmount") == "TaxOnAmount"
        if rate_id not in usable or not on_net:
            return None
        rates[rate_id] = usable[rate_id]
    return TaxCode(str(code["Id"]), str(code.get("Name", "")), rates)


def override(invoice: Invoice, codes: Sequence[TaxCode]) -> Json:
    """TxnTaxDetail that repeats Membri's taxes to the cent; `codes`: one for each line.

    A live Canadian company kept such amounts (intuit/quickbooks-online-mcp-server, PR 107).
    """
    nets: dict[Decimal, dict[str, Decimal]] = {}
    for line, code in zip(invoice.lines, codes, strict=True):
        for rate_id, percentage in code.rates.items():
            by_rate = nets.setdefault(percentage, {})
            by_rate[rate_id] = by_rate.get(rate_id, ZERO) + line.amount
    lines = [
        _tax_line(rate_id, percentage, by_rate[rate_id], amount)
        for percentage, by_rate in nets.items()
        for rate_id, amount in _shares(invoice, percentage, by_rate).items()
    ]
    return {"TotalTax": total([invoice.gst, invoice.qst]), "TaxLine": lines}


def computed(invoice: Invoice, codes: Sequence[TaxCode]) -> set[Decimal]:
    """The total taxes that QuickBooks may come to by itself: rounded on each line, or on the sum of
    each rate (which of the two is contested: reference page, section 8). Empty where a discount
    makes it unknown."""
    if any(line.amount < ZERO for line in invoice.lines):
        return set()
    nets: dict[str, Decimal] = {}
    percentages: dict[str, Decimal] = {}
    by_line = ZERO
    for line, code in zip(invoice.lines, codes, strict=True):
        for rate_id, percentage in code.rates.items():
            by_line += cents(line.amount * percentage / HUNDRED)
            nets[rate_id] = nets.get(rate_id, ZERO) + line.amount
            percentages[rate_id] = percentage
    by_rate = total(cents(net * percentages[one] / HUNDRED) for one, net in nets.items())
    return {by_line, by_rate}


def _shares(
    invoice: Invoice, percentage: Decimal, nets: Mapping[str, Decimal]
) -> dict[str, Decimal]:
    """The tax of each rate of that percentage; when there are several the last takes the cents."""
    whole = {GST: invoice.gst, QST: invoice.qst}.get(percentage, ZERO)
    *first, last = nets
    shares = {rate_id: cents(nets[rate_id] * percentage / HUNDRED) for rate_id in first}
    return {**shares, last: whole - total(shares.values())}


def _tax_line(rate_id: str, percentage: Decimal, net: Decimal, amount: Decimal) -> Json:
    detail = {
        "TaxRateRef": {"value": rate_id},
        "PercentBased": False,
        "TaxPercent": percentage,
        "NetAmountTaxable": net,
    }
    return {"Amount": amount, "DetailType": "TaxLineDetail", "TaxLineDetail": detail}
