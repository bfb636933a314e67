"""Payments: one journal batch each, one line for each invoice it pays.

What comes in: a payment whose invoices are posted. What goes out: the payment in the ledger, its
amount and what the invoices still owe compared to the cent. Refused: more than an invoice still
owes (Business Central would take it), an invoice of another customer, a date before the invoice's.

Money received is negative; date and document number are always said, since the line before would
give its own (page, sections 6 and 7). What no invoice takes goes as a line applied to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial

from consumers.errors import Rejected
from consumers.system import Found, Lookup, Problem, Receipt, RemoteRef, Task
from consumers.systems._problems import not_positive, refused_by
from consumers.systems.business_central import posting
from consumers.systems.business_central.batches import PAYMENTS, Wanted
from consumers.systems.business_central.company import Company, without_empty
from consumers.systems.business_central.documents import (
    of_another_customer,
    owed,
    posted_invoice,
    status_of,
)
from consumers.systems.business_central.faults import Json
from consumers.systems.business_central.fields import LIMITS, too_long
from consumers.systems.business_central.keys import batch_code, code, payment_number
from consumers.systems.business_central.lists import date_of
from consumers.systems.business_central.posting import Journalled
from consumers.systems.business_central.settings import TITLE
from schemas.money import ZERO, total
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Payment
from schemas.sentences import say

_DESCRIPTION_MAX = LIMITS["customerPayments.description"]
_NAME_MAX = LIMITS["customerPaymentJournals.displayName"]


def find(company: Company, lookup: Lookup) -> Found | None:
    """The payment, by its document number. Raises Unavailable, Transient."""
    own = payment_number(lookup.record_id)
    record = lookup.record
    if not isinstance(record, Payment):
        return posting.find(company, lookup, own, "Payment", None, None)
    customer_id = lookup.customer.remote_id if lookup.customer else ""
    made = partial(journalled, company, record, customer_id, None)
    return posting.find(company, lookup, own, "Payment", record.amount, made)


def check(company: Company, payment: Payment) -> Iterator[Problem]:
    """Everything that would be refused, as far as it can be known without writing."""
    yield from company.posting_dates(payment.date)
    yield from company.only_home_currency(payment.currency)
    yield from too_long(
        {"number": (code(payment.number), "customerPayments.externalDocumentNumber")}
    )
    yield from not_positive(payment)
    yield from refused_by(
        lambda: company.account(company.accounts.deposit, "accounts.deposit"),
        lambda: _method(company, payment),
    )


def transfer(company: Company, task: Task, payment: Payment) -> Receipt:
    """Posts the payment. Raises any of consumers.errors."""
    if task.customer is None:
        raise ValueError("a payment is transferred to a customer")
    documents = targets(task, payment)
    record = journalled(company, payment, task.customer.remote_id, documents)
    before: dict[str, Decimal] = {}

    def may_post() -> None:
        before.update(_owed(company, task, payment, documents))

    action = posting.carry_out(company, task, record, may_post)
    if action is Action.CREATED:
        _check_applied(company, payment, documents, before)
    return Receipt(record.ref, action)


def journalled(
    company: Company,
    payment: Payment,
    customer_id: str,
    documents: Mapping[str, RemoteRef] | None,
) -> Journalled:
    """The payment as journal lines. `documents`: Membri invoice id → its document, None to
    recognise the lines only. Raises Rejected(unknown_account), Unavailable, Transient."""
    wanted = Wanted(
        PAYMENTS,
        _batch(company, payment),
        payment_number(payment.id),
        tuple(_lines(company, payment, customer_id, documents)),
    )
    return Journalled(wanted, "Payment", payment.date, payment.amount)


def _batch(company: Company, payment: Payment) -> Json:
    account = company.account(company.accounts.deposit, "accounts.deposit")
    return {
        "code": batch_code(payment.id),
        "displayName": f"Membri {payment.number}".strip()[:_NAME_MAX],
        "balancingAccountId": account["id"],
    }


def _lines(
    company: Company,
    payment: Payment,
    customer_id: str,
    documents: Mapping[str, RemoteRef] | None,
) -> Iterator[Json]:
    parts: list[tuple[RemoteRef | None, Decimal]] = []
    for invoice_id, amount in allocated(payment).items():
        parts.append((documents[invoice_id] if documents is not None else None, amount))
    rest = payment.amount - total(a.amount for a in payment.allocations)
    if rest > ZERO:
        parts.append((None, rest))
    for target, amount in parts:
        text = f"{payment.number} {target.reference if target else ''}".strip()
        line: Json = {
            "customerId": customer_id,
            "postingDate": payment.date.isoformat(),
            "documentNumber": payment_number(payment.id),
            "externalDocumentNumber": code(payment.number),
            "amount": -amount,
            "appliesToInvoiceId": target.remote_id if target else "",
            "description": text[:_DESCRIPTION_MAX],
            "comment": _method(company, payment),
        }
        yield without_empty(line)


def _method(company: Company, payment: Payment) -> str:
    """The code of the payment method, as a comment: the API's payments have none (page, 6)."""
    named = company.accounts.payment_methods.get(payment.method, "")
    if not named:
        return ""
    found = company.lists.entry(company.client, "paymentMethods", named)
    if found is None:
        detail = say(
            "{setting} = {value} is no {system} payment method",
            setting=f"accounts.payment_methods.{payment.method}",
            value=repr(named),
            system=TITLE,
        )
        raise Rejected(
            Reason.UNKNOWN_ACCOUNT,
            field="method",
            detail=detail,
        )
    return str(found["code"])


def allocated(payment: Payment) -> dict[str, Decimal]:
    """Membri invoice id → what the payment puts on it."""
    sums: dict[str, Decimal] = {}
    for allocation in payment.allocations:
        sums[allocation.invoice.id] = sums.get(allocation.invoice.id, ZERO) + allocation.amount
    return sums


def targets(task: Task, payment: Payment) -> dict[str, RemoteRef]:
    """Membri invoice id → its document. Raises Rejected(reference_not_found)."""
    found = {}
    for number, allocation in enumerate(payment.allocations):
        document = task.documents.get(allocation.invoice.id)
        if document is None:
            raise Rejected(
                Reason.REFERENCE_NOT_FOUND,
                field=f"allocations.{number}.invoice",
                detail=say(
                    "the invoice {number} is not known in {system}",
                    system=TITLE,
                    number=allocation.invoice.number,
                ),
            )
        found[allocation.invoice.id] = document
    return found


def _owed(
    company: Company, task: Task, payment: Payment, documents: Mapping[str, RemoteRef]
) -> dict[str, Decimal]:
    """What each invoice owes, all of it enough. Raises Rejected."""
    _in_home_currency(company, task)
    found = {}
    for invoice_id, amount in allocated(payment).items():
        row = posted_invoice(company, documents[invoice_id], "allocations")
        if task.customer is not None and row["customerId"] != task.customer.remote_id:
            raise of_another_customer(row)
        _same_currency(company, payment, row)
        posted_on = date_of(row, "postingDate")
        if posted_on is not None and payment.date < posted_on:
            raise Rejected(
                Reason.PAYMENT_BEFORE_INVOICE,
                field="date",
                detail=f"{payment.date.isoformat()} < {posted_on.isoformat()} ({row['number']})",
            )
        if amount > owed(row):
            raise Rejected(
                Reason.PAYMENT_EXCEEDS_BALANCE,
                field="amount",
                detail=f"{amount} > {owed(row)} (Business Central, {row['number']},"
                f" {status_of(row)})",
            )
        found[invoice_id] = owed(row)
    return found


def _in_home_currency(company: Company, task: Task) -> None:
    """A line's currency follows its customer's, and cannot be said (page, section 6, inferred):
    dollars would be posted as that customer's money. Raises Rejected."""
    row = company.client.by_id("customers", task.customer.remote_id) if task.customer else None
    currency = str((row or {}).get("currencyCode") or "")
    if row is not None and currency not in ("", company.setup.currency):
        detail = say(
            "the {system} customer {number} « {name} » is in {found} ≠"
            " {expected}; enter this payment by hand",
            system=TITLE,
            number=row.get("number"),
            name=row.get("displayName"),
            found=currency,
            expected=company.setup.currency,
        )
        raise Rejected(Reason.CURRENCY_NOT_SUPPORTED, field="currency", detail=detail)


def _same_currency(company: Company, payment: Payment, row: Json) -> None:
    currency = str(row.get("currencyCode") or company.setup.currency)
    if currency != payment.currency:
        detail = say(
            "the {system} invoice {number} is in {found} ≠ {expected}; enter this payment by hand",
            system=TITLE,
            number=row.get("number"),
            found=currency,
            expected=payment.currency,
        )
        raise Rejected(Reason.CURRENCY_NOT_SUPPORTED, field="currency", detail=detail)


def _check_applied(
    company: Company,
    payment: Payment,
    documents: Mapping[str, RemoteRef],
    before: Mapping[str, Decimal],
) -> None:
    """Posted, and yet an invoice owes more than it should: the payment was not applied to it."""
    for invoice_id, amount in allocated(payment).items():
        row = posted_invoice(company, documents[invoice_id], "allocations")
        left = before[invoice_id] - amount
        if owed(row) > left:
            raise Rejected(
                Reason.DIFFERS_FROM_BOOKS,
                field="allocations",
                detail=(
                    say(
                        "the payment {payment} is posted and stands; the invoice {invoice}"
                        " owes {owed} ≠ {expected} ({system}): apply it by hand",
                        system=TITLE,
                        payment=payment_number(payment.id),
                        invoice=row["number"],
                        owed=owed(row),
                        expected=left,
                    )
                ),
            )
