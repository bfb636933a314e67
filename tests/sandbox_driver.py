"""Drives a simulated system without a socket: one ASGI call, one answer."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import urlsplit

from ops.sandbox.kernel.serving import System, admin_app


class Refused(AssertionError):
    """The call did not succeed."""


@dataclass
class Answer:
    """What came back; the names of the headers are in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answered = TypeVar("Answered", bound=Answer)
Simulated = TypeVar("Simulated", bound=System)


async def call_app(
    app: Any,
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes,
    shape: type[Answered] = Answer,  # type: ignore[assignment]  # PEP 696 is not in Python 3.11
) -> Answered:
    """One request to an ASGI application."""
    parts = urlsplit(url)
    path, _, query = url.removeprefix(f"{parts.scheme}://{parts.netloc}").partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 1),
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return shape(
        sent[0]["status"],
        {k.decode().lower(): v.decode() for k, v in sent[0]["headers"]},
        b"".join(m.get("body", b"") for m in sent[1:]),
    )


class SandboxDriver(Generic[Simulated, Answered]):
    """Calls to one system and orders to its admin port.

    `shape` is that of the system's answers, `company` how an order says whose books it is about.
    """

    shape: type[Answered]
    company: ClassVar[dict[str, str]]

    def __init__(self, system: Simulated) -> None:
        self.system = system
        self._admin = admin_app(system)

    def offences(self) -> list[str]:
        return [offence["code"] for offence in self.system.offences.all()]

    async def called(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Answered:
        return await call_app(self.system.app, method, url, headers, body, self.shape)

    def raw(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answered:
        return asyncio.run(self.called(method, url, headers or {}, body))

    def admin(self, method: str, path: str, order: Any = None) -> Answer:
        body = b"" if order is None else json.dumps(order).encode()
        return asyncio.run(call_app(self._admin, method, path, {}, body))

    def ordered(self, method: str, path: str, order: Any = None) -> Any:
        """What the admin port answers; raises Refused unless it is a 200."""
        answer = self.admin(method, path, order)
        if answer.status != 200:
            raise Refused(answer.text)
        return answer.json

    def accountant(self, **order: Any) -> Any:
        """What a person does in the books."""
        return self.ordered("POST", "/accountant", {**self.company, **order})
