"""What a record would find in the books once everything before it in the same run was sent.

What comes in: tasks in the order in which they would be sent. What goes out: nothing. Refused, as
the books would then refuse: a customer's key that an earlier account of the run takes, more paid on
an invoice than the run has left of it. Thread-safe.
"""

from __future__ import annotations

import threading
from decimal import Decimal

from consumers.errors import Rejected
from consumers.system import Lookup, System, Task
from schemas.money import ZERO
from schemas.reasons import Reason
from schemas.records import Account, Allocation, Invoice, Payment
from schemas.statuses import Entity


class Foreseen:
    """`appends`: whether the chapter tells namesakes apart by a number."""

    def __init__(self, system: System, *, appends: bool) -> None:
        self._system = system
        self._by_number = system.declaration.customer_key == "number"
        self._appends = appends and not self._by_number
        self._lock = threading.Lock()
        self._taken: dict[str, Account] = {}
        self._open: dict[str, Decimal | None] = {}

    def post(self, task: Task) -> None:
        """Counts the record as sent. Raises Rejected, and what `System.find` does."""
        match task.record:
            case Account() as account if not task.remote_id:
                self._take_key(account)
            case Invoice(kind="invoice") as invoice:
                with self._lock:
                    self._open[invoice.id] = invoice.total
            case Invoice(corrects=corrected) as credit if corrected is not None:
                left = self._left(task, corrected.id, corrected.number)
                if left is not None:
                    self._spend(corrected.id, min(left, credit.total))
            case Payment() as payment:
                for allocation in payment.allocations:
                    self._pay(task, allocation)
            case _:
                return

    def _take_key(self, account: Account) -> None:
        key = account.number if self._by_number else account.name
        with self._lock:
            other = self._taken.setdefault(key.strip().casefold(), account)
        if other.id == account.id or self._appends or not key:
            return
        reason, field = Reason.DUPLICATE_NAME, "name"
        if self._by_number:
            reason, field = Reason.DUPLICATE_NUMBER, "number"
        detail = f"« {other.name} » (Membri account {other.id})"
        raise Rejected(reason, field=field, detail=detail)

    def _pay(self, task: Task, allocation: Allocation) -> None:
        bill = allocation.invoice
        left = self._left(task, bill.id, bill.number)
        if left is None:
            return
        if allocation.amount > left:
            detail = f"{allocation.amount} > {left} ({bill.number})"
            raise Rejected(Reason.PAYMENT_EXCEEDS_BALANCE, field="amount", detail=detail)
        self._spend(bill.id, allocation.amount)

    def _left(self, task: Task, invoice_id: str, number: str) -> Decimal | None:
        """What is open of an invoice; None where the books do not say."""
        with self._lock:
            if invoice_id in self._open:
                return self._open[invoice_id]
        document = task.documents.get(invoice_id)
        if document is None:
            return None
        found = self._system.find(
            Lookup(
                Entity.INVOICE,
                invoice_id,
                reference=document.reference,
                remote_id=document.remote_id,
                number=number,
            )
        )
        with self._lock:
            return self._open.setdefault(invoice_id, found.balance if found else None)

    def _spend(self, invoice_id: str, amount: Decimal) -> None:
        with self._lock:
            left = self._open.get(invoice_id)
            if left is not None:
                self._open[invoice_id] = max(left - amount, ZERO)
