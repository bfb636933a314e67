"""Problems that every accounting system finds alike, whatever it is.

What comes in: a record, or a question that refuses. What goes out: problems, as `System.check`
tells them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from consumers.errors import Rejected
from consumers.system import Problem
from schemas.money import ZERO
from schemas.reasons import Reason
from schemas.records import JournalEntry, Payment


def not_positive(record: Payment | JournalEntry) -> Iterator[Problem]:
    """An amount, or what a payment puts on an invoice, that is zero or below."""
    if record.amount <= ZERO:
        yield Problem(Reason.AMOUNT_NOT_POSITIVE, "amount", f"{record.amount}")
    if isinstance(record, Payment):
        for number, allocation in enumerate(record.allocations):
            if allocation.amount <= ZERO:
                field = f"allocations.{number}.amount"
                yield Problem(Reason.AMOUNT_NOT_POSITIVE, field, f"{allocation.amount}")


def refused_by(*questions: Callable[[], object]) -> Iterator[Problem]:
    """The first of the questions that refuses, as a problem."""
    try:
        for question in questions:
            question()
    except Rejected as error:
        yield Problem(error.reason, error.field, error.detail)
