"""One call as the service reads it: path, parameters, headers, body.

In: an ASGI request. Out: `Call`. Refuses what is not JSON (415, 400) or has no singular root (422).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from ops.sandbox.kernel.store import Document
from ops.sandbox.sage_accounting.answers import Problem, Refusal, invalid


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    rest: tuple[str, ...]
    params: dict[str, str]
    bearer: str
    business: str
    accept: str
    content_type: str
    body: bytes

    @property
    def is_write(self) -> bool:
        return self.method in ("POST", "PUT", "PATCH", "DELETE")

    @property
    def resource(self) -> str:
        return self.rest[0] if self.rest else ""

    @property
    def digest(self) -> str:
        """What makes two requests the same: place and content, whatever the order of names."""
        content = json.dumps(self.json(), sort_keys=True, default=str)
        return hashlib.sha256(f"{self.path}|{content}".encode()).hexdigest()

    def json(self) -> Any:
        """The decoded body, numbers as Decimal. Raises Refusal."""
        if self.content_type.partition(";")[0].strip().lower() != "application/json":
            raise Refusal(
                415, Problem("UnsupportedMediaType", "Content-Type must be application/json.")
            )
        try:
            return json.loads(self.body.decode(), parse_float=Decimal)
        except ValueError:
            raise Refusal(400, Problem("InvalidJSON", "The body is not valid JSON.")) from None

    def under(self, root: str) -> Document:
        """The object under its singular root. Raises Refusal."""
        body = self.json()
        found = body.get(root) if isinstance(body, dict) else None
        if not isinstance(found, dict) or not found:
            raise invalid(f"param is missing or the value is empty: {root}", root)
        return found


async def read_call(request: Request) -> Call:
    """The call in a request to `/v3.1/{rest}`."""
    body = await request.body()
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    query = request.scope["query_string"].decode("latin-1")
    return Call(
        method=request.method,
        path=request.url.path,
        rest=tuple(part for part in request.path_params["rest"].split("/") if part),
        params=dict(parse_qsl(query, keep_blank_values=True)),
        bearer=bearer.strip() if scheme.lower() == "bearer" else "",
        business=request.headers.get("x-business", ""),
        accept=request.headers.get("accept", ""),
        content_type=request.headers.get("content-type", ""),
        body=body,
    )
