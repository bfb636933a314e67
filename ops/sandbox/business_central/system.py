"""The simulated Business Central as one `System` of the sandbox kernel.

In: a store, the application's id and secret, options. Out: a system to serve: API v2.0 and the
login on one port; on the admin port, beside the kernel's routes: `POST /clock` {"advance_s"},
`POST /tokens` (a token), `POST /revoke`, `POST /throttle` {"times", "status", "retry_after_s"},
`POST /accountant`, `GET|POST /options`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ops.sandbox.business_central.accountant import act
from ops.sandbox.business_central.answers import Answer, Refusal
from ops.sandbox.business_central.batch import answer_batch
from ops.sandbox.business_central.calls import Call
from ops.sandbox.business_central.companies import Companies
from ops.sandbox.business_central.limits import Limits
from ops.sandbox.business_central.login import Login
from ops.sandbox.business_central.options import Options
from ops.sandbox.business_central.service import Service
from ops.sandbox.kernel.admin import Work, admin_routes
from ops.sandbox.kernel.clock import SimulatedClock, real_clock
from ops.sandbox.kernel.offences import Offences
from ops.sandbox.kernel.serving import System
from ops.sandbox.kernel.store import Document, Store

TENANT = "4f9c2b1e-7f0a-4f5e-9d0b-3c6a5b8e2d10"
ENVIRONMENT = "Production"


@dataclass(kw_only=True)
class BusinessCentralSystem(System):
    """The kernel's `System`, and what a test in the same process may reach before serving."""

    companies: Companies
    login: Login
    limits: Limits
    options: Options
    simulated_clock: SimulatedClock


def business_central_system(
    store: Store,
    *,
    client_id: str,
    client_secret: str,
    clock: Callable[[], datetime] = real_clock,
    monotonic: Callable[[], float] = time.monotonic,
    options: Options | None = None,
) -> BusinessCentralSystem:
    """The system. `clock` gives aware datetimes and dates the books and tokens; `monotonic`
    gives seconds and paces the limits."""
    options = options or Options()
    simulated = SimulatedClock(store, clock)
    offences = Offences(store)
    companies = Companies(store, simulated, options, offences)
    login = Login(store, simulated, options, TENANT, client_id, client_secret)
    limits = Limits(options, monotonic)
    service = Service(companies, login, limits, offences, options, ENVIRONMENT)
    doors = _Doors(service, login, limits, options)
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app = Starlette(
        routes=[
            Route("/v2.0/{rest:path}", doors.api, methods=methods),
            Route(f"/{TENANT}/{{rest:path}}", doors.login, methods=methods),
        ]
    )

    def seed(content: Any) -> None:
        companies.seed(content.get("companies", {}))

    return BusinessCentralSystem(
        name="business_central",
        app=app,
        store=store,
        offences=offences,
        dump=companies.dump,
        seed=seed,
        admin_routes=_admin_routes(companies, login, limits, options, simulated),
        companies=companies,
        login=login,
        limits=limits,
        options=options,
        simulated_clock=simulated,
    )


class _Doors:
    """What the protocol port answers."""

    def __init__(self, service: Service, login: Login, limits: Limits, options: Options) -> None:
        self._service = service
        self._login = login
        self._limits = limits
        self._options = options

    async def api(self, request: Request) -> Response:
        self._limits.in_flight += 1
        try:
            call = await _read(request)
            if self._options.processing_s:
                await asyncio.sleep(self._options.processing_s)
            return _response(self._answer(call))
        finally:
            self._limits.in_flight -= 1

    def _answer(self, call: Call) -> Answer:
        try:
            call = self._service.admit(call)
            if call.path.endswith("/$batch"):
                return answer_batch(self._service, call, self._options.user_language)
            return self._service.answer(call)
        except Refusal as refusal:
            return refusal.answer(call.language(self._options.user_language))

    async def login(self, request: Request) -> Response:
        body = await request.body()
        rest = request.path_params["rest"]
        return _response(self._login.answer(request.method, rest, _origin(request), body))


def _origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"


async def _read(request: Request) -> Call:
    return Call(
        request.method,
        request.url.path,
        dict(request.query_params),
        dict(request.headers),
        await request.body(),
        _origin(request),
    )


def _response(answer: Answer) -> Response:
    headers = {**answer.headers, "OData-Version": "4.0"}
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    return Response(answer.content(), answer.status, headers, answer.media_type)


def _admin_routes(
    companies: Companies, login: Login, limits: Limits, options: Options, clock: SimulatedClock
) -> list[Route]:
    def revoke(_: Document) -> Any:
        login.revoke()
        return {}

    def throttle(order: Document) -> Any:
        limits.order(
            int(order.get("times", 1)),
            int(order.get("status", 429)),
            int(order.get("retry_after_s", 0)),
        )
        return {}

    def accountant(order: Document) -> Any:
        return act(companies.books(str(order["company"])), order)

    orders: dict[str, Work] = {
        "/tokens": lambda _: {"access_token": login.issue()},
        "/revoke": revoke,
        "/throttle": throttle,
        "/accountant": accountant,
    }
    return admin_routes(orders, options=options, clock=clock, refusal=Refusal)
