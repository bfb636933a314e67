"""Dataverse at its socket, answering as told, and a clock that sleeping moves."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2

from producers.clock import Clock
from producers.dataverse import (
    Dataverse,
)

URL = "https://org.crm3.dynamics.com"


BASE = f"{URL}/api/data/v9.2/"


ETAG = 'W/"8812345"'


Handler = Callable[[httpx2.Request], httpx2.Response]


class Ticks:
    """A clock that moves only when someone sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.seconds, sleep=self.sleep)


class Tokens:
    """Numbered tokens."""

    def __init__(self) -> None:
        self.number = 1

    def token(self) -> str:
        return f"token-{self.number}"

    def drop(self, token: str) -> None:
        if token == self.token():
            self.number += 1


class Server:
    """Answers in order, the last one for ever; keeps what was asked."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(server: Handler, ticks: Ticks, **options: Any) -> Dataverse:
    transport = httpx2.Client(transport=httpx2.MockTransport(server))
    return Dataverse(URL, Tokens(), transport, clock=ticks.clock(), **options)


def answer(status: int, body: Any = None, **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, content=content, headers=named)


def refusal(status: int, code: str = "0x0", message: str = "No.", **headers: str) -> Any:
    return answer(status, {"error": {"code": code, "message": message}}, **headers)
