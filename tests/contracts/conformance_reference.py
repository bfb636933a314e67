"""The bench of the reference system: its books are in memory, its faults are its own."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from consumers.errors import OutcomeUnknown, Unavailable
from consumers.system import AccountsSettings, RemoteRef, Setup
from consumers.systems.reference.books import CustomerRow, DocumentRow
from consumers.systems.reference.settings import ReferenceConnection
from consumers.systems.reference.system import ReferenceSystem
from schemas.chapters import ChapterSettings
from schemas.reasons import SystemReason
from schemas.records import Record
from tests.contracts.conformance_world import Held


def reference_system(
    *,
    replays: bool = True,
    key: Literal["name", "number"] = "name",
    settings: ChapterSettings | None = None,
) -> ReferenceSystem:
    connection = ReferenceConnection(replays_same_key=replays, customer_key=key)
    return ReferenceSystem(
        Setup("montreal", connection, AccountsSettings(), settings or ChapterSettings())
    )


@dataclass
class ReferenceBench:
    """A restart keeps the system: what it holds in memory is the outside world."""

    system: ReferenceSystem = field(default_factory=reference_system)
    _requests: int = 0

    def restarted(self) -> ReferenceSystem:
        return self.system

    def held(self, record: Record) -> Held:
        books = self.system.books
        mine = [
            row
            for rows in (books.customers, books.documents, books.payments, books.entries)
            for row in rows.values()
            if row.record_id == record.id
        ]
        total = sum(
            (getattr(r, "total", getattr(r, "amount", Decimal(0))) for r in mine), Decimal(0)
        )
        balance = sum((r.balance for r in mine if isinstance(r, DocumentRow)), Decimal(0))
        return Held(len(mine), total, balance)

    def applications(self, record: Record) -> int:
        books = self.system.books
        (credit,) = [d for d in books.documents.values() if d.record_id == record.id]
        return sum(1 for p in books.payments.values() if credit.id in p.applied)

    def customer_name(self, remote_id: str) -> str:
        return self.system.books.customers[remote_id].name

    def add_customer(self, name: str, *, number: str = "", active: bool = True) -> RemoteRef:
        by_number = self.system.declaration.customer_key == "number"
        kept = number if by_number else ""
        row = CustomerRow(self.system.books.next_id(), name, kept, active=active)
        self.system.books.add(row)
        return RemoteRef(row.id, kept or name)

    def append_numbers(self) -> ReferenceSystem:
        self.system.settings = ChapterSettings(duplicate_names="append_number")
        return self.system

    def close_until(self, date: dt.date | None) -> None:
        self.system.closed_until = date

    def spoil(self, damage: str, request: int) -> None:
        verb, skip = ("find", request // 2) if request % 2 == 0 else ("transfer", request // 2)
        if verb == "find":  # a read that is lost changes nothing
            self.system.inject("find", OutcomeUnknown("lost"), skip=skip)
        else:
            self.system.inject("transfer", after=damage != "lost_before", skip=skip)

    def spoiled(self) -> bool:
        left = self.system.faults_left()
        self.system.disarm()
        return left == 0

    def cut(self) -> None:
        self.system.down = SystemReason.UNREACHABLE

    def mend(self) -> None:
        self.system.down = None

    def throttle(self) -> None:
        self.system.inject("find", Unavailable(SystemReason.THROTTLED, "too many requests"))

    def expire(self) -> None:
        """It has no authorisation that could end."""

    def revoke(self) -> None:
        self.system.down = SystemReason.UNAUTHORISED

    def restore(self) -> None:
        self.system.down = None
