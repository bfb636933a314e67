"""An accounting system in memory, behind the same port as the real ones.

What comes in: the port's verbs, and faults that a test arms. What goes out: receipts, and books to
look into. Refused: what any of the real systems refuses (taken names and numbers, closed periods,
more than is owed, values too long).
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

from consumers.errors import OutcomeUnknown, Rejected, Unavailable
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
from consumers.systems.reference import posting
from consumers.systems.reference.books import (
    Books,
    CustomerRow,
    DocumentRow,
    EntryRow,
    PaymentRow,
    Row,
)
from consumers.systems.reference.customers import Keys
from consumers.systems.reference.drafts import draft
from consumers.systems.reference.fields import FIELDS, LIMITS
from consumers.systems.reference.settings import ReferenceConnection
from schemas.reasons import Reason, SettingReason, SystemReason
from schemas.records import Account, Record
from schemas.sentences import say
from schemas.statuses import Entity

Verb = Literal["probe", "check", "check_settings", "draft", "find", "transfer"]
_ROWS: dict[Entity, type[Row]] = {
    Entity.ACCOUNT: CustomerRow,
    Entity.INVOICE: DocumentRow,
    Entity.PAYMENT: PaymentRow,
    Entity.JOURNAL_ENTRY: EntryRow,
}


@dataclass
class ArmedFault:
    """Hits the next matching calls. `after`: the work is done first, then `error` is raised."""

    verb: Verb
    error: Exception
    after: bool = False
    entity: Entity | None = None
    times: int = 1
    skip: int = 0


class ReferenceSystem:
    """Thread-safe. `books` is what was committed, `counts` how often each verb was asked."""

    def __init__(self, setup: Setup) -> None:
        """`setup.connection` must be a ReferenceConnection, else TypeError."""
        if not isinstance(setup.connection, ReferenceConnection):
            raise TypeError("the reference system is built from a ReferenceConnection")
        self.connection = setup.connection
        self.settings = setup.settings
        self.books = Books()
        self.closed_until = setup.connection.closed_until
        self.down: SystemReason | None = None
        self.closed = False
        self.setting_checks: list[SettingCheck] = []
        self.counts: dict[Verb, int] = dict.fromkeys(get_args(Verb), 0)
        self._answers: dict[str, Receipt] = {}
        self._faults: list[ArmedFault] = []
        self._lock = threading.RLock()
        self._declaration = Declaration(
            name="reference",
            title="Reference",
            entities=frozenset(Entity),
            customer_key=self.connection.customer_key,
            concurrency=self.connection.concurrency,
            rate_per_s=1e9,
            longest_call_s=self.connection.longest_call_s,
            replays_same_key=self.connection.replays_same_key,
            field_limits=LIMITS,
            fields=FIELDS,
        )

    @property
    def declaration(self) -> Declaration:
        return self._declaration

    def inject(
        self,
        verb: Verb,
        error: Exception | None = None,
        *,
        after: bool = False,
        entity: Entity | None = None,
        times: int = 1,
        skip: int = 0,
    ) -> None:
        """Arms a fault. Without `error`: OutcomeUnknown, the work done or not as `after` says."""
        unknown = OutcomeUnknown("the reply was lost")
        self._faults.append(ArmedFault(verb, error or unknown, after, entity, times, skip))

    def faults_left(self) -> int:
        """How many armed faults have not hit yet."""
        return len(self._faults)

    def disarm(self) -> None:
        """Takes back every fault that has not hit."""
        with self._lock:
            self._faults.clear()

    def probe(self) -> Health:
        with self._call("probe", None):
            return Health(self.connection.company)

    def check(self, record: Record) -> Sequence[Problem]:
        with self._call("check", record.entity):
            return list(self._problems(record))

    def check_settings(self) -> Sequence[SettingCheck]:
        """The closing date against today's, and what a test put into `setting_checks`."""
        with self._call("check_settings", None):
            until = self.closed_until
            if until is None:
                return list(self.setting_checks)
            today = dt.datetime.now().astimezone().date()
            closed = SettingReason.PERIOD_CLOSED if today <= until else None
            detail = f"{today.isoformat()} ≤ {until.isoformat()}" if closed else ""
            check = SettingCheck("connection.closed_until", until.isoformat(), closed, detail)
            return [check, *self.setting_checks]

    def draft(self, task: Task) -> Draft:
        with self._call("draft", task.record.entity):
            return draft(self.books, self._keys(), task)

    def find(self, lookup: Lookup) -> Found | None:
        with self._call("find", lookup.entity):
            row = self._row(lookup)
            return None if row is None else self._found(row, lookup)

    def transfer(self, task: Task) -> Receipt:
        with self._call("transfer", task.record.entity):
            if self.connection.replays_same_key and task.key in self._answers:
                return self._answers[task.key]
            for problem in self._problems(task.record):
                raise Rejected(problem.reason, field=problem.field, detail=problem.detail)
            receipt = posting.post(self.books, self._keys(), task)
            self._answers[task.key] = receipt
            return receipt

    def close(self) -> None:
        self.closed = True

    # --- inside -----------------------------------------------------------------------------

    @contextmanager
    def _call(self, verb: Verb, entity: Entity | None) -> Iterator[None]:
        with self._lock:
            self.counts[verb] += 1
            if self.down is not None:
                raise Unavailable(self.down, "the reference system was told to be down")
            fault = self._spent(verb, entity)
            if fault is not None and not fault.after:
                raise fault.error
            yield
            if fault is not None:
                raise fault.error

    def _spent(self, verb: Verb, entity: Entity | None) -> ArmedFault | None:
        for fault in self._faults:
            if fault.verb != verb or fault.entity not in (None, entity):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            if not fault.times:
                self._faults.remove(fault)
            return fault
        return None

    def _keys(self) -> Keys:
        append = self.settings.duplicate_names == "append_number"
        return Keys(self.connection.customer_key, append)

    def _problems(self, record: Record) -> Iterator[Problem]:
        for name, limit in LIMITS.items():
            value = getattr(record, name, "")
            if len(value) > limit:
                yield Problem(Reason.TOO_LONG, name, f"{len(value)} > {limit}")
        if isinstance(record, Account):
            if not record.name.strip():
                yield Problem(Reason.MISSING_FIELD, "name")
            if self.connection.customer_key == "number" and not record.number:
                yield Problem(Reason.MISSING_FIELD, "number")
        elif self.closed_until is not None and record.date <= self.closed_until:
            detail = f"{record.date.isoformat()} ≤ {self.closed_until.isoformat()}"
            yield Problem(Reason.CLOSED_PERIOD, "date", detail)

    def _row(self, lookup: Lookup) -> Row | None:
        kind = _ROWS[lookup.entity]
        row = self._by_id(lookup) if lookup.remote_id else None
        if row is not None:
            return row
        if lookup.reference:
            return self._by_reference(lookup)
        row = self.books.by_record.get((kind, lookup.record_id))
        if row is not None:
            return row
        match lookup.entity:
            case Entity.ACCOUNT:
                return self.books.customer(self._keys().of(lookup))
            case Entity.INVOICE:
                kind_name = getattr(lookup.record, "kind", "invoice")
                return self.books.by_number.get((kind_name, lookup.number))
            case _:
                return None

    def _by_id(self, lookup: Lookup) -> Row | None:
        match lookup.entity:
            case Entity.ACCOUNT:
                return self.books.customers.get(lookup.remote_id)
            case Entity.INVOICE:
                return self.books.documents.get(lookup.remote_id)
            case Entity.PAYMENT:
                return self.books.payments.get(lookup.remote_id)
            case Entity.JOURNAL_ENTRY:
                return self.books.entries.get(lookup.remote_id)

    def _by_reference(self, lookup: Lookup) -> Row | None:
        match lookup.entity:
            case Entity.ACCOUNT:
                return self.books.customer(lookup.reference)
            case Entity.INVOICE:
                kind_name = getattr(lookup.record, "kind", "invoice")
                found: Row | None = self.books.by_number.get((kind_name, lookup.reference))
                return found or self.books.documents.get(lookup.reference)
            case Entity.PAYMENT:
                paid = self.books.payments
                numbered = (p for p in paid.values() if p.number == lookup.reference)
                return paid.get(lookup.reference) or next(numbered, None)
            case Entity.JOURNAL_ENTRY:
                return self.books.entries.get(lookup.reference)

    def _found(self, row: Row, lookup: Lookup) -> Found:
        mine = bool(row.record_id) and row.record_id == lookup.record_id
        if isinstance(row, CustomerRow):
            if not row.active:
                raise Rejected(Reason.CUSTOMER_INACTIVE, field="reference", detail=row.name)
            namesake = not mine and not lookup.reference and not lookup.remote_id
            told = (
                (say("the customer « {name} » (Id {id}) exists", name=row.name, id=row.id),)
                if namesake
                else ()
            )
            return Found(posting.ref(row), by_marker=mine, differences=told)
        differences = posting.differences(row, lookup.record, lookup.customer)
        balance = row.balance if isinstance(row, DocumentRow) else None
        return Found(posting.ref(row), by_marker=mine, differences=differences, balance=balance)
