"""Québec's sales taxes: which tax rate of the company's a line needs, and its tax to the cent.

What comes in: an invoice with the taxes that Membri computed; the company's tax rates. What goes
out: for each line a tax rate, found by its percentages and never by its name (names and ids differ
by company and language), and its share of TPS and TVQ. Refused: no rate of those percentages, or
several. Sage page, sections 6 and 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from consumers.systems._taxes import GST, HUNDRED, QST, RATES, Treatment, named_like, treatments
from consumers.systems.sage_accounting.faults import Json
from consumers.systems.sage_accounting.settings import SHORT
from schemas.money import CENT, ZERO, cents, total
from schemas.records import Invoice
from schemas.sentences import say

RATE_ATTRIBUTES = "name,percentage,is_combined_rate,component_tax_rates,is_visible"


class UnknownTax(Exception):
    """No rate, or several; the message says which were seen and what to set."""


@dataclass(frozen=True)
class TaxRate:
    """A sales tax rate of the company's. `parts`: the percentages it is made of, smallest first,
    none for a rate of 0 %; `whole`: their sum."""

    id: str
    name: str
    parts: tuple[Decimal, ...]
    whole: Decimal

    def fits(self, treatment: Treatment) -> bool:
        """By components; a rate that does not say them, by its sum."""
        wanted = RATES[treatment]
        if len(self.parts) <= 1 < len(wanted):
            return self.whole == sum(wanted, ZERO)
        return self.parts == wanted


class TaxRates:
    """The company's tax rates for one region."""

    def __init__(self, rows: Iterable[Json]) -> None:
        """From rows of `/tax_rates`; a component may stand there as a bare reference."""
        listed = [row for row in rows if row.get("is_visible", True)]
        known = {str(row["id"]): _percentage(row) for row in listed}
        self.rates = [_rate(row, known) for row in listed]

    def rate(self, treatment: Treatment, configured: Mapping[str, str]) -> TaxRate:
        """The rate for a treatment. Raises UnknownTax."""
        asked = configured.get(treatment, "")
        if asked:
            return self._configured(treatment, asked)
        fitting = [rate for rate in self.rates if rate.fits(treatment)]
        if not RATES[treatment] and len(fitting) > 1:
            fitting = [rate for rate in fitting if named_like(rate.name, treatment)]
        combined = [rate for rate in fitting if len(rate.parts) == len(RATES[treatment])]
        fitting = combined or fitting  # the sum alone says less than the components
        if len(fitting) == 1:
            return fitting[0]
        rates = " + ".join(f"{rate} %" for rate in RATES[treatment]) or "0 %"
        seen = ", ".join(f"{rate.name} ({rate.id})" for rate in fitting) or "-"
        raise UnknownTax(
            say(
                "{system} has {count} tax rates for {treatment} ({rates}): {seen};"
                " set tax_codes.{treatment} to the id or the name of one",
                system=SHORT,
                count=len(fitting),
                treatment=treatment,
                rates=rates,
                seen=seen,
            )
        )

    def _configured(self, treatment: Treatment, asked: str) -> TaxRate:
        for rate in self.rates:
            if asked in (rate.id, rate.name):
                return rate
        raise UnknownTax(
            say(
                "tax_codes.{treatment} = {value} is no {system} tax rate of this region",
                system=SHORT,
                treatment=treatment,
                value=repr(asked),
            )
        )


def _percentage(row: Json) -> Decimal:
    return Decimal(str(row.get("percentage") or 0)).normalize()


def _rate(row: Json, known: Mapping[str, Decimal]) -> TaxRate:
    whole = _percentage(row)
    parts = []
    for part in row.get("component_tax_rates") or []:
        number = str(part.get("id") or "")
        parts.append(_percentage(part) if part.get("percentage") else known.get(number, ZERO))
    own = sorted(one for one in parts if one) or ([whole] if whole else [])
    name = str(row.get("name") or row.get("displayed_as") or "")
    return TaxRate(str(row["id"]), name, tuple(own), whole)


@dataclass(frozen=True)
class LineTax:
    """How one line is taxed, in dollars."""

    treatment: Treatment
    gst: Decimal
    qst: Decimal


def line_taxes(invoice: Invoice) -> list[LineTax]:
    """The tax of each line. Their sums are the invoice's TPS and TVQ to the cent, whether Membri
    holds the taxes by line or on the invoice alone."""
    treated = treatments(invoice)
    shares = {
        rate: _shares(invoice, treated, rate, whole, given)
        for rate, whole, given in (
            (GST, invoice.gst, [line.gst for line in invoice.lines]),
            (QST, invoice.qst, [line.qst for line in invoice.lines]),
        )
    }
    return [
        LineTax(treatment, gst, qst)
        for treatment, gst, qst in zip(treated, shares[GST], shares[QST], strict=True)
    ]


def _shares(
    invoice: Invoice,
    treated: Sequence[Treatment],
    rate: Decimal,
    whole: Decimal,
    given: Sequence[Decimal],
) -> list[Decimal]:
    """One tax shared among the lines that bear it: as Membri gives it by line, else as each line
    would be taxed alone; the cents left over go where rounding took most."""
    bearing = [rate in RATES[treatment] for treatment in treated]
    exact = [
        line.amount * rate / HUNDRED if bears else ZERO
        for line, bears in zip(invoice.lines, bearing, strict=True)
    ]
    found = list(given) if any(given) else [cents(value) for value in exact]
    missing = int((whole - total(found)) / CENT)
    step = CENT if missing > 0 else -CENT
    bearers = [place for place, bears in enumerate(bearing) if bears]
    by_need = sorted(
        bearers, key=lambda place: (found[place] - exact[place]) * (1 if missing > 0 else -1)
    )
    for number in range(abs(missing)):
        if by_need:
            found[by_need[number % len(by_need)]] += step
    return found
