"""What is posted through a journal batch: written, posted, seen in the ledger, tidied up.

What comes in: the lines of a payment or of a journal entry. What goes out: whether this try posted
them. Refused: what Business Central refuses, after the batch is taken back; what it leaves to a
person, with the batch left ready.

Document numbers in the ledger are not unique, and a repeated partial payment would be posted twice
(page, sections 6 and 7): the ledger is asked before each try, nothing is written again once
Business Central said yes to posting, and an empty ledger after that (a job queue, another server
node) is an unknown outcome.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from consumers.errors import OutcomeUnknown, Rejected
from consumers.system import Found, Lookup, RemoteRef, Task
from consumers.systems.business_central import batches, ledger
from consumers.systems.business_central.batches import PAYMENTS, POSTED, Batch, Wanted
from consumers.systems.business_central.company import Company
from consumers.systems.business_central.faults import NOT_THERE, Bug, Fault, Json, says_settled
from consumers.systems.business_central.keys import code
from consumers.systems.business_central.ledger import DocumentType
from consumers.systems.business_central.settings import TITLE
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.sentences import say

_NOT_FOUND = 404


@dataclass(frozen=True)
class Journalled:
    """A record as journal lines. `amount`: what the ledger must show moved. `batches.Wanted`
    without the ids of invoices serves to recognise, with them to write."""

    wanted: Wanted
    document_type: DocumentType
    date: dt.date
    amount: Decimal

    @property
    def ref(self) -> RemoteRef:
        """The document number is both id and what a person looks for: posted lines keep no id."""
        return RemoteRef(self.wanted.number, self.wanted.number)


class _Left(Rejected):
    """Refused, and its lines stand on purpose."""


def find(
    company: Company,
    lookup: Lookup,
    own: str,
    document_type: DocumentType,
    amount: Decimal | None,
    journalled: Callable[[], Journalled] | None,
) -> Found | None:
    """A payment or an entry by its document number `own`, or by another one that somebody typed.

    `amount`, `journalled`: of the record, None where only a stub is known. Raises what `journalled`
    does, Unavailable, Transient.
    """
    if lookup.reference and code(lookup.reference) != own:
        return _find_typed(company, lookup.reference, document_type, amount)
    if journalled is not None:
        return _find(company, journalled())
    found = _find_typed(company, own, document_type, None)
    return Found(found.ref, by_marker=True) if found is not None else None


def _find(company: Company, record: Journalled) -> Found | None:
    """What the books have of it: posted, or written and not posted yet. Lines that are not all
    there count for nothing: the call that writes them may still be running.

    Raises Unavailable, Transient.
    """
    rows = _posted(company, record)
    batch = batches.standing(company, record.wanted)
    if rows:
        return Found(
            record.ref,
            by_marker=True,
            differences=ledger.differences(rows, record.amount, record.date),
            unfinished=batch is not None and not batch.others,
        )
    if batch is not None and batches.complete(batch, record.wanted):
        return Found(record.ref, by_marker=True, unfinished=True)
    return None


def _find_typed(
    company: Company, reference: str, document_type: DocumentType, amount: Decimal | None
) -> Found | None:
    """What somebody posted under a document number. Raises Unavailable, Transient."""
    rows = ledger.entries(company, reference, document_type)
    if not rows:
        return None
    number = str(rows[0]["documentNumber"])
    differences = ledger.differences(rows, amount) if amount is not None else ()
    return Found(RemoteRef(number, number), differences=differences)


def carry_out(
    company: Company, task: Task, record: Journalled, may_post: Callable[[], None]
) -> Action:
    """Posts the record unless the ledger has it. `may_post` raises Rejected when the invoices no
    longer allow it. Raises any of consumers.errors."""
    rows = _posted(company, record)
    action = Action.ADOPTED
    if not rows:
        rows, action = _post(company, task, record, may_post)
    wrong = ledger.differences(rows, record.amount, record.date)
    if wrong:
        raise Rejected(Reason.DIFFERS_FROM_BOOKS, field="amount", detail="; ".join(wrong))
    batches.withdraw(company, record.wanted)
    return action


def _posted(company: Company, record: Journalled) -> list[Json]:
    return ledger.entries(company, record.wanted.number, record.document_type)


def _post(
    company: Company, task: Task, record: Journalled, may_post: Callable[[], None]
) -> tuple[list[Json], Action]:
    """The entries in the ledger, and whether this try posted them."""
    if task.steps.get(POSTED):
        raise OutcomeUnknown(_not_seen(record))
    batch = batches.standing(company, record.wanted)
    if task.remote_id and (batch is None or not batch.ours):
        # `find` saw lines, and neither they nor entries are there: an earlier try is just posting.
        raise OutcomeUnknown(_not_seen(record))
    try:
        may_post()
        batch = batches.prepare(company, task, record.wanted, batch)
        _leave_to_a_person(company, record)
        fault = batches.post(company, task, batch)
        rows = _posted(company, record)
        if fault is not None and not rows:
            if says_settled(fault):
                may_post()  # says it with both figures
            raise _refusal(company, record, batch, fault)
    except _Left:
        raise
    except Rejected as error:
        rows = _posted(company, record)
        if rows:
            return rows, Action.ADOPTED  # what stood in its way was its own earlier posting
        stands = batches.withdraw(company, record.wanted)
        raise Rejected(error.reason, field=error.field, detail=error.detail + stands) from error
    except Bug:
        batches.withdraw(company, record.wanted)
        raise
    if not rows:
        raise OutcomeUnknown(_not_seen(record))
    return rows, Action.CREATED if fault is None else Action.ADOPTED


def _leave_to_a_person(company: Company, record: Journalled) -> None:
    if record.wanted.journal is PAYMENTS and not company.connection.post_payments_through_journals:
        raise _Left(
            Reason.AWAITING_APPROVAL,
            detail=(
                say(
                    "the payment journal {code} of {system} is ready: post it there"
                    " (document {number})",
                    system=TITLE,
                    code=record.wanted.batch["code"],
                    number=record.wanted.number,
                )
            ),
        )


def _refusal(company: Company, record: Journalled, batch: Batch, fault: Fault) -> Exception:
    """What a refused posting means."""
    if fault.code in NOT_THERE or fault.status == _NOT_FOUND:
        if batches.standing(company, record.wanted) is None:
            return batches.deleted(record.wanted, fault)
        if record.wanted.journal is PAYMENTS:
            return _Left(
                Reason.AWAITING_APPROVAL,
                detail=(
                    say(
                        "the payment journal {code} of {system} is ready, and cannot be"
                        " posted through the API: post it there, and set"
                        " connection.post_payments_through_journals to false; {words}",
                        system=TITLE,
                        code=record.wanted.batch["code"],
                        words=fault.words,
                    )
                ),
            )
    if "nothing to post" in fault.message.casefold() and batch.ours:
        return OutcomeUnknown(f"{_not_seen(record)}; {fault.words}")
    return company.refusal(fault, record.date)


def _not_seen(record: Journalled) -> str:
    return say(
        "{system}: the journal batch {code} was given to be posted (document"
        " {number}), and the ledger does not show it yet; if it never does,"
        " post it by hand under that document number: it is then found",
        system=TITLE,
        code=record.wanted.batch["code"],
        number=record.wanted.number,
    )
