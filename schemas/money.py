"""Amounts of money: exact decimals, to the cent, never floats.

What comes in: in JSON, decimal strings (`"114.98"`) and nothing else, since a JSON number of 17
digits already loses its cents in a float; in Python, Decimals, integers or decimal strings. What
goes out: Decimals in Python, decimal strings on the wire. Refused: floats, NaN, infinities,
exponents of amounts, digit separators, more than two decimals.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

CENT = Decimal("0.01")
ZERO = Decimal("0.00")

_AMOUNT_PATTERN = r"^-?\d{1,16}(\.\d{1,2})?$"
# With an exponent, since that is how Python spells what is smaller than 0.000001.
_QUANTITY_PATTERN = r"^-?\d{1,12}(\.\d{1,10})?(E-\d{1,2})?$"


def _to_the_cent(value: Decimal) -> Decimal:
    return value.quantize(CENT) if value else ZERO  # never -0.00


def _plain(value: Decimal) -> Decimal:
    """Without trailing zeros, exponent or negative zero."""
    return Decimal(f"{value.normalize():f}") if value else Decimal(0)


def _no_float(value: Any) -> Any:
    if isinstance(value, float):
        raise PydanticCustomError("money_float", "Expected a Decimal, not a float")
    return value


class _Exact:
    """Validates JSON by pattern, without a Python call; brings Python values to one spelling.

    One spelling each, so that the same content has the same fingerprint.
    """

    def __init__(self, pattern: str, *, cents: bool) -> None:
        self.pattern = pattern
        self.spell = _to_the_cent if cents else _plain

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        decimal = handler(source)
        return core_schema.json_or_python_schema(
            json_schema=core_schema.chain_schema(
                [core_schema.str_schema(pattern=self.pattern, strict=True), decimal]
            ),
            python_schema=core_schema.chain_schema(
                [
                    core_schema.no_info_plain_validator_function(_no_float),
                    decimal,
                    core_schema.no_info_plain_validator_function(self.spell),
                ]
            ),
            serialization=core_schema.to_string_ser_schema(when_used="json"),
        )


Amount = Annotated[
    Decimal,
    Field(max_digits=18, decimal_places=2, allow_inf_nan=False),
    _Exact(_AMOUNT_PATTERN, cents=True),
    WithJsonSchema({"type": "string", "pattern": _AMOUNT_PATTERN, "examples": ["114.98"]}),
]
"""Money in the record's currency, at most two decimals."""

Quantity = Annotated[
    Decimal,
    Field(max_digits=22, decimal_places=10, allow_inf_nan=False),
    _Exact(_QUANTITY_PATTERN, cents=False),
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
