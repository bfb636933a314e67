"""Checks that what a client sent has only known properties of the right kind, and normalises it.

In: decoded JSON. Out: the same with amounts as decimal texts, empty texts and nulls left out.
Refuses, with the service's codes, unknown properties (2010), wrong kinds, lengths, dates, e-mails.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.quickbooks_online.answers import Refusal
from ops.sandbox.quickbooks_online.kinds import Kind
from ops.sandbox.quickbooks_online.properties import ENTITIES

CENT = Decimal("0.01")
LARGEST = Decimal(99_999_999_999)
_EMAIL = re.compile(r"[^@\s,]+@[^@\s,]+\.[^@\s,]+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# What XML 1.0 cannot carry; the service is XML inside.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def conform(entity: str, raw: Any, *, empty_dates_refused: bool = True) -> Document:
    """The normalised document. Raises Refusal."""
    if not isinstance(raw, dict):
        raise _unparsed(entity)
    result = _Check(empty_dates_refused).value(ENTITIES[entity], raw, entity)
    return dict(result or {})


def money_text(value: Decimal) -> str:
    """Two decimals, the form in which amounts are held."""
    return format(value.quantize(CENT), "f")


def number_text(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def amount(document: Document, name: str) -> Decimal:
    """The decimal held under `name`, 0 when absent."""
    return Decimal(str(document.get(name) or "0"))


def _unparsed(path: str) -> Refusal:
    return Refusal(
        2010,
        "Property Name:failed to parse json object; a property specified is unsupported or invalid",
        element=path,
    )


class _Check:
    def __init__(self, empty_dates_refused: bool) -> None:
        self._empty_dates_refused = empty_dates_refused

    def value(self, kind: Kind, raw: Any, path: str) -> Any:
        if raw is None:
            return None
        return getattr(self, f"_{kind.name}")(kind, raw, path)

    def _record(self, kind: Kind, raw: Any, path: str) -> Document | None:
        if not isinstance(raw, dict):
            raise _unparsed(path)
        result: Document = {}
        for name, inner in raw.items():
            if name not in kind.fields:
                raise Refusal(2010, f"Property Name:{name} is unsupported or invalid", element=name)
            checked = self.value(kind.fields[name], inner, f"{path}.{name}")
            if checked is not None:
                result[name] = checked
        return result or None

    def _ref(self, kind: Kind, raw: Any, path: str) -> Document | None:
        result = self._record(kind, raw, path)
        return result if result and result.get("value") else None

    def _many(self, kind: Kind, raw: Any, path: str) -> list[Any]:
        if not isinstance(raw, list) or kind.item is None:
            raise _unparsed(path)
        checked = [self.value(kind.item, item, path) for item in raw]
        return [item for item in checked if item is not None]

    def _text(self, kind: Kind, raw: Any, path: str) -> str | None:
        if isinstance(raw, bool) or not isinstance(raw, str | int | Decimal):
            raise _unparsed(path)
        text = str(raw).strip()
        if _ILLEGAL.search(text):
            raise Refusal(2040, "Element contains invalid characters", element=path)
        if kind.limit and len(text) > kind.limit:
            raise Refusal(
                2050,
                f"Min:0 Max:{kind.limit} supported. Supplied length:{len(text)}",
                element=path.rpartition(".")[2],
            )
        return text or None

    def _email(self, kind: Kind, raw: Any, path: str) -> str | None:
        text = self._text(kind, raw, path)
        if text and not _EMAIL.fullmatch(text):
            raise Refusal(2210, f"Email Address does not conform to RFC 822: {text}", element=path)
        return text

    def _choice(self, kind: Kind, raw: Any, path: str) -> str | None:
        text = self._text(kind, raw, path)
        if text and text not in kind.choices:
            if path.endswith("GlobalTaxCalculation"):
                raise _unparsed(path)
            raise Refusal(2170, f"Invalid Enumeration : {text}", element=path.rpartition(".")[2])
        return text

    def _date(self, _: Kind, raw: Any, path: str) -> str | None:
        name = path.rpartition(".")[2]
        if raw == "" and not self._empty_dates_refused:
            return None
        if not isinstance(raw, str) or not _DATE.fullmatch(raw):
            raise Refusal(2060, f"Invalid date format: {raw}", element=name)
        try:
            date.fromisoformat(raw)
        except ValueError:
            raise Refusal(2070, f"Invalid date: {raw}", element=name) from None
        return raw

    def _decimal(self, raw: Any, path: str) -> Decimal | None:
        if raw == "":
            return None
        if isinstance(raw, bool) or not isinstance(raw, str | int | Decimal):
            raise _unparsed(path)
        try:
            value = Decimal(raw)
        except InvalidOperation:
            raise Refusal(2080, f"Invalid number: {raw}", element=path) from None
        if not value.is_finite() or abs(value) > LARGEST:
            raise Refusal(2090, f"Invalid number: {raw}", element=path)
        return value

    def _money(self, _: Kind, raw: Any, path: str) -> str | None:
        value = self._decimal(raw, path)
        if value is None:
            return None
        if value != value.quantize(CENT):
            raise Refusal(2110, f"More than two decimals: {raw}", element=path)
        return money_text(value)

    def _number(self, _: Kind, raw: Any, path: str) -> str | None:
        value = self._decimal(raw, path)
        return None if value is None else number_text(value)

    def _whole(self, _: Kind, raw: Any, path: str) -> int | None:
        value = self._decimal(raw, path)
        if value is None:
            return None
        if value != int(value):
            raise Refusal(2080, f"Invalid number: {raw}", element=path)
        return int(value)

    def _bool(self, _: Kind, raw: Any, path: str) -> bool | None:
        if raw == "":
            return None
        if isinstance(raw, str) and raw.lower() in ("true", "false"):
            return raw.lower() == "true"
        if not isinstance(raw, bool):
            raise _unparsed(path)
        return raw

    def _any(self, kind: Kind, raw: Any, path: str) -> Any:
        if isinstance(raw, dict):
            return {key: self._any(kind, item, path) for key, item in raw.items()}
        if isinstance(raw, list):
            return [self._any(kind, item, path) for item in raw]
        return float(raw) if isinstance(raw, Decimal) else raw
