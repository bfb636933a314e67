"""Takes back what was just posted and came out wrong.

What comes in: a fresh document and what is wrong with it. What goes out: nothing in the books any
more. Raised: Rejected that says « remove it by hand » when QuickBooks no longer lets us.
"""

from __future__ import annotations

from collections.abc import Sequence

from consumers.errors import Rejected
from consumers.system import Task
from consumers.systems.quickbooks_online.client import Kind
from consumers.systems.quickbooks_online.company import Company, request_id
from consumers.systems.quickbooks_online.faults import Fault, Json, failure
from consumers.systems.quickbooks_online.settings import SHORT
from schemas.reasons import Reason
from schemas.sentences import say

_STALE = 5010


def take_back(
    company: Company, task: Task, kind: Kind, row: Json, wrong: Sequence[str], reason: Reason
) -> None:
    """Deletes `row`; gone already is well too. Raises Rejected(reason), OutcomeUnknown."""
    if str(row["SyncToken"]) != "0":
        detail = say(
            "{wrong}; {kind} Id {id} was changed by somebody in {system}",
            system=SHORT,
            wrong="; ".join(wrong),
            kind=kind,
            id=row["Id"],
        )
        raise Rejected(Reason.DIFFERS_FROM_BOOKS, field="total", detail=detail)
    try:
        company.client.remove(kind, row, request_id(task, "undo"))
    except Fault as fault:
        error = failure(fault, writing=True)
        # Stale: somebody edited it since, and what a person touched is not ours to delete.
        if not isinstance(error, Rejected) and fault.code != _STALE:
            raise error from fault
        detail = say(
            "{wrong}; {system} {kind} Id {id} could not be removed, remove it by hand: {words}",
            system=SHORT,
            wrong="; ".join(wrong),
            kind=kind,
            id=row["Id"],
            words=fault.words,
        )
        raise Rejected(reason, field="total", detail=detail) from fault
