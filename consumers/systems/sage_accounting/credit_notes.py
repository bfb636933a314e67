"""A credit note is applied to the invoice that it corrects by a contact allocation.

What comes in: a credit note in the books, and the invoice. What goes out: the allocation. Nothing
is refused: what the invoice does not owe any more stays an open credit of the customer, for the
accountant to refund or to use.

The limited edition has no allocations (Sage page, sections 6.1 and 8): there the credit note stays
open, and its own notes say to which invoice a person must apply it, unless the settings say that
Sage allows it after all.
"""

from __future__ import annotations

from consumers.errors import OutcomeUnknown, Rejected
from consumers.system import Task
from consumers.systems.sage_accounting import sales
from consumers.systems.sage_accounting.company import (
    Company,
    customer_id,
    document,
    money,
    once,
    text_of,
)
from consumers.systems.sage_accounting.faults import Fault, Json, failure
from schemas.money import ZERO
from schemas.reasons import Reason
from schemas.records import Invoice

_EDITION = frozenset({403, 404, 405, 422})
STEP = "applied"
"""Remembered once the allocation is in the books, or known not to be needed."""


def is_applied(company: Company, invoice: Invoice, row: Json) -> bool:
    """Whether nothing is left to do: always so unless it corrects an invoice of which something
    may still be open. The rest is found out by `apply`, which knows the invoice."""
    if invoice.kind != "credit_note" or invoice.corrects is None:
        return True
    if sales.left_by_hand(company, invoice):
        return True
    return money(row, "outstanding_amount") == ZERO


def apply(company: Company, task: Task, invoice: Invoice, row: Json) -> None:
    """Applies what the invoice still owes. Raises any of consumers.errors."""
    if invoice.corrects is None or sales.left_by_hand(company, invoice):
        return
    if task.steps.get(STEP) == row["id"]:
        return
    target = document(task, invoice.corrects.id, invoice.corrects.number, "corrects")
    _allocate(company, task, invoice, row, target.remote_id)
    task.steps.remember(STEP, str(row["id"]))


def _allocate(company: Company, task: Task, invoice: Invoice, row: Json, invoice_id: str) -> None:
    number = str(row["id"])
    credit = company.client.read("sales_credit_notes", number)
    corrected = company.client.read("sales_invoices", invoice_id)
    if corrected is None or credit is None:
        gone = number if credit is None else invoice_id
        raise Rejected(
            Reason.REFERENCE_NOT_FOUND,
            field="corrects",
            detail=f"the Sage document {gone} does not exist",
        )
    open_credit = money(credit, "outstanding_amount")
    if open_credit < invoice.total:
        return  # applied already, by us before a crash or by a person: the rest is theirs
    amount = min(money(corrected, "outstanding_amount"), open_credit)
    if amount <= ZERO:
        return
    body = allocation(task, customer_id(task), invoice_id, number, text_of(amount))
    try:
        company.client.create("contact_allocations", body)
    except Fault as fault:
        raise _refusal(company, fault, credit, invoice) from fault


def _refusal(company: Company, fault: Fault, credit: Json, invoice: Invoice) -> Exception:
    """How Sage refuses what the edition lacks is not documented (NV, section 8): 403, 404 or 422
    would be read as something else."""
    error = failure(fault, writing=True)
    if not company.limited or isinstance(error, OutcomeUnknown) or fault.status not in _EDITION:
        return error
    corrected = invoice.corrects.number if invoice.corrects else ""
    return Rejected(
        Reason.EDITION_LIMIT,
        field="corrects",
        detail=f"the credit note {credit.get('displayed_as')} stands in Sage; apply it by hand to"
        f" the invoice {corrected}: {fault.words}",
    )


def allocation(task: Task, contact_id: str, invoice_id: str, credit_id: str, amount: str) -> Json:
    """The body of the application: signed amounts that sum to nothing (section 7)."""
    return {
        **once(task, "apply"),
        "transaction_type_id": "CUSTOMER_ALLOCATION",
        "contact_id": contact_id,
        "allocated_artefacts": [
            {"artefact_id": invoice_id, "amount": amount},
            {"artefact_id": credit_id, "amount": f"-{amount}"},
        ],
    }
