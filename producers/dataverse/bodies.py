"""JSON of Dataverse, exact to the digit, and what can be said of bodies that are not JSON.

What comes in: bytes. What goes out: objects with Decimals, never floats. Refused: NaN, infinities,
anything but JSON.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

import orjson

from producers.dataverse.errors import EXCERPT_LENGTH

Row = dict[str, Any]
"""One row as Dataverse gives it. `@odata.etag` is always there."""

ETAG = "@odata.etag"
NEXT_LINK = "@odata.nextLink"


def parse(body: bytes) -> Row:
    """The object in `body`. Raises ValueError with the first characters of what is not one."""
    try:
        found = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except ValueError as error:
        raise ValueError(f"not JSON, it begins « {excerpt(body)} »") from error
    if not isinstance(found, dict):
        raise ValueError(f"not a JSON object, it begins « {excerpt(body)} »")  # noqa: TRY004 - callers treat every unusable body alike
    return found


def render(values: Row) -> bytes:
    """The JSON of `values`, Decimals written digit by digit."""
    return orjson.dumps(values, default=_decimal)


def excerpt(body: bytes) -> str:
    """The first characters of a body on one line, for an error text."""
    text = body[: EXCERPT_LENGTH * 4].decode("utf-8", errors="replace")
    return " ".join(text.split())[:EXCERPT_LENGTH]


def error_of(body: bytes) -> tuple[str, str] | None:
    """(code in lower case, message) of an error answer; None when it is not one of Dataverse's."""
    try:
        error = parse(body).get("error")
    except ValueError:
        return None
    if not isinstance(error, dict):
        return None
    return str(error.get("code") or "").lower(), " ".join(str(error.get("message") or "").split())


def _decimal(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(format(value, "f").encode())
    raise TypeError(f"{type(value).__name__} has no JSON form for Dataverse")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")
