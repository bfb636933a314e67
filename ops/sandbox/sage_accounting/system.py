"""The simulated Sage Accounting as one `System` of the sandbox kernel.

In: a store, the application's keys, options. Out: a system to serve: the accounting API and Sage's
OAuth on one port, and on the admin port beside the kernel's routes: `POST /clock` {"advance_s"},
`POST /tokens` {"business"}, `POST /accountant`, `GET|POST /options`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from ops.sandbox.kernel.admin import admin_routes
from ops.sandbox.kernel.clock import SimulatedClock, real_clock
from ops.sandbox.kernel.offences import Offences
from ops.sandbox.kernel.serving import System
from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.sage_accounting.accountant import act
from ops.sandbox.sage_accounting.answers import Refusal
from ops.sandbox.sage_accounting.companies import Companies
from ops.sandbox.sage_accounting.doors import doors
from ops.sandbox.sage_accounting.limits import Limits
from ops.sandbox.sage_accounting.oauth import Authority
from ops.sandbox.sage_accounting.options import Options
from ops.sandbox.sage_accounting.service import Service
from ops.sandbox.sage_accounting.users import Users

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(kw_only=True)
class SageAccountingSystem(System):
    """The kernel's `System`, and what a test in the same process may reach before serving."""

    companies: Companies
    authority: Authority
    users: Users
    options: Options
    simulated_clock: SimulatedClock


def sage_accounting_system(
    store: Store,
    *,
    client_id: str,
    client_secret: str,
    clock: Callable[[], datetime] = real_clock,
    monotonic: Callable[[], float] = time.monotonic,
    options: Options | None = None,
) -> SageAccountingSystem:
    """The system. `clock` gives aware datetimes: it dates the books, the tokens and the
    day of the limits; `monotonic` gives seconds and paces the wait after a 429."""
    options = options or Options()
    simulated = SimulatedClock(store, clock)
    offences = Offences(store)
    users = Users(store)
    companies = Companies(store, simulated, options, users)
    authority = Authority(
        store, simulated, options, users, (client_id, client_secret), offences.add
    )
    limits = Limits(options, simulated, monotonic)
    service = Service(companies, users, authority, limits, offences, options)
    app = Starlette(
        routes=[
            Route("/v3.1/{rest:path}", service.handle, methods=METHODS),
            *doors(authority, offences.add),
        ]
    )

    def seed(world: Any) -> None:
        companies.seed(world.get("businesses", {}))
        for business, tokens in world.get("tokens", {}).items():
            authority.install(business, tokens)

    return SageAccountingSystem(
        name="sage_accounting",
        app=app,
        store=store,
        offences=offences,
        dump=companies.dump,
        seed=seed,
        admin_routes=_admin_routes(companies, users, authority, options, simulated),
        companies=companies,
        authority=authority,
        users=users,
        options=options,
        simulated_clock=simulated,
    )


def issue_tokens(system: SageAccountingSystem, business: str) -> Document:
    """A token JSON for a business, as after an authorisation. Raises KeyError: no such business."""
    system.companies.books(business)
    return system.authority.issue(business)


def _admin_routes(
    companies: Companies,
    users: Users,
    authority: Authority,
    options: Options,
    clock: SimulatedClock,
) -> list[Route]:
    def tokens(order: Document) -> Document:
        business = str(order["business"])
        companies.books(business)
        issued = authority.issue(business, order.get("scope", "full_access"))
        return {**issued, "business_id": business}

    def accountant(order: Document) -> Document:
        return act(companies.books(str(order["business"])), users, order)

    orders = {"/tokens": tokens, "/accountant": accountant}
    return admin_routes(orders, options=options, clock=clock, refusal=Refusal)
