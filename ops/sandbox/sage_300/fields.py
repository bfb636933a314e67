"""The kinds of properties a resource has: how a value is read from JSON, and how it is written.

In: JSON values. Out: texts cut of trailing blanks, upper-case codes, Decimals, ISO dates, captions
of enumerations. Refuses a wrong JSON type (InvalidPayload) and what is too long (FieldInvalid).
Conventions: sage-300.md, section 2.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ops.sandbox.sage_300.answers import bad_payload, field_invalid

CENT = Decimal("0.01")
ZERO = Decimal("0.00")
_LARGEST = Decimal(10) ** 15
_LARGEST_INT = 2**31 - 1


@dataclass(frozen=True)
class Field:
    """One property. `length` limits texts; `values` are captions with their numbers; `entity`
    is what a detail collection holds; `assigned` means that a value sent is ignored."""

    kind: str
    length: int = 0
    values: Mapping[str, int] | None = None
    entity: str = ""
    default: Any = None
    assigned: bool = False


def text(length: int) -> Field:
    return Field("text", length, default="")


def code(length: int) -> Field:
    return Field("code", length, default="")


def phone(length: int = 30) -> Field:
    return Field("phone", length, default="")


def number(default: int = 0, *, assigned: bool = False) -> Field:
    return Field("number", default=default, assigned=assigned)


def amount(*, assigned: bool = False) -> Field:
    return Field("amount", default=ZERO, assigned=assigned)


def rate() -> Field:
    """A percentage, not rounded to cents."""
    return Field("rate", default=ZERO)


def day() -> Field:
    return Field("day", default="")


def choice(values: Mapping[str, int], default: str = "") -> Field:
    return Field("choice", values=values, default=default or next(iter(values)))


def yes_no(default: str = "No") -> Field:
    return Field("choice", values={"No": 0, "Yes": 1}, default=default)


def details(entity: str) -> Field:
    return Field("details", entity=entity, default=[])


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def decimal(document: Mapping[str, Any], name: str) -> Decimal:
    """An amount of a kept document, where it is text. Zero when absent."""
    return Decimal(str(document.get(name) or "0"))


def read(name: str, field: Field, value: Any) -> Any:
    """The value as the view keeps it. Raises Refusal."""
    if field.kind in ("text", "code", "phone"):
        return _read_text(name, field, value)
    if field.kind == "number":
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST_INT:
            raise bad_payload(f"{name}: a whole number is expected.")
        return value
    if field.kind == "amount":
        return _read_amount(name, value)
    if field.kind == "day":
        return read_day(name, value)
    if field.kind == "choice":
        return _read_choice(name, field, value)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise bad_payload(f"{name}: a list of records is expected.")
    return value


def _read_text(name: str, field: Field, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise bad_payload(f"{name}: text is expected.")
    found = value.rstrip()
    if field.kind == "phone":
        found = "".join(c for c in found if c.isdigit())
    if len(found) > field.length:
        raise field_invalid(f"{name}: longer than {field.length} characters.")
    return found.upper() if field.kind == "code" else found


def _read_amount(name: str, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise bad_payload(f"{name}: a number is expected.")
    found = Decimal(str(value))  # the shortest text of a float is what was meant
    if abs(found) >= _LARGEST:
        raise field_invalid(f"{name}: the amount is too large.")
    return cents(found)


def read_day(name: str, value: Any) -> str:
    """The ISO date of "2026-03-02" or "2026-03-02T00:00:00Z"; "" for null. Raises Refusal."""
    if value in (None, ""):
        return ""
    try:
        if isinstance(value, str):
            return dt.datetime.fromisoformat(value).date().isoformat()
    except ValueError:
        pass
    raise bad_payload(f"{name}: a date is expected.")


def _read_choice(name: str, field: Field, value: Any) -> str:
    values = field.values or {}
    if isinstance(value, str):
        if value in values:
            return value
        if value.isdigit():
            value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        for caption, figure in values.items():
            if figure == value:
                return caption
    raise bad_payload(f"{name}: {value!r} is not one of {', '.join(values)}.")


def write(field: Field, value: Any) -> Any:
    """The value as the service answers it, without details."""
    if field.kind in ("amount", "rate"):
        return float(Decimal(str(value or "0")))
    if field.kind == "day":
        return f"{value}T00:00:00Z" if value else None
    if field.kind == "phone" and len(value or "") == 10:
        return f"({value[:3]}) {value[3:6]}-{value[6:]}"
    return value
