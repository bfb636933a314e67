"""The body of an invoice or a credit note, and what is wrong with one before it is sent.

What comes in: an invoice of Membri. What goes out: the JSON of a Sage document, or problems; and
how a document in the books differs. Refused: unknown taxes or accounts, texts too long.

Taxes are computed by us and sent on each line, or Sage may post without any (its page, section 6).
In the limited edition each line is one amount with quantity 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Literal

from consumers.errors import Rejected
from consumers.system import DraftLine, Problem, Task
from consumers.systems._lists import RECHECK_S
from consumers.systems._problems import refused_by
from consumers.systems._taxes import GST, QST, Treatment
from consumers.systems.sage_accounting.company import (
    Company,
    money,
    once,
    ref_id,
    shown,
    text_of,
)
from consumers.systems.sage_accounting.faults import Fault, Json, failure
from consumers.systems.sage_accounting.fields import cut, too_long
from consumers.systems.sage_accounting.lists import kind
from consumers.systems.sage_accounting.markers import marked, marker
from consumers.systems.sage_accounting.settings import SHORT
from consumers.systems.sage_accounting.taxes import TaxRate, UnknownTax, line_taxes
from schemas.money import CENT, ZERO, total
from schemas.reasons import Reason
from schemas.records import Invoice, Line
from schemas.sentences import say
from schemas.statuses import Entity

SalesResource = Literal["sales_invoices", "sales_credit_notes"]


def resource_of(invoice: Invoice | None) -> SalesResource:
    """Where it stands in Sage; a stub without a record is an invoice."""
    credit = invoice is not None and invoice.kind == "credit_note"
    return "sales_credit_notes" if credit else "sales_invoices"


def lines_name(invoice: Invoice) -> str:
    """The attribute that holds the lines."""
    return "credit_note_lines" if invoice.kind == "credit_note" else "invoice_lines"


def check(company: Company, invoice: Invoice) -> Iterator[Problem]:
    """Everything that Sage would refuse, as far as it can be known without writing."""
    yield from company.closed_period(invoice.date)
    yield from company.foreign_currency(invoice.currency)
    yield from too_long(
        Entity.INVOICE, {"number": invoice.number, "description": invoice.description}
    )
    if not invoice.lines:
        yield Problem(Reason.MISSING_FIELD, "lines")
    if invoice.total < 0:
        yield Problem(Reason.AMOUNT_NOT_POSITIVE, "total", f"{invoice.total}")
    yield from _unshared(invoice)
    if refused_credit_note(company, invoice):
        yield Problem(Reason.EDITION_LIMIT, "kind", "limited_credit_notes = refuse")
    yield from refused_by(
        lambda: tax_rates(company, [taxed.treatment for taxed in line_taxes(invoice)]),
        lambda: income_account(company, invoice),
    )


def _unshared(invoice: Invoice) -> Iterator[Problem]:
    """Taxes that no line bears: they could not be sent."""
    taxed = line_taxes(invoice)
    for name, whole, shared in (
        ("gst", invoice.gst, total(one.gst for one in taxed)),
        ("qst", invoice.qst, total(one.qst for one in taxed)),
    ):
        if invoice.lines and whole != shared:
            yield Problem(Reason.TOTALS_DIFFER, name, f"{whole} ≠ {shared}")


def refused_credit_note(company: Company, invoice: Invoice) -> bool:
    """Whether the settings refuse a credit note that the edition cannot apply."""
    corrects = invoice.kind == "credit_note" and invoice.corrects is not None
    return (
        corrects and company.connection.limited_credit_notes == "refuse" and company.surely_limited
    )


def tax_rates(company: Company, treatments: Sequence[Treatment]) -> list[TaxRate]:
    """One rate for each line. Raises Rejected(unknown_tax)."""
    return [_tax_rate(company, one, number) for number, one in enumerate(treatments)]


def _tax_rate(company: Company, treatment: Treatment, number: int) -> TaxRate:
    region, configured = company.connection.tax_region, company.accounts.tax_codes
    lists, client = company.lists, company.client
    try:
        return lists.tax_rates(client, region).rate(treatment, configured)
    except UnknownTax:
        fresh = lists.tax_rates(client, region, RECHECK_S)
    try:
        return fresh.rate(treatment, configured)
    except UnknownTax as error:
        raise Rejected(
            Reason.UNKNOWN_TAX, field=f"lines.{number}.gst", detail=str(error)
        ) from error


def income_account(company: Company, invoice: Invoice) -> str:
    """The id of the revenue account. Raises Rejected(unknown_account)."""
    accounts = company.accounts
    named, setting = accounts.income_for(invoice.type), accounts.income_setting(invoice.type)
    if not named:
        raise Rejected(
            Reason.UNKNOWN_ACCOUNT,
            field="type",
            detail=say(
                "no {system} account for {type}: set accounts.default_income",
                system=SHORT,
                type=invoice.type,
            ),
        )
    found = company.lists.entry(company.client, "sales", named)
    if found is None:
        raise Rejected(
            Reason.UNKNOWN_ACCOUNT,
            field="type",
            detail=say(
                "{setting} = {value} is no {system} {kind}",
                system=SHORT,
                setting=setting,
                value=repr(named),
                kind=kind("sales"),
            ),
        )
    return str(found["id"])


def body(
    company: Company, task: Task, invoice: Invoice, contact_id: str, operation: str = "create"
) -> Json:
    """The document as it is sent. Raises Rejected(unknown_tax, unknown_account), Unavailable."""
    made: Json = {
        **once(task, operation),
        "contact_id": contact_id,
        "date": invoice.date.isoformat(),
        "tax_address_region_id": company.connection.tax_region,
        "notes": notes(company, invoice),
        lines_name(invoice): _lines(company, invoice),
    }
    if invoice.number:
        made["reference"] = invoice.number
    if invoice.due_date and invoice.kind == "invoice":
        made["due_date"] = invoice.due_date.isoformat()
    return made


def notes(company: Company, invoice: Invoice) -> str:
    """The marker, then what Membri says; and what is left to do by hand in the limited edition,
    where the accountant sees it: on the document itself."""
    parts = [marker("invoice", invoice.id), invoice.description]
    if left_by_hand(company, invoice) and invoice.corrects is not None:
        corrected = f"À imputer à la facture {invoice.corrects.number}".strip()
        parts.append(f"{corrected} dans Sage.")
    return "\n".join(part for part in parts if part)


def left_by_hand(company: Company, invoice: Invoice) -> bool:
    """Whether a person has to apply this credit note: the limited edition cannot (section 6.1)."""
    corrects = invoice.kind == "credit_note" and invoice.corrects is not None
    return corrects and company.connection.limited_credit_notes != "apply" and company.limited


def _lines(company: Company, invoice: Invoice) -> list[Json]:
    account_id = income_account(company, invoice)
    taxed = line_taxes(invoice)
    rates = tax_rates(company, [one.treatment for one in taxed])
    return [
        {
            **_priced(company, invoice, line),
            "ledger_account_id": account_id,
            "tax_rate_id": rate.id,
            "tax_amount": text_of(tax.gst + tax.qst),
        }
        for line, tax, rate in zip(invoice.lines, taxed, rates, strict=True)
    ]


def _priced(company: Company, invoice: Invoice, line: Line) -> Json:
    """Description, quantity and price, whose product is the net amount to the cent."""
    exact = line.quantity * line.unit_price == line.amount and line.quantity > 0
    in_cents = line.unit_price == line.unit_price.quantize(CENT)
    counted = line.quantity != 1
    said = line.description or line.product or invoice.number or "-"
    if exact and in_cents and (not counted or not company.limited):
        quantity, price = f"{line.quantity:f}", line.unit_price
    else:
        quantity, price = "1", line.amount
        if counted and line.unit_price:
            said = f"{line.quantity:f} × {line.unit_price:f} : {said}"
    target = f"{lines_name(invoice)}.description"
    return {
        "description": cut(Entity.INVOICE, target, said),
        "quantity": quantity,
        "unit_price": text_of(price),
    }


def draft_lines(company: Company, invoice: Invoice, sent: Json) -> tuple[DraftLine, ...]:
    """The lines of a body for people: accounts and taxes by their names."""
    region = company.connection.tax_region
    taxes = {one.id: one.name for one in company.lists.tax_rates(company.client, region).rates}
    named = company.accounts.income_for(invoice.type)
    account = company.lists.entry(company.client, "sales", named) or {}
    return tuple(
        DraftLine(
            description=one["description"],
            account=str(account.get("displayed_as") or named),
            amount=line.amount,
            quantity=Decimal(one["quantity"]),
            tax=taxes[one["tax_rate_id"]],
        )
        for one, line in zip(sent[lines_name(invoice)], invoice.lines, strict=True)
    )


def differences(
    row: Json, invoice: Invoice, contact_id: str, cents_per_line: int
) -> tuple[str, ...]:
    """What the document has otherwise than the invoice, both figures.

    Of a document of ours the number and the date are compared as well: they may have been
    corrected in Membri since. TPS and TVQ are each compared too, as far as Sage tells them apart:
    rounding by line may share the exact sum otherwise, by `cents_per_line` on each line at most.
    """
    found = []
    held = money(row, "total_amount")
    if held != invoice.total:
        found.append(f"total: Sage {held} ≠ Membri {invoice.total}")
    taxes = invoice.gst + invoice.qst
    tax = money(row, "tax_amount")
    if tax != taxes:
        found.append(f"taxes: Sage {tax} ≠ Membri {taxes}")
    room = CENT * cents_per_line * len(invoice.lines)
    by_rate = components(row)
    for rate, name, wanted in ((GST, "TPS", invoice.gst), (QST, "TVQ", invoice.qst)):
        if by_rate and abs(by_rate.get(rate, ZERO) - wanted) > room:
            found.append(f"{name}: Sage {by_rate.get(rate, ZERO)} ≠ Membri {wanted}")
    if marked(row, "invoice", invoice.id):
        for name, kept, wanted_text in (
            (say("number"), str(row.get("reference") or ""), invoice.number),
            ("date", str(row.get("date") or "")[:10], invoice.date.isoformat()),
        ):
            if kept != wanted_text:
                found.append(f"{name}: Sage {kept or '-'} ≠ Membri {wanted_text or '-'}")
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


def components(row: Json) -> dict[Decimal, Decimal]:
    """Percentage → tax, from the breakdown of the lines; empty where Sage breaks nothing down."""
    found: dict[Decimal, Decimal] = {}
    lines = row.get("invoice_lines") or row.get("credit_note_lines") or []
    for line in lines:
        for part in line.get("tax_breakdown") or []:
            rate = Decimal(str(part.get("percentage") or 0)).normalize()
            if rate:
                found[rate] = found.get(rate, ZERO) + money(part, "amount")
    known = {rate: amount for rate, amount in found.items() if rate in (GST, QST)}
    return known if len(known) == len(found) else {}


def mismatch(row: Json, invoice: Invoice, wrong: Sequence[str]) -> Rejected:
    """The refusal of a document that came out wrong."""
    taxes = any(one.startswith(("taxes", "TPS", "TVQ")) for one in wrong)
    reason = Reason.TAX_MISMATCH if taxes else Reason.DIFFERS_FROM_BOOKS
    detail = "; ".join(wrong)
    if taxes:
        parts = ", ".join(f"{rate} %: {amount}" for rate, amount in components(row).items())
        told = say(
            "{parts}; Membri: GST {gst}, QST {qst}",
            parts=parts or "-",
            gst=invoice.gst,
            qst=invoice.qst,
        )
        detail += f" ({told})"
    return Rejected(reason, field="total", detail=detail)


def only_taxes_differ(row: Json, invoice: Invoice, contact_id: str) -> bool:
    """The very lines that we send, on the same customer and day, and other taxes: what a transfer
    leaves that died between creating a document and taking it back."""
    return (
        ref_id(row, "contact") == contact_id
        and str(row.get("date"))[:10] == invoice.date.isoformat()
        and money(row, "net_amount") == invoice.subtotal
        and money(row, "tax_amount") != invoice.gst + invoice.qst
    )


def refusal(fault: Fault, invoice: Invoice, sent: Json) -> Exception:
    """What Sage's refusal of a document means. Of taxes it says no figure: ours are added."""
    error = failure(fault, writing=True)
    if not isinstance(error, Rejected) or error.reason is not Reason.TAX_MISMATCH:
        return error
    parts = ", ".join(
        f"{one['quantity']} × {one['unit_price']}: {one['tax_amount']}"
        for one in sent[lines_name(invoice)]
    )
    said = say(
        "Membri: TPS {gst}, TVQ {qst}; sent by line: {parts}",
        gst=invoice.gst,
        qst=invoice.qst,
        parts=parts,
    )
    return Rejected(error.reason, field=error.field, detail=f"{error.detail}; {said}")


def untouched(row: Json, invoice: Invoice) -> bool:
    """Nothing is applied to the document, and nobody edited it since it was created."""
    return (
        money(row, "outstanding_amount") == money(row, "total_amount")
        and marked(row, "invoice", invoice.id)
        and row.get("updated_at") == row.get("created_at")
    )
