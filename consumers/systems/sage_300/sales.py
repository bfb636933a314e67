"""The body of an invoice or a credit note, and what is wrong with one before it is sent.

What comes in: an invoice of Membri. What goes out: the JSON of one batch of one entry, or problems.
Refused: texts too long for what identifies the document, unknown accounts or taxes. Descriptions
are cut at their limit: nothing is found by them.

Amounts are positive for credit notes too: the document type gives the direction. Properties stand
in the order in which the service must put them: customer, then what overrides its defaults.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from consumers.errors import Rejected
from consumers.system import DraftLine, Problem
from consumers.systems._problems import refused_by
from consumers.systems.sage_300.company import Company, day, kept_otherwise, money
from consumers.systems.sage_300.faults import Json
from consumers.systems.sage_300.lists import TERMS, is_usable
from consumers.systems.sage_300.markers import document_number, marker
from consumers.systems.sage_300.settings import TITLE
from consumers.systems.sage_300.taxes import (
    Taxes,
    UnknownTax,
    line_classes,
    shares,
    taxed_lines,
)
from schemas.money import ZERO
from schemas.reasons import Reason
from schemas.records import Invoice
from schemas.sentences import say
from schemas.statuses import Entity

_LINE = "Invoices.InvoiceDetails"


def check(company: Company, invoice: Invoice) -> Iterator[Problem]:
    """Everything that Sage 300 would refuse, as far as it can be known without writing."""
    yield from company.closed_period(invoice.date, "AR", "GL")
    yield from company.foreign_currency(invoice.currency)
    number = document_number(invoice.number, invoice.id)
    yield from company.too_long(Entity.INVOICE, {"number": (number, "Invoices.DocumentNumber")})
    if not invoice.lines:
        yield Problem(Reason.MISSING_FIELD, "lines")
    if invoice.total < ZERO:
        yield Problem(Reason.AMOUNT_NOT_POSITIVE, "total", f"{invoice.total}")
    yield from refused_by(
        lambda: _classes(company, invoice),
        lambda: company.revenue(invoice.type),
        lambda: _terms(company),
    )


def body(company: Company, invoice: Invoice, customer: str, apply_to: str = "") -> Json:
    """The batch as it is sent. `apply_to`: the posted document that a credit note settles at once.

    Raises Rejected(unknown_tax, unknown_account), Unavailable.
    """
    date = invoice.date.isoformat()
    entry: Json = {
        "CustomerNumber": customer,
        "DocumentNumber": document_number(invoice.number, invoice.id),
        "DocumentType": document_type(invoice),
        "InvoiceType": "Summary",
        "DocumentDate": date,
        "PostingDate": date,
    }
    terms = _terms(company)
    if terms:
        entry["Terms"] = terms
    if invoice.due_date and invoice.kind == "invoice":
        entry["DueDate"] = invoice.due_date.isoformat()
    described = _cut(company, "Invoices.InvoiceDescription", invoice.description)
    if described:
        entry["InvoiceDescription"] = described
    if apply_to:
        entry["ApplytoDocument"] = apply_to
    entry["TaxGroup"] = company.connection.tax_group
    entry["InvoiceDetails"] = list(_lines(company, invoice))
    return {
        "BatchDate": date,
        "Description": marker("invoice", invoice.id),
        "Invoices": [entry],
    }


def document_type(invoice: Invoice) -> str:
    """The caption of the service's enumeration."""
    return "CreditNote" if invoice.kind == "credit_note" else "Invoice"


def _lines(company: Company, invoice: Invoice) -> Iterator[Json]:
    target, account = company.revenue(invoice.type)
    classes = _classes(company, invoice)
    amounts = _tax_amounts(company, invoice)
    for number, line in enumerate(invoice.lines):
        text = _cut(company, f"{_LINE}.Description", line.description or line.product)
        yield {
            target: account,
            **({"Description": text} if text else {}),
            **{f"TaxClass{slot}": value for slot, value in classes[number].items()},
            "ExtendedAmountWithTIP": line.amount,
            **{f"TaxAmount{slot}": taxes[number] for slot, taxes in amounts.items()},
        }


def _cut(company: Company, target: str, text: str) -> str:
    one_line = " ".join(text.split())
    return company.limits.cut(Entity.INVOICE, target, one_line)


def _terms(company: Company) -> str:
    """The terms code of the settings. Raises Rejected(unknown_account)."""
    named = company.accounts.terms.upper()
    row = company.lists.entry(company.client, TERMS, named) if named else {}
    if row is None or not is_usable(row):
        detail = say(
            "accounts.terms = {value} is no active terms code of {system}",
            system=TITLE,
            value=repr(named),
        )
        raise Rejected(Reason.UNKNOWN_ACCOUNT, field="due_date", detail=detail)
    return named


def _classes(company: Company, invoice: Invoice) -> list[dict[int, int]]:
    """Item tax classes by line. Raises Rejected(unknown_tax), never from an old copy."""
    try:
        return line_classes(invoice, company.taxes())
    except UnknownTax:
        pass
    try:
        return line_classes(invoice, company.taxes(fresh=True))
    except UnknownTax as error:
        field = "gst" if invoice.gst else "qst" if invoice.qst else "lines"
        raise Rejected(Reason.UNKNOWN_TAX, field=field, detail=str(error)) from error


def _tax_amounts(company: Company, invoice: Invoice) -> dict[int, list[Decimal]]:
    """Membri's taxes by place and line, where the settings say that they stick."""
    if not company.connection.send_tax_amounts:
        return {}
    taxes, nets = company.taxes(), [line.amount for line in invoice.lines]
    taxed = taxed_lines(invoice)
    wanted = ((taxes.gst, invoice.gst, 0), (taxes.qst, invoice.qst, 1))
    return {
        one.slot: shares(whole, nets, [pair[at] for pair in taxed])
        for one, whole, at in wanted
        if one is not None
    }


# --- what came out ----------------------------------------------------------------------------


def tax_of(entry: Json) -> Decimal:
    """The taxes that Sage 300 computed or kept."""
    return money(entry, "TaxTotal")


def differences(entry: Json, invoice: Invoice, customer: str) -> tuple[str, ...]:
    """What an entry has otherwise than the invoice, both figures; no language but names."""
    found = []
    held = money(entry, "DocumentTotalIncludingTax")
    if held != invoice.total:
        found.append(f"total: Sage 300 {held} ≠ Membri {invoice.total}")
    tax = tax_of(entry)
    if tax != invoice.gst + invoice.qst:
        found.append(f"taxes: Sage 300 {tax} ≠ Membri {invoice.gst + invoice.qst}")
    pairs = (
        ("CustomerNumber", customer),
        ("DocumentType", document_type(invoice)),
        ("DocumentNumber", document_number(invoice.number, invoice.id)),
    )
    for name, wanted in pairs:
        if wanted and str(entry.get(name) or "") != wanted:
            found.append(f"{name}: Sage 300 {entry.get(name)} ≠ {wanted}")
    return tuple(found)


def outdated(entry: Json, made: Json) -> tuple[str, ...]:
    """What an unposted entry has otherwise than what would be sent now, beside its totals."""
    (sent,) = made["Invoices"]
    lines, kept = sent["InvoiceDetails"], entry.get("InvoiceDetails") or []
    if len(lines) != len(kept):
        return (f"lines: Sage 300 {len(kept)} ≠ Membri {len(lines)}",)
    names = ("RevenueAccount", "DistributionCode", "ExtendedAmountWithTIP")
    found = [*kept_otherwise(entry, sent, ("DocumentDate", "PostingDate", "DueDate"))]
    for held, line in zip(kept, lines, strict=True):
        found += kept_otherwise(held, line, names)
    return tuple(found)


def dated_otherwise(held: Json, invoice: Invoice) -> tuple[str, ...]:
    """The date of what we posted ourselves; a document typed by hand may have another one."""
    kept = day(held, "DocumentDate")
    if not kept or kept == invoice.date.isoformat():
        return ()
    return (f"date: Sage 300 {kept} ≠ Membri {invoice.date.isoformat()}",)


def mismatch(entry: Json, invoice: Invoice, taxes: Taxes, wrong: tuple[str, ...]) -> Rejected:
    """The refusal of an entry that Sage 300 computed otherwise."""
    detail = "; ".join(wrong)
    if tax_of(entry) == invoice.gst + invoice.qst:
        return Rejected(Reason.DIFFERS_FROM_BOOKS, field="total", detail=detail)
    by_place = ", ".join(
        f"{one.name}: {money(entry, f'TaxAmount{one.slot}')}" for one in taxes.authorities
    )
    detail += (
        " ("
        + say(
            "{parts}; Membri: GST {gst}, QST {qst}",
            parts=by_place,
            gst=invoice.gst,
            qst=invoice.qst,
        )
        + ")"
    )
    return Rejected(Reason.TAX_MISMATCH, field="total", detail=detail)


def draft_lines(made: Json) -> tuple[DraftLine, ...]:
    """The lines of a body, for people."""
    (entry,) = made["Invoices"]
    found = []
    for line in entry["InvoiceDetails"]:
        classes = "/".join(str(line[name]) for name in line if name.startswith("TaxClass"))
        found.append(
            DraftLine(
                description=str(line.get("Description", "")),
                account=str(line.get("RevenueAccount") or line.get("DistributionCode")),
                amount=line["ExtendedAmountWithTIP"],
                tax=f"{entry['TaxGroup']} {classes}".strip(),
            )
        )
    return tuple(found)
