"""One request as the service sees it: where it goes, who sends it, in which language.

In: method, path, headers, body. Out: a `Call` with its segments. Refused: a path that is not
`/v2.0/{tenant}/{environment}/api/v2.0/…`, both versions present (business-central.md, section 1).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from ops.sandbox.business_central.answers import BAD, NO_RESOURCE, Refusal

_ROOT = re.compile(
    r"/v2\.0/(?:(?P<tenant>[^/]+)/)?(?P<environment>[^/]+)/api/v2\.0(?:/(?P<rest>.*))?"
)
_SEGMENT = re.compile(r"(?P<name>[$\w.]+)(?:\((?P<key>[^)]*)\))?")


@dataclass(frozen=True)
class Segment:
    """`salesInvoices(guid)`: a name and a key, "" without."""

    name: str
    key: str = ""


@dataclass(frozen=True)
class Call:
    """`headers` have lower-case names; `origin` is this server's scheme and host."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    origin: str = "https://localhost"
    writer: str = ""

    @property
    def url(self) -> str:
        return self.origin + self.path

    def language(self, default: str) -> str:
        wanted = self.headers.get("accept-language", "")
        if not wanted:
            return default
        return "fr" if wanted.lower().startswith("fr") else "en"

    def segments(self, tenant: str, environment: str) -> list[Segment]:
        """What follows the root. Raises Refusal (404)."""
        found = _ROOT.fullmatch(self.path)
        if found is None or found["environment"] != environment:
            raise _no_resource(self.path)
        if found["tenant"] not in (None, tenant):
            raise _no_resource(found["tenant"])
        parts = [part for part in (found["rest"] or "").split("/") if part]
        return [self._segment(part) for part in parts]

    @staticmethod
    def _segment(part: str) -> Segment:
        found = _SEGMENT.fullmatch(part)
        if found is None:
            raise _no_resource(part)
        return Segment(found["name"], (found["key"] or "").lower())

    def json(self) -> Any:
        """The body, numbers exact. Raises Refusal: not JSON (400) or not said to be (415)."""
        kind = self.headers.get("content-type", "")
        if not kind.lower().startswith("application/json"):
            raise Refusal(BAD, "bad_json", status=415)
        try:
            return json.loads(self.body, parse_float=Decimal, parse_constant=_no_constant)
        except (ValueError, UnicodeDecodeError):
            raise Refusal(BAD, "bad_json") from None

    def with_writer(self, writer: str) -> Call:
        return replace(self, writer=writer)


def _no_constant(text: str) -> None:
    raise ValueError(text)


def _no_resource(segment: str) -> Refusal:
    return Refusal(NO_RESOURCE, "no_resource", status=404, segment=segment)
