"""Canadian sales taxes: which tax group of the company's a line needs.

What comes in: an invoice with the taxes that Membri computed. What goes out: a tax group code for
each line. Refused: a treatment for which neither the settings nor the usual names give a group.

Business Central computes the taxes itself from the customer's tax area and the line's tax group;
the API takes none of ours (page, section 9). So they are compared, and nothing is posted that
differs by a cent.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from consumers.errors import Rejected
from consumers.systems.business_central.company import Company
from schemas.money import cents
from schemas.reasons import Reason
from schemas.records import Invoice, Line

GST = Decimal(5)
QST = Decimal("9.975")
_HUNDRED = Decimal(100)


class Treatment(StrEnum):
    """How a line is taxed; the keys of `[chapters.accounts] tax_codes`."""

    TAXABLE = "taxable"
    GST_ONLY = "gst_only"
    QST_ONLY = "qst_only"
    EXEMPT = "exempt"
    ZERO_RATED = "zero_rated"


USUAL: dict[Treatment, str] = {
    Treatment.TAXABLE: "TAXABLE",
    Treatment.EXEMPT: "NONTAXABLE",
    Treatment.ZERO_RATED: "NONTAXABLE",
}
"""Tax groups of Microsoft's Canadian companies (page, section 9), where the settings name none."""


def treatments(invoice: Invoice) -> list[Treatment]:
    """How each line of the invoice is taxed.

    Membri may hold the taxes by line, or on the invoice alone with a taxable flag on its lines.
    """
    by_line = any(line.gst or line.qst for line in invoice.lines)
    flagged = any(line.taxable for line in invoice.lines)
    found = []
    for line in invoice.lines:
        if by_line or not (invoice.gst or invoice.qst):
            found.append(_treatment(line.gst, line.qst, line))
        elif line.taxable or not flagged:
            found.append(_treatment(invoice.gst, invoice.qst, line))
        else:
            found.append(Treatment.EXEMPT)
    return found


def _treatment(gst: Decimal, qst: Decimal, line: Line) -> Treatment:
    if gst and qst:
        return Treatment.TAXABLE
    if not line.taxable and not (gst or qst):
        return Treatment.EXEMPT
    # Taxable, with one tax or both absent: so small an amount that it rounds to nothing?
    no_gst = not gst and cents(line.amount * GST / _HUNDRED)
    no_qst = not qst and cents(line.amount * QST / _HUNDRED)
    if gst:
        return Treatment.GST_ONLY if no_qst else Treatment.TAXABLE
    if qst:
        return Treatment.QST_ONLY if no_gst else Treatment.TAXABLE
    return Treatment.ZERO_RATED if no_gst or no_qst else Treatment.TAXABLE


def group(company: Company, treatment: Treatment, field: str = "") -> str:
    """The tax group's code. Raises Rejected(unknown_tax), Unavailable, Transient."""
    named = company.accounts.tax_codes.get(treatment) or USUAL.get(treatment, "")
    found = company.lists.entry(company.client, "taxGroups", named) if named else None
    if found is None:
        seen = ", ".join(
            str(row.get("code")) for row in company.lists.rows(company.client, "taxGroups")
        )
        detail = (
            f"tax_codes.{treatment} = {named!r} is no Business Central tax group ({seen or 'none'})"
        )
        raise Rejected(Reason.UNKNOWN_TAX, field=field, detail=detail)
    return str(found["code"])
