"""A credit note is applied to the invoice that it corrects by a contact allocation.

What comes in: a credit note in the books, and the invoice. What goes out: the allocation. Refused,
before the credit note is made: an invoice that is gone, void or another customer's. What the
invoice does not owe any more stays an open credit, for the accountant to refund or to use.

The limited edition has no allocations (Sage page, sections 6.1 and 8): there the credit note stays
open, and its own notes say to which invoice a person must apply it, unless the settings say that
Sage allows it after all.
"""

from __future__ import annotations

from decimal import Decimal

from consumers.errors import OutcomeUnknown, Rejected
from consumers.system import Task
from consumers.systems.sage_accounting import sales
from consumers.systems.sage_accounting.company import (
    Company,
    customer_id,
    document,
    money,
    once,
    ref_id,
    shown,
    text_of,
)
from consumers.systems.sage_accounting.faults import Fault, Json, failure
from consumers.systems.sage_accounting.settings import SHORT
from consumers.systems.sage_accounting.standing import is_void
from schemas.money import ZERO
from schemas.reasons import Reason
from schemas.records import Invoice
from schemas.sentences import say

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


def check_target(company: Company, task: Task, invoice: Invoice) -> None:
    """Before the credit note is made: that what it will be applied to is there, and the customer's.

    Raises Rejected(reference_not_found, refused_by_system), Unavailable, Transient.
    """
    if invoice.corrects is None:
        return
    target = document(task, invoice.corrects.id, invoice.corrects.number, "corrects")
    if not sales.left_by_hand(company, invoice):
        _corrected(company, invoice, target.remote_id, customer_id(task))


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
    number, contact_id = str(row["id"]), customer_id(task)
    credit = company.client.read("sales_credit_notes", number)
    if credit is None or is_void(credit):
        raise _missing(
            say(
                "the {system} credit note {number} (Id {id}) is gone",
                system=SHORT,
                number=row.get("displayed_as"),
                id=number,
            )
        )
    open_credit = money(credit, "outstanding_amount")
    if open_credit < invoice.total:
        return  # applied already, by us before a crash or by a person: the rest is theirs
    try:
        corrected = _corrected(company, invoice, invoice_id, contact_id)
    except Rejected as error:
        stands = say(
            "the credit note {number} stands in {system}",
            system=SHORT,
            number=credit.get("displayed_as"),
        )
        raise Rejected(
            error.reason, field=error.field, detail=f"{error.detail}; {stands}"
        ) from error
    amount = applicable(corrected, open_credit)
    if amount <= ZERO:
        return
    body = allocation(task, contact_id, invoice_id, number, text_of(amount))
    try:
        company.client.create("contact_allocations", body)
    except Fault as fault:
        raise _refusal(company, fault, credit, invoice) from fault


def applicable(corrected: Json, credit: Decimal) -> Decimal:
    """What of a credit can be put on the invoice, in dollars."""
    return min(money(corrected, "outstanding_amount"), credit)


def _corrected(company: Company, invoice: Invoice, invoice_id: str, contact_id: str) -> Json:
    """The invoice that the credit note corrects. Raises Rejected."""
    row = company.client.read("sales_invoices", invoice_id)
    known = invoice.corrects.number if invoice.corrects else ""
    if row is None:
        raise _missing(
            say(
                "the {system} invoice {number} (Id {id}) does not exist",
                system=SHORT,
                number=known,
                id=invoice_id,
            )
        )
    if is_void(row):
        raise _missing(
            say(
                "the {system} invoice {number} is void",
                system=SHORT,
                number=known or row.get("displayed_as"),
            )
        )
    if ref_id(row, "contact") != contact_id:
        raise Rejected(
            Reason.REFUSED_BY_SYSTEM,
            field="account",
            detail=say(
                "the invoice {number} belongs to the {system} customer « {holder} » (Id {id})",
                system=SHORT,
                number=known,
                holder=shown(row, "contact"),
                id=ref_id(row, "contact"),
            ),
        )
    return row


def _missing(detail: str) -> Rejected:
    return Rejected(Reason.REFERENCE_NOT_FOUND, field="corrects", detail=detail)


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
        detail=say(
            "the credit note {number} stands in {system}; apply it by hand to the"
            " invoice {corrected}: {words}",
            system=SHORT,
            number=credit.get("displayed_as"),
            corrected=corrected,
            words=fault.words,
        ),
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
