"""One column's value: from a request into what a row keeps, and from a row onto the wire.

A row keeps JSON: money and decimals as text with their exact digits, dates as `yyyy-mm-dd`,
moments as `yyyy-mm-ddThh:mm:ssZ`, guids in lower case. Refuses what the Web API refuses.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ops.sandbox.membri.choices import FRENCH
from ops.sandbox.membri.errors import Refusal, invalid, payload
from ops.sandbox.membri.metadata import CHOICE_KINDS, DECIMALS, Column, Table

GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
EDM = {
    "string": "Edm.String", "memo": "Edm.String", "int": "Edm.Int32", "bigint": "Edm.Int64",
    "decimal": "Edm.Decimal", "money": "Edm.Decimal", "bool": "Edm.Boolean", "date": "Edm.Date",
    "datetime": "Edm.DateTimeOffset", "choice": "Edm.Int32", "state": "Edm.Int32",
    "status": "Edm.Int32", "lookup": "Edm.Guid", "customer": "Edm.Guid", "uuid": "Edm.Guid",
}  # fmt: skip
_LARGEST_MONEY = Decimal(922337203685477)
_LARGEST_INT = 2**31 - 1


def moment(value: datetime) -> str:
    """To the second, in UTC: Dataverse keeps no fraction."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_kept(table: Table, column: Column, value: Any) -> Any:
    """What a row keeps of a value that came in JSON (numbers as int or Decimal). Raises Refusal."""
    if value is None:
        return None
    if column.kind in ("string", "memo"):
        return _text(table, column, value)
    if column.kind in DECIMALS:
        return _decimal(table, column, value)
    if column.kind in CHOICE_KINDS:
        return _choice(table, column, value)
    if column.kind in ("date", "datetime"):
        return _date_or_moment(table, column, value)
    return _plain(table, column, value)


def _plain(table: Table, column: Column, value: Any) -> Any:
    if column.kind in ("int", "bigint"):
        suits = isinstance(value, int) and not isinstance(value, bool)
        suits = suits and abs(value) <= _LARGEST_INT
    elif column.kind == "bool":
        suits = isinstance(value, bool)
    else:
        suits = isinstance(value, str) and GUID.fullmatch(value) is not None
    if not suits:
        raise _cannot_convert(table, column, value)
    return value.lower() if column.kind == "uuid" else value


def _text(table: Table, column: Column, value: Any) -> str | None:
    if not isinstance(value, str):
        raise _cannot_convert(table, column, value)
    if len(value.encode("utf-16-le")) // 2 > column.max_length:
        raise Refusal(
            400,
            "0x80044331",
            f"A validation error occurred. The length of the '{column.name}' attribute of the"
            f" '{table.name}' entity exceeded the maximum allowed length of"
            f" '{column.max_length}'.",
        )
    return value or None


def _decimal(table: Table, column: Column, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _cannot_convert(table, column, value)
    number = Decimal(value)
    if not number.is_finite() or abs(number) > _LARGEST_MONEY:
        raise invalid(f"The value of '{column.name}' is outside the valid range.")
    step = Decimal(1).scaleb(-column.precision)
    if column.kind == "money" or number != number.quantize(step):
        number = number.quantize(step, ROUND_HALF_UP)
    return format(number, "f")


def _choice(table: Table, column: Column, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _cannot_convert(table, column, value)
    if column.options.option(value) is None:
        accepted = ",".join(str(o.value) for o in column.options.options)
        raise Refusal(
            400,
            "0x8004431A",
            f"A validation error occurred. The value {value} of '{column.name}' on record of type"
            f" '{table.name}' is outside the valid range. Accepted Values: {accepted}",
        )
    return value


def _date_or_moment(table: Table, column: Column, value: Any) -> str:
    if not isinstance(value, str):
        raise _cannot_convert(table, column, value)
    try:
        if column.kind == "date":
            return date.fromisoformat(value).isoformat()
        when = datetime.fromisoformat(value)
    except ValueError:
        raise _cannot_convert(table, column, value) from None
    if when.tzinfo is None:
        raise _cannot_convert(table, column, value)
    return moment(when)


def _cannot_convert(table: Table, column: Column, value: Any) -> Refusal:
    return payload(
        table.set_name,
        f"Cannot convert the literal '{value}' to the expected type '{EDM[column.kind]}'"
        f" (property '{column.name}').",
    )


def from_kept(column: Column, kept: Any) -> Any:
    """What goes on the wire: decimals as Decimal, everything else as kept."""
    return Decimal(kept) if column.kind in DECIMALS and kept is not None else kept


def formatted(column: Column, kept: Any, language: int) -> str | None:
    """The text a person would read, in `language`; None when there is none."""
    if kept is None or column.kind in ("string", "memo", "uuid"):
        return None
    if column.kind in CHOICE_KINDS:
        option = column.options.option(kept)
        return option.label(language) if option else None
    if column.kind == "bool":
        return {FRENCH: ("Non", "Oui")}.get(language, ("No", "Yes"))[kept]
    if column.kind in DECIMALS:
        text = f"{Decimal(kept):,.{max(column.precision, 2)}f}"
        if language == FRENCH:
            text = text.replace(",", "\u00a0").replace(".", ",")
        if column.kind == "decimal":
            return text
        return f"{text}\u00a0$" if language == FRENCH else f"${text}"
    if column.kind == "datetime":
        return str(kept).replace("T", " ")[:16]
    return str(kept)
