"""Checks of one attribute of a request, shared by every resource.

Lengths: sage-accounting.md, sections 5 to 7. What is wrong is added to `Problems`.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting.answers import Problems

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


def texts(
    problems: Problems, body: Document, limits: Mapping[str, int], parent: str = ""
) -> Document:
    """The texts of `body` named in `limits` (name → maximum length), None as an empty text."""
    found: Document = {}
    for name, limit in limits.items():
        if name not in body:
            continue
        value = body[name]
        attribute = f"{parent}.{name}" if parent else name
        if value is not None and not isinstance(value, str):
            problems.add(f"{name} must be a string", attribute)
            continue
        text = value or ""
        if len(text) > limit:
            problems.add(f"{name} is too long (maximum is {limit} characters)", attribute)
        found[name] = text
    return found


def day(problems: Problems, body: Document, name: str, *, required: bool = True) -> str:
    """A date as YYYY-MM-DD, empty when it is missing or wrong."""
    value = body.get(name)
    if value in (None, ""):
        if required:
            problems.add(f"{name} can't be blank", name)
        return ""
    if isinstance(value, str) and _DAY.match(value):
        try:
            return dt.date.fromisoformat(value).isoformat()
        except ValueError:
            pass
    problems.add(f"{name} is not a valid date", name)
    return ""


def objects(problems: Problems, body: Document, name: str) -> list[Document]:
    """The objects of an array; an empty list and a problem when it is none."""
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        problems.add(f"{name} must be an array of objects", name)
        return []
    return value


def fold(text: str) -> str:
    """What a search compares: letters without case or accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def unknown(body: Any, known: frozenset[str]) -> set[str]:
    """Attributes that the resource does not have: the service leaves them aside."""
    return set(body) - known if isinstance(body, dict) else set()
