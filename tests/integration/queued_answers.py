"""A server that gives the answers a test queued, whatever it is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pytest_httpserver import METHOD_ALL, HTTPServer
from werkzeug import Request, Response

from schemas.facts import ApiCall, Fact

Answer = Callable[[Request], Response]


class Closable(Protocol):
    def close(self) -> None: ...


def answered(content: Any, status: int = 200, **headers: str) -> Response:
    """A body of text or bytes as it is, any other as JSON."""
    body = content if isinstance(content, str | bytes) else json.dumps(content)
    return Response(body, status, headers)


class QueuedAnswers:
    """Answers to requests below a path, in the order given; the last one is repeated. `opened`:
    what `close` closes."""

    def __init__(
        self, server: HTTPServer, below: str, methods: Sequence[str] = (METHOD_ALL,)
    ) -> None:
        self.server = server
        self.requests: list[Request] = []
        self.answers: list[Response | Answer] = []
        self.facts: list[Fact] = []
        self.opened: list[Closable] = []
        for method in methods:
            path = re.compile(re.escape(below))
            server.expect_request(path, method=method).respond_with_handler(self._next)

    def _next(self, request: Request) -> Response:
        request.get_data()
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Response):
            return Response(answer.get_data(), answer.status_code, dict(answer.headers))
        return answer(request)

    def answer(self, *answers: Response | Answer) -> None:
        self.answers = list(answers)

    def codes(self) -> list[tuple[str, bool]]:
        """(code, throttled) of each call that the connector told of."""
        return [(f.code, f.throttled) for f in self.facts if isinstance(f, ApiCall)]

    def close(self) -> None:
        for one in self.opened:
            one.close()
