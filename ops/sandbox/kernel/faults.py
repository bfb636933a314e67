"""Faults on demand, at the socket: what a network, a gateway or a dying server does to a client.

A fault is armed through the admin port and hits the next matching requests. `drop_after` and
`status_after` let the system do its work first: the client cannot know whether it was done.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field, fields
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

KINDS = (
    "latency",  # answer after `seconds`
    "status",  # answer `status` + `body` without doing the work
    "status_after",  # do the work, then answer `status` + `body`
    "drop_before",  # close the connection without doing the work
    "drop_after",  # do the work, then close the connection without an answer
    "truncate",  # do the work, then send half of the answer and close
)


@dataclass
class Fault:
    """One armed fault. `path` and `contains` are regular expressions over URL and body."""

    kind: str
    method: str = ""
    path: str = ""
    contains: str = ""
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    status: int = 503
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; expected one of {', '.join(KINDS)}")


class Faults:
    """The armed faults of one simulated system, spent as they hit."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []

    def arm(self, **values: Any) -> Fault:
        """Arms one fault. Raises ValueError on an unknown kind or field."""
        unknown = set(values) - {f.name for f in fields(Fault)}
        if unknown:
            raise ValueError(f"unknown fault field(s): {', '.join(sorted(unknown))}")
        fault = Fault(**values)
        self._armed.append(fault)
        return fault

    def clear(self) -> None:
        self._armed.clear()

    def armed(self) -> list[Fault]:
        return list(self._armed)

    def take(self, method: str, url: str, body: bytes) -> Fault | None:
        """The fault that hits this request, spent by one; None when none does."""
        text = body.decode("utf-8", "replace")
        for fault in self._armed:
            if fault.method and fault.method.upper() != method.upper():
                continue
            if fault.path and not re.search(fault.path, url):
                continue
            if fault.contains and not re.search(fault.contains, text):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            if fault.times <= 0:
                self._armed.remove(fault)
            return fault
        return None


class FaultMiddleware:
    """Puts the armed faults between the socket and the system. Must be the outermost layer."""

    def __init__(self, app: App, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._faults.armed():
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        query = scope.get("query_string", b"").decode("latin-1")
        url = scope["path"] + (f"?{query}" if query else "")
        fault = self._faults.take(scope["method"], url, body)
        replay = _replay(body)
        if fault is None:
            await self._app(scope, replay, send)
        elif fault.kind == "latency":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, replay, send)
        elif fault.kind == "status":
            await _answer(send, fault)
        elif fault.kind == "drop_before":
            _abort(send)
        else:
            await self._after_the_work(fault, scope, replay, send)

    async def _after_the_work(
        self, fault: Fault, scope: Scope, receive: Receive, send: Send
    ) -> None:
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._app(scope, receive, keep)
        if fault.seconds:
            await asyncio.sleep(fault.seconds)
        if fault.kind == "status_after":
            await _answer(send, fault)
        elif fault.kind == "drop_after":
            _abort(send)
        else:
            whole = b"".join(m.get("body", b"") for m in kept)
            await send(kept[0])
            await send(
                {
                    "type": "http.response.body",
                    "body": whole[: max(1, len(whole) // 2)],
                    "more_body": True,
                }
            )
            _abort(send)


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes) -> Receive:
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _answer(send: Send, fault: Fault) -> None:
    headers = [(b"content-type", fault.content_type.encode())]
    headers += [(k.lower().encode(), v.encode()) for k, v in fault.headers.items()]
    body = fault.body.encode()
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": fault.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _abort(send: Send) -> None:
    """Closes the connection with no further byte. Uvicorn's h11 `send` is a method of the
    request's cycle, which holds the transport (uvicorn 0.54, protocols/http/h11_impl.py)."""
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise RuntimeError("a dropped connection needs uvicorn's h11 protocol (http='h11')")
    transport.abort()
