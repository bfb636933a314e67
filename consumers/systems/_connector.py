"""What the connectors over HTTP share in how they carry out the port's verbs.

What comes in: calls from several threads, and what goes wrong inside them. What goes out: one
client for each thread, each record in the hands of who knows its kind, and failures in the terms of
`consumers.errors`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.system import Draft, Found, Lookup, Problem, Receipt, Task
from schemas.reasons import SystemReason
from schemas.records import Account, Invoice, JournalEntry, Payment, Record
from schemas.sentences import say
from schemas.statuses import Entity


class Client(Protocol):
    """`wrote`: whether a request of the running call may have changed the books."""

    @property
    def wrote(self) -> bool: ...

    def close(self) -> None: ...


C = TypeVar("C", bound=Client)


class Clients(Generic[C]):
    """One client for each thread, as none may be used by two. Thread-safe."""

    def __init__(self, make: Callable[[], C]) -> None:
        self._make = make
        self._local = threading.local()
        self._made: list[C] = []
        self._lock = threading.Lock()

    def mine(self) -> C:
        """The client of the calling thread, made at its first call."""
        client: C | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._make()
            with self._lock:
                self._made.append(client)
        return client

    def close(self) -> None:
        """Closes the connections of all threads; a later call makes new ones."""
        with self._lock:
            for client in self._made:
                client.close()
            self._made.clear()
            self._local = threading.local()


Company = TypeVar("Company")
Kind = TypeVar("Kind", Account, Invoice, Payment, JournalEntry)


@dataclass(frozen=True)
class Handler(Generic[Company, Kind]):
    """What a connector does with one kind of record in one company; see the port's verbs."""

    find: Callable[[Company, Lookup], Found | None]
    check: Callable[[Company, Kind], Iterable[Problem]]
    draft: Callable[[Company, Task, Kind], Draft]
    transfer: Callable[[Company, Task, Kind], Receipt]


@dataclass(frozen=True)
class Handlers(Generic[Company]):
    """Who handles each kind of record. Credit notes are invoices."""

    accounts: Handler[Company, Account]
    invoices: Handler[Company, Invoice]
    payments: Handler[Company, Payment]
    entries: Handler[Company, JournalEntry]

    def find(self, company: Company, lookup: Lookup) -> Found | None:
        match lookup.entity:
            case Entity.ACCOUNT:
                return self.accounts.find(company, lookup)
            case Entity.INVOICE:
                return self.invoices.find(company, lookup)
            case Entity.PAYMENT:
                return self.payments.find(company, lookup)
            case Entity.JOURNAL_ENTRY:
                return self.entries.find(company, lookup)

    def check(self, company: Company, record: Record) -> list[Problem]:
        match record:
            case Account():
                return list(self.accounts.check(company, record))
            case Invoice():
                return list(self.invoices.check(company, record))
            case Payment():
                return list(self.payments.check(company, record))
            case JournalEntry():
                return list(self.entries.check(company, record))

    def draft(self, company: Company, task: Task) -> Draft:
        match task.record:
            case Account():
                return self.accounts.draft(company, task, task.record)
            case Invoice():
                return self.invoices.draft(company, task, task.record)
            case Payment():
                return self.payments.draft(company, task, task.record)
            case JournalEntry():
                return self.entries.draft(company, task, task.record)

    def transfer(self, company: Company, task: Task) -> Receipt:
        match task.record:
            case Account():
                return self.accounts.transfer(company, task, task.record)
            case Invoice():
                return self.invoices.transfer(company, task, task.record)
            case Payment():
                return self.payments.transfer(company, task, task.record)
            case JournalEntry():
                return self.entries.transfer(company, task, task.record)


@contextmanager
def only_unavailable() -> Iterator[None]:
    """For a question about the company, not about a record: what cannot be read now, and a setting
    that the company refuses, close the system; no record is failed by it."""
    try:
        yield
    except Transient as error:
        raise Unavailable(SystemReason.UNREACHABLE, error.detail) from error
    except Rejected as error:
        raise Unavailable(SystemReason.MISCONFIGURED, error.detail) from error


@contextmanager
def or_unavailable() -> Iterator[None]:
    """For a question about a record that writes nothing: it may be refused, never put off."""
    try:
        yield
    except Transient as error:
        raise Unavailable(SystemReason.UNREACHABLE, error.detail) from error


@contextmanager
def nothing_repeated(client: Client) -> Iterator[None]:
    """For a transfer: once one of its writes was answered, the books are no longer as they were,
    so that what failed after it must be found out, not repeated."""
    try:
        yield
    except (Transient, Unavailable) as error:
        if not client.wrote:
            raise
        raise OutcomeUnknown(
            say("after a first step was done: {detail}", detail=error.detail)
        ) from error
