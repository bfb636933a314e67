"""A server that plays QuickBooks answer by answer, and clients on it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from consumers.systems._throttle import Throttle
from consumers.systems.quickbooks_online.client import Client, Shared
from consumers.systems.quickbooks_online.settings import Connection
from consumers.systems.quickbooks_online.tokens import Tokens
from schemas.facts import ApiCall, Fact

Answer = Callable[[Request], Response]


def answered(content: Any, status: int = 200, **headers: str) -> Response:
    body = content if isinstance(content, str | bytes) else json.dumps(content)
    return Response(body, status, {"intuit_tid": "1-tid", **headers})


class World:
    """A server whose answers a test queues; the last one is repeated."""

    def __init__(self, server: HTTPServer, folder: Path) -> None:
        self.server = server
        self.path = folder / "token.json"
        self.requests: list[Request] = []
        self.answers: list[Answer] = []
        self.facts: list[Fact] = []
        self.renewals = 0
        self.seconds = 0.0
        self.write_token("access-1")
        server.expect_request("/discovery").respond_with_json(
            {
                **{f"{n}_endpoint": server.url_for("/x") for n in ("authorization", "revocation")},
                "token_endpoint": server.url_for("/token"),
                "userinfo_endpoint": server.url_for("/x"),
                "issuer": "i",
                "jwks_uri": "k",
            }
        )
        server.expect_request("/token").respond_with_handler(self._renew)

        def api(request: Request) -> Response:
            request.get_data()
            self.requests.append(request)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            return answer(request)

        for method in ("GET", "POST"):
            server.expect_request(_Under("/v3/"), method=method).respond_with_handler(api)
        self.connection = Connection.model_validate(
            {
                "api_root": server.url_for("/v3"),
                "discovery_url": server.url_for("/discovery"),
                "client_id": "app",
                "client_secret": "s3cr3t",
                "token_file": str(self.path),
                "realm_id": "1",
                "timeout_s": 0.5,
            }
        )
        self.made: list[Client] = []

    def _renew(self, _: Request) -> Response:
        self.renewals += 1
        content = {
            "access_token": f"access-{self.renewals + 1}",
            "refresh_token": "refresh-2",
            "expires_in": 3600,
        }
        return answered(content)

    def write_token(self, access: str) -> None:
        content = {
            "access_token": access,
            "refresh_token": "refresh-1",
            "expires_at": 4_000_000_000,
            "realm_id": "1",
        }
        self.path.write_text(json.dumps(content), encoding="utf-8")

    def answer(self, *answers: Response | Answer) -> None:
        self.answers = [_constant(a) if isinstance(a, Response) else a for a in answers]

    def monotonic(self) -> float:
        return time.monotonic() + self.seconds

    def client(self, **values: Any) -> Client:
        connection = self.connection.model_copy(update=values)
        tokens = Tokens("montreal", connection)
        throttle = Throttle({1.0: 10, 60.0: 500}, title="QuickBooks", clock=self.monotonic)
        shared = Shared(connection, tokens, throttle, self.facts.append, time.time, self.monotonic)
        made = Client(shared)
        self.made.append(made)
        return made

    def codes(self) -> list[tuple[str, bool]]:
        return [(f.code, f.throttled) for f in self.facts if isinstance(f, ApiCall)]


class _Under:
    """Matches every path below a prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and other.startswith(self._prefix)

    def __hash__(self) -> int:
        return hash(self._prefix)


def _constant(response: Response) -> Answer:
    body, status, headers = response.get_data(), response.status_code, dict(response.headers)
    return lambda _: Response(body, status, headers)


FOUND = {"Customer": {"Id": "58", "SyncToken": "3", "DisplayName": "Anne"}}


def fault(code: str, status: int = 400) -> Response:
    error = {"Message": "m", "Detail": "access-1 d", "code": code}
    return answered({"Fault": {"Error": [error], "type": "ValidationFault"}}, status)
