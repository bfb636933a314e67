"""Rows of Membri → records, pure.

What comes in: rows as the Web API gives them, with the columns that `columns.Mapping` selects, and
what must be known around them (chapter, currencies). What goes out: records of `schemas`. Refused,
as `Unmappable` with the field that a person must correct: rows without what a record cannot do
without. Whether figures add up is not asked here.

Assumptions that only a real environment can confirm stand in `ASSUMPTIONS`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from producers.chapters import Chapter
from producers.columns import AddressColumns, CustomerTable, Lookup, Mapping, lookup_value
from producers.dataverse.bodies import ETAG, Row
from schemas.money import CENT, ZERO, cents, total
from schemas.reasons import Reason
from schemas.records import (
    Account,
    Address,
    Allocation,
    DocumentRef,
    Invoice,
    InvoiceType,
    Line,
    Payment,
    PaymentMethod,
)

ASSUMPTIONS = """\
An invoice is a credit note when it names the invoice it corrects, when its type is refund, or when
its total is negative.
A negative total means that Membri writes the amounts of that document with reversed signs: all of
them are reversed. A document with a positive total keeps its signs.
A line's amount before taxes is baseamount - manualdiscountamount; where baseamount is empty, it is
extendedamount - tax.
The discount (totaldiscountamount) and the freight (freightamount) of an invoice's header are in no
line: each becomes a line of its own, so that lines and taxes give the total. What the header's
taxes exceed or lack of the lines' taxes belongs to these lines.
Where the header has no TPS or TVQ, it is the sum of the lines'.
An invoice is paid when statuscode is 100001 (Complète).
A payment goes whole on the one invoice that it names; without an account of its own, the account is
that invoice's.
An account's sync reference belongs to the books of its main chapter.
"""
"""What is assumed about figures and documents of Membri, for ops/decisions/unverified.md."""

DISCOUNT_TEXT = "Rabais"
FREIGHT_TEXT = "Frais de livraison"
DEFAULT_CURRENCY = "CAD"


class Unmappable(Exception):
    """A row lacks what a record needs. `field` is the record's, `detail` says what was found."""

    def __init__(self, reason: Reason, field: str, detail: str = "") -> None:
        super().__init__(f"{reason} {field} {detail}".strip())
        self.reason = reason
        self.field = field
        self.detail = detail


@dataclass(frozen=True)
class Context:
    """What a row does not say: the chapter it goes to, currency id → ISO code."""

    mapping: Mapping
    chapter: Chapter
    currencies: Dict[str, str]


def account(row: Row, context: Context) -> Account:
    """The snapshot of an account (or contact) for the books of the context's chapter."""
    columns = context.mapping.customer
    flag = row.get(columns.new_account) if columns.new_account else None
    default = context.chapter.settings.new_account_default
    return Account(
        id=record_id(row, columns.id),
        table=columns.table,
        name=_text(row, columns.name),
        number=_text(row, columns.number),
        email=_text(row, columns.email),
        phone=_text(row, columns.phone),
        address=_address(row, columns.address),
        currency=_currency(row, columns.currency, context),
        new_account=default if flag is None else bool(flag),
        reference=_reference(row, columns, context.chapter),
        status=context.mapping.status_of(row.get(columns.status)),
        dataversion=str(row.get(ETAG, "")),
    )


def invoice(row: Row, customer: Account, context: Context) -> Invoice:
    """The invoice or credit note with its lines, all amounts positive where they can be."""
    columns = context.mapping.invoice
    kind = _choice(InvoiceType, row.get(columns.type), context.mapping.choices.invoice_type)
    header_total = _money(row, columns.total, "total", required=True)
    corrects = document_ref(row.get(columns.corrects.navigation), context.mapping)
    is_credit = header_total < 0 or kind is InvoiceType.REFUND or _points(row, columns.corrects)
    lines = _lines(row, context.mapping)
    gst = _header_tax(row, columns.gst, "gst", [line.gst for line in lines])
    qst = _header_tax(row, columns.qst, "qst", [line.qst for line in lines])
    lines += _header_lines(row, context.mapping, lines, gst, qst)
    if header_total < 0:
        lines = [_reversed(line) for line in lines]
        header_total, gst, qst = -header_total, -gst, -qst
    return Invoice(
        id=record_id(row, columns.id),
        kind="credit_note" if is_credit else "invoice",
        number=_text(row, columns.number),
        type=kind or InvoiceType.OTHER,
        account=customer,
        date=_date(row, columns.date, "date"),
        due_date=_date(row, columns.due_date, "due_date") if row.get(columns.due_date) else None,
        currency=_currency(row, columns.currency, context),
        description=_text(row, columns.description),
        billing_name=_text(row, columns.billing_name),
        billing_address=_address(row, columns.billing_address),
        lines=tuple(lines),
        gst=gst,
        qst=qst,
        total=header_total,
        paid=is_paid(row, context.mapping),
        corrects=corrects,
        reference=_text(row, columns.reference),
    )


def payment(row: Row, customer: Account, context: Context) -> Payment:
    """The payment with one allocation: all of it, on the invoice that it names."""
    columns = context.mapping.payment
    paid_invoice = document_ref(row.get(columns.invoice.navigation), context.mapping)
    if paid_invoice is None:
        raise Unmappable(Reason.MISSING_FIELD, "invoice")
    amount = _money(row, columns.amount, "amount", required=True)
    method = _choice(PaymentMethod, row.get(columns.method), context.mapping.choices.payment_method)
    return Payment(
        id=record_id(row, columns.id),
        number=_text(row, columns.number),
        account=customer,
        date=_date(row, columns.date, "date"),
        amount=amount,
        currency=_currency(row, columns.currency, context),
        method=method or PaymentMethod.OTHER,
        allocations=(Allocation(invoice=paid_invoice, amount=amount),),
        reference=_text(row, columns.reference),
    )


def document_ref(row: Row | None, mapping: Mapping) -> DocumentRef | None:
    """Another invoice, from its expanded row."""
    if not row:
        return None
    columns = mapping.invoice
    return DocumentRef(
        id=record_id(row, columns.id),
        number=_text(row, columns.number),
        reference=_text(row, columns.reference),
        status=mapping.status_of(row.get(columns.status)),
    )


def is_paid(row: Row, mapping: Mapping) -> bool:
    """Whether an invoice is fully paid."""
    return row.get(mapping.invoice.paid.column) in mapping.invoice.paid.values


def is_cancelled(row: Row, mapping: Mapping) -> bool:
    """Whether an invoice is cancelled in Membri."""
    return row.get(mapping.invoice.cancelled.column) in mapping.invoice.cancelled.values


def paid(row: Row, mapping: Mapping) -> tuple[dt.date, Decimal]:
    """Day and amount of a payment. Raises Unmappable."""
    columns = mapping.payment
    return _date(row, columns.date, "date"), _money(row, columns.amount, "amount", required=True)


def invoice_total(row: Row, mapping: Mapping) -> Decimal:
    """What an invoice or a credit note comes to, without its sign. Raises Unmappable."""
    return abs(_money(row, mapping.invoice.total, "total", required=True))


def invoice_type(row: Row, mapping: Mapping) -> InvoiceType:
    """What an invoice is for."""
    found = _choice(InvoiceType, row.get(mapping.invoice.type), mapping.choices.invoice_type)
    return found or InvoiceType.OTHER


def record_id(row: Row, column: str) -> str:
    """A GUID of Dataverse, always in lower case."""
    return str(row[column]).lower()


def pointed_id(row: Row, lookup: Lookup) -> str:
    """The id that a lookup points at, empty for none."""
    return str(row.get(lookup.value) or "").lower()


def _points(row: Row, lookup: Lookup) -> bool:
    return bool(row.get(lookup.value))


def _reference(row: Row, columns: CustomerTable, chapter: Chapter) -> str:
    """The reference is a key of one chapter's books; in another's it would name a stranger."""
    if pointed_id(row, columns.chapter) not in ("", chapter.id):
        return ""
    return _text(row, columns.reference)


def _lines(row: Row, mapping: Mapping) -> list[Line]:
    columns = mapping.line
    found = row.get(mapping.invoice.lines) or []
    ordered = sorted(found, key=lambda line: (_position(line, columns.position), line[columns.id]))
    header_taxed = any(row.get(name) for name in (mapping.invoice.gst, mapping.invoice.qst))
    return [_line(line, mapping, header_taxed=header_taxed) for line in ordered]


def _position(line: Row, column: str) -> int:
    return int(line.get(column) or 0) if column else 0


def _line(row: Row, mapping: Mapping, *, header_taxed: bool) -> Line:
    columns = mapping.line
    gst = _money(row, columns.gst, "gst")
    qst = _money(row, columns.qst, "qst")
    said = row.get(columns.gst) is not None or row.get(columns.qst) is not None
    quantity = _number(row, columns.quantity, "quantity")
    return Line(
        description=_text(row, columns.description) or _text(row, columns.details),
        product=_text(row, columns.product),
        quantity=Decimal(1) if quantity is None else quantity,
        unit_price=_number(row, columns.unit_price, "unit_price") or ZERO,
        amount=_line_amount(row, mapping),
        gst=gst,
        qst=qst,
        taxable=bool(gst or qst) if said else header_taxed,
    )


def _line_amount(row: Row, mapping: Mapping) -> Decimal:
    columns = mapping.line
    if row.get(columns.base_amount) is not None:
        base = _money(row, columns.base_amount, "amount")
        return base - _money(row, columns.discount, "amount")
    extended = _money(row, columns.extended_amount, "amount", required=True)
    return extended - _money(row, columns.tax, "amount")


def _header_tax(row: Row, column: str, field: str, by_line: Sequence[Decimal]) -> Decimal:
    if row.get(column) is None:
        return total(by_line)
    return _money(row, column, field)


def _header_lines(
    row: Row, mapping: Mapping, lines: Sequence[Line], gst: Decimal, qst: Decimal
) -> list[Line]:
    """The header's discount and freight as lines, with what they change of the taxes."""
    columns = mapping.invoice
    parts = [
        (DISCOUNT_TEXT, -_money(row, columns.discount, "discount")),
        (FREIGHT_TEXT, _money(row, columns.freight, "freight")),
    ]
    parts = [(text, amount) for text, amount in parts if amount]
    if not parts:
        return []
    amounts = [amount for _, amount in parts]
    by_line = any(line.gst or line.qst for line in lines)
    gsts = _shares(gst - total(line.gst for line in lines) if by_line else ZERO, amounts)
    qsts = _shares(qst - total(line.qst for line in lines) if by_line else ZERO, amounts)
    return [
        Line(
            description=text,
            unit_price=amount,
            amount=amount,
            gst=line_gst,
            qst=line_qst,
            taxable=bool(line_gst or line_qst),
        )
        for (text, amount), line_gst, line_qst in zip(parts, gsts, qsts, strict=True)
    ]


def _shares(remainder: Decimal, amounts: Sequence[Decimal]) -> list[Decimal]:
    """`remainder` in proportion to `amounts`; the last one takes the rounding."""
    whole = total(amounts)
    if not whole:
        return [remainder, *(ZERO for _ in amounts[1:])]
    shares = [cents(remainder * amount / whole) for amount in amounts[:-1]]
    return [*shares, remainder - total(shares)]


def _reversed(line: Line) -> Line:
    """The same line with the opposite sign; quantity × price follows."""
    turned: dict[str, Decimal] = {
        "amount": -line.amount,
        "gst": -line.gst,
        "qst": -line.qst,
    }
    if line.quantity < 0:
        turned["quantity"] = -line.quantity
    else:
        turned["unit_price"] = -line.unit_price
    return line.model_copy(update=turned)


def _address(row: Row, columns: AddressColumns) -> Address:
    lines = (_text(row, column) for column in columns.lines)
    return Address(
        lines=tuple(line for line in lines if line),
        city=_text(row, columns.city),
        province=_text(row, columns.province),
        postal_code=_text(row, columns.postal_code),
        country=_text(row, columns.country),
    )


def _currency(row: Row, column: str, context: Context) -> str:
    currency_id = row.get(lookup_value(column)) if column else None
    if not currency_id:
        return DEFAULT_CURRENCY
    code = context.currencies.get(str(currency_id).lower(), "")
    if len(code) != 3 or not (code.isascii() and code.isalpha() and code.isupper()):
        raise Unmappable(Reason.INVALID_FIELD, "currency", code or str(currency_id))
    return code


def _text(row: Row, column: str) -> str:
    value = row.get(column) if column else None
    return "" if value is None else str(value).strip()


def _money(row: Row, column: str, field: str, *, required: bool = False) -> Decimal:
    """An amount to the cent. Dataverse may write it with up to four decimals, zeros at the end."""
    value = _number(row, column, field)
    if value is None:
        if required:
            raise Unmappable(Reason.MISSING_FIELD, field)
        return ZERO
    rounded = value.quantize(CENT)
    if rounded != value:
        raise Unmappable(Reason.INVALID_FIELD, field, f"{value:f}")
    return rounded


def _number(row: Row, column: str, field: str) -> Decimal | None:
    value = row.get(column) if column else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unmappable(Reason.INVALID_FIELD, field, str(value)[:80])
    return Decimal(value)


def _date(row: Row, column: str, field: str) -> dt.date:
    """A date-only column; where it carries a time, the day as written, no zone converted."""
    value = _text(row, column)
    if not value:
        raise Unmappable(Reason.MISSING_FIELD, field)
    try:
        return dt.date.fromisoformat(value[:10])
    except ValueError:
        raise Unmappable(Reason.INVALID_FIELD, field, value[:80]) from None


def _choice(kind: Any, value: object, choices: Dict[Any, int]) -> Any:
    """The meaning of a choice value; None when it is empty or not mapped."""
    return next((kind(name) for name, number in choices.items() if number == value), None)
