"""A server that plays Business Central and its login answer by answer, over TLS."""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from consumers.system import AccountsSettings, Setup
from consumers.systems.business_central.connector import BusinessCentral
from consumers.systems.business_central.settings import Connection
from ops.sandbox.kernel.tls import loopback_certificate
from schemas.chapters import ChapterSettings
from tests.integration import queued_answers
from tests.integration.queued_answers import Answer, QueuedAnswers

COMPANY = "5d115c9c-44e3-ea11-bb43-000d3a2feca1"
SECRET = "s3cr3t-value"


def answered(content: Any, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return queued_answers.answered(content, status, **named)


def fault(code: str, message: str = "m", status: int = 400, **headers: str) -> Response:
    return answered({"error": {"code": code, "message": message}}, status, **headers)


def tls_server(folder: Path) -> HTTPServer:
    made = loopback_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.chain, made.key)
    return HTTPServer(host="localhost", ssl_context=context)


class World(QueuedAnswers):
    """Business Central and its login. Time passes when somebody sleeps."""

    def __init__(self, server: HTTPServer, folder: Path) -> None:
        super().__init__(server, "/v2.0/", ("GET", "POST", "PATCH", "DELETE"))
        self.grants: list[dict[str, str]] = []
        self.login: Answer | None = None
        self.slept_s = 0.0
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

    def _grant(self, request: Request) -> Response:
        self.grants.append(request.form.to_dict())
        if self.login is not None:
            return self.login(request)
        token = f"access-{len(self.grants)}"
        content = {"token_type": "Bearer", "expires_in": 3600, "access_token": token}
        return answered(content, Content_Type="application/json")

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
        self.opened.append(made)
        return made
