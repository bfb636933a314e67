"""Payments: one QuickBooks Payment each, one line for each invoice it pays.

What comes in: a payment whose invoices are in the books. What goes out: the payment, its amounts
compared to the cent. Refused: more than an invoice still owes, an invoice of another customer.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from consumers.errors import Rejected
from consumers.system import (
    PENDING_CUSTOMER,
    Draft,
    DraftLine,
    Found,
    Lookup,
    Problem,
    Receipt,
    RemoteRef,
    Task,
    is_pending,
)
from consumers.systems._problems import not_positive, refused_by
from consumers.systems.quickbooks_online.client import quoted
from consumers.systems.quickbooks_online.company import (
    Company,
    money,
    ref_id,
    request_id,
)
from consumers.systems.quickbooks_online.faults import Fault, Json, failure
from consumers.systems.quickbooks_online.fields import too_long
from consumers.systems.quickbooks_online.lists import ListKind
from consumers.systems.quickbooks_online.markers import marked, marker, owner
from consumers.systems.quickbooks_online.settings import SHORT
from consumers.systems.quickbooks_online.undoing import take_back
from schemas.money import ZERO, total
from schemas.outcomes import Action
from schemas.reasons import Reason
from schemas.records import Payment
from schemas.sentences import say


def find(company: Company, lookup: Lookup) -> Found | None:
    """The payment. QuickBooks cannot search by its number: what the customer paid that day is
    read, and compared here. Raises Unavailable, Transient."""
    record = lookup.record if isinstance(lookup.record, Payment) else None
    row = company.client.read("Payment", lookup.remote_id) if lookup.remote_id else None
    if row is None:
        row = _search(company, lookup, record)
    if row is None:
        return None
    found: tuple[str, ...] = ()
    mine = marked(row, "payment", lookup.record_id)
    if record is not None:
        found = _differences(row, record, lookup.customer.remote_id if lookup.customer else "")
    other = owner(row, "payment")
    if other and not mine:
        found = (*found, say("it is the Membri payment {id}", id=other))
    return Found(_ref(row), by_marker=mine, differences=found)


def _search(company: Company, lookup: Lookup, record: Payment | None) -> Json | None:
    rows: list[Json] = []
    if record is not None:
        where = f"TxnDate = {quoted(record.date.isoformat())}"
        if lookup.customer is not None:
            where = f"CustomerRef = {quoted(lookup.customer.remote_id)} AND {where}"
        rows = company.client.select("Payment", where)
    for row in rows:
        if marked(row, "payment", lookup.record_id):
            return row
    wanted = lookup.reference or lookup.number
    for row in rows:
        same = wanted and str(row.get("PaymentRefNum") or "") == wanted
        if same and (lookup.reference or (record and money(row, "TotalAmt") == record.amount)):
            return row
    if lookup.reference.isdigit():  # a payment without number is known by its Id
        return company.client.read("Payment", lookup.reference)
    return None


def check(company: Company, payment: Payment) -> Iterator[Problem]:
    """Everything that QuickBooks would refuse, as far as it can be known without writing."""
    yield from company.closed_period(payment.date)
    yield from company.foreign_currency(payment.currency)
    yield from too_long(payment.entity, {"number": payment.number})
    yield from not_positive(payment)
    yield from refused_by(lambda: _mapped(company, payment))


def transfer(company: Company, task: Task, payment: Payment) -> Receipt:
    """Posts the payment. Raises any of consumers.errors."""
    if task.customer is None:
        raise ValueError("a payment is transferred to a customer")
    customer_id = task.customer.remote_id
    body = _body(company, task, payment, customer_id)
    refusal = _over_balance(company, body, customer_id)
    if refusal is not None:
        # An earlier try that was still running may have paid it since we looked.
        lookup = Lookup(payment.entity, payment.id, record=payment, customer=task.customer)
        row = _search(company, lookup, payment)
        if row is None or not marked(row, "payment", payment.id):
            raise refusal
        return _receipt(row, payment, customer_id, Action.ADOPTED)
    try:
        row = company.client.create("Payment", body, request_id(task, "create"))
    except Fault as fault:
        raise failure(fault, writing=True) from fault
    wrong = _differences(row, payment, customer_id)
    if wrong:
        take_back(company, task, "Payment", row, wrong, Reason.DIFFERS_FROM_BOOKS)
    return _receipt(row, payment, customer_id, Action.CREATED)


def draft(company: Company, task: Task, payment: Payment) -> Draft:
    """What `transfer` would send. Raises Rejected for more than an invoice owes, too."""
    customer_id = (task.customer or PENDING_CUSTOMER).remote_id
    body = _body(company, task, payment, customer_id)
    refusal = _over_balance(company, body, customer_id)
    if refusal is not None:
        raise refusal
    account = ref_id(body, "DepositToAccountRef")
    lines = tuple(
        DraftLine(allocation.invoice.number or allocation.invoice.id, account, allocation.amount)
        for allocation in payment.allocations
    )
    return Draft(((company.posting("Payment"), body),), lines=lines, total=payment.amount)


def _body(company: Company, task: Task, payment: Payment, customer_id: str) -> Json:
    """Raises Rejected(unknown_account, reference_not_found)."""
    body: Json = {
        "CustomerRef": {"value": customer_id},
        "TotalAmt": payment.amount,
        "TxnDate": payment.date.isoformat(),
        "PrivateNote": marker("payment", payment.id),
        "Line": _lines(task, payment),
        **_mapped(company, payment),
        **company.currency(payment.currency),
    }
    return {**body, "PaymentRefNum": payment.number} if payment.number else body


def _receipt(row: Json, payment: Payment, customer_id: str, action: Action) -> Receipt:
    wrong = _differences(row, payment, customer_id)
    if wrong:
        raise Rejected(
            Reason.DIFFERS_FROM_BOOKS,
            field="amount",
            detail=say(
                "{system} payment Id {id}: {wrong}",
                system=SHORT,
                id=row["Id"],
                wrong="; ".join(wrong),
            ),
        )
    return Receipt(_ref(row), action)


def _lines(task: Task, payment: Payment) -> list[Json]:
    lines = []
    for number, allocation in enumerate(payment.allocations):
        document = task.documents.get(allocation.invoice.id)
        if document is None:
            raise Rejected(
                Reason.REFERENCE_NOT_FOUND,
                field=f"allocations.{number}.invoice",
                detail=say(
                    "the invoice {number} is not known in {system}",
                    system=SHORT,
                    number=allocation.invoice.number,
                ),
            )
        link = {"TxnId": document.remote_id, "TxnType": "Invoice"}
        lines.append({"Amount": allocation.amount, "LinkedTxn": [link]})
    return lines


def _over_balance(company: Company, body: Json, customer_id: str) -> Rejected | None:
    """The refusal of the first invoice that owes less than what is paid on it.

    Looked at first: the fault that QuickBooks gives then is not documented. Raises Rejected for
    an invoice that is gone or is another customer's.
    """
    paid: dict[str, Decimal] = {}
    for line in body["Line"]:
        invoice_id = str(line["LinkedTxn"][0]["TxnId"])
        paid[invoice_id] = paid.get(invoice_id, ZERO) + line["Amount"]
    for invoice_id, amount in paid.items():
        if is_pending(invoice_id):
            continue
        row = company.client.read("Invoice", invoice_id)
        if row is None:
            raise Rejected(
                Reason.REFERENCE_NOT_FOUND,
                field="allocations",
                detail=say("{system} invoice Id {id} does not exist", system=SHORT, id=invoice_id),
            )
        number = row.get("DocNumber") or invoice_id
        if ref_id(row, "CustomerRef") != customer_id and not is_pending(customer_id):
            holder = (row.get("CustomerRef") or {}).get("name", ref_id(row, "CustomerRef"))
            raise Rejected(
                Reason.REFUSED_BY_SYSTEM,
                field="account",
                detail=say(
                    "the invoice {number} belongs to the {system} customer « {holder} »",
                    system=SHORT,
                    number=number,
                    holder=holder,
                ),
            )
        owed = money(row, "Balance")
        if amount > owed:
            detail = f"{amount} > {owed} (QuickBooks, {number})"
            return Rejected(Reason.PAYMENT_EXCEEDS_BALANCE, field="amount", detail=detail)
    return None


def _mapped(company: Company, payment: Payment) -> Json:
    """Deposit account and payment method, where the settings name them.

    Without one QuickBooks puts the money in Undeposited Funds. Raises Rejected(unknown_account).
    """
    accounts = company.accounts
    asked: tuple[tuple[str, ListKind, str, str], ...] = (
        ("DepositToAccountRef", "Account", accounts.deposit, "accounts.deposit"),
        (
            "PaymentMethodRef",
            "PaymentMethod",
            accounts.payment_methods.get(payment.method, ""),
            f"accounts.payment_methods.{payment.method}",
        ),
    )
    made: Json = {}
    for element, kind, value, key in asked:
        if not value:
            continue
        found = company.lists.entry(company.client, kind, value)
        if found is None:
            raise Rejected(
                Reason.UNKNOWN_ACCOUNT,
                field="method" if kind == "PaymentMethod" else "",
                detail=say(
                    "{setting} = {value} is no active {system} {kind}",
                    system=SHORT,
                    setting=key,
                    value=repr(value),
                    kind=kind,
                ),
            )
        made[element] = {"value": str(found["Id"])}
    return made


def _differences(row: Json, payment: Payment, customer_id: str) -> tuple[str, ...]:
    found = []
    held = money(row, "TotalAmt")
    if held != payment.amount:
        found.append(f"QuickBooks {held} ≠ Membri {payment.amount}")
    unapplied = money(row, "UnappliedAmt")
    expected = payment.amount - total(a.amount for a in payment.allocations)
    if unapplied > expected and marked(row, "payment", payment.id):
        found.append(f"UnappliedAmt: QuickBooks {unapplied} ≠ Membri {expected}")
    holder = ref_id(row, "CustomerRef")
    if customer_id and holder != customer_id:
        found.append(
            say(
                "customer: {system} Id {holder} ≠ Id {expected}",
                system=SHORT,
                holder=holder,
                expected=customer_id,
            )
        )
    return tuple(found)


def _ref(row: Json) -> RemoteRef:
    return RemoteRef(str(row["Id"]), str(row.get("PaymentRefNum") or row["Id"]))
