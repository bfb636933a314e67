"""Amounts of money: exact decimals, to the cent, never floats.

What comes in: decimal strings (`"114.98"`), integers or Decimals. What goes out: Decimals in
Python, decimal strings on the wire. Refused: NaN, infinities, more than two decimals.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated

from pydantic import Field, WithJsonSchema

CENT = Decimal("0.01")
ZERO = Decimal("0.00")

_AMOUNT_PATTERN = r"^-?\d{1,16}(\.\d{1,2})?$"
_QUANTITY_PATTERN = r"^-?\d{1,12}(\.\d{1,10})?$"

Amount = Annotated[
    Decimal,
    Field(max_digits=18, decimal_places=2, allow_inf_nan=False),
    WithJsonSchema({"type": "string", "pattern": _AMOUNT_PATTERN, "examples": ["114.98"]}),
]
"""Money in the record's currency, at most two decimals."""

Quantity = Annotated[
    Decimal,
    Field(max_digits=22, decimal_places=10, allow_inf_nan=False),
    WithJsonSchema({"type": "string", "pattern": _QUANTITY_PATTERN, "examples": ["1"]}),
]
"""A quantity or a unit price: up to ten decimals, as Dataverse allows."""

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["CAD"])]
"""ISO 4217 code."""


def cents(value: Decimal) -> Decimal:
    """`value` rounded half up to two decimals, the rounding of the Québec tax forms."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def total(values: Iterable[Decimal]) -> Decimal:
    """The exact sum, with two decimals when nothing is given."""
    return sum(values, ZERO)
