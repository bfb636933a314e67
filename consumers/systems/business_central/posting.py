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
from consumers.system import Found, RemoteRef, Task
from consumers.systems.business_central import batches, ledger
from consumers.systems.business_central.batches import PAYMENTS, POSTED, Batch, Wanted
from consumers.systems.business_central.company import Company
from consumers.systems.business_central.faults import NOT_THERE, Bug, Fault, Json, says_settled
from consumers.systems.business_central.ledger import DocumentType
from schemas.outcomes import Action
from schemas.reasons import Reason


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


def find(company: Company, record: Journalled) -> Found | None:
    """What the books have of it: posted, or written and not posted yet. Lines that are not all
    there count for nothing: the call that writes them may still be running.

    Raises Unavailable, Transient.
    """
    rows = ledger.entries(company, record.wanted.number, record.document_type)
    batch = batches.standing(company, record.wanted)
    if rows:
        return Found(
            record.ref,
            by_marker=True,
            differences=ledger.differences(rows, record.amount),
            unfinished=batch is not None and not batch.others,
        )
    if batch is not None and batches.complete(batch, record.wanted):
        return Found(record.ref, by_marker=True, unfinished=True)
    return None


def find_typed(
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
    rows = ledger.entries(company, record.wanted.number, record.document_type)
    action = Action.ADOPTED
    if not rows:
        rows = _post(company, task, record, may_post)
        action = Action.CREATED
    wrong = ledger.differences(rows, record.amount)
    if wrong:
        raise Rejected(Reason.DIFFERS_FROM_BOOKS, field="amount", detail="; ".join(wrong))
    batches.withdraw(company, record.wanted)
    return action


def _post(
    company: Company, task: Task, record: Journalled, may_post: Callable[[], None]
) -> list[Json]:
    """The entries in the ledger, just posted."""
    if task.steps.get(POSTED):
        raise OutcomeUnknown(_not_seen(record))
    try:
        may_post()
        batch = batches.prepare(company, task, record.wanted)
        _leave_to_a_person(company, record)
        fault = batches.post(company, task, batch)
        rows = ledger.entries(company, record.wanted.number, record.document_type)
        if fault is not None and not rows:
            if says_settled(fault):
                may_post()  # says it with both figures
            raise _refusal(company, record, batch, fault)
    except _Left:
        raise
    except Rejected as error:
        stands = batches.withdraw(company, record.wanted)
        raise Rejected(error.reason, field=error.field, detail=error.detail + stands) from error
    except Bug:
        batches.withdraw(company, record.wanted)
        raise
    if not rows:
        raise OutcomeUnknown(_not_seen(record))
    return rows


def _leave_to_a_person(company: Company, record: Journalled) -> None:
    if record.wanted.journal is PAYMENTS and not company.connection.post_payments_through_journals:
        raise _Left(
            Reason.AWAITING_APPROVAL,
            detail=(
                f"the payment journal {record.wanted.batch['code']} of Business Central is ready:"
                f" post it there (document {record.wanted.number})"
            ),
        )


def _refusal(company: Company, record: Journalled, batch: Batch, fault: Fault) -> Exception:
    """What a refused posting means."""
    if record.wanted.journal is PAYMENTS and (fault.code in NOT_THERE or fault.status == 404):
        return _Left(
            Reason.AWAITING_APPROVAL,
            detail=(
                f"the payment journal {record.wanted.batch['code']} of Business Central is ready,"
                " and cannot be posted through the API: post it there, and set"
                f" connection.post_payments_through_journals to false; {fault.words}"
            ),
        )
    if "nothing to post" in fault.message.casefold() and batch.ours:
        return OutcomeUnknown(f"{_not_seen(record)}; {fault.words}")
    return company.refusal(fault, record.date)


def _not_seen(record: Journalled) -> str:
    return (
        f"Business Central: the journal batch {record.wanted.batch['code']} was given to be posted"
        f" (document {record.wanted.number}), and the ledger does not show it yet"
    )
