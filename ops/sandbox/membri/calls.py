"""One operation of the Web API, alone or as a part of a batch: a `Call` in, an `Answer` out."""

from __future__ import annotations

import fnmatch
import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson

from ops.sandbox.membri.errors import Refusal, payload, syntax
from ops.sandbox.membri.query import Query, parse_query

FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOOKUP_TABLE = "Microsoft.Dynamics.CRM.lookuplogicalname"
LOOKUP_NAV = "Microsoft.Dynamics.CRM.associatednavigationproperty"
_PREFERENCE = re.compile(r"""([\w.-]+)(?:=(?:"([^"]*)"|([^,;\s]*)))?""")


@dataclass
class Call:
    """`path` is what follows `/api/data/v9.2/`, decoded; `headers` have lower-case names;
    `base` is the service root's URL with its slash."""

    method: str
    path: str
    query_string: str
    headers: dict[str, str]
    body: bytes
    base: str
    content_ids: dict[str, str] = field(default_factory=dict)  # of a change set: "$1" → path

    def __post_init__(self) -> None:
        self.preferences = {
            name.lower(): quoted or plain
            for name, quoted, plain in _PREFERENCE.findall(self.headers.get("prefer", ""))
        }
        self.applied: list[str] = []

    def query(self) -> Query:
        return parse_query(self.query_string)

    def json(self, entity_set: str) -> dict[str, Any]:
        """The body, its numbers exact. Raises Refusal (400)."""
        try:
            content = json.loads(self.body, parse_float=Decimal, parse_constant=_no_constant)
        except ValueError:
            raise payload(entity_set, "The payload is not valid JSON.") from None
        if not isinstance(content, dict):
            raise payload(entity_set, "A JSON object was expected.")
        return content

    def wants(self, annotation: str) -> bool:
        """Whether `odata.include-annotations` asks for it."""
        asked = self.preferences.get("odata.include-annotations", "")
        return any(fnmatch.fnmatchcase(annotation, one.strip()) for one in asked.split(","))

    def page_size(self, largest: int) -> int | None:
        """What `odata.maxpagesize` asks for, at most `largest`; None when it does not."""
        text = self.preferences.get("odata.maxpagesize")
        if text is None:
            return None
        if not text.isdigit() or int(text) < 1:
            raise syntax(f"Invalid value '{text}' for odata.maxpagesize.")
        self.apply(f"odata.maxpagesize={text}")
        return min(int(text), largest)

    def apply(self, preference: str) -> None:
        if preference not in self.applied:
            self.applied.append(preference)

    @property
    def representation(self) -> bool:
        return self.preferences.get("return") == "representation"


@dataclass
class Answer:
    status: int
    content: Any = None  # a JSON value, or bytes of `content_type`
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json; odata.metadata=minimal"

    def body(self) -> bytes:
        if self.content is None:
            return b""
        return self.content if isinstance(self.content, bytes) else exact_json(self.content)


def exact_json(content: Any) -> bytes:
    """JSON whose decimals keep their digits: 344.90 stays 344.90."""
    return orjson.dumps(content, default=_digits)


def refused(refusal: Refusal) -> Answer:
    return Answer(
        refusal.status,
        {"error": {"code": refusal.code, "message": refusal.message}},
        dict(refusal.headers),
    )


def _digits(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f").encode())
    raise TypeError(f"no JSON form for {type(value).__name__}")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
