"""A credit memo is applied to the invoice that it corrects by a payment of nothing.

What comes in: a credit memo in the books, and the invoice. What goes out: the application. Nothing
is refused: what the invoice does not owe any more stays an open credit of the customer, for the
accountant to refund or to use.

QuickBooks has no link from a credit memo to an invoice: a Payment of total 0 has one line for each
(reference page, 6.4). Where the company applies credits by itself (AutoApplyCredit), we do not.
"""

from __future__ import annotations

from consumers.errors import Rejected
from consumers.system import Task
from consumers.systems.quickbooks_online.client import quoted
from consumers.systems.quickbooks_online.company import Company, money, ref_id, request_id
from consumers.systems.quickbooks_online.faults import Fault, Json, failure
from consumers.systems.quickbooks_online.markers import marked, marker
from schemas.money import ZERO
from schemas.reasons import Reason
from schemas.records import Invoice

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
    target = task.documents.get(invoice.corrects.id)
    if target is None:
        raise Rejected(
            Reason.REFERENCE_NOT_FOUND,
            field="corrects",
            detail=f"the invoice {invoice.corrects.number} is not known in QuickBooks",
        )
    if not is_applied(company, invoice, row):
        _pay_with_credit(company, task, invoice, row, target.remote_id)
    task.steps.remember(STEP, str(row["Id"]))


def _pay_with_credit(
    company: Company, task: Task, invoice: Invoice, row: Json, invoice_id: str
) -> None:
    corrected = company.client.read("Invoice", invoice_id)
    if corrected is None:
        raise Rejected(
            Reason.REFERENCE_NOT_FOUND,
            field="corrects",
            detail=f"QuickBooks invoice Id {invoice_id} does not exist",
        )
    amount = min(money(corrected, "Balance"), money(row, "Balance"))
    if amount <= ZERO:
        return
    lines = [
        {"Amount": amount, "LinkedTxn": [{"TxnId": one, "TxnType": kind}]}
        for one, kind in ((invoice_id, "Invoice"), (str(row["Id"]), "CreditMemo"))
    ]
    body: Json = {
        "CustomerRef": {"value": ref_id(row, "CustomerRef")},
        "TotalAmt": ZERO,
        "TxnDate": invoice.date.isoformat(),
        "PrivateNote": marker("application", invoice.id),
        "Line": lines,
        **company.currency(invoice.currency),
    }
    try:
        company.client.create("Payment", body, request_id(task, "apply"))
    except Fault as fault:
        raise failure(fault, writing=True) from fault


def _application(company: Company, invoice: Invoice, row: Json) -> Json | None:
    customer_id = ref_id(row, "CustomerRef")
    where = f"CustomerRef = {quoted(customer_id)} AND TxnDate = {quoted(invoice.date.isoformat())}"
    for payment in company.client.select("Payment", where):
        if marked(payment, "application", invoice.id):
            return payment
    return None
