"""Values as AL keeps them and as OData writes them.

In: the JSON of a write, in its own order. Out: stored values (codes trimmed and upper-cased,
decimals as text), refused when read-only, unknown, too long or of another type
(business-central.md, section 2).
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from ops.sandbox.business_central.answers import BAD, READ_ONLY, TOO_LONG, Refusal
from ops.sandbox.business_central.properties import Property, Resource
from ops.sandbox.kernel.store import Document

CENT = Decimal("0.01")
ZERO = Decimal(0)
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ENCODED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def amount(document: Document, name: str) -> Decimal:
    return Decimal(str(document.get(name) or "0"))


def decoded(text: str) -> str:
    """`G_x002F_L_x0020_Account` → `G/L Account`."""
    return _ENCODED.sub(lambda found: chr(int(found[1], 16)), text)


def encoded(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9\-]", lambda found: f"_x{ord(found[0]):04X}_", text)


def code(text: str) -> str:
    """What a Code field keeps."""
    return text.strip().upper()


def conform(
    resource: Resource, body: Any, *, patch: bool, order: str = "payload"
) -> tuple[Document, dict[str, list[Any]]]:
    """The values to store, and the children of a deep insert by navigation name."""
    if not isinstance(body, dict):
        raise Refusal(BAD, "bad_json")
    values: Document = {}
    children: dict[str, list[Any]] = {}
    for name, raw in body.items():
        if name.startswith("@odata.") or "@odata." in name:
            continue
        if name in resource.children:
            if patch:
                raise Refusal(BAD, "deep_patch", name=name)
            if not isinstance(raw, list):
                raise Refusal(BAD, "bad_value", value=raw, kind="Collection", name=name)
            children[name] = raw
            continue
        found = resource.properties.get(name)
        if found is None:
            raise Refusal(BAD, "unknown_property", name=name, resource=resource.entity)
        if found.write == "never":
            raise Refusal(READ_ONLY, "read_only", name=name)
        values[name] = stored(found, raw)
    if order == "page":
        values = {name: values[name] for name in resource.properties if name in values}
    return values, children


def stored(found: Property, raw: Any) -> Any:
    """One value as it is kept. Raises Refusal."""
    if raw is None:
        return found.empty
    if found.kind in ("text", "code"):
        return _text(found, raw)
    try:
        return _READERS[found.kind](found, raw)
    except (ValueError, TypeError, InvalidOperation):
        raise _bad(found, raw) from None


def _bad(found: Property, raw: Any) -> Refusal:
    return Refusal(BAD, "bad_value", value=raw, kind=found.kind, name=found.name)


def _text(found: Property, raw: Any) -> str:
    if not isinstance(raw, str):
        raise _bad(found, raw)
    text = code(raw) if found.kind == "code" else raw
    if found.length and len(text) > found.length:
        raise Refusal(TOO_LONG, "too_long", length=len(text), limit=found.length, value=text)
    return text


def _decimal(_: Property, raw: Any) -> str:
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        raise TypeError
    value = Decimal(str(raw))
    if not value.is_finite():
        raise ValueError
    return format(value, "f")


def _int(_: Property, raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise TypeError
    return raw


def _date(_: Property, raw: Any) -> str:
    if not isinstance(raw, str) or not _DAY.fullmatch(raw):
        raise ValueError
    return dt.date.fromisoformat(raw).isoformat()


def _guid(_: Property, raw: Any) -> str:
    if not isinstance(raw, str) or not _GUID.fullmatch(raw):
        raise ValueError
    return raw.lower()


def _bool(_: Property, raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise TypeError
    return raw


def _enum(found: Property, raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError
    text = decoded(raw)
    if text == "" and " " in found.choices:
        return " "
    if text not in found.choices:
        raise ValueError
    return text


_READERS = {
    "decimal": _decimal, "int": _int, "date": _date, "guid": _guid, "bool": _bool, "enum": _enum,
    "moment": _date,
}  # fmt: skip


def shown(found: Property, value: Any, enum_encoding: str) -> Any:
    """One stored value as an answer writes it."""
    if value is None:
        value = found.empty
    if found.kind == "decimal":
        number = Decimal(str(value))
        return int(number) if number == number.to_integral() else float(number)
    if found.kind == "enum" and enum_encoding == "encoded":
        return encoded(value)
    return value
