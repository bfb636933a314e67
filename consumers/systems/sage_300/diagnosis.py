"""What a posting refused: which error batch it made, and why as far as can be known.

What comes in: a batch that is posted without its entry. What goes out: the refusal. There is no
list of A/R or G/L posting errors in the Web API (reference page, section 3): the cause is looked
for in the books again, and the error batch is named and set aside, so that nobody posts it beside
the next try.
"""

from __future__ import annotations

from collections.abc import Iterable

from consumers.errors import Rejected
from consumers.system import Problem, Steps
from consumers.systems.sage_300 import batches
from consumers.systems.sage_300.company import Company
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.posting import Plan, Posted, set_aside
from schemas.reasons import Reason

_NO_CAUSE = "Sage 300 does not tell the reason here: see its posting errors report"


def problem(problems: Iterable[Problem]) -> Rejected | None:
    """The first problem as a refusal."""
    for one in problems:
        return Rejected(one.reason, field=one.field, detail=one.detail)
    return None


def explained(
    company: Company, steps: Steps, plan: Plan, posted: Posted, cause: Rejected | None
) -> Rejected:
    """The refusal to raise. Raises Unavailable, Transient, OutcomeUnknown."""
    told = [cause.detail if cause else _NO_CAUSE]
    count = batches.errors(posted.row)
    title, number = plan.kind.title, posted.number
    if count:
        told.append(f"the {title} {number} was posted with errors ({count})")
    else:
        told.append(f"the {title} {number} is posted, and its entry is not in the books")
    row = _error_batch(company, plan, posted)
    if row is not None:
        told.append(f"its entry went to the error batch {batches.number_of(row)}")
        told.append(set_aside(company, steps, plan.kind, row)[1])
    steps.remember(plan.kind.step, "")
    reason = cause.reason if cause else Reason.REFUSED_BY_SYSTEM
    return Rejected(reason, field=cause.field if cause else "", detail="; ".join(told))


def _error_batch(company: Company, plan: Plan, posted: Posted) -> Json | None:
    """The ledger's entries name it; in A/R it is a later open batch with our entry."""
    kind = plan.kind
    for entry in batches.entries(kind, posted.row):
        named = int(entry.get("ErrorBatch") or 0)
        if named:
            return batches.read(company, kind, f"{named:06d}")
    for row in batches.later_open(company, kind, posted.number):
        held = batches.entries(kind, row)
        if len(held) == 1 and plan.is_ours(held[0]):
            return row
    return None
