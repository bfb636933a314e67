"""Sage 300 behind the port of accounting systems.

What comes in: lookups and tasks. What goes out: what is in the books. Raised: what
`consumers.errors` names. One client for each thread; the password, the limit and the lists are
shared. Writes of one company never overlap: batches are locks there (reference page, section 12).
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from consumers.errors import OutcomeUnknown, Rejected, Transient
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
from consumers.systems._exchange import CONNECT_S, Route
from consumers.systems._throttle import Throttle
from consumers.systems.sage_300 import (
    customers,
    examination,
    invoices,
    journal,
    payments,
    receipts,
    sales,
)
from consumers.systems.sage_300.client import Client, Shared
from consumers.systems.sage_300.company import Company
from consumers.systems.sage_300.credentials import Credentials
from consumers.systems.sage_300.faults import ServerFailed
from consumers.systems.sage_300.fields import Limits, rules
from consumers.systems.sage_300.lists import Lists
from consumers.systems.sage_300.settings import NAME, TITLE, Connection
from schemas.reasons import Reason
from schemas.records import Record
from schemas.sentences import say
from schemas.statuses import Entity

CANADA = ZoneInfo("America/Toronto")
_REQUESTS_A_CALL = 3
_REQUESTS_A_DOCUMENT = 12  # a batch has many steps, and the books are asked before and after
_BREAKDOWNS_MAX = 3
_BREAKDOWNS = "breakdowns"


_HANDLERS = Handlers[Company](
    accounts=Handler(customers.find, customers.check, customers.draft, customers.transfer),
    invoices=Handler(invoices.find, sales.check, invoices.draft, invoices.transfer),
    payments=Handler(payments.find, receipts.check, payments.draft, payments.transfer),
    entries=Handler(journal.find, journal.check, journal.draft, journal.transfer),
)


class Sage300:
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
            raise TypeError("Sage 300 is built from its own Connection")
        connection = setup.connection
        self._setup, self._connection, self._sleep = setup, connection, sleep
        self._clock = clock
        limits = {1.0: connection.requests_per_s}
        throttle = Throttle(limits, title=TITLE, clock=monotonic, sleep=sleep)
        route = Route(
            name=NAME,
            title=TITLE,
            timeout_s=connection.timeout_s,
            throttle=throttle,
            observer=setup.observer,
            ca_bundle=connection.ca_bundle,
            clock=clock,
            monotonic=monotonic,
        )
        credentials = Credentials(connection, monotonic)
        self._shared = Shared(connection, credentials, throttle, route)
        self._lists = Lists(TITLE, clock)
        self._limits = Limits(connection)
        self._clients = Clients(lambda: Client(self._shared))
        self._writing = threading.Lock()
        self._budget_s = _REQUESTS_A_CALL * connection.timeout_s

    @property
    def declaration(self) -> Declaration:
        connection, limits = self._connection, self._limits
        number = limits.of(Entity.INVOICE, "Invoices.DocumentNumber")
        return Declaration(
            name=NAME,
            title=TITLE,
            entities=frozenset(Entity),
            customer_key="number",
            concurrency=1,
            rate_per_s=connection.requests_per_s / _REQUESTS_A_DOCUMENT,
            # The budget, the last request within it, and what the server goes on doing after that.
            longest_call_s=self._budget_s
            + CONNECT_S
            + connection.timeout_s
            + connection.longest_server_call_s,
            replays_same_key=False,
            field_limits={
                "name": limits.of(Entity.ACCOUNT, "CustomerName"),
                "email": connection.email_max,
                "phone": limits.of(Entity.ACCOUNT, "PhoneNumber"),
                "number": number,
            },
            fields=rules(connection),
        )

    def probe(self) -> Health:
        """Also reads the lists anew. Raises Unavailable."""
        with self._company() as company, only_unavailable():
            self._lists.forget()
            return examination.probe(company)

    def check(self, record: Record) -> Sequence[Problem]:
        """Raises Unavailable."""
        with self._company() as company, only_unavailable():
            return _HANDLERS.check(company, record)

    def check_settings(self) -> Sequence[SettingCheck]:
        """Raises Unavailable."""
        with self._company() as company, only_unavailable():
            self._lists.forget()
            today = dt.datetime.fromtimestamp(self._clock(), CANADA).date()
            return list(examination.checks(company, today))

    def draft(self, task: Task) -> Draft:
        """Writes nothing. Raises Rejected, Unavailable."""
        with self._company() as company, or_unavailable():
            return _HANDLERS.draft(company, task)

    def find(self, lookup: Lookup) -> Found | None:
        """Raises Unavailable, Transient; Rejected for an inactive customer, an ambiguous number."""
        with self._company() as company:
            return _HANDLERS.find(company, lookup)

    def transfer(self, task: Task) -> Receipt:
        """Raises any of consumers.errors."""
        with (
            self._company() as company,
            self._alone(company),
            nothing_repeated(company.client),
        ):
            try:
                return _HANDLERS.transfer(company, task)
            except ServerFailed as error:
                raise _broken_down(task, error) from error

    def close(self) -> None:
        """Closes the connections of all threads."""
        self._clients.close()

    @contextmanager
    def _alone(self, company: Company) -> Iterator[None]:
        if not self._writing.acquire(timeout=company.client.left_s()):
            raise Transient(
                say("another transfer to this {system} company has not ended", system=TITLE)
            )
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def _company(self) -> Iterator[Company]:
        client = self._clients.mine()
        setup = self._setup
        company = Company(
            *(client, self._lists, self._connection, setup.accounts, setup.settings),
            limits=self._limits,
            sleep=self._sleep,
        )
        with client.within(self._budget_s):
            yield company


def _broken_down(task: Task, error: ServerFailed) -> Exception:
    """500 after 500 is no accident: the books were asked in between, a person must look (section
    11: two or three retries)."""
    count = int(task.steps.get(_BREAKDOWNS) or 0) + 1
    if count < _BREAKDOWNS_MAX:
        task.steps.remember(_BREAKDOWNS, str(count))
        return OutcomeUnknown(error.detail)
    task.steps.remember(_BREAKDOWNS, "")
    return Rejected(Reason.REFUSED_BY_SYSTEM, detail=f"{error.detail} ({count} ×)")
