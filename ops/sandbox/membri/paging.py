"""Order, pages and their opaque tokens.

A page begins after the last row of the one before (a keyset), so rows that leave the filter
meanwhile shift nothing. A token is signed and bound to its query: altered, it is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import total_ordering
from typing import Any

from ops.sandbox.kernel.store import Document
from ops.sandbox.membri.errors import Refusal, syntax

SortKey = tuple[Any, ...]
Keyed = Callable[[Document], SortKey]


@total_ordering
class Descending:
    """A sort key part that orders the other way round."""

    __slots__ = ("part",)

    def __init__(self, part: Any) -> None:
        self.part = part

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descending) and self.part == other.part

    def __lt__(self, other: Descending) -> bool:
        return bool(other.part < self.part)

    __hash__ = None  # type: ignore[assignment]  # never a key of a dict


def sort_key(getters: list[tuple[Callable[[Document], Any], bool]], primary_id: str) -> Keyed:
    """A key of (getter, descending) parts, ended by the row's id. The getters' values must all be
    of one type: see `predicates.orderable`."""
    if not getters:
        return lambda row: (row[primary_id],)

    if len(getters) == 1 and not getters[0][1]:  # the common one, kept fast for long backlogs
        only = getters[0][0]
        return lambda row: (only(row), row[primary_id])

    def key(row: Document) -> SortKey:
        parts = [Descending(read(row)) if down else read(row) for read, down in getters]
        return (*parts, row[primary_id])

    return key


@dataclass(frozen=True)
class Page:
    rows: list[Document]
    last: SortKey | None  # where the next one begins; None when this is the last
    total: int


def page_after(matching: list[Document], key: Keyed, after: SortKey | None, size: int) -> Page:
    """The `size` rows that follow `after` in the order of `key`."""
    keyed = [(key(row), row) for row in matching]
    rest = keyed if after is None else [pair for pair in keyed if pair[0] > after]
    rest.sort(key=lambda pair: pair[0])
    page = rest[:size]
    more = len(rest) > size
    return Page([row for _, row in page], page[-1][0] if more and page else None, len(matching))


class Tokens:
    """Signs and reads page and delta tokens. `secret` must outlive a restart."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, query: str, **content: Any) -> str:
        body = json.dumps({"q": _digest(query), **content}, default=_encode).encode()
        return f"{_b64(body)}.{_b64(self._sign(body))}"

    def read(self, query: str, token: str) -> dict[str, Any]:
        """Raises Refusal (400) when the token or the query around it was altered."""
        body_text, _, sign_text = token.partition(".")
        try:
            body, sign = _unb64(body_text), _unb64(sign_text)
        except ValueError:
            raise self._malformed() from None
        if not hmac.compare_digest(self._sign(body), sign):
            raise self._malformed()
        content: dict[str, Any] = json.loads(body, object_hook=_decode)
        if content.pop("q") != _digest(query):
            raise self._malformed()
        return content

    def _sign(self, body: bytes) -> bytes:
        return hmac.new(self._secret, body, hashlib.sha256).digest()[:12]

    def _malformed(self) -> Refusal:
        refusal = syntax("Malformed paging token: follow the link unchanged.")
        refusal.offence = "altered_link"
        return refusal


def _encode(value: object) -> dict[str, Any]:
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, Descending):
        return {"descending": value.part}
    raise TypeError(f"no token form for {type(value).__name__}")


def _decode(found: dict[str, Any]) -> Any:
    if set(found) == {"decimal"}:
        return Decimal(found["decimal"])
    if set(found) == {"descending"}:
        return Descending(found["descending"])
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
