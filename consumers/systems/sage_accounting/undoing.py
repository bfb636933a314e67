"""Takes back what was just created and came out wrong.

What comes in: a fresh document and what is wrong with it. What goes out: a void document, or no
payment any more. Raised: Rejected that says « void it by hand » when Sage no longer lets us.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from consumers.errors import Rejected
from consumers.systems.sage_accounting.client import Resource
from consumers.systems.sage_accounting.company import Company
from consumers.systems.sage_accounting.faults import Fault, Json, failure
from consumers.systems.sage_accounting.settings import SHORT
from consumers.systems.sage_accounting.standing import is_edited
from schemas.reasons import Reason
from schemas.sentences import say

WHY = "Membri: montants différents"


def void(
    company: Company, resource: Resource, row: Json, wrong: Sequence[str], reason: Reason
) -> None:
    """Voids `row`; void already is well too. Raises Rejected(reason), OutcomeUnknown."""
    number = str(row["id"])
    _undo(lambda: company.client.void(resource, number, WHY), resource, row, wrong, reason)


def delete(
    company: Company, resource: Resource, row: Json, wrong: Sequence[str], reason: Reason
) -> None:
    """Deletes `row`; gone already is well too. Raises Rejected(reason), OutcomeUnknown."""
    number = str(row["id"])
    _undo(lambda: company.client.remove(resource, number), resource, row, wrong, reason)


def _undo(
    call: Callable[[], None], resource: Resource, row: Json, wrong: Sequence[str], reason: Reason
) -> None:
    if is_edited(row):
        detail = say(
            "{wrong}; {number} was changed by somebody in {system}",
            system=SHORT,
            wrong="; ".join(wrong),
            number=row.get("displayed_as"),
        )
        raise Rejected(Reason.DIFFERS_FROM_BOOKS, field="total", detail=detail)
    try:
        call()
    except Fault as fault:
        error = failure(fault, writing=True)
        if not isinstance(error, Rejected):
            raise error from fault
        detail = say(
            "{wrong}; {number} (Id {id}, {resource}) could not be taken back,"
            " void it by hand in {system}: {words}",
            system=SHORT,
            wrong="; ".join(wrong),
            number=row.get("displayed_as"),
            id=row["id"],
            resource=resource,
            words=fault.words,
        )
        raise Rejected(reason, field="total", detail=detail) from fault
