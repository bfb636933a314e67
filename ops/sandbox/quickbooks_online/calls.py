"""One call to a company as the service reads it: parameters, body, what its manners were.

In: an ASGI request. Out: `Call`. Refuses what is not UTF-8 (2040) or not JSON (2010).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from ops.sandbox.quickbooks_online.answers import Refusal

JSON_TYPES = ("application/json",)
QUERY_TYPES = ("application/text", "text/plain")


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    realm: str
    rest: str
    params: dict[str, str]
    bearer: str
    accept: str
    content_type: str
    body: bytes

    @property
    def wants_json(self) -> bool:
        return "json" in self.accept

    @property
    def is_write(self) -> bool:
        return self.method == "POST" and self.rest != "query"

    @property
    def digest(self) -> str:
        """What makes two requests the same: operation, place and body."""
        operation = f"{self.path}|{self.params.get('operation')}|{self.params.get('include')}|"
        return hashlib.sha256(operation.encode() + self.body).hexdigest()

    def json(self) -> Any:
        """The decoded body, numbers as Decimal. Raises Refusal."""
        if not self.content_type.startswith(JSON_TYPES):
            raise Refusal(1050, f"Content type {self.content_type!r} is not supported")
        try:
            return json.loads(self.body.decode(), parse_float=Decimal, parse_constant=_not_a_number)
        except UnicodeDecodeError:
            raise Refusal(2040, "The request is not valid UTF-8") from None
        except ValueError:
            raise Refusal(
                2010, "Property Name:failed to parse json object; the body is not JSON"
            ) from None

    def statement(self) -> str:
        """The query, from the URL or the body. Raises Refusal."""
        if self.method == "GET":
            return self.params.get("query", "")
        if not self.content_type.startswith(QUERY_TYPES):
            raise Refusal(1050, f"Content type {self.content_type!r} is not supported")
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise Refusal(2040, "The query is not valid UTF-8") from None


def _not_a_number(text: str) -> None:
    raise ValueError(text)


async def read_call(request: Request) -> Call:
    """The call in a request to `/v3/company/{realm}/{rest}`. Raises Refusal."""
    body = await request.body()
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    try:
        params = dict(
            parse_qsl(
                request.scope["query_string"].decode("ascii"),
                keep_blank_values=True,
                errors="strict",
            )
        )
    except UnicodeDecodeError:
        raise Refusal(2040, "The URL is not valid UTF-8") from None
    return Call(
        method=request.method,
        path=request.url.path,
        realm=request.path_params["realm"],
        rest=request.path_params["rest"].strip("/"),
        params=params,
        bearer=bearer.strip() if scheme.lower() == "bearer" else "",
        accept=request.headers.get("accept", ""),
        content_type=request.headers.get("content-type", ""),
        body=body,
    )
