"""A server that plays QuickBooks answer by answer, and clients on it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from consumers.systems._throttle import Throttle
from consumers.systems.quickbooks_online.client import Client, Shared
from consumers.systems.quickbooks_online.settings import Connection
from consumers.systems.quickbooks_online.tokens import Tokens
from tests.integration import queued_answers
from tests.integration.queued_answers import QueuedAnswers


def answered(content: Any, status: int = 200, **headers: str) -> Response:
    return queued_answers.answered(content, status, **{"intuit_tid": "1-tid", **headers})


class World(QueuedAnswers):
    """QuickBooks, its login and the token file of a chapter."""

    def __init__(self, server: HTTPServer, folder: Path) -> None:
        super().__init__(server, "/v3/", ("GET", "POST"))
        self.path = folder / "token.json"
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

    def monotonic(self) -> float:
        return time.monotonic() + self.seconds

    def client(self, **values: Any) -> Client:
        connection = self.connection.model_copy(update=values)
        tokens = Tokens("montreal", connection)
        throttle = Throttle({1.0: 10, 60.0: 500}, title="QuickBooks", clock=self.monotonic)
        shared = Shared(connection, tokens, throttle, self.facts.append, time.time, self.monotonic)
        made = Client(shared)
        self.opened.append(made)
        return made


FOUND: dict[str, Any] = {
    "Customer": {
        "Id": "58",
        "SyncToken": "3",
        "DisplayName": "Anne",
        "MetaData": {"CreateTime": "2100-01-01T00:00:00-08:00"},
    }
}


def fault(code: str, status: int = 400) -> Response:
    error = {"Message": "m", "Detail": "access-1 d", "code": code}
    return answered({"Fault": {"Error": [error], "type": "ValidationFault"}}, status)
