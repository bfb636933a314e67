"""From a body to a posted batch, one step after the other, from wherever an earlier try stopped.

What comes in: a plan. What goes out: the posted batch. The steps: POST the batch and remember its
number; compare what Sage 300 made of it; make it ready; post it alone; read it again. A success of
the posting process proves nothing: the caller looks for the document (reference page, section 5).

Refused: a batch that a person deleted or changed, one that differs from Membri (it is set aside
first, so that nobody posts it), one that Sage 300 does not post although it is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.system import Steps, pending
from consumers.systems.sage_300 import batches
from consumers.systems.sage_300.batches import Kind, Stage
from consumers.systems.sage_300.company import Company
from consumers.systems.sage_300.faults import Fault, Json
from consumers.systems.sage_300.markers import set_aside_mark
from consumers.systems.sage_300.settings import TITLE
from schemas.reasons import Reason
from schemas.sentences import say


@dataclass(frozen=True)
class Plan:
    """What is to be posted. `differences(entry)`: what Sage 300 made otherwise, both figures;
    `refusal(entry, differences)`: how it is told; `is_ours(entry)`: the same customer and number,
    so that an unposted batch may be replaced; `outdated(entry)`: what an unposted batch of an
    earlier try has otherwise than would be sent now, dates and accounts included. A new batch is
    not asked for that: a server may write them in another way than they were sent."""

    kind: Kind
    description: str
    body: Json
    differences: Callable[[Json], Sequence[str]]
    refusal: Callable[[Json, Sequence[str]], Rejected]
    is_ours: Callable[[Json], bool]
    outdated: Callable[[Json], Sequence[str]] = lambda _: ()


@dataclass(frozen=True)
class Posted:
    """`row`: the posted batch. `made`: this call created it."""

    row: Json
    made: bool

    @property
    def number(self) -> str:
        return batches.number_of(self.row)


def post(company: Company, steps: Steps, plan: Plan) -> Posted:
    """Posts what the plan says, once. Raises any of consumers.errors."""
    row = _remembered(company, steps, plan) or _marked(company, steps, plan)
    made = row is None
    if row is None:
        row = _create(company, steps, plan)
    stage = batches.stage_of(plan.kind, row)
    if stage in (Stage.OPEN, Stage.READY):
        row, made = _as_planned(company, steps, plan, row, made=made)
        row = _post_alone(company, plan.kind, row)
    row = _wait(company, plan.kind, row)
    if batches.stage_of(plan.kind, row) is not Stage.POSTED:
        raise _not_posted(steps, plan.kind, row)
    return Posted(row, made)


def requests(company: Company, plan: Plan) -> tuple[tuple[str, Json], ...]:
    """The writes of `post`, with the batch's number to come."""
    kind, unknown = plan.kind, pending("batch")
    key = (
        f"BatchRecordType='{kind.record_type}',BatchNumber={unknown}"
        if kind.record_type
        else unknown
    )
    ready = batches.status_body(company, kind, Stage.READY)
    return (
        (f"POST {kind.resource}", plan.body),
        (f"PATCH {kind.resource}({key})", ready),
        (f"POST {kind.process}('$process')", batches.posting_body(company, kind, unknown)),
    )


# --- where an earlier try stopped -------------------------------------------------------------


def _remembered(company: Company, steps: Steps, plan: Plan) -> Json | None:
    number = steps.get(plan.kind.step)
    row = batches.read(company, plan.kind, number) if number else None
    if row is None:
        return None
    if batches.stage_of(plan.kind, row) is Stage.DELETED:
        steps.remember(plan.kind.step, "")  # said once: sent again, it is meant
        raise Rejected(
            Reason.REFUSED_BY_SYSTEM,
            detail=say(
                "{system}: the {title} {number} of this record was deleted before it"
                " was posted, not by us; nothing of it is in the books",
                system=TITLE,
                title=plan.kind.title(),
                number=number,
            ),
        )
    return row


def _marked(company: Company, steps: Steps, plan: Plan) -> Json | None:
    """Made by a try that could not remember it. Raises Rejected: ambiguous for several, and for
    one that was set aside and still stands, since both could then be posted."""
    aside = set_aside_mark(plan.description)
    rows = batches.standing(company, plan.kind, plan.description, aside)
    found = [row for row in rows if row.get("Description") == plan.description]
    if len(found) > 1:
        numbers = ", ".join(batches.number_of(row) for row in found)
        raise Rejected(
            Reason.AMBIGUOUS,
            detail=say(
                "{system}: several of the kind « {title} » have the description"
                " « {description} » ({numbers}); keep one",
                system=TITLE,
                title=plan.kind.title(),
                numbers=numbers,
                description=plan.description,
            ),
        )
    for row in found:
        steps.remember(plan.kind.step, batches.number_of(row))
        return row
    for row in rows:
        if batches.stage_of(plan.kind, row) is not Stage.POSTED:
            detail = say("{stands}; then send again", stands=_stands(plan.kind, row, aside))
            raise Rejected(Reason.REFUSED_BY_SYSTEM, detail=detail)
    return None


def _create(company: Company, steps: Steps, plan: Plan) -> Json:
    try:
        row = company.client.create(plan.kind.resource, plan.body)
    except Fault as fault:
        raise company.client.failure(fault, writing=True) from fault
    if "BatchNumber" not in row:
        raise OutcomeUnknown(
            say("{system}: a {title} without its number", system=TITLE, title=plan.kind.title())
        )
    steps.remember(plan.kind.step, batches.number_of(row))
    return row


def _as_planned(
    company: Company, steps: Steps, plan: Plan, row: Json, *, made: bool
) -> tuple[Json, bool]:
    """The batch, once it is what Membri says; what an earlier try left otherwise is replaced."""
    wrong = _wrong(plan, row)
    if not made and (wrong or plan.outdated(_entry(plan, row))):
        _clear(company, steps, plan, row, wrong or plan.outdated(_entry(plan, row)))
        row, made = _create(company, steps, plan), True
        wrong = _wrong(plan, row)
    if not wrong:
        return row, made
    refusal = plan.refusal(_entry(plan, row), wrong)
    _, words = set_aside(company, steps, plan.kind, row)
    raise Rejected(refusal.reason, field=refusal.field, detail=f"{words}; {refusal.detail}")


def _wrong(plan: Plan, row: Json) -> Sequence[str]:
    count = len(batches.entries(plan.kind, row))
    if count != 1:
        return (
            say(
                "{title} {number}: {count} entries ≠ 1",
                title=plan.kind.title(),
                number=batches.number_of(row),
                count=count,
            ),
        )
    return plan.differences(_entry(plan, row))


def _entry(plan: Plan, row: Json) -> Json:
    return next(iter(batches.entries(plan.kind, row)), {})


def _clear(company: Company, steps: Steps, plan: Plan, row: Json, wrong: Sequence[str]) -> None:
    """Sets an unposted batch of an earlier version aside. Raises Rejected when it may be anything
    else, or when it cannot be set aside: there would be two."""
    number = batches.number_of(row)
    words = say(
        "the {title} {number} of an earlier try is not posted and holds"
        " something else: delete it in {system}, then send again",
        system=TITLE,
        title=plan.kind.title(),
        number=number,
    )
    is_ours = len(batches.entries(plan.kind, row)) == 1 and plan.is_ours(_entry(plan, row))
    if is_ours:
        gone, words = set_aside(company, steps, plan.kind, row, rename=False)
        if gone:
            return
        words = say("{stands}; then send again", stands=words)
    steps.remember(plan.kind.step, "")  # once it was deleted, sending again is meant
    detail = f"{words}; {'; '.join(wrong)}"
    raise Rejected(Reason.DIFFERS_FROM_BOOKS, detail=detail)


def set_aside(
    company: Company, steps: Steps, kind: Kind, row: Json, *, rename: bool = True
) -> tuple[bool, str]:
    """Keeps anybody from posting an unposted batch; there is no DELETE for batches (section 2).

    `rename`: where it cannot be deleted; not for a batch whose place another one is to take, since
    both could then be posted. (whether our marker is off it, what became of it in words). Raises
    Unavailable, OutcomeUnknown, Transient: it is then met again, by its description.
    """
    steps.remember(kind.step, "")  # before: a batch that we delete is not one that others deleted
    mark = set_aside_mark(str(row.get("Description") or ""))
    return withdraw(company, kind, row, mark if rename else "")


def withdraw(company: Company, kind: Kind, row: Json, mark: str) -> tuple[bool, str]:
    """`set_aside` for a batch that no step remembers: an error batch. `mark`: its description where
    it cannot be deleted, empty to leave it as it is."""
    number = batches.number_of(row)
    stage = batches.stage_of(kind, row)
    if stage is Stage.DELETED:
        return True, say(
            "the {title} {number} of {system} is deleted",
            system=TITLE,
            title=kind.title(),
            number=number,
        )
    if stage not in (Stage.OPEN, Stage.READY):
        said = row.get(kind.status)
        return False, say(
            "the {title} {number} of {system} is {said}: look at what it holds",
            system=TITLE,
            title=kind.title(),
            number=number,
            said=said,
        )
    if stage is Stage.READY:
        moved = _change(company, kind, row, Stage.OPEN)
        if moved is not None:
            return withdraw(company, kind, moved, mark)
    where = batches.path(kind, number)
    if _done(company, where, batches.status_body(company, kind, Stage.DELETED)):
        return True, say(
            "the {title} {number} of {system} was deleted, nothing was posted",
            system=TITLE,
            title=kind.title(),
            number=number,
        )
    if mark and _done(company, where, {"Description": mark}):
        return True, _stands(kind, row, mark)
    return False, _stands(kind, row)


def _stands(kind: Kind, row: Json, mark: str = "") -> str:
    name = say(
        "the {title} {number} stands open in {system}",
        system=TITLE,
        title=kind.title(),
        number=batches.number_of(row),
    )
    if mark:
        name = say("{batch} as « {description} »", batch=name, description=mark)
    return say("{batch}: delete it, do not post it", batch=name)


def _done(company: Company, where: str, body: Json) -> bool:
    """Whether Sage 300 agreed to a change. Raises what is no plain refusal."""
    try:
        company.client.change(where, body)
    except Fault as fault:
        error = company.client.failure(fault, writing=True)
        if isinstance(error, (Unavailable, OutcomeUnknown, Transient)):
            raise error from fault
        return False
    return True


# --- ready, posted ----------------------------------------------------------------------------


def _change(company: Company, kind: Kind, row: Json, stage: Stage) -> Json | None:
    """Brings an unposted batch to a stage; see `_step`."""
    number = batches.number_of(row)
    body = batches.status_body(company, kind, stage)
    return _step(
        company, kind, number, lambda: company.client.change(batches.path(kind, number), body)
    )


def _post_alone(company: Company, kind: Kind, row: Json) -> Json:
    """The batch after its posting, or after what somebody else did with it in the meantime."""
    number = batches.number_of(row)
    if batches.stage_of(kind, row) is Stage.OPEN:
        moved = _change(company, kind, row, Stage.READY)
        if moved is not None:
            return moved
    body = batches.posting_body(company, kind, number)
    moved = _step(company, kind, number, lambda: company.client.process(kind.process, body))
    read = moved or batches.read(company, kind, number)
    if read is None:
        raise OutcomeUnknown(
            say(
                "{system}: the {title} {number} is not there after posting",
                system=TITLE,
                title=kind.title(),
                number=number,
            )
        )
    return read


def _step(company: Company, kind: Kind, number: str, act: Callable[[], None]) -> Json | None:
    """None once Sage 300 did it. The batch as it is when it was refused because somebody posted or
    deleted it in the meantime: a person's posting is as good as ours (section 10)."""
    try:
        act()
    except Fault as fault:
        error = _standing(company, kind, number, fault)
        if isinstance(error, Rejected):
            row = batches.read(company, kind, number)
            if row is not None and batches.stage_of(kind, row) not in (Stage.OPEN, Stage.READY):
                return row
        raise error from fault
    return None


def _standing(company: Company, kind: Kind, number: str, fault: Fault) -> Exception:
    """The failure of a later step; a refusal says which batch stands, before Sage 300's own words:
    what is too long is cut at its end."""
    error = company.client.failure(fault, writing=True)
    if isinstance(error, Rejected):
        detail = say(
            "the {title} {number} stands, not posted; {detail}",
            title=kind.title(),
            number=number,
            detail=error.detail,
        )
        return Rejected(error.reason, field=error.field, detail=detail)
    return error


def _wait(company: Company, kind: Kind, row: Json) -> Json:
    """Until a posting that somebody started ends. Raises Transient when it lasts longer than
    `lock_wait_s`: the record comes back."""
    number, wait_s = batches.number_of(row), company.connection.lock_wait_s
    give_up_s = company.client.left_s() - wait_s
    while batches.stage_of(kind, row) is Stage.POSTING:
        if company.client.left_s() <= give_up_s:
            detail = say(
                "{system}: {title} {number}: Post in Progress; if nobody is posting"
                " any more, the posting stopped half-way: let {system} recover that"
                " batch, then send again",
                system=TITLE,
                title=kind.title(),
                number=number,
            )
            raise Transient(detail, retry_after_s=wait_s)
        company.sleep(min(company.connection.posting_poll_s, company.client.left_s()))
        row = batches.read(company, kind, number) or row
    return row


def _not_posted(steps: Steps, kind: Kind, row: Json) -> Rejected:
    number, said = batches.number_of(row), row.get(kind.status)
    detail = say(
        "{system}: the {title} {number} is {said} and was not posted",
        system=TITLE,
        title=kind.title(),
        number=number,
        said=said,
    )
    if batches.stage_of(kind, row) is Stage.DELETED:
        steps.remember(kind.step, "")  # said here, not once more when it is sent again
    if batches.stage_of(kind, row) is Stage.READY:
        detail += "; " + say(
            "is « Force Listing of All Batches » or « Force Printing of Deposit"
            " Slips » on? Turn it off, or print the listing and post this batch"
        )
    return Rejected(Reason.REFUSED_BY_SYSTEM, detail=detail)
