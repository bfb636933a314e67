"""The world that a conformance suite needs: records, their way to a system, and the bench.

The bench is the world around one system: its books, and what may go wrong with it.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

import pytest

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.system import Found, Lookup, Receipt, RemoteRef, System, Task
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import (
    Account,
    Allocation,
    DocumentRef,
    Invoice,
    JournalEntry,
    Line,
    Payment,
    Record,
)

DAY = dt.date(2026, 3, 14)
DAMAGES = ("lost_before", "lost_after", "gateway_after")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Held:
    """What the books hold of one record: how many times, and what is open of it."""

    count: int
    total: Decimal = Decimal(0)
    balance: Decimal = Decimal(0)


class Bench(Protocol):
    """A system under test and hands on its world."""

    @property
    def system(self) -> System: ...

    def restarted(self) -> System:
        """Another connector on the same books, as after a crash."""
        ...

    def held(self, record: Record) -> Held:
        """What the books hold with this record's marker."""
        ...

    def applications(self, record: Record) -> int:
        """How many times a credit note was applied."""
        ...

    def customer_name(self, remote_id: str) -> str: ...

    def add_customer(self, name: str, *, number: str = "", active: bool = True) -> RemoteRef:
        """Somebody makes a customer by hand; `number` only where customers have one."""
        ...

    def append_numbers(self) -> System:
        """A connector of a chapter with `duplicate_names = "append_number"`; asked of systems
        keyed by name only."""
        ...

    def close_until(self, date: dt.date | None) -> None: ...

    def spoil(self, damage: str, request: int) -> None:
        """The `request`-th request from now (0 is the next) meets `damage`."""
        ...

    def spoiled(self) -> bool:
        """Whether the damage was met; whatever is armed is disarmed."""
        ...

    def cut(self) -> None:
        """Nothing answers any more."""
        ...

    def mend(self) -> None: ...

    def throttle(self) -> None:
        """The next request is answered « too many requests »."""
        ...

    def expire(self) -> None:
        """What lets us in ends early and can be renewed; nothing where there is no such thing."""
        ...

    def revoke(self) -> None:
        """What lets us in is refused, and so is every renewal."""
        ...

    def restore(self) -> None:
        """As before `revoke`: a person authorised us again."""
        ...


class Killed(BaseException):
    """The process ends here, as by kill -9: nobody catches it."""


@dataclass
class Steps:
    """Finished steps, as the ledger would keep them. `dies_at`: the process is killed when it
    comes to remember its n-th step, before (`kept` False) or after that is durable."""

    held: dict[str, str] = field(default_factory=dict)
    dies_at: int | None = None
    kept: bool = True

    def get(self, name: str) -> str | None:
        return self.held.get(name)

    def remember(self, name: str, value: str) -> None:
        dies = self.dies_at == 0
        if self.dies_at is not None:
            self.dies_at = None if dies else self.dies_at - 1
        if not dies or self.kept:
            self.held[name] = value
        if dies:
            raise Killed(name)


def unique() -> str:
    """A short text that no other record of the run has."""
    return f"{next(_numbers):05d}"


def an_account(**values: object) -> Account:
    number = unique()
    given = {
        "id": f"a0000000-{number}",
        "name": f"Association {number}",
        "number": f"M{number}",
        "new_account": True,
    }
    return Account.model_validate({**given, **values})


def key_of(system: System, account: Account) -> str:
    """What a person looks for in the books to find that account's customer."""
    by_number = system.declaration.customer_key == "number"
    return account.number if by_number else account.name


def an_invoice(account: Account, *nets: str, **values: object) -> Invoice:
    """Taxable lines of these net amounts, taxes rounded on the sum."""
    number = unique()
    amounts = [Decimal(net) for net in nets or ("100.00",)]
    cent = Decimal("0.01")
    gst = (sum(amounts) * Decimal("0.05")).quantize(cent, "ROUND_HALF_UP")
    qst = (sum(amounts) * Decimal("0.09975")).quantize(cent, "ROUND_HALF_UP")
    given: dict[str, object] = {
        "id": f"i0000000-{number}",
        "number": f"F-{number}",
        "account": account,
        "date": DAY,
        "lines": tuple(Line(description="Cotisation", amount=a, taxable=True) for a in amounts),
        "gst": gst,
        "qst": qst,
        "total": sum(amounts) + gst + qst,
    }
    return Invoice.model_validate({**given, **values})


def a_credit_note(invoice: Invoice, *nets: str, **values: object) -> Invoice:
    corrects = DocumentRef(id=invoice.id, number=invoice.number)
    return an_invoice(invoice.account, *nets, kind="credit_note", corrects=corrects, **values)


def a_payment(account: Account, *parts: tuple[Invoice, str], **values: object) -> Payment:
    number = unique()
    allocations = tuple(
        Allocation(invoice=DocumentRef(id=i.id, number=i.number), amount=Decimal(a))
        for i, a in parts
    )
    given: dict[str, object] = {
        "id": f"p0000000-{number}",
        "number": f"P-{number}",
        "account": account,
        "date": DAY,
        "amount": sum(a.amount for a in allocations),
        "allocations": allocations,
    }
    return Payment.model_validate({**given, **values})


@dataclass
class Delivery:
    """One record on its way, as the engine carries it: look first, then send, same key always."""

    record: Record
    customer: RemoteRef | None = None
    documents: Mapping[str, RemoteRef] = field(default_factory=dict)
    key: str = ""
    steps: Steps = field(default_factory=Steps)

    def __post_init__(self) -> None:
        self.key = self.key or f"00000000-0000-4000-8000-{int(unique()):012d}"

    @property
    def lookup(self) -> Lookup:
        name = self.record.name if isinstance(self.record, Account) else ""
        return Lookup(
            entity=self.record.entity,
            record_id=self.record.id,
            reference=self.record.reference,
            number=getattr(self.record, "number", ""),
            name=name,
            record=self.record,
            customer=self.customer,
        )

    def task(self, remote_id: str = "") -> Task:
        return Task(self.record, self.key, self.steps, remote_id, self.customer, self.documents)

    def look(self, system: System) -> Found | None:
        found = system.find(self.lookup)
        if isinstance(self.record, Account) and found and not self.record.reference:
            return found if found.by_marker else None
        return found

    def attempt(self, system: System) -> Receipt:
        """One attempt. Raises any of consumers.errors."""
        found = self.look(system)
        if found is None:
            return system.transfer(self.task())
        if found.unfinished:
            return system.transfer(self.task(found.ref.remote_id))
        if found.differences:
            raise Rejected(Reason.DIFFERS_FROM_BOOKS, detail="; ".join(found.differences))
        return Receipt(found.ref, Action.ADOPTED)

    def carry(self, bench: Bench) -> Receipt:
        """Attempts, each by a restarted process, until it is done."""
        for _ in range(6):
            try:
                return self.attempt(bench.restarted())
            except (OutcomeUnknown, Transient, Unavailable, Killed):
                continue
        raise AssertionError(f"{self.record.id} never arrived")


@contextmanager
def rejected(reason: Reason) -> Iterator[list[Rejected]]:
    """The block is refused for that reason; yields a list that then holds the refusal."""
    caught: list[Rejected] = []
    with pytest.raises(Rejected) as info:
        yield caught
    caught.append(info.value)
    assert info.value.reason is reason, info.value


def a_journal_entry(account: Account, invoice: Invoice) -> JournalEntry:
    return JournalEntry(
        id=f"j0000000-{unique()}",
        account=account,
        payment_id="p",
        invoice=DocumentRef(id=invoice.id, number=invoice.number),
        date=DAY,
        amount=Decimal("8.33"),
        period=1,
        periods=12,
    )


class Bound:
    """What the suites share. A system overrides `bench`."""

    @pytest.fixture
    def bench(self) -> Bench:
        pytest.fail("a binding gives its own bench")

    @pytest.fixture
    def system(self, bench: Bench) -> System:
        return bench.system

    def settle(self, system: System, account: Account) -> RemoteRef:
        return system.transfer(Delivery(account).task()).ref

    def billed(self, system: System, *nets: str) -> tuple[Account, RemoteRef, Invoice, RemoteRef]:
        account = an_account()
        customer = self.settle(system, account)
        invoice = an_invoice(account, *nets)
        return account, customer, invoice, system.transfer(Delivery(invoice, customer).task()).ref
