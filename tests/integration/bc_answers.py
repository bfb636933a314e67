"""A server that plays Business Central and its login answer by answer, over TLS."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from consumers.system import AccountsSettings, Setup
from consumers.systems.business_central.connector import BusinessCentral
from consumers.systems.business_central.settings import Connection
from ops.sandbox.kernel.tls import loopback_certificate
from schemas.chapters import ChapterSettings
from schemas.facts import ApiCall, Fact

COMPANY = "5d115c9c-44e3-ea11-bb43-000d3a2feca1"
SECRET = "s3cr3t-value"
Answer = Callable[[Request], Response]


def answered(content: Any, status: int = 200, **headers: str) -> Response:
    body = content if isinstance(content, str | bytes) else json.dumps(content)
    return Response(body, status, {name.replace("_", "-"): v for name, v in headers.items()})


def fault(code: str, message: str = "m", status: int = 400, **headers: str) -> Response:
    return answered({"error": {"code": code, "message": message}}, status, **headers)


def tls_server(folder: Path) -> HTTPServer:
    made = loopback_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.chain, made.key)
    return HTTPServer(host="localhost", ssl_context=context)


class World:
    """Answers that a test queues; the last one is repeated. Time passes when somebody sleeps."""

    def __init__(self, server: HTTPServer, folder: Path) -> None:
        self.server = server
        self.requests: list[Request] = []
        self.grants: list[dict[str, str]] = []
        self.answers: list[Answer] = []
        self.facts: list[Fact] = []
        self.login: Answer | None = None
        self.slept_s = 0.0
        self._opened: list[BusinessCentral] = []
        self._ca = str(folder / "ca.pem")
        root = server.url_for("").rstrip("/")
        server.expect_request("/tenant/v2.0/.well-known/openid-configuration").respond_with_json(
            {
                "issuer": f"{root}/tenant/v2.0",
                "authorization_endpoint": f"{root}/tenant/authorize",
                "token_endpoint": f"{root}/tenant/token",
            }
        )
        server.expect_request("/tenant/token").respond_with_handler(self._grant)
        for method in ("GET", "POST", "PATCH", "DELETE"):
            server.expect_request(_Under("/v2.0/"), method=method).respond_with_handler(self._api)

    def _grant(self, request: Request) -> Response:
        self.grants.append(request.form.to_dict())
        if self.login is not None:
            return self.login(request)
        token = f"access-{len(self.grants)}"
        content = {"token_type": "Bearer", "expires_in": 3600, "access_token": token}
        return answered(content, Content_Type="application/json")

    def _api(self, request: Request) -> Response:
        request.get_data()
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(request)

    def answer(self, *answers: Response | Answer) -> None:
        self.answers = [_constant(a) if isinstance(a, Response) else a for a in answers]

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds

    def monotonic(self) -> float:
        return time.monotonic() + self.slept_s

    def connection(self, **values: Any) -> Connection:
        given = {
            "api_root": self.server.url_for("/v2.0/t/Production/api/v2.0"),
            "authority": self.server.url_for("/tenant"),
            "company_id": COMPANY,
            "client_id": "app",
            "client_secret": SECRET,
            "ca_bundle": self._ca,
            "timeout_s": 2,
        }
        return Connection.model_validate({**given, **values})

    def system(self, **values: Any) -> BusinessCentral:
        setup = Setup(
            "montreal",
            self.connection(**values),
            AccountsSettings(),
            ChapterSettings(),
            self.facts.append,
        )
        made = BusinessCentral(setup, monotonic=self.monotonic, sleep=self.sleep)
        self._opened.append(made)
        return made

    def codes(self) -> list[tuple[str, bool]]:
        return [(f.code, f.throttled) for f in self.facts if isinstance(f, ApiCall)]

    def close(self) -> None:
        for system in self._opened:
            system.close()


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
