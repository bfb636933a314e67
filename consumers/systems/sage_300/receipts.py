"""The body of a receipt, and what is wrong with a payment before it is sent.

What comes in: a payment of Membri and its posted documents. What goes out: the JSON of one receipt
batch of one entry, or problems. Refused: no bank, unknown payment code, texts too long, amounts
that are not above zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from consumers.errors import Rejected
from consumers.system import Problem
from consumers.systems._problems import not_positive, refused_by
from consumers.systems.sage_300.batches import RECEIPTS
from consumers.systems.sage_300.company import Company, day, kept_otherwise, money
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.lists import BANKS, PAYMENT_CODES, is_usable
from consumers.systems.sage_300.markers import marker, receipt_number
from consumers.systems.sage_300.settings import TITLE
from schemas.money import ZERO
from schemas.reasons import Reason
from schemas.records import Payment
from schemas.sentences import say
from schemas.statuses import Entity

_ENTRY = "ReceiptsAdjustments"


def check(company: Company, payment: Payment) -> Iterator[Problem]:
    """Everything that Sage 300 would refuse, as far as it can be known without writing."""
    yield from company.closed_period(payment.date, "AR", "BK", "GL")
    yield from company.foreign_currency(payment.currency)
    yield from company.too_long(
        Entity.PAYMENT, {"number": (payment.number, f"{_ENTRY}.EntryReference")}
    )
    yield from not_positive(payment)
    yield from refused_by(lambda: bank(company), lambda: _payment_code(company, payment))


def body(
    company: Company, payment: Payment, customer: str, applied: Sequence[tuple[str, int, Decimal]]
) -> Json:
    """The batch as it is sent. `applied`: document number, which of its payments, amount on it.

    Raises Rejected(unknown_account), Unavailable.
    """
    date, kind = payment.date.isoformat(), RECEIPTS.record_type
    code = _payment_code(company, payment)
    described = f"Paiement Membri {payment.number}".strip()
    entry: Json = {
        "BatchType": kind,
        "CustomerNumber": customer,
        "ReceiptDateAdjustmentDate": date,
        company.connection.receipt_posting_date: date,
        "ReceiptTransactionType": "Receipt",
        **({"PaymentCode": code} if code else {}),
        "CheckReceiptNumber": receipt_number(payment.id),
        "BankReceiptAmount": payment.amount,
        "EntryDescription": company.limits.cut(
            Entity.PAYMENT, f"{_ENTRY}.EntryDescription", described
        ),
        **({"EntryReference": payment.number} if payment.number else {}),
        "AppliedReceiptsAdjustments": [
            {
                "BatchType": kind,
                "CustomerNumber": customer,
                "DocumentNumber": number,
                "PaymentNumber": at,
                "ReceiptTransactionType": "Receipt",
                "CustomerReceiptAmount": amount,
            }
            for number, at, amount in applied
        ],
    }
    return {
        "BatchRecordType": kind,
        "BatchDate": date,
        "Description": marker("payment", payment.id),
        "BankCode": bank(company),
        "ReceiptsAdjustments": [entry],
    }


def differences(
    entry: Json, payment: Payment, customer: str, paid: Mapping[str, Decimal] | None = None
) -> tuple[str, ...]:
    """What an entry has otherwise than the payment, both figures. `paid`: document number
    → amount; None where the documents are not known."""
    found = []
    held = money(entry, "BankReceiptAmount")
    if held != payment.amount:
        found.append(f"Sage 300 {held} ≠ Membri {payment.amount}")
    holder = str(entry.get("CustomerNumber") or "")
    if customer and holder != customer:
        found.append(f"CustomerNumber: Sage 300 {holder} ≠ {customer}")
    applied: dict[str, Decimal] = {}
    for line in entry.get("AppliedReceiptsAdjustments") or []:
        number = str(line.get("DocumentNumber"))
        applied[number] = applied.get(number, ZERO) + money(line, "CustomerReceiptAmount")
    if paid is not None and applied != paid:
        found.append(f"applied: Sage 300 {_told(applied)} ≠ Membri {_told(paid)}")
    return tuple(found)


def _told(amounts: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{amount} → {number}" for number, amount in sorted(amounts.items())) or "-"


def outdated(company: Company, entry: Json, made: Json) -> tuple[str, ...]:
    """What an unposted entry has otherwise than what would be sent now, beside its amounts."""
    (sent,) = made[_ENTRY]
    dates = ("ReceiptDateAdjustmentDate", company.connection.receipt_posting_date)
    return kept_otherwise(entry, sent, (*dates, "PaymentCode"))


def dated_otherwise(held: Json, payment: Payment) -> tuple[str, ...]:
    """The date of a receipt of ours, as entered or as posted."""
    kept = day(held, "ReceiptDateAdjustmentDate") or day(held, "ReceiptDate")
    if not kept or kept == payment.date.isoformat():
        return ()
    return (f"date: Sage 300 {kept} ≠ Membri {payment.date.isoformat()}",)


def bank(company: Company) -> str:
    """The bank of the settings. Raises Rejected(unknown_account), Unavailable."""
    code = company.bank()
    row = company.lists.entry(company.client, BANKS, code)
    if row is None or not is_usable(row):
        detail = say(
            "{code} (accounts.deposit) is no active bank of {system}", system=TITLE, code=repr(code)
        )
        raise Rejected(Reason.UNKNOWN_ACCOUNT, detail=detail)
    return code


def _payment_code(company: Company, payment: Payment) -> str:
    """Empty where the settings name none: Sage 300 then takes its own default."""
    named = company.accounts.payment_methods.get(payment.method, "")
    row = company.lists.entry(company.client, PAYMENT_CODES, named) if named else {}
    if row is None or not is_usable(row):
        detail = say(
            "accounts.payment_methods.{method} = {value} is no active payment code of {system}",
            system=TITLE,
            method=payment.method,
            value=repr(named),
        )
        raise Rejected(Reason.UNKNOWN_ACCOUNT, field="method", detail=detail)
    return named
