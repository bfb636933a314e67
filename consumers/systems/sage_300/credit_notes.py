"""A credit note is applied to the invoice that it corrects, for what that invoice still owes.

What comes in: a credit note, and the posted invoice. What goes out: the application. Nothing is
refused for what the invoice does not owe any more: it stays an open credit of the customer, for the
accountant to refund or to use.

Where the invoice owes at least the credit, the credit note names it (ApplytoDocument) and is
applied as it is posted. Where it owes less, what Sage 300 does with the excess is not documented:
the credit note is posted open, then a receipt entry of type ApplyDocument applies what is owed
(reference page, sections 5 and 6).
"""

from __future__ import annotations

from decimal import Decimal

from consumers.errors import Rejected
from consumers.system import Task
from consumers.systems.sage_300 import batches, documents, receipts
from consumers.systems.sage_300.batches import APPLICATIONS, Stage
from consumers.systems.sage_300.company import Company, money
from consumers.systems.sage_300.diagnosis import explained
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.markers import document_number, marker, parts
from consumers.systems.sage_300.posting import Plan, post, requests, set_aside
from consumers.systems.sage_300.settings import TITLE
from schemas.money import ZERO
from schemas.reasons import Reason
from schemas.records import Invoice
from schemas.sentences import say


def target(company: Company, task: Task, invoice: Invoice) -> Json | None:
    """The posted invoice that a credit note corrects; None when it corrects none.

    Raises Rejected(reference_not_found) when it is not in the books.
    """
    if invoice.kind != "credit_note" or invoice.corrects is None:
        return None
    known = task.documents.get(invoice.corrects.id)
    row = None
    if known is not None:
        customer, number = parts(known.remote_id)
        row = documents.owned(company, customer, number)
    if row is None:
        name = known.reference if known else invoice.corrects.number
        detail = say(
            "the invoice {name} is not among the posted documents of {system}",
            system=TITLE,
            name=name,
        )
        raise Rejected(Reason.REFERENCE_NOT_FOUND, field="corrects", detail=detail)
    return row


def known_target(company: Company, task: Task, invoice: Invoice) -> Json | None:
    """The same for a draft: an invoice that is still to come is no reason to stop."""
    try:
        return target(company, task, invoice)
    except Rejected:
        return None


def at_posting(company: Company, invoice: Invoice, corrected: Json | None) -> str:
    """The number to name in the credit note; empty when it is applied otherwise or not at all."""
    if corrected is None or documents.due(company, corrected) < invoice.total:
        return ""
    return str(corrected["DocumentNumber"])


def refuse_early(company: Company, invoice: Invoice, corrected: Json | None) -> None:
    """Raises Rejected for what would keep a separate application from being posted once the
    credit note itself is: no bank, a locked period."""
    if corrected is None or at_posting(company, invoice, corrected):
        return
    if not documents.due(company, corrected):
        return
    receipts.bank(company)
    for problem in company.closed_period(invoice.date, "AR", "BK", "GL"):
        raise Rejected(problem.reason, field=problem.field, detail=problem.detail)


def is_applied(company: Company, invoice: Invoice, row: Json) -> bool:
    """Whether nothing is left to apply, nor to clear away, as far as the books tell."""
    if invoice.kind != "credit_note" or invoice.corrects is None:
        return True
    stage = _application(company, invoice)
    if stage is not None:
        return stage is Stage.POSTED
    if not documents.due(company, row):
        return True
    corrects = invoice.corrects
    number = corrects.reference.upper() or document_number(corrects.number, corrects.id)
    corrected = documents.owned(company, str(row["CustomerNumber"]), number)
    return corrected is None or not documents.due(company, corrected)


def finish(company: Company, task: Task, invoice: Invoice, row: Json) -> None:
    """Applies what the invoice still owes, if the posting did not. Raises as `transfer`."""
    corrected = target(company, task, invoice)
    if corrected is None:
        return
    amount = min(documents.due(company, row), documents.due(company, corrected))
    stage = _application(company, invoice)
    if stage is Stage.POSTED or (stage is None and not amount):
        return
    if not amount and stage in (Stage.OPEN, Stage.READY):
        _clear(company, task, invoice)
        return
    plan = _plan(company, invoice, str(row["CustomerNumber"]), corrected, amount)
    posted = post(company, task.steps, plan)
    if batches.errors(posted.row):
        raise explained(company, task.steps, plan, posted, exceeding(company, task, invoice))


def _clear(company: Company, task: Task, invoice: Invoice) -> None:
    """Nothing is left to apply: whoever paid the invoice, or used the credit, was faster."""
    for row in batches.standing(company, APPLICATIONS, marker("application", invoice.id)):
        gone, words = set_aside(company, task.steps, APPLICATIONS, row, rename=False)
        if not gone:
            raise Rejected(Reason.DIFFERS_FROM_BOOKS, detail=words)


def exceeding(company: Company, task: Task, invoice: Invoice) -> Rejected | None:
    """The refusal of a credit that is more than the invoice owes by now; None when it is not."""
    corrected = target(company, task, invoice)
    if corrected is None or documents.due(company, corrected) >= invoice.total:
        return None
    owed = documents.due(company, corrected)
    detail = f"{invoice.total} > {owed} (Sage 300, {corrected['DocumentNumber']})"
    return Rejected(Reason.CREDIT_EXCEEDS_BALANCE, field="total", detail=detail)


def draft(
    company: Company, invoice: Invoice, customer: str, corrected: Json | None
) -> tuple[tuple[str, Json], ...]:
    """The writes of the application, where there is one of its own."""
    if corrected is None or at_posting(company, invoice, corrected):
        return ()
    amount = min(invoice.total, documents.due(company, corrected))
    if not amount:
        return ()
    return requests(company, _plan(company, invoice, customer, corrected, amount))


def _application(company: Company, invoice: Invoice) -> Stage | None:
    """How far a separate application is; None when there is none."""
    rows = batches.standing(company, APPLICATIONS, marker("application", invoice.id))
    stages = [batches.stage_of(APPLICATIONS, row) for row in rows]
    return Stage.POSTED if Stage.POSTED in stages else next(iter(stages), None)


def _plan(
    company: Company, invoice: Invoice, customer: str, corrected: Json, amount: Decimal
) -> Plan:
    credit = document_number(invoice.number, invoice.id)
    number = str(corrected["DocumentNumber"])
    date, kind = invoice.date.isoformat(), APPLICATIONS.record_type
    body: Json = {
        "BatchRecordType": kind,
        "BatchDate": date,
        "Description": marker("application", invoice.id),
        "BankCode": company.bank(),
        "ReceiptsAdjustments": [
            {
                "BatchType": kind,
                "CustomerNumber": customer,
                "ReceiptDateAdjustmentDate": date,
                company.connection.receipt_posting_date: date,
                "ReceiptTransactionType": "ApplyDocument",
                "DocumentType": "CreditNote",
                "DocumentNumber": credit,
                "AppliedReceiptsAdjustments": [
                    {
                        "BatchType": kind,
                        "CustomerNumber": customer,
                        "DocumentNumber": number,
                        "PaymentNumber": at,
                        "ReceiptTransactionType": "ApplyDocument",
                        "CustomerReceiptAmount": part,
                    }
                    for at, part in documents.spread(company, corrected, amount)
                ],
            }
        ],
    }

    def is_ours(entry: Json) -> bool:
        return str(entry.get("DocumentNumber")) == credit

    def differences(entry: Json) -> tuple[str, ...]:
        held: dict[str, Decimal] = {}
        for line in entry.get("AppliedReceiptsAdjustments") or []:
            on = str(line.get("DocumentNumber"))
            held[on] = held.get(on, ZERO) + money(line, "CustomerReceiptAmount")
        if is_ours(entry) and held == {number: amount}:
            return ()
        return (
            say(
                "application of {credit}: {system} {found} ≠ {expected}",
                system=TITLE,
                credit=credit,
                found=_told(held),
                expected=_told({number: amount}),
            ),
        )

    return Plan(
        kind=APPLICATIONS,
        description=marker("application", invoice.id),
        body=body,
        differences=differences,
        refusal=lambda _, wrong: Rejected(Reason.DIFFERS_FROM_BOOKS, detail="; ".join(wrong)),
        is_ours=is_ours,
    )


def _told(amounts: dict[str, Decimal]) -> str:
    return ", ".join(f"{amount} → {number}" for number, amount in amounts.items()) or "-"
