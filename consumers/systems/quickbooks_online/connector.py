"""QuickBooks Online behind the port of accounting systems.

What comes in: lookups and tasks. What goes out: what is in the books. Raised: what
`consumers.errors` names. One client for each thread; tokens, limits and lists are shared.
"""

from __future__ import annotations

import datetime as dt
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
from consumers.systems._throttle import Throttle
from consumers.systems.quickbooks_online import (
    checking,
    customers,
    invoices,
    journal,
    payments,
    sales,
)
from consumers.systems.quickbooks_online.client import Client, Shared
from consumers.systems.quickbooks_online.company import Company
from consumers.systems.quickbooks_online.fields import FIELDS, limit
from consumers.systems.quickbooks_online.lists import Lists
from consumers.systems.quickbooks_online.probing import examine
from consumers.systems.quickbooks_online.settings import NAME, TITLE, Connection
from consumers.systems.quickbooks_online.tokens import Tokens
from schemas.records import Record
from schemas.statuses import Entity

CONCURRENCY = 4
_REQUESTS_A_CALL = 3


_HANDLERS = Handlers[Company](
    accounts=Handler(customers.find, customers.check, customers.draft, customers.transfer),
    invoices=Handler(invoices.find, sales.check, invoices.draft, invoices.transfer),
    payments=Handler(payments.find, payments.check, payments.draft, payments.transfer),
    entries=Handler(journal.find, journal.check, journal.draft, journal.transfer),
)


class QuickBooksOnline:
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
            raise TypeError("QuickBooks Online is built from its own Connection")
        connection = setup.connection
        self._setup = setup
        self._connection = connection
        self._tokens = Tokens(setup.chapter, connection, setup.observer, clock)
        limits = {1.0: connection.requests_per_s, 60.0: connection.requests_per_min}
        throttle = Throttle(limits, title=TITLE, clock=monotonic, sleep=sleep)
        self._shared = Shared(connection, self._tokens, throttle, setup.observer, clock, monotonic)
        self._lists = Lists(TITLE, clock)
        self._clients = Clients(lambda: Client(self._shared))
        self._budget_s = _REQUESTS_A_CALL * connection.timeout_s

    @property
    def declaration(self) -> Declaration:
        connection = self._connection
        return Declaration(
            name=NAME,
            title=TITLE,
            entities=frozenset(Entity),
            customer_key="name",
            concurrency=min(CONCURRENCY, connection.requests_per_s),
            rate_per_s=min(connection.requests_per_s, connection.requests_per_min / 60),
            # The budget, and the connecting, sending and reading of the last request within it.
            longest_call_s=self._budget_s + 3 * connection.timeout_s,
            replays_same_key=True,
            field_limits={
                "name": limit("account.name"),
                "email": limit("account.email"),
                "phone": limit("account.phone"),
                "number": limit("invoice.number"),
                "description": limit("invoice.description"),
            },
            fields=FIELDS,
        )

    def probe(self) -> Health:
        """Also reads the lists anew, and renews the authorisation while nothing else does."""
        with self._company() as company, only_unavailable():
            self._lists.forget()
            return examine(company, self._tokens.authorised_until)

    def check(self, record: Record) -> Sequence[Problem]:
        """Raises Unavailable."""
        with self._company() as company, or_unavailable():
            return _HANDLERS.check(company, record)

    def check_settings(self) -> Sequence[SettingCheck]:
        """From lists read at most half a minute ago. Raises Unavailable."""
        today = dt.datetime.fromtimestamp(self._shared.clock(), dt.UTC).astimezone().date()
        with self._company() as company, or_unavailable():
            return list(checking.check_settings(company, today))

    def draft(self, task: Task) -> Draft:
        """Raises Rejected, Unavailable."""
        with self._company() as company, or_unavailable():
            return _HANDLERS.draft(company, task)

    def find(self, lookup: Lookup) -> Found | None:
        """Raises Unavailable, Transient; Rejected for a customer made inactive."""
        with self._company() as company:
            return _HANDLERS.find(company, lookup)

    def transfer(self, task: Task) -> Receipt:
        """Raises any of consumers.errors."""
        with self._company() as company, nothing_repeated(company.client):
            return _HANDLERS.transfer(company, task)

    def close(self) -> None:
        """Closes the connections of all threads."""
        self._clients.close()

    @contextmanager
    def _company(self) -> Iterator[Company]:
        client = self._clients.mine()
        company = Company(
            client, self._lists, self._connection, self._setup.accounts, self._setup.settings
        )
        with client.within(self._budget_s):
            yield company
