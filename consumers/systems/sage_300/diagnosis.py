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
from consumers.systems.sage_300.markers import set_aside_mark
from consumers.systems.sage_300.posting import Plan, Posted, withdraw
from consumers.systems.sage_300.settings import TITLE
from schemas.reasons import Reason
from schemas.sentences import say


def _no_cause() -> str:
    return say(
        "{system} does not tell the reason here: see its posting errors report", system=TITLE
    )


def problem(problems: Iterable[Problem]) -> Rejected | None:
    """The first problem as a refusal."""
    for one in problems:
        return Rejected(one.reason, field=one.field, detail=one.detail)
    return None


def explained(
    company: Company, steps: Steps, plan: Plan, posted: Posted, cause: Rejected | None
) -> Rejected:
    """The refusal to raise. Raises Unavailable, Transient, OutcomeUnknown."""
    told = _withdrawn(company, plan, posted)  # first: what is too long is cut at its end
    told.append(cause.detail if cause else _no_cause())
    title, number, count = plan.kind.title(), posted.number, batches.errors(posted.row)
    if count:
        told.append(
            say(
                "the {title} {number} was posted with errors ({count})",
                title=title,
                number=number,
                count=count,
            )
        )
    else:
        told.append(
            say(
                "the {title} {number} is posted, and its entry is not in the books",
                title=title,
                number=number,
            )
        )
    # Only now: a kill before would leave the error batch to be posted beside the next try.
    steps.remember(plan.kind.step, "")
    reason = cause.reason if cause else Reason.REFUSED_BY_SYSTEM
    return Rejected(reason, field=cause.field if cause else "", detail="; ".join(told))


def _withdrawn(company: Company, plan: Plan, posted: Posted) -> list[str]:
    """What became of the error batch, in words; empty when there is none."""
    rows = _error_batches(company, plan, posted)
    same = [row for row in rows if not _otherwise(plan, row)]
    if len(same) == 1:
        number = batches.number_of(same[0])
        words = withdraw(company, plan.kind, same[0], set_aside_mark(plan.description))[1]
        return [say("its entry went to the error batch {number}", number=number), words]
    if not rows:
        return []
    numbers = ", ".join(batches.number_of(row) for row in rows)
    words = say(
        "among {title} {numbers} is the error batch of this entry: look for"
        " what nobody typed, and delete it without posting it",
        title=plan.kind.title(),
        numbers=numbers,
    )
    return [words]


def _error_batches(company: Company, plan: Plan, posted: Posted) -> list[Json]:
    """The ledger's entries name it. In A/R it is a later batch with our entry, and somebody may
    have typed the same document since: nothing that may be theirs is touched."""
    kind = plan.kind
    for entry in batches.entries(kind, posted.row):
        named = int(entry.get("ErrorBatch") or 0)
        if named:
            row = batches.read(company, kind, f"{named:06d}")
            return [row] if row is not None else []
    return [
        row
        for row in batches.later_live(company, kind, posted.number)
        if len(held := batches.entries(kind, row)) == 1 and plan.is_ours(held[0])
    ]


def _otherwise(plan: Plan, row: Json) -> bool:
    return any(plan.differences(entry) for entry in batches.entries(plan.kind, row))
