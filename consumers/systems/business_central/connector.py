"""Business Central behind the port of accounting systems.

What comes in: lookups and tasks. What goes out: what is in the books. Raised: what
`consumers.errors` names. One client for each thread; tokens, limits and lists are shared.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from consumers.system import (
    Declaration,
    Draft,
    Found,
    Health,
    Lookup,
    Problem,
    Receipt,
    SettingCheck,
    Setup,
    Task,
)
from consumers.systems._connector import (
    Clients,
    Handler,
    Handlers,
    nothing_repeated,
    only_unavailable,
    or_unavailable,
)
from consumers.systems._exchange import Route
from consumers.systems._throttle import Throttle
from consumers.systems.business_central import (
    checks,
    customers,
    drafts,
    invoices,
    journal,
    payments,
    sales,
)
from consumers.systems.business_central.client import Client, Shared
from consumers.systems.business_central.company import Company
from consumers.systems.business_central.fields import LIMITS, all_rules
from consumers.systems.business_central.lists import Lists
from consumers.systems.business_central.settings import NAME, TITLE, Connection
from consumers.systems.business_central.tokens import Tokens
from schemas.records import Record
from schemas.statuses import Entity

_REQUESTS_A_CALL = 8
"""A payment on one invoice takes some fifteen requests; a good one lasts a fraction of a second."""
_WINDOW_S = 300.0


_HANDLERS = Handlers[Company](
    accounts=Handler(customers.find, customers.check, drafts.of_customer, customers.transfer),
    invoices=Handler(invoices.find, sales.check, drafts.of_sale, invoices.transfer),
    payments=Handler(payments.find, payments.check, drafts.of_payment, payments.transfer),
    entries=Handler(journal.find, journal.check, drafts.of_entry, journal.transfer),
)


class BusinessCentral:
    """One company. Opens no socket before the first call."""

    def __init__(
        self,
        setup: Setup,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`setup.connection` must be this package's Connection, else TypeError."""
        if not isinstance(setup.connection, Connection):
            raise TypeError("Business Central is built from its own Connection")
        connection = setup.connection
        self._setup = setup
        self._connection = connection
        self._clock = clock
        self._tokens = Tokens(connection, setup.observer, monotonic)
        limits = {_WINDOW_S: connection.requests_per_5_min}
        throttle = Throttle(limits, title=TITLE, clock=monotonic, sleep=sleep)
        route = Route(
            NAME, TITLE, connection.timeout_s, throttle, setup.observer, connection.ca_bundle,
            clock=clock, monotonic=monotonic,
        )  # fmt: skip
        in_flight = threading.BoundedSemaphore(connection.in_flight)
        self._shared = Shared(connection, self._tokens, route, in_flight)
        self._lists = Lists(TITLE, clock)
        self._clients = Clients(lambda: Client(self._shared))
        self._budget_s = _REQUESTS_A_CALL * connection.timeout_s

    @property
    def declaration(self) -> Declaration:
        connection = self._connection
        # The budget, the last request within it and its token, and what the server goes on doing.
        ours_s = self._budget_s + 4 * connection.timeout_s
        return Declaration(
            name=NAME,
            title=TITLE,
            entities=frozenset(Entity),
            customer_key="number",
            concurrency=connection.in_flight,
            rate_per_s=connection.requests_per_5_min / _WINDOW_S,
            longest_call_s=ours_s + connection.longest_server_call_s,
            replays_same_key=False,  # no idempotency header exists (page, section 11)
            field_limits={
                "name": LIMITS["customers.displayName"],
                "email": LIMITS["customers.email"],
                "phone": LIMITS["customers.phoneNumber"],
                "number": LIMITS["salesInvoices.externalDocumentNumber"],
            },
            fields=tuple(all_rules()),
        )

    def probe(self) -> Health:
        """Also has the lists read anew."""
        with self._company() as company, only_unavailable():
            self._lists.forget()
            return checks.examine(company)

    def check(self, record: Record) -> Sequence[Problem]:
        """Raises Unavailable."""
        with self._company() as company, only_unavailable():
            return _HANDLERS.check(company, record)

    def check_settings(self) -> Sequence[SettingCheck]:
        """Raises Unavailable."""
        with self._company() as company, only_unavailable():
            self._lists.forget()
            return list(checks.check_settings(company))

    def draft(self, task: Task) -> Draft:
        """Raises Rejected, Unavailable."""
        with self._company() as company, or_unavailable():
            return _HANDLERS.draft(company, task)

    def find(self, lookup: Lookup) -> Found | None:
        """Raises Unavailable, Transient; Rejected for a blocked customer and for several documents
        of one number."""
        with self._company() as company:
            return _HANDLERS.find(company, lookup)

    def transfer(self, task: Task) -> Receipt:
        """Raises any of consumers.errors."""
        with self._company() as company, nothing_repeated(company.client):
            return _HANDLERS.transfer(company, task)

    def close(self) -> None:
        """Closes the connections of all threads."""
        self._clients.close()
        self._tokens.close()

    @contextmanager
    def _company(self) -> Iterator[Company]:
        client = self._clients.mine()
        today = dt.datetime.fromtimestamp(self._clock(), dt.UTC).astimezone().date()
        company = Company(
            client,
            self._lists,
            self._connection,
            self._setup.accounts,
            self._setup.settings,
            today,
        )
        with client.within(self._budget_s):
            yield company
