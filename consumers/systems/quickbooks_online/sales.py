"""The body of an invoice or a credit memo, and what is wrong with one before it is sent.

What comes in: an invoice of Membri. What goes out: the JSON of a QuickBooks sales form, or
problems. Refused: unknown taxes or items, texts too long, discounts over lines taxed differently.

A negative line becomes the form's discount, taken before taxes: QuickBooks refuses negative lines
(2290) and has one discount for the whole form, so all its lines must be taxed alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from consumers.errors import Rejected
from consumers.system import DraftLine, Problem
from consumers.systems._lists import RECHECK_S
from consumers.systems._problems import refused_by
from consumers.systems._taxes import Treatment, treatments
from consumers.systems.quickbooks_online.company import (
    Company,
    address,
    address_values,
    money,
    ref_id,
)
from consumers.systems.quickbooks_online.faults import Json
from consumers.systems.quickbooks_online.fields import cut, too_long
from consumers.systems.quickbooks_online.markers import marker
from consumers.systems.quickbooks_online.settings import SHORT
from consumers.systems.quickbooks_online.taxes import TaxCode, UnknownTax, computed, override
from schemas.money import ZERO, cents, total
from schemas.reasons import Reason
from schemas.records import Invoice, Line
from schemas.sentences import say

LINES_MAX = 750


def check(company: Company, invoice: Invoice) -> Iterator[Problem]:
    """Everything that QuickBooks would refuse, as far as it can be known without writing."""
    yield from company.closed_period(invoice.date)
    yield from company.foreign_currency(invoice.currency)
    values = {
        "number": invoice.number,
        "description": invoice.description,
        "billing_name": invoice.billing_name,
        **address_values("billing_address", invoice.billing_address, invoice.billing_name),
    }
    for number, line in enumerate(invoice.lines):
        name = "description" if line.description else "product"
        values[f"lines.{number}.{name}"] = getattr(line, name)
    yield from too_long(invoice.entity, values)
    yield from _check_lines(invoice)
    yield from refused_by(lambda: tax_codes(company, invoice), lambda: item_of(company, invoice))


def _check_lines(invoice: Invoice) -> Iterator[Problem]:
    if not invoice.lines:
        yield Problem(Reason.MISSING_FIELD, "lines")
    if len(invoice.lines) > LINES_MAX:
        yield Problem(Reason.TOO_LONG, "lines", f"{len(invoice.lines)} > {LINES_MAX}")
    if invoice.total < 0:
        yield Problem(Reason.AMOUNT_NOT_POSITIVE, "total", f"{invoice.total}")
    negative = [n for n, line in enumerate(invoice.lines) if line.amount < 0]
    if not negative:
        return
    taxed = {t for t, line in zip(treatments(invoice), invoice.lines, strict=True) if line.amount}
    positive = any(line.amount > 0 for line in invoice.lines)
    if len(taxed) > 1 or not positive:
        yield Problem(
            Reason.NOT_SUPPORTED,
            f"lines.{negative[0]}.amount",
            say(
                "a negative line becomes a discount on the whole form, and needs"
                " lines above zero that are all taxed alike; split the invoice or"
                " issue a credit note"
            ),
        )


def tax_codes(company: Company, invoice: Invoice) -> list[TaxCode]:
    """One code for each line; none at all for a company that keeps no sales tax.

    Raises Rejected(unknown_tax).
    """
    if not company.preferences.sales_tax:
        if not (invoice.gst or invoice.qst):
            return []
        if not company.lists.preferences(company.client, RECHECK_S).sales_tax:
            raise Rejected(
                Reason.UNKNOWN_TAX,
                field="gst" if invoice.gst else "qst",
                detail=say("sales tax is not set up in {system}", system=SHORT),
            )
    return [
        _tax_code(company, treatment, number)
        for number, treatment in enumerate(treatments(invoice))
    ]


def _tax_code(company: Company, treatment: Treatment, number: int) -> TaxCode:
    configured = company.accounts.tax_codes
    try:
        return company.lists.tax_codes(company.client).code(treatment, configured)
    except UnknownTax:
        fresh = company.lists.tax_codes(company.client, RECHECK_S)
    try:
        return fresh.code(treatment, configured)
    except UnknownTax as error:
        raise Rejected(
            Reason.UNKNOWN_TAX, field=f"lines.{number}.gst", detail=str(error)
        ) from error


def item_of(company: Company, invoice: Invoice) -> Json:
    """The item that names the revenue account. Raises Rejected(unknown_account)."""
    accounts = company.accounts
    named, setting = accounts.income_for(invoice.type), accounts.income_setting(invoice.type)
    if not named:
        raise Rejected(
            Reason.UNKNOWN_ACCOUNT,
            field="type",
            detail=say(
                "no {system} item for {type}: set accounts.default_income",
                system=SHORT,
                type=invoice.type,
            ),
        )
    found = company.lists.entry(company.client, "Item", named)
    if found is None:
        raise Rejected(
            Reason.UNKNOWN_ACCOUNT,
            field="type",
            detail=say(
                "{setting} = {value} is no active {system} item",
                system=SHORT,
                setting=setting,
                value=repr(named),
            ),
        )
    return found


def body(company: Company, invoice: Invoice, customer_id: str) -> Json:
    """The form as it is sent. Raises Rejected(unknown_tax, unknown_account), Unavailable."""
    codes = tax_codes(company, invoice)
    made: Json = {
        "CustomerRef": {"value": customer_id},
        "TxnDate": invoice.date.isoformat(),
        "PrivateNote": marker("invoice", invoice.id),
        "Line": list(_lines(invoice, str(item_of(company, invoice)["Id"]), codes)),
        **company.currency(invoice.currency),
    }
    if invoice.number:
        made["DocNumber"] = invoice.number
    if invoice.description:
        made["CustomerMemo"] = {"value": invoice.description}
    billing = address(invoice.billing_address, invoice.billing_name)
    if billing:
        made["BillAddr"] = billing
    if codes:
        made["GlobalTaxCalculation"] = "TaxExcluded"
    if codes and company.connection.send_tax_override:
        made["TxnTaxDetail"] = override(invoice, codes)
    if any(line.amount < 0 for line in invoice.lines):
        made["ApplyTaxAfterDiscount"] = True
    if invoice.kind == "invoice":
        made |= _dues(company, invoice)
    return made


def draft_lines(company: Company, invoice: Invoice) -> tuple[DraftLine, ...]:
    """The lines for people, discounts included. Raises what `body` does."""
    item = item_of(company, invoice)
    codes = tax_codes(company, invoice)
    return tuple(
        DraftLine(
            line.description or line.product,
            f"{item['Id']} {item.get('Name', '')}".strip(),
            line.amount,
            line.quantity,
            codes[number].name if codes else "",
        )
        for number, line in enumerate(invoice.lines)
    )


def surely_mistaxed(company: Company, invoice: Invoice) -> Rejected | None:
    """The refusal of taxes that QuickBooks cannot come to, however it rounds; None where it may.

    For drafts: a transfer asks QuickBooks itself.
    """
    if company.connection.send_tax_override:
        return None
    mine = invoice.gst + invoice.qst
    possible = computed(invoice, codes) if (codes := tax_codes(company, invoice)) else {ZERO}
    if not possible or mine in possible:
        return None
    figures = " / ".join(str(one) for one in sorted(possible))
    detail = say(
        "taxes: {system} {found} ≠ Membri {expected} (GST {gst}, QST {qst})",
        system=SHORT,
        found=figures,
        expected=mine,
        gst=invoice.gst,
        qst=invoice.qst,
    )
    return Rejected(Reason.TAX_MISMATCH, field="total", detail=detail)


def _dues(company: Company, invoice: Invoice) -> Json:
    made: Json = {}
    if invoice.due_date:
        made["DueDate"] = invoice.due_date.isoformat()
    if company.accounts.terms:
        term = company.lists.entry(company.client, "Term", company.accounts.terms)
        if term is None:
            raise Rejected(
                Reason.UNKNOWN_ACCOUNT,
                field="due_date",
                detail=say(
                    "accounts.terms = {value} is no active {system} term",
                    system=SHORT,
                    value=repr(company.accounts.terms),
                ),
            )
        made["SalesTermRef"] = {"value": str(term["Id"])}
    return made


def _lines(invoice: Invoice, item_id: str, codes: list[TaxCode]) -> Iterator[Json]:
    for number, line in enumerate(invoice.lines):
        if line.amount < 0:
            continue
        detail: Json = {"ItemRef": {"value": item_id}}
        if codes:
            detail["TaxCodeRef"] = {"value": codes[number].id}
        # Amount must be Qty x UnitPrice to the cent (6070): a discounted line goes as an amount.
        if line.quantity > 0 and cents(line.quantity * line.unit_price) == line.amount:
            detail |= {"Qty": line.quantity, "UnitPrice": line.unit_price}
        yield _line("SalesItemLineDetail", line, detail)
    discounts = [line for line in invoice.lines if line.amount < 0]
    if discounts:
        yield {
            "DetailType": "DiscountLineDetail",
            "Amount": -total(line.amount for line in discounts),
            "Description": cut(
                invoice.entity, "Line.Description", "; ".join(d.description for d in discounts)
            ),
            "DiscountLineDetail": {"PercentBased": False},
        }


def _line(kind: str, line: Line, detail: Json) -> Json:
    made: Json = {"DetailType": kind, "Amount": line.amount, kind: detail}
    description = line.description or line.product
    return {**made, "Description": description} if description else made


def differences(row: Json, invoice: Invoice, customer_id: str) -> tuple[str, ...]:
    """What the form has otherwise than the invoice, both figures; no language but names."""
    found = []
    held = money(row, "TotalAmt")
    if held != invoice.total:
        found.append(f"total: QuickBooks {held} ≠ Membri {invoice.total}")
    tax = tax_of(row)
    if tax != invoice.gst + invoice.qst:
        found.append(f"taxes: QuickBooks {tax} ≠ Membri {invoice.gst + invoice.qst}")
    holder = ref_id(row, "CustomerRef")
    if customer_id and holder != customer_id:
        name = (row.get("CustomerRef") or {}).get("name", "")
        found.append(
            say(
                "customer: {system} « {name} » (Id {holder}) ≠ Id {expected}",
                system=SHORT,
                name=name,
                holder=holder,
                expected=customer_id,
            )
        )
    return tuple(found)


def tax_of(row: Json) -> Decimal:
    """The taxes that QuickBooks computed or kept."""
    return money(row.get("TxnTaxDetail") or {}, "TotalTax")


def only_taxes_differ(row: Json, invoice: Invoice, customer_id: str) -> bool:
    """The very lines that we send, on the same customer and day, and other taxes: what a transfer
    leaves that died between posting a form and taking it back."""
    return (
        ref_id(row, "CustomerRef") == customer_id
        and str(row.get("TxnDate")) == invoice.date.isoformat()
        and money(row, "TotalAmt") - tax_of(row) == invoice.subtotal
        and tax_of(row) != invoice.gst + invoice.qst
    )


def untouched(row: Json) -> bool:
    """Nobody edited the form since it was posted, and nothing is applied to it."""
    return str(row.get("SyncToken")) == "0" and money(row, "Balance") == money(row, "TotalAmt")
