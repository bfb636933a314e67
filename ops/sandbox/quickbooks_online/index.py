"""Which documents of a company have a given value: what keeps a look-up from reading them all.

Values are folded (Unicode NFC, case folded): the caller compares exactly where that matters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from ops.sandbox.kernel.store import Document

_REFS = ("CustomerRef", "SalesTermRef")
_TEXTS = ("DisplayName", "Name", "FullyQualifiedName", "DocNumber", "TxnDate")


def fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def link_key(kind: str, number: str) -> str:
    return f"{kind}:{number}"


def _values(document: Document) -> Iterable[tuple[str, str]]:
    for name in _TEXTS:
        if document.get(name):
            yield name, fold(str(document[name]))
    for name in _REFS:
        if document.get(name):
            yield name, fold(str(document[name]["value"]))
    email = (document.get("PrimaryEmailAddr") or {}).get("Address")
    if email:
        yield "PrimaryEmailAddr", fold(email)
    for line in document.get("Line", ()):
        for link in line.get("LinkedTxn", ()):
            yield "links", fold(link_key(link["TxnType"], link["TxnId"]))


INDEXED = frozenset({*_TEXTS, *_REFS, "PrimaryEmailAddr", "links"})


class Index:
    """(field, folded value) → document Ids, in the order they came."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str], dict[str, None]] = {}
        self._entries: dict[str, tuple[tuple[str, str], ...]] = {}

    def set(self, number: str, document: Document | None) -> None:
        """Replaces what is known of the document `number`; None forgets it."""
        for entry in self._entries.pop(number, ()):
            ids = self._ids[entry]
            ids.pop(number, None)
            if not ids:
                del self._ids[entry]
        if document is None:
            return
        entries = tuple(dict.fromkeys(_values(document)))
        self._entries[number] = entries
        for entry in entries:
            self._ids.setdefault(entry, {})[number] = None

    def count(self, name: str, value: str) -> int:
        return len(self._ids.get((name, fold(value)), ()))

    def ids(self, name: str, value: str) -> list[str]:
        return list(self._ids.get((name, fold(value)), ()))
