"""Québec taxes as the books compute them: each rate on the summed net, half a cent going up.

In: net amounts, Decimals with two decimals. Out: TPS (5 %) and TVQ (9.975 %), both on the net.
Rates and rounding: domain, rule 15, and quickbooks-online.md section 8.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
GST_RATE = Decimal("0.05")
QST_RATE = Decimal("0.09975")


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def total(values: Iterable[Decimal]) -> Decimal:
    return sum(values, ZERO)


def taxes(net: Decimal) -> tuple[Decimal, Decimal]:
    """(TPS, TVQ) of a taxable net amount, to the cent."""
    return cents(net * GST_RATE), cents(net * QST_RATE)
