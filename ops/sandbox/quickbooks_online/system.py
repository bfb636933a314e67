"""The simulated QuickBooks Online as one `System` of the sandbox kernel.

In: a store, the application's keys, options. Out: a system to serve: the accounting API and
Intuit's OAuth on one port, and on the admin port beside the kernel's routes: `POST /clock`
{"advance_s"}, `POST /tokens` {"realm"}, `POST /accountant`, `GET|POST /options`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from ops.sandbox.kernel.admin import admin_routes
from ops.sandbox.kernel.clock import SimulatedClock, real_clock
from ops.sandbox.kernel.faults import App, Message, Receive, Scope, Send
from ops.sandbox.kernel.offences import Offences
from ops.sandbox.kernel.serving import System
from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.quickbooks_online.accountant import act
from ops.sandbox.quickbooks_online.answers import Refusal, plain
from ops.sandbox.quickbooks_online.companies import Companies
from ops.sandbox.quickbooks_online.doors import doors
from ops.sandbox.quickbooks_online.limits import Limits
from ops.sandbox.quickbooks_online.oauth import Authority
from ops.sandbox.quickbooks_online.options import Options
from ops.sandbox.quickbooks_online.properties import NUMBERS
from ops.sandbox.quickbooks_online.service import Service


@dataclass(kw_only=True)
class QuickBooksSystem(System):
    """The kernel's `System`, and what a test in the same process may reach before serving."""

    companies: Companies
    authority: Authority
    options: Options
    simulated_clock: SimulatedClock


class _Traced:
    """Every answer carries an `intuit_tid`, as Intuit's do."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def traced(message: Message) -> None:
            if message["type"] == "http.response.start":
                tid = f"1-{uuid.uuid4()}".encode()
                message = {**message, "headers": [*message["headers"], (b"intuit_tid", tid)]}
            await send(message)

        await self._app(scope, receive, traced)


def quickbooks_system(
    store: Store,
    *,
    client_id: str,
    client_secret: str,
    clock: Callable[[], datetime] = real_clock,
    monotonic: Callable[[], float] = time.monotonic,
    options: Options | None = None,
) -> QuickBooksSystem:
    """The system. `clock` gives aware datetimes and dates the books and tokens; `monotonic`
    gives seconds and paces the limits."""
    options = options or Options()
    simulated = SimulatedClock(store, clock)
    companies = Companies(store, simulated, options)
    authority = Authority(store, simulated, options, client_id, client_secret)
    offences = Offences(store)
    service = Service(companies, authority, Limits(store, options, monotonic), offences, options)
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app = Starlette(
        routes=[
            Route("/v3/company/{realm}/{rest:path}", service.handle, methods=methods),
            *doors(authority, companies),
        ]
    )

    def seed(world: Any) -> None:
        companies.seed(world.get("realms", {}))
        for realm, tokens in world.get("tokens", {}).items():
            authority.install(
                realm, tokens.get("access_token", ""), tokens.get("refresh_token", "")
            )

    return QuickBooksSystem(
        name="quickbooks_online",
        app=_Traced(app),
        store=store,
        offences=offences,
        dump=companies.dump,
        seed=seed,
        admin_routes=_admin_routes(companies, authority, options, simulated),
        companies=companies,
        authority=authority,
        options=options,
        simulated_clock=simulated,
    )


def issue_tokens(system: QuickBooksSystem, realm: str) -> Document:
    """A token JSON for a company, as after an authorisation. Raises KeyError: no such company."""
    system.companies.books(realm)
    return system.authority.issue(realm)


def _admin_routes(
    companies: Companies, authority: Authority, options: Options, clock: SimulatedClock
) -> list[Route]:
    def tokens(order: Document) -> Document:
        realm = str(order["realm"])
        companies.books(realm)
        return {**authority.issue(realm), "realmId": realm}

    def accountant(order: Document) -> Any:
        return plain(act(companies.books(str(order["realm"])), order), NUMBERS)

    orders = {"/tokens": tokens, "/accountant": accountant}
    return admin_routes(orders, options=options, clock=clock, refusal=Refusal)
