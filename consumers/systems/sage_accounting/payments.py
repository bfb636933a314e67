"""Payments: one customer receipt each, put on the invoices that it pays.

What comes in: a payment whose invoices are in the books. What goes out: the receipt, its amounts
compared to the cent. Refused: more than an invoice still owes, an invoice of another customer, and
in the limited edition whatever is not wholly put on invoices. Sage page, section 7.

A receipt has no notes: our reference, made from the payment's id, says whose it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from consumers.errors import Rejected
from consumers.system import Found, Lookup, Problem, Receipt, RemoteRef, Task
from consumers.systems._keys import PAYMENT_PREFIX, payment_number
from consumers.systems._problems import not_positive, refused_by
from consumers.systems.sage_accounting.company import (
    NEAR,
    NEAR_OF_ALL,
    Company,
    around,
    customer_id,
    document,
    money,
    once,
    ref_id,
    shown,
    text_of,
)
from consumers.systems.sage_accounting.faults import SETTLED, Fault, Json, failure
from consumers.systems.sage_accounting.lists import Purpose, kind
from consumers.systems.sage_accounting.settings import SHORT
from consumers.systems.sage_accounting.standing import is_draft, is_void
from consumers.systems.sage_accounting.undoing import delete
from schemas.money import ZERO, total
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Payment
from schemas.sentences import say

_ATTRIBUTES = "reference,date,total_amount,contact"


def find(company: Company, lookup: Lookup) -> Found | None:
    """The receipt: among what the customer paid around that day. Raises Rejected(ambiguous),
    Unavailable, Transient."""
    client = company.client
    record = lookup.record if isinstance(lookup.record, Payment) else None
    row = client.read("contact_payments", lookup.remote_id) if lookup.remote_id else None
    if row is None:
        row = _search(company, lookup, record)
    if row is None:
        return None
    mine = row.get("reference") == payment_number(lookup.record_id)
    found: tuple[str, ...] = ()
    if record is not None:
        found = _differences(row, record, lookup.customer.remote_id if lookup.customer else "")
    other = str(row.get("reference") or "")
    if not mine and other.startswith(PAYMENT_PREFIX) and other != lookup.reference:
        found = (*found, say("it is another Membri payment, {id}", id=other))
    return Found(_ref(row), by_marker=mine, differences=found)


def _search(company: Company, lookup: Lookup, record: Payment | None) -> Json | None:
    client = company.client
    query = {"contact_id": lookup.customer.remote_id} if lookup.customer else {}
    if record is not None:
        query |= around(record.date, NEAR if query else NEAR_OF_ALL)
    if not query:
        return client.read("contact_payments", lookup.reference) if lookup.reference else None
    rows = client.rows("contact_payments", _ATTRIBUTES, **query)
    for wanted in (payment_number(lookup.record_id), lookup.reference):
        held = [row for row in rows if wanted and row.get("reference") == wanted]
        if len(held) > 1:
            told = "; ".join(f"{_words(row)} (Id {row['id']})" for row in held)
            raise Rejected(Reason.AMBIGUOUS, field="reference", detail=f"Sage: {told}")
        if held:
            return client.read("contact_payments", str(held[0]["id"]))
    return client.read("contact_payments", lookup.reference) if lookup.reference else None


def _words(row: Json) -> str:
    return say(
        "receipt {reference} of {customer} on {date}, {amount}",
        reference=row.get("reference") or row["id"],
        customer=shown(row, "contact"),
        date=row.get("date"),
        amount=money(row, "total_amount"),
    )


def check(company: Company, payment: Payment) -> Iterator[Problem]:
    """Everything that Sage would refuse, as far as it can be known without writing."""
    yield from company.closed_period(payment.date)
    yield from company.foreign_currency(payment.currency)
    yield from not_positive(payment)
    put = total(one.amount for one in payment.allocations)
    if put < payment.amount and company.surely_limited:
        detail = say(
            "{amount} > {put}: a receipt must be put whole on invoices",
            amount=payment.amount,
            put=put,
        )
        yield Problem(Reason.EDITION_LIMIT, "amount", detail)
    yield from refused_by(lambda: _mapped(company, payment))


def transfer(company: Company, task: Task, payment: Payment) -> Receipt:
    """Posts the receipt. Raises any of consumers.errors."""
    contact_id = customer_id(task)
    sent = body(company, task, payment, contact_id, artefacts(task, payment))
    refusal = _over_balance(company, sent, contact_id)
    if refusal is None:
        try:
            row = company.client.create("contact_payments", sent)
        except Fault as fault:
            refusal = failure(fault, writing=True)
            if not fault.says(SETTLED):
                raise refusal from fault
        else:
            wrong = _differences(row, payment, contact_id)
            if wrong:
                reason = Reason.DIFFERS_FROM_BOOKS
                delete(company, "contact_payments", row, wrong, reason)
                detail = say(
                    "{wrong}; the {system} receipt was deleted again",
                    system=SHORT,
                    wrong="; ".join(wrong),
                )
                raise Rejected(reason, field="amount", detail=detail)
            return _receipt(row, payment, contact_id, Action.CREATED)
    # An earlier try that was still running may have paid it since we looked.
    row_there = _search(company, _lookup(task, payment), payment)
    if row_there is None or row_there.get("reference") != payment_number(payment.id):
        raise refusal
    return _receipt(row_there, payment, contact_id, Action.ADOPTED)


def _lookup(task: Task, payment: Payment) -> Lookup:
    return Lookup(payment.entity, payment.id, record=payment, customer=task.customer)


def artefacts(task: Task, payment: Payment) -> list[tuple[str, Decimal]]:
    """(invoice id in Sage, amount), one for each invoice. Raises Rejected(reference_not_found)."""
    found: dict[str, Decimal] = {}
    for number, one in enumerate(payment.allocations):
        field = f"allocations.{number}.invoice"
        remote_id = document(task, one.invoice.id, one.invoice.number, field).remote_id
        found[remote_id] = found.get(remote_id, ZERO) + one.amount
    return list(found.items())


def body(
    company: Company,
    task: Task,
    payment: Payment,
    contact_id: str,
    allocated: list[tuple[str, Decimal]],
) -> Json:
    """The receipt as it is sent. Raises Rejected(unknown_account), Unavailable."""
    return {
        **once(task, "create"),
        "transaction_type_id": "CUSTOMER_RECEIPT",
        "contact_id": contact_id,
        **_mapped(company, payment),
        "date": payment.date.isoformat(),
        "total_amount": text_of(payment.amount),
        "reference": payment_number(payment.id),
        "allocated_artefacts": [
            {"artefact_id": number, "amount": text_of(amount)} for number, amount in allocated
        ],
    }


def _mapped(company: Company, payment: Payment) -> Json:
    """Bank account and payment method. Raises Rejected(unknown_account)."""
    accounts = company.accounts
    asked: tuple[tuple[str, Purpose, str, str, str], ...] = (
        ("bank_account_id", "bank", accounts.deposit, "accounts.deposit", ""),
        (
            "payment_method_id",
            "method",
            accounts.payment_methods.get(payment.method, ""),
            f"accounts.payment_methods.{payment.method}",
            "method",
        ),
    )
    made: Json = {}
    for attribute, purpose, value, key, field in asked:
        if not value and purpose == "method":
            continue  # Sage has a default for it
        found = company.lists.entry(company.client, purpose, value) if value else None
        if found is None:
            detail = say(
                "{setting} = {value} is no {system} {kind}",
                system=SHORT,
                setting=key,
                value=repr(value),
                kind=kind(purpose),
            )
            raise Rejected(Reason.UNKNOWN_ACCOUNT, field=field, detail=detail)
        made[attribute] = str(found["id"])
    return made


def _over_balance(company: Company, sent: Json, contact_id: str) -> Exception | None:
    """The refusal of the first invoice that owes less than what is paid on it: Sage does not say
    which one. Raises Rejected for an invoice that is gone or is another customer's."""
    for one in sent["allocated_artefacts"]:
        row = company.client.read("sales_invoices", one["artefact_id"])
        if row is None:
            raise Rejected(
                Reason.REFERENCE_NOT_FOUND,
                field="allocations",
                detail=say(
                    "{system} invoice Id {id} does not exist", system=SHORT, id=one["artefact_id"]
                ),
            )
        number = row.get("reference") or row.get("displayed_as")
        if is_void(row) or is_draft(row):
            told = (
                say("the {system} invoice {number} is void", system=SHORT, number=number)
                if is_void(row)
                else say("the {system} invoice {number} is a draft", system=SHORT, number=number)
            )
            raise Rejected(Reason.REFERENCE_NOT_FOUND, field="allocations", detail=told)
        if ref_id(row, "contact") != contact_id:
            raise Rejected(
                Reason.REFUSED_BY_SYSTEM,
                field="account",
                detail=say(
                    "the invoice {number} belongs to the {system} customer « {holder} » (Id {id})",
                    system=SHORT,
                    number=number,
                    holder=shown(row, "contact"),
                    id=ref_id(row, "contact"),
                ),
            )
        owed = money(row, "outstanding_amount")
        if Decimal(one["amount"]) > owed:
            detail = f"{one['amount']} > {owed} (Sage, {number})"
            return Rejected(Reason.PAYMENT_EXCEEDS_BALANCE, field="amount", detail=detail)
    return None


def _differences(row: Json, payment: Payment, contact_id: str) -> tuple[str, ...]:
    found = []
    held = money(row, "total_amount")
    if held != payment.amount:
        found.append(f"total: Sage {held} ≠ Membri {payment.amount}")
    if row.get("reference") == payment_number(payment.id):
        put = total(money(one, "amount") for one in row.get("allocated_artefacts") or [])
        expected = total(one.amount for one in payment.allocations)
        if put < expected:
            found.append(
                say(
                    "on invoices: {system} {found} ≠ Membri {expected}",
                    system=SHORT,
                    found=put,
                    expected=expected,
                )
            )
        kept = str(row.get("date") or "")[:10]
        if kept != payment.date.isoformat():
            found.append(f"date: Sage {kept or '-'} ≠ Membri {payment.date.isoformat()}")
    holder = ref_id(row, "contact")
    if contact_id and holder and holder != contact_id:
        name = shown(row, "contact")
        found.append(
            say(
                "customer: {system} « {name} » (Id {holder}) ≠ Id {expected}",
                system=SHORT,
                name=name,
                holder=holder,
                expected=contact_id,
            )
        )
    return tuple(found)


def _receipt(row: Json, payment: Payment, contact_id: str, action: Action) -> Receipt:
    wrong = _differences(row, payment, contact_id)
    if wrong:
        raise Rejected(
            Reason.DIFFERS_FROM_BOOKS,
            field="amount",
            detail=say(
                "{system} receipt Id {id}: {wrong}",
                system=SHORT,
                id=row["id"],
                wrong="; ".join(wrong),
            ),
        )
    return Receipt(_ref(row), action)


def _ref(row: Json) -> RemoteRef:
    return RemoteRef(str(row["id"]), str(row.get("reference") or row["id"]))
