"""The simulated Sage 300 Web API as one `System` of the sandbox kernel.

In: a store, the user and password that it knows, options. Out: a system to serve; on the admin port
beside the kernel's routes: `POST /clock` {"advance_s"}, `POST /accountant` {"company", …},
`GET|POST /options`, `POST /unlock`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.applications import Starlette
from starlette.routing import Route

from ops.sandbox.kernel.admin import admin_routes
from ops.sandbox.kernel.clock import SimulatedClock, real_clock
from ops.sandbox.kernel.offences import Offences
from ops.sandbox.kernel.serving import System
from ops.sandbox.kernel.store import Document, Store
from ops.sandbox.sage_300.accountant import act
from ops.sandbox.sage_300.answers import Refusal
from ops.sandbox.sage_300.companies import Companies
from ops.sandbox.sage_300.gate import Gate
from ops.sandbox.sage_300.options import Options
from ops.sandbox.sage_300.service import Service

NAME = "sage_300"


@dataclass(kw_only=True)
class Sage300System(System):
    """The kernel's `System`, and what a test in the same process may reach before serving."""

    companies: Companies
    options: Options
    simulated_clock: SimulatedClock


def sage_300_system(
    store: Store,
    *,
    user: str,
    password: str,
    clock: Callable[[], datetime] = real_clock,
    monotonic: Callable[[], float] = time.monotonic,
    options: Options | None = None,
) -> Sage300System:
    """The system. `clock` gives aware datetimes and dates the books; `monotonic` gives seconds,
    for wrong passwords and for the sleep of IIS."""
    options = options or Options()
    simulated = SimulatedClock(store, clock)
    companies = Companies(store, simulated, options)
    offences = Offences(store)
    gate = Gate(user, password, options, monotonic)
    service = Service(companies, gate, offences, options)
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    app = Starlette(routes=[Route("/{rest:path}", service.handle, methods=methods)])
    return Sage300System(
        name=NAME,
        app=app,
        store=store,
        offences=offences,
        dump=companies.dump,
        seed=lambda world: companies.seed(world["companies"]),
        admin_routes=_admin_routes(companies, gate, options, simulated),
        companies=companies,
        options=options,
        simulated_clock=simulated,
    )


def _admin_routes(
    companies: Companies, gate: Gate, options: Options, clock: SimulatedClock
) -> list[Route]:
    def unlock(_: Document) -> Document:
        gate.unlock()
        return {}

    def accountant(order: Document) -> Document:
        return act(companies.books(str(order["company"])), order)

    orders = {"/accountant": accountant, "/unlock": unlock}
    return admin_routes(orders, options=options, clock=clock, refusal=Refusal)
