"""A Sage whose answers a test queues, and the client on it, over a real socket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from consumers.system import AccountsSettings, Setup
from consumers.systems.sage_accounting.client import Client
from consumers.systems.sage_accounting.connector import SageAccounting
from consumers.systems.sage_accounting.settings import Connection
from schemas.chapters import ChapterSettings
from tests.integration import queued_answers
from tests.integration.queued_answers import QueuedAnswers

BUSINESS = "b" * 32
MADE = {"id": "x", "created_at": "2100-01-01T00:00:00Z"}
ECHO = {"x_request_id": "req-7", "X-Business": BUSINESS}


def answered(content: Any, status: int = 200, **headers: str) -> Response:
    return queued_answers.answered(content, status, **{**ECHO, **headers})


def error(message: str, code: str = "RecordInvalid") -> list[dict[str, str]]:
    return [{"$dataCode": code, "$message": message, "$source": "base"}]


class World(QueuedAnswers):
    """Sage, its token service and the token file of a chapter."""

    def __init__(self, server: HTTPServer, folder: Path) -> None:
        super().__init__(server, "/v3.1/", ("GET", "POST", "PUT", "DELETE"))
        self.path = folder / "token.json"
        self.refreshed: list[str] = []
        late = {"expires_at": 4_000_000_000, "refresh_expires_at": 4_000_000_000}
        tokens = {"access_token": "access-1", "refresh_token": "refresh-1", **late}
        self.path.write_text(json.dumps(tokens), encoding="utf-8")
        server.expect_request("/token", method="POST").respond_with_handler(self._token)
        self.connection = Connection.model_validate(
            {
                "api_root": server.url_for("/v3.1"),
                "token_url": server.url_for("/token"),
                "business_id": BUSINESS,
                "client_id": "app",
                "client_secret": "s3cr3t",
                "token_file": str(self.path),
                "timeout_s": 2,
            }
        )

    def _token(self, request: Request) -> Response:
        self.refreshed.append(request.form["refresh_token"])
        number = len(self.refreshed) + 1
        content = {
            "access_token": f"access-{number}",
            "refresh_token": f"refresh-{number}",
            "expires_in": 300,
            "refresh_token_expires_in": 2_678_400,
        }
        return Response(json.dumps(content), mimetype="application/json")

    def connector(self, **values: Any) -> SageAccounting:
        connection = self.connection.model_copy(update=values)
        setup = Setup(
            *("montreal", connection, AccountsSettings(), ChapterSettings(), self.facts.append)
        )
        made = SageAccounting(setup)
        self.opened.append(made)
        return made

    def client(self, **values: Any) -> Client:
        with self.connector(**values)._company() as company:
            return company.client
