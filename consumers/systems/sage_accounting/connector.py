"""Sage Comptabilité behind the port of accounting systems.

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
    or_unavailable,
)
from consumers.systems._exchange import Route
from consumers.systems._throttle import Throttle
from consumers.systems.sage_accounting import (
    checks,
    contacts,
    customers,
    drafts,
    invoices,
    journal,
    payments,
    sales,
)
from consumers.systems.sage_accounting.client import Client, Shared
from consumers.systems.sage_accounting.company import Company
from consumers.systems.sage_accounting.fields import FIELDS
from consumers.systems.sage_accounting.lists import Lists
from consumers.systems.sage_accounting.probing import examine
from consumers.systems.sage_accounting.settings import NAME, TITLE, Connection
from consumers.systems.sage_accounting.tokens import tokens_of
from schemas.records import Account, Record
from schemas.statuses import Entity

CONCURRENCY = 4
"""Threads; creations of what Sage numbers take turns all the same, see `Client.alone`."""
_REQUESTS_A_CALL = 4
_LIMITS = {
    ("name", Entity.ACCOUNT): "name",
    ("email", Entity.ACCOUNT): "main_contact_person.email",
    ("phone", Entity.ACCOUNT): "main_contact_person.telephone",
    ("number", Entity.INVOICE): "reference",
    ("description", Entity.INVOICE): "notes",
}


def _account_problems(company: Company, account: Account) -> Iterator[Problem]:
    yield from contacts.check(account)
    yield from company.foreign_currency(account.currency)


_HANDLERS = Handlers[Company](
    accounts=Handler(customers.find, _account_problems, drafts.of_account, customers.transfer),
    invoices=Handler(invoices.find, sales.check, drafts.of_invoice, invoices.transfer),
    payments=Handler(payments.find, payments.check, drafts.of_payment, payments.transfer),
    entries=Handler(journal.find, journal.check, drafts.of_entry, journal.transfer),
)


class SageAccounting:
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
            raise TypeError("Sage Comptabilité is built from its own Connection")
        connection = setup.connection
        self._setup = setup
        self._connection = connection
        self._clock = clock
        self._tokens = tokens_of(setup.chapter, connection, setup.observer, clock)
        limits = {1.0: connection.requests_per_s}
        throttle = Throttle(limits, title=TITLE, clock=monotonic, sleep=sleep)
        route = Route(
            NAME,
            TITLE,
            connection.timeout_s,
            throttle,
            setup.observer,
            connection.ca_bundle,
            clock=clock,
            monotonic=monotonic,
        )
        self._shared = Shared(connection, self._tokens, route, threading.RLock())
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
            rate_per_s=float(connection.requests_per_s),
            # The budget, the last request and a renewal within it, and Sage working on alone.
            longest_call_s=self._budget_s
            + 6 * connection.timeout_s
            + connection.longest_server_call_s,
            replays_same_key=True,  # for 7 days (section 10); after that `find` speaks
            field_limits={name: _limit_of(entity, at) for (name, entity), at in _LIMITS.items()},
            fields=FIELDS,
        )

    def probe(self) -> Health:
        """Also reads the lists anew, and renews the authorisation while nothing else does."""
        with self._company() as company, or_unavailable():
            self._lists.forget()
            return examine(company, self._tokens.authorised_until)

    def check(self, record: Record) -> Sequence[Problem]:
        """Raises Unavailable."""
        with self._company() as company, or_unavailable():
            return _HANDLERS.check(company, record)

    def check_settings(self) -> Sequence[SettingCheck]:
        """Raises Unavailable."""
        with self._company() as company, or_unavailable():
            return checks.examine(company, self._today)

    def draft(self, task: Task) -> Draft:
        """Raises Rejected, Unavailable."""
        with self._company() as company, or_unavailable():
            return _HANDLERS.draft(company, task)

    def find(self, lookup: Lookup) -> Found | None:
        """Raises Unavailable, Transient; Rejected for a customer made inactive, and for several
        that nothing tells apart."""
        with self._company() as company:
            return _HANDLERS.find(company, lookup)

    def transfer(self, task: Task) -> Receipt:
        """Raises any of consumers.errors."""
        with self._company() as company, nothing_repeated(company.client):
            return _HANDLERS.transfer(company, task)

    def close(self) -> None:
        """Closes the connections of all threads."""
        self._clients.close()

    def _today(self) -> dt.date:
        return dt.datetime.fromtimestamp(self._clock(), dt.UTC).date()

    @contextmanager
    def _company(self) -> Iterator[Company]:
        client = self._clients.mine()
        company = Company(
            client, self._lists, self._connection, self._setup.accounts, self._setup.settings
        )
        with client.within(self._budget_s):
            yield company


def _limit_of(entity: Entity, target: str) -> int:
    return next(r.limit for r in FIELDS if (r.entity, r.target) == (entity, target))
