"""The socket side: HTTP requests to login or Web API, who calls, what is left of their limits."""

from __future__ import annotations

import asyncio
import re
import uuid

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ops.sandbox.membri import router
from ops.sandbox.membri.batch import Batch
from ops.sandbox.membri.calls import Answer, Call, refused
from ops.sandbox.membri.effects import do_what_is_due
from ops.sandbox.membri.environment import Environment
from ops.sandbox.membri.errors import Refusal
from ops.sandbox.membri.limits import COOKIE, Limits
from ops.sandbox.membri.login import Login

URL_LIMIT = 32 * 1024
_ROOT = re.compile(r"/api/data/(v9\.\d)(?:/(.*))?", re.DOTALL)
_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]


class Web:
    def __init__(self, env: Environment, login: Login) -> None:
        self._env = env
        self._login = login
        self._limits = Limits(env)
        self._held: set[tuple[str, str]] = set()

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._handle, methods=_METHODS)])

    async def _handle(self, request: Request) -> Response:
        origin = f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"
        body = await request.body()
        match = _ROOT.fullmatch(request.url.path)
        if match is None:
            path = request.url.path.lstrip("/")
            return _response(self._login.answer(request.method, path, origin, body), {})
        do_what_is_due(self._env)
        answer, extra = await self._web_api(request, match, origin, body)
        self._env.keep_notes()
        return _response(answer, extra)

    async def _web_api(
        self, request: Request, match: re.Match[str], origin: str, body: bytes
    ) -> tuple[Answer, dict[str, str]]:
        query = request.scope["query_string"].decode("latin-1")
        extra = {"OData-Version": "4.0", "x-ms-service-request-id": str(uuid.uuid4())}
        extra["REQ_ID"] = extra["x-ms-service-request-id"]
        authorization = request.headers.get("authorization", "")
        user = self._login.user_of(authorization, origin)
        if user is None:
            challenge = self._login.challenge(origin, had_token=bool(authorization))
            return Answer(401, b"", {"WWW-Authenticate": challenge}, "text/html"), extra
        if request.method == "GET" and len(request.url.path) + len(query) > URL_LIMIT:
            return Answer(414, b"<html>URI Too Long</html>", content_type="text/html"), extra
        server = self._limits.server_for(request.cookies.get(COOKIE))
        extra["Set-Cookie"] = f"{COOKIE}={server}; Path=/; HttpOnly; Secure"
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(
            request.method, match.group(2) or "", query, headers, body,
            f"{origin}/api/data/{match.group(1)}/",
        )  # fmt: skip
        operations = 1
        try:
            self._limits.enter(user, server)
            try:
                answer, operations = await self._work(call)
            finally:
                self._limits.leave(user, server, operations)
        except Refusal as refusal:
            self._env.note_refusal(refusal, call.method, call.path)
            answer = refused(refusal)
        return answer, extra | self._limits.headers(user, server)

    async def _work(self, call: Call) -> tuple[Answer, int]:
        if call.path == "$batch" and call.method == "POST":
            batch = Batch(self._env, call, router.answer)
            return batch.answer(), batch.operations
        row = router.row_written(self._env, call)
        if row is None:
            return router.answer(self._env, call), 1
        if row in self._held:
            self._env.note("concurrent_write", f"two writes at once on {row[0]}", call.method)
            raise Refusal(
                500,
                "0x80044150",
                "SQL Server error: Transaction was deadlocked on lock resources with another"
                " process and has been chosen as the deadlock victim (1205).",
            )
        self._held.add(row)
        try:
            await asyncio.sleep(self._env.options.current.write_time_s)
            return router.answer(self._env, call), 1
        finally:
            self._held.discard(row)


def _response(answer: Answer, extra: dict[str, str]) -> Response:
    response = Response(answer.body(), answer.status, {**extra, **answer.headers})
    if answer.status not in (204, 304):
        response.headers["Content-Type"] = answer.content_type
    return response
