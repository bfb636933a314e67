"""Amounts: Decimals inside, texts such as "110.0" and "0.99" outside.

In: texts or JSON numbers. Refuses, through `Problems`, what is no number that
books could hold.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting.answers import Problems

CENT = Decimal("0.01")
ZERO = Decimal(0)
TOO_LARGE = Decimal(10) ** 12


def cents(value: Decimal) -> Decimal:
    """Half a cent goes up."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def shown(value: Decimal) -> str:
    """As the service writes it: at least one decimal, no zero after it that says nothing."""
    text = format(value, "f")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"


def money(document: Document, name: str) -> Decimal:
    """A stored amount; zero when there is none."""
    return Decimal(str(document.get(name) or 0))


def number(value: Any) -> Decimal | None:
    """A text or a JSON number under `TOO_LARGE`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal, float)):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < TOO_LARGE else None


def given(
    problems: Problems, body: Document, name: str, attribute: str = "", *, required: bool = True
) -> Decimal | None:
    """The number of a request; None, and a problem, when it is missing or is none."""
    attribute = attribute or name
    value = body.get(name)
    if value is None or value == "":
        if required:
            problems.add(f"{name} can't be blank", attribute)
        return None
    found = number(value)
    if found is None:
        problems.add(f"{name} is not a number", attribute)
    return found


def given_cents(
    problems: Problems, body: Document, name: str, attribute: str = "", *, required: bool = True
) -> Decimal | None:
    """The same, with two decimals at most."""
    found = given(problems, body, name, attribute, required=required)
    if found is not None and found != cents(found):
        problems.add(f"{name} has more than two decimals", attribute or name)
        return None
    return found
