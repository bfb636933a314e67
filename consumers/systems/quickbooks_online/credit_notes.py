"""A credit memo is applied to the invoice that it corrects by a payment of nothing.

What comes in: a credit memo in the books, and the invoice. What goes out: the application. Nothing
is refused: what the invoice does not owe any more stays an open credit of the customer, for the
accountant to refund or to use.

QuickBooks has no link from a credit memo to an invoice: a Payment of total 0 has one line for each
(reference page, 6.4). Where the company applies credits by itself (AutoApplyCredit), we do not.
"""

from __future__ import annotations

from decimal import Decimal

from consumers.errors import Rejected
from consumers.system import PENDING_CUSTOMER, RemoteRef, Task, is_pending, pending
from consumers.systems.quickbooks_online.client import quoted
from consumers.systems.quickbooks_online.company import (
    Company,
    money,
    ref_id,
    request_id,
)
from consumers.systems.quickbooks_online.faults import Fault, Json, failure
from consumers.systems.quickbooks_online.markers import marked, marker
from consumers.systems.quickbooks_online.settings import SHORT
from schemas.money import ZERO
from schemas.reasons import Reason
from schemas.records import DocumentRef, Invoice
from schemas.sentences import say

STEP = "applied"
"""Remembered once the application is in the books, or known not to be needed."""


def is_applied(company: Company, invoice: Invoice, row: Json) -> bool:
    """Whether nothing is left to do for a form: always so unless it corrects an invoice."""
    if invoice.kind != "credit_note" or invoice.corrects is None:
        return True
    if not money(row, "Balance") or company.preferences.auto_apply_credit:
        return True
    return _application(company, invoice, row) is not None


def apply(company: Company, task: Task, invoice: Invoice, row: Json) -> None:
    """Applies what the invoice still owes. Raises any of consumers.errors."""
    if invoice.corrects is None or task.steps.get(STEP) == row["Id"]:
        return
    target = _corrected(task, invoice.corrects)
    if not is_applied(company, invoice, row):
        _pay_with_credit(company, task, invoice, row, target.remote_id)
    task.steps.remember(STEP, str(row["Id"]))


def _pay_with_credit(
    company: Company, task: Task, invoice: Invoice, row: Json, invoice_id: str
) -> None:
    amount = min(_owed(company, invoice_id), money(row, "Balance"))
    if amount <= ZERO:
        return
    body = _body(company, invoice, ref_id(row, "CustomerRef"), invoice_id, str(row["Id"]), amount)
    try:
        company.client.create("Payment", body, request_id(task, "apply"))
    except Fault as fault:
        raise failure(fault, writing=True) from fault


def _owed(company: Company, invoice_id: str) -> Decimal:
    """What is open of the invoice. Raises Rejected when it is gone."""
    corrected = company.client.read("Invoice", invoice_id)
    if corrected is None:
        raise Rejected(
            Reason.REFERENCE_NOT_FOUND,
            field="corrects",
            detail=say("{system} invoice Id {id} does not exist", system=SHORT, id=invoice_id),
        )
    return money(corrected, "Balance")


def draft(company: Company, task: Task, invoice: Invoice, row: Json | None) -> Json | None:
    """The application that would follow a credit memo; None when there would be none. `row`: the
    memo where it stands in the books already.

    Where the corrected invoice is not in the books yet, how much it will owe is not known.
    """
    if invoice.corrects is None or company.preferences.auto_apply_credit:
        return None
    if row is not None and is_applied(company, invoice, row):
        return None
    target = _corrected(task, invoice.corrects)
    customer_id = (task.customer or PENDING_CUSTOMER).remote_id
    amount: Decimal | str = pending(f"at most {invoice.total}")
    if not is_pending(target.remote_id):
        open_credit = money(row, "Balance") if row is not None else invoice.total
        amount = min(_owed(company, target.remote_id), open_credit)
        if amount <= ZERO:
            return None
    memo = str(row["Id"]) if row is not None else pending("credit memo")
    return _body(company, invoice, customer_id, target.remote_id, memo, amount)


def _corrected(task: Task, corrects: DocumentRef) -> RemoteRef:
    target = task.documents.get(corrects.id)
    if target is None:
        raise Rejected(
            Reason.REFERENCE_NOT_FOUND,
            field="corrects",
            detail=say(
                "the invoice {number} is not known in {system}",
                system=SHORT,
                number=corrects.number,
            ),
        )
    return target


def _body(
    company: Company,
    invoice: Invoice,
    customer_id: str,
    invoice_id: str,
    memo_id: str,
    amount: Decimal | str,
) -> Json:
    lines = [
        {"Amount": amount, "LinkedTxn": [{"TxnId": one, "TxnType": kind}]}
        for one, kind in ((invoice_id, "Invoice"), (memo_id, "CreditMemo"))
    ]
    return {
        "CustomerRef": {"value": customer_id},
        "TotalAmt": ZERO,
        "TxnDate": invoice.date.isoformat(),
        "PrivateNote": marker("application", invoice.id),
        "Line": lines,
        **company.currency(invoice.currency),
    }


def _application(company: Company, invoice: Invoice, row: Json) -> Json | None:
    customer_id = ref_id(row, "CustomerRef")
    where = f"CustomerRef = {quoted(customer_id)} AND TxnDate = {quoted(invoice.date.isoformat())}"
    for payment in company.client.select("Payment", where):
        if marked(payment, "application", invoice.id):
            return payment
    return None
